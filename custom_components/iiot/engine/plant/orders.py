"""Commands on their way: taken in, sent when that is durable, answered, closed."""

from typing import Any, Final

import orjson

from ..actuation.command import Command, Step
from ..actuation.wish import UnsupportedError, Wish, check
from ..effects import CommandChanged, Effect
from ..errors import RequestError
from ..values import NS_PER_S, Connection, Leaf, Now
from ..wire.frames import Ack
from . import guarding, outbox
from .member import Member
from .site import Site

MAX_RESULT_BYTES: Final = 4_096
"""A larger result is not kept."""


class AwayError(RequestError):
    """The device is not there, and the caller does not want to wait for it."""

    code = "device_away"


class MutedError(RequestError):
    """Two devices hold its key, or somebody else commands it: a person has to decide first."""

    code = "device_muted"


class RevokedError(RequestError):
    """A person revoked it."""

    code = "device_revoked"


class StoodBackError(RequestError):
    """A person left it to another hub."""

    code = "stood_back"


class DisabledError(RequestError):
    """A person disabled its page."""

    code = "device_disabled"


class ListenOnlyError(RequestError):
    """This hub never sends anything."""

    code = "listen_only"


def check_speakable(site: Site, member: Member) -> None:
    """Raise a `RequestError` when people have to decide something before anything may be asked of a device."""
    device = member.device
    if site.settings.listen_only:
        raise ListenOnlyError
    if device.is_revoked:
        raise RevokedError(device_id=device.id)
    if member.is_disabled:
        raise DisabledError(device_id=device.id)
    if device.stands_back:
        raise StoodBackError(device_id=device.id)
    if device.is_muted and member.bare is None:
        raise MutedError(device_id=device.id)


def permit(site: Site, member: Member, wish: Wish) -> None:
    """Raise a `RequestError` when something stands in the way of a wish."""
    check_speakable(site, member)
    device = member.device
    if member.bare is not None and member.policy.commands is None:
        raise UnsupportedError(command=wish.name)
    if member.is_muted:
        raise MutedError(device_id=device.id)
    check(wish, device.manifest)
    is_there = site.connected and member.connection is not Connection.LOST
    if not is_there and not wish.waits:
        raise AwayError(device_id=device.id)


def take(site: Site, member: Member, wish: Wish, now: Now, effects: list[Effect]) -> Command:
    """Make a wish a command; raises a `RequestError`."""
    permit(site, member, wish)
    device = member.device
    guarding.judge(member, wish, site.states, now)
    command = Command(
        cid=outbox.make_cid(now.wall_ns, site.entropy, above=member.ledger.newest),
        device_id=device.id,
        name=wish.name,
        args=wish.args,
        actor=wish.actor,
        life_ns=wish.life_ns,
        wait_until_ns=now.wall_ns + wish.wait_ns,
        waits=wish.waits or member.connection is Connection.ASLEEP,
        answered=member.bare is None or (member.policy.commands is not None and member.policy.commands.ack is not None),
    )
    member.ledger.ask(command, now)
    site.touch(member, now.steady_ns, 0)
    if site.connected and may_leave(member, now) and begin(site, member, now, effects) is command:
        return command
    effects.append(CommandChanged(device.id, command.cid))
    return command


def is_awake(member: Member, now: Now) -> bool:
    """Whether a message would be heard now."""
    if member.connection is Connection.ASLEEP:
        return now.steady_ns < member.listens_until_ns
    return member.connection is not Connection.LOST


def may_leave(member: Member, now: Now) -> bool:
    """Whether a command may go to it: it would hear it, and has told which number it stands at since the hub's start.

    A hub that was restored from an old copy learns by that number that its commands are not the newest.
    """
    return is_awake(member, now) and member.device.downlink.is_told


def send(site: Site, member: Member, up_ns: int, now: Now, effects: list[Effect]) -> None:
    """Send the open command when it is due; let the next one have its turn, to be sent after a commit."""
    ledger = member.ledger
    if not may_leave(member, now):
        return
    begin(site, member, now, effects)
    due = ledger.due(now)
    if due is None:
        return
    body = outbox.command(due.cid, due.name, due.args, up_ns, ledger.remaining_ns(now), now)
    if outbox.send(site, member.device, Leaf.COMMAND, body, now, effects):
        ledger.sent(now)


def wants_to_send(member: Member, now: Now) -> bool:
    """Whether a command waits for nothing but a free number."""
    ledger = member.ledger
    return may_leave(member, now) and (ledger.due(now) is not None or (ledger.open is None and bool(ledger.waiting)))


def answer(site: Site, member: Member, ack: Ack, now: Now, effects: list[Effect]) -> None:
    """Take the device's answer in, however late: it was signed."""
    result, reason = _bounded(ack.result, ack.reason)
    command = member.ledger.answer(ack.cid, Step(ack.status), now, reason, result)
    if command is not None:
        guarding.follow(member, command, now)
        site.touch(member, now.steady_ns, 0)
        effects.append(CommandChanged(member.device.id, command.cid))


def expire(site: Site, member: Member, now: Now, effects: list[Effect]) -> None:
    """Close what waited too long."""
    is_lost = member.connection is Connection.LOST
    tell(site, member, member.ledger.expire(now, is_lost=is_lost), now, effects)


def abandon(site: Site, member: Member, now: Now, effects: list[Effect]) -> None:
    """The device is taken out: close everything."""
    tell(site, member, member.ledger.abandon(now), now, effects)


def cancel(site: Site, member: Member, cid: str | None, now: Now, effects: list[Effect]) -> bool:
    """Withdraw a command that has not left the hub, None: all that wait; False: it is too late, or there is none."""
    changed = member.ledger.cancel(now, cid)
    tell(site, member, changed, now, effects)
    return bool(changed)


def begin(site: Site, member: Member, now: Now, effects: list[Effect]) -> Command | None:
    """Let the next one have its turn. One that an interlock bars by now is closed: the world went on meanwhile.

    One that nobody answers ends as sent, which is told when it has left.
    """
    ledger = member.ledger
    while ledger.open is None and ledger.waiting:
        bar = guarding.bar_of(member, ledger.waiting[0], site.states, now)
        if bar is None:
            break
        tell(site, member, [ledger.bar(now, str(bar))], now, effects)
    begun = ledger.begin(now)
    if begun is not None:
        site.touch(member, now.steady_ns, 0)
        if begun.answered:
            effects.append(CommandChanged(member.device.id, begun.cid))
    return begun


def tell(site: Site, member: Member, changed: list[Command], now: Now, effects: list[Effect]) -> None:
    """Commands went on by themselves: keep that, and let people know."""
    for command in changed:
        guarding.follow(member, command, now)
        site.touch(member, now.steady_ns, NS_PER_S // 10)
        effects.append(CommandChanged(member.device.id, command.cid))


def _bounded(result: Any, reason: str) -> tuple[Any, str]:
    if result is None or len(orjson.dumps(result)) <= MAX_RESULT_BYTES:
        return result, reason
    return None, reason or "result_too_large"
