"""Group commit: frames and everything that a crash must not tear from them, together."""

from typing import Final

import orjson

from ..effects import Commit, Effect
from ..ports import Batch, KeptCommand
from ..values import NS_PER_S, Now
from . import answers, notices
from .member import Member
from .site import Flying, Site, Waiting

SAVE_VALUES_EVERY_NS: Final = 30 * NS_PER_S
"""How often the last values are saved; what is younger is read from the journal at a start."""
RETRY_NS: Final = 5 * NS_PER_S


def begin(site: Site, now: Now, effects: list[Effect]) -> None:
    """Give out the waiting batch, when one is due and none is under way."""
    waiting = site.waiting
    if waiting.in_flight is not None or waiting.due_ns is None or now.steady_ns < waiting.due_ns:
        return
    effects.append(Commit(_close_batch(site, now)))


def flush(site: Site, now: Now, effects: list[Effect]) -> None:
    """Give out everything at once, last values too: the hub stops."""
    site.waiting.values_saved_ns = None
    if site.waiting.in_flight is None:
        effects.append(Commit(_close_batch(site, now)))


def _close_batch(site: Site, now: Now) -> Batch:
    waiting = site.waiting
    waiting.number += 1
    states = []
    manifests = []
    commands: list[KeptCommand] = []
    for device_id, member in waiting.dirty.items():
        member.device.downlink.wanted()
        downlink = member.device.downlink
        fresh = member.ledger.take_fresh()
        commands += [KeptCommand(command.cid, device_id, command.is_open, command.state()) for command in fresh]
        waiting.flying[device_id] = Flying(member, downlink.nonce, downlink.reserving, fresh)
        _snapshot(member, now)
        states.append((device_id, member.state()))
        if member.manifest_changed and member.device.manifest is not None:
            manifests.append((device_id, orjson.dumps(member.device.manifest.source)))
            member.manifest_changed = False
    batch = Batch(waiting.number, waiting.rows, states, manifests, _values(site, now), commands)
    waiting.in_flight = batch
    waiting.rows, waiting.size, waiting.dirty, waiting.due_ns = [], 0, {}, None
    return batch


def _snapshot(member: Member, now: Now) -> None:
    """Fix what a receipt may say when this batch is durable, and whether one is owed then."""
    member.snapshot = member.positions.answered(member.device.window.boot)
    if member.receipts.is_due(now.steady_ns):
        member.receipts.due_ns = None
        member.owed = True


def _values(site: Site, now: Now) -> list[tuple[str, bytes]] | None:
    waiting = site.waiting
    saved = waiting.values_saved_ns
    if saved is not None and now.steady_ns - saved < SAVE_VALUES_EVERY_NS:
        return None
    waiting.values_saved_ns = now.steady_ns
    found = []
    for device_id, member in site.members.items():
        if member.values_changed:
            member.values_changed = False
            found.append((device_id, orjson.dumps(member.board.state())))
    return found


def committed(site: Site, batch: Batch, now: Now, effects: list[Effect]) -> None:
    """The batch is durable: numbers may be used and receipts may leave.

    Commands that came meanwhile do not wait for the next tick: their commit follows at once.
    """
    waiting = site.waiting
    if waiting.in_flight is not batch:
        return
    waiting.in_flight = None
    flying, waiting.flying = waiting.flying, {}
    notices.say(site, effects, notices.STORE, active=False)
    waiting.paused_until_ns = 0
    for member, nonce, reserved, commands in flying.values():
        if nonce == member.device.downlink.nonce:
            member.device.downlink.reserve(reserved)
        member.ledger.kept(commands)
        member.answer, member.snapshot = member.snapshot or member.answer, None
        answers.send_due(site, member, now, effects)
    if any(member.ledger.is_held for member in waiting.dirty.values()):
        begin(site, now, effects)


def not_committed(site: Site, batch: Batch, reason: str, now: Now, effects: list[Effect]) -> None:
    """The store failed: everything goes back to the front, and is tried again later."""
    waiting = site.waiting
    if waiting.in_flight is not batch:
        return
    waiting.in_flight = None
    _put_back(site, waiting, batch, now)
    waiting.due_ns = waiting.paused_until_ns = now.steady_ns + RETRY_NS
    notices.say(site, effects, notices.STORE, reason=reason)


def _put_back(site: Site, waiting: Waiting, batch: Batch, now: Now) -> None:
    waiting.rows = batch.rows + waiting.rows
    waiting.size += sum(len(row.message) for row in batch.rows)
    for device_id, (flying, _, _, commands) in waiting.flying.items():
        waiting.dirty.setdefault(device_id, flying)
        flying.ledger.put_back(commands)
        flying.snapshot = None
        if flying.owed:
            flying.owed = False
            flying.receipts.rows_came(now.steady_ns, urgent=True)
    for device_id, _ in batch.manifests:
        if (member := site.members.get(device_id)) is not None:
            member.manifest_changed = True
    if batch.values is not None:
        waiting.values_saved_ns = None
        for device_id, _ in batch.values:
            if (member := site.members.get(device_id)) is not None:
                member.values_changed = True
    waiting.flying = {}
