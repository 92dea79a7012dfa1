"""Joining and leaving: strangers that knock, devices that a person adopts or takes out."""

from typing import Any, Final, Never

import orjson

from ..devices.anchor import BootClock
from ..devices.device import Device
from ..devices.downlink import LAST
from ..devices.inbox import REMOVED, Call, Trust, Waiting
from ..devices.keys import KeyRing, KeyStep, steps_in
from ..devices.liveness import Liveness
from ..effects import ConnectionChanged, Effect, Enrol, Happened, HealthChanged, Offer, Publish, Withdraw
from ..errors import Code, DeviceExistsError, Refusal
from ..ports import Kept
from ..values import DOWN_QOS, NS_PER_S, Connection, Discovery, Happening, Leaf, Now
from ..wire import canonical, frames, signing, topics
from ..wire.codec import Envelope
from ..wire.heartbeat import Heartbeat, read_heartbeat
from . import notices, orders, polls
from .member import Member
from .site import Site

MAX_STRANGER_BYTES: Final = 8_192
"""Size of a message of an unknown device; the largest sensible heartbeat has half of it."""
MAX_STRANGER_PARTS: Final = 256
"""Lists and objects in it, each of which costs more than its bytes; the fullest heartbeat has 121."""
MAX_NAME: Final = 64
"""Characters kept of each text that nothing proves."""
ASK_EVERY_NS: Final = 60 * NS_PER_S
"""How often a stranger that holds a key is asked to prove that it is fresh."""


def knock(site: Site, topic: str, message: bytes, envelope: Envelope, now: Now, effects: list[Effect]) -> Never:
    """A message of a device that is not registered: never state, at most a place in the inbox.

    Always ends in `Refusal(unknown_device)`, whose detail says how far it came: nobody without a key writes
    anything else. What costs much comes after the MAC; without a good one the message is only glanced at.
    """
    parsed = topics.parse_up(site.settings.prefix, topic)
    if parsed is None:
        raise _unknown("not a topic of a device")
    device_id, leaf = parsed
    if leaf is not Leaf.HEARTBEAT:
        raise _unknown("not registered with this hub")
    span = envelope.span
    if len(message) > MAX_STRANGER_BYTES or span.count(b"[") + span.count(b"{") > MAX_STRANGER_PARTS:
        raise _unknown("more than a device may say that is not registered")
    payload, kid = _glance(device_id, span)
    key = _proven_key(site, device_id, kid, payload, envelope)
    call = Call(kid, envelope)
    if key is None:
        entry = _note_unproven(site, device_id, payload, call, now, effects)
    else:
        entry = _note_proven(site, device_id, key, call, now, effects)
    offer(site, entry, now, effects)
    raise _unknown("not registered with this hub")


def _unknown(detail: str) -> Refusal:
    return Refusal(Code.UNKNOWN_DEVICE, detail)


def _glance(device_id: str, span: bytes) -> tuple[dict[str, Any], int]:
    """Payload and key id of what reads as a heartbeat of this device, by the quick parser alone."""
    try:
        payload = orjson.loads(span)
    except orjson.JSONDecodeError:
        raise _unknown("the payload is not JSON") from None
    if type(payload) is not dict or payload.get("id") != device_id or payload.get("type") != Leaf.HEARTBEAT:
        raise _unknown("not a heartbeat of this device")
    try:
        return payload, frames.read_header(payload).kid
    except Refusal as refusal:
        raise _unknown(refusal.detail) from None


def _proven_key(site: Site, device_id: str, kid: int, payload: dict[str, Any], envelope: Envelope) -> bytes | None:
    key = site.admission.key_of(device_id)
    if key is None and site.fleet_key is not None:
        key = site.inbox.key_of(site.fleet_key, device_id, kid, steps_in(payload))
    return key if key is not None and signing.is_signed_by(key, envelope.span, envelope.mac) else None


def _note_unproven(
    site: Site, device_id: str, payload: dict[str, Any], call: Call, now: Now, effects: list[Effect]
) -> Waiting:
    """Anybody can say this: it takes little room, decides nothing, and never stands where a key was shown."""
    held = site.inbox.get(device_id)
    if held is not None and held.trust is not Trust.UNVERIFIED:
        raise _unknown("another device of this id holds a key of this hub")
    texts = [payload.get(name) for name in ("name", "model", "fw")]
    if not all(type(text) is str for text in texts):
        raise _unknown("not a heartbeat of this device")
    entry = seat(site, device_id, now, effects, proven=False)
    entry.name, entry.model, entry.fw = map(said, texts)
    entry.place = said(payload.get("place")) or None
    entry.keep(call)
    return entry


def said(text: object) -> str:
    """Cut a text that nothing proves short; nothing is left of one that is not clean."""
    cut = text[:MAX_NAME] if type(text) is str else ""
    return cut if canonical.is_clean_text(cut) else ""


def _note_proven(site: Site, device_id: str, key: bytes, call: Call, now: Now, effects: list[Effect]) -> Waiting:
    """Its MAC is good, so it is read in full, and counts once."""
    try:
        payload = canonical.decode(call.envelope.span)
        header, beat = frames.read_header(payload), read_heartbeat(payload)
    except Refusal as refusal:
        raise _unknown(refusal.detail) from None
    held = site.inbox.get(device_id)
    if held is not None and (header.boot, header.seq) <= (held.boot, held.seq):
        raise _unknown("seen before, or earlier than what was seen")
    entry = seat(site, device_id, now, effects, proven=True)
    site.inbox.prove(entry)
    entry.kid, entry.key, entry.calls = call.kid, key, [call]
    entry.boot, entry.seq, entry.up_ns = header.boot, header.seq, header.up_ns
    entry.name, entry.model, entry.fw, entry.place = beat.name, beat.model, beat.fw, beat.place
    entry.heartbeat = beat
    _prove(site, entry, key, beat, now, effects)
    return entry


def seat(site: Site, device_id: str, now: Now, effects: list[Effect], *, proven: bool) -> Waiting:
    """Give a device that calls its place in the inbox; raises `Refusal` when there is none."""
    inbox = site.inbox
    if inbox.is_full and inbox.get(device_id) is None:
        gone = inbox.make_room(proven=proven)
        if gone is None:
            raise _unknown("the inbox is full of devices that hold a key")
        if gone.card:
            effects.append(Withdraw(gone.id))
    entry = inbox.note(device_id, now.wall_ns)
    is_out = device_id in site.removed and not site.admission.is_expected(device_id)
    entry.reason = REMOVED if is_out else Code.UNKNOWN_DEVICE
    return entry


def _prove(site: Site, entry: Waiting, key: bytes, beat: Heartbeat, now: Now, effects: list[Effect]) -> None:
    """It is fresh as well once it answers a message of this hub."""
    downlink = entry.downlink
    if downlink.nonce != beat.nonce:
        downlink.begin(beat.nonce, beat.hseq, site.entropy)
    elif entry.trust is not Trust.VERIFIED and (
        site.settings.listen_only or downlink.proves_fresh(beat.hseq, now.steady_ns)
    ):
        entry.trust = Trust.VERIFIED
        effects.append(Happened(entry.id, Happening.KEY_PROVED))
    downlink.go_above(beat.hseq, site.entropy)
    if entry.trust is Trust.VERIFIED or entry.reason == REMOVED:
        return
    asked = entry.asked_ns
    if not site.connected or site.settings.listen_only or downlink.last >= LAST:
        return
    if asked is None or now.steady_ns - asked >= ASK_EVERY_NS:
        entry.asked_ns = now.steady_ns
        downlink.reserve(downlink.last + 1)
        topic = topics.topic_of(site.settings.prefix, entry.id, Leaf.POLL)
        body = {"pid": site.entropy(4).hex(), "ch": []}
        message = downlink.seal(Leaf.POLL, entry.id, entry.kid, key, now, body)
        effects.append(Publish(topic, message, DOWN_QOS[Leaf.POLL]))


def offer(site: Site, entry: Waiting, now: Now, effects: list[Effect]) -> None:
    """Let people know of a waiting device, or let it in, as they decided beforehand."""
    discovery = site.settings.discovery
    if entry.reason == REMOVED:
        return
    joins = discovery is Discovery.VERIFIED or site.admission.admits(entry.id, now.wall_ns)
    if entry.trust is Trust.VERIFIED and joins:
        effects.append(Enrol(entry.id))
        return
    if discovery is Discovery.CLOSED:
        return
    is_settled = entry.trust is not Trust.SIGNED or entry.count > 1 or entry.spoken is not None
    if is_settled and not entry.card and site.inbox.may_offer(entry, now.steady_ns):
        entry.card = True
        effects.append(Offer(entry.id))


def admit(site: Site, device_id: str, keys: dict[int, bytes], kept: Kept | None, step: KeyStep | None = None) -> Member:
    """Register a device; with what the store, a tombstone or the inbox knows of it, and the step of its key."""
    if device_id in site.members:
        raise DeviceExistsError(device_id=device_id)
    member = site.removed.pop(device_id, None)
    if member is None:
        member = Member(device=Device(id=device_id, keys=KeyRing({})))
        if kept is not None:
            member.restore(kept)
    was_removed = member.is_removed
    member.is_removed = False
    member.hold(keys, step)
    if was_removed:
        member.device.liveness = Liveness()
        member.device.just_adopted = True
        member.device.has_twin = member.device.is_foreign = member.device.is_revoked = False
        member.device.twin_count = 0
    site.members[device_id] = member
    site.admission.unexpect(device_id)
    site.route(member)
    site.replan.add(device_id)
    return member


def adopt(site: Site, device_id: str, keys: dict[int, bytes], now: Now, effects: list[Effect]) -> None:
    """Register a device that joins now, going on where the inbox stands with it."""
    member = admit(site, device_id, keys, None)
    device = member.device
    entry = site.inbox.take(device_id)
    if entry is not None and device.keys and entry.key == device.keys.current[1] and _is_newer(entry, device):
        device.window.move(entry.boot, entry.seq)
        member.heartbeat_at = (entry.boot, entry.seq)
        if entry.downlink.nonce == device.downlink.nonce:
            entry.downlink.go_above(device.downlink.last, site.entropy)
        device.downlink = entry.downlink
        device.just_adopted = False
        _greet(site, member, entry, now)
    if entry is not None and entry.spoken is not None:
        member.joined = entry.spoken
        device.liveness.hear(entry.last_ns)
    member.wants.poll_due_ns = now.steady_ns
    member.connection = device.liveness.state(now.wall_ns, site.settings)
    site.touch(member, now.steady_ns, 0)
    effects += [Happened(device_id, Happening.ENROLLED), ConnectionChanged(device_id), HealthChanged(device_id)]


def _is_newer(entry: Waiting, device: Device) -> bool:
    return (entry.boot, entry.seq) > (device.window.boot, device.window.high)


def _greet(site: Site, member: Member, entry: Waiting, now: Now) -> None:
    """Take up what its last heartbeat said, if it is beyond doubt."""
    device, beat = member.device, entry.heartbeat
    if beat is None or entry.trust is not Trust.VERIFIED:
        return
    device.heartbeat = beat
    device.digest = beat.manifest
    device.session = beat.session
    device.liveness.interval_s = beat.interval_s
    anchor_ns = entry.last_ns - entry.up_ns
    device.keep_clock(entry.boot, BootClock(anchor_ns=anchor_ns, at_ns=entry.last_ns))
    member.positions.hear(beat.held, beat.drops)
    age_ns = now.wall_ns - entry.last_ns
    if age_ns < site.settings.lost_factor * beat.interval_s * NS_PER_S:
        device.liveness.hear(entry.last_ns)


def remove(site: Site, device_id: str, now: Now, effects: list[Effect]) -> None:
    """Take a device out; its window and its down numbers stay."""
    member = site.members.pop(device_id, None)
    if member is None:
        return
    site.unroute(member)
    orders.abandon(site, member, now, effects)
    polls.forget(site, member, effects)
    member.is_removed = True
    member.connection = Connection.LOST
    member.board.values.clear()
    member.values_changed = True
    site.removed[device_id] = member
    notices.withdraw_all(site, device_id, effects)
    effects.append(Happened(device_id, Happening.REMOVED))
    site.touch(member, now.steady_ns, 0)


def revoke(site: Site, member: Member, now: Now, effects: list[Effect]) -> None:
    """Take nothing more from a device, and send it nothing. Its key and its window stay, for `readmit`."""
    device = member.device
    device.is_revoked, device.has_twin, device.is_foreign = True, False, False
    orders.abandon(site, member, now, effects)
    member.connection = Connection.LOST
    device.liveness.sleep_until_ns, device.session = None, None
    device.liveness.leave()
    notices.withdraw_all(site, device.id, effects)
    site.touch(member, now.steady_ns, 0)
    effects += [Happened(device.id, Happening.REVOKED), ConnectionChanged(device.id), HealthChanged(device.id)]


def readmit(site: Site, member: Member, now: Now, effects: list[Effect]) -> None:
    """A revoked device counts again, as soon as it speaks."""
    member.device.is_revoked = False
    member.wants.poll_due_ns = now.steady_ns
    site.touch(member, now.steady_ns, 0)
    effects += [Happened(member.device.id, Happening.ADMITTED), HealthChanged(member.device.id)]


def stand_back(site: Site, member: Member, now: Now, effects: list[Effect], *, back: bool) -> None:
    """Leave a device to another hub, or speak to it again."""
    device = member.device
    if device.stands_back == back:
        return
    device.stands_back = back
    orders.abandon(site, member, now, effects)
    notices.settle(site, member, notices.FOREIGN, now, effects)
    member.wants.poll_due_ns = now.steady_ns
    device.just_adopted = True  # what the other one has sent meanwhile is no reason for suspicion


def disable(site: Site, member: Member, now: Now, effects: list[Effect], *, disabled: bool) -> None:
    """Ask a device for nothing, what waits to be asked included; or ask it again."""
    if member.is_disabled == disabled:
        return
    member.is_disabled = disabled
    site.replan.add(member.device.id)
    if disabled:
        orders.cancel(site, member, None, now, effects)
        polls.forget(site, member, effects)
