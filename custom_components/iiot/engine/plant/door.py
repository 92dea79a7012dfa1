"""Joining and leaving: strangers that knock, devices that a person adopts or takes out."""

from dataclasses import replace
from typing import Final, Never

from ..devices.anchor import BootClock
from ..devices.device import Device
from ..devices.inbox import Trust, Waiting
from ..devices.keys import KeyRing, enrolled_key
from ..devices.liveness import Liveness
from ..effects import ConnectionChanged, Effect, Enrol, HealthChanged, Offer, Publish
from ..errors import Code, DeviceExistsError, Refusal
from ..ports import Kept
from ..values import DOWN_QOS, NS_PER_S, Connection, Discovery, Leaf, Now
from ..wire import canonical, frames, signing, topics
from ..wire.codec import Envelope
from ..wire.frames import Header
from ..wire.heartbeat import Heartbeat, read_heartbeat
from . import notices
from .member import Member
from .site import Site

MAX_UNPROVEN_BYTES: Final = 8_192
"""Size of a heartbeat whose key the hub does not hold; the largest sensible one has half of it."""
ASK_EVERY_NS: Final = 60 * NS_PER_S
"""How often a stranger that holds a key is asked to prove that it is fresh."""
REMOVED: Final = "removed"


def knock(site: Site, topic: str, message: bytes, envelope: Envelope, now: Now, effects: list[Effect]) -> Never:
    """A message of a device that is not registered: never state, at most a place in the inbox.

    Always ends in `Refusal(unknown_device)`, or in the reason why it is not even that.
    """
    parsed = topics.parse_up(site.settings.prefix, topic)
    if parsed is None:
        raise Refusal(Code.MALFORMED, "not a topic of a device")
    device_id, leaf = parsed
    unknown = Refusal(Code.UNKNOWN_DEVICE, "not registered with this hub")
    if leaf is not Leaf.HEARTBEAT:
        raise unknown
    payload = canonical.decode(envelope.span)
    header = frames.read_header(payload)
    beat = read_heartbeat(payload)
    if payload.get("id") != device_id or payload.get("type") != leaf:
        raise Refusal(Code.WRONG_TOPIC, "id or type differ from the topic")
    key = _proven_key(site, device_id, header, beat, envelope)
    if key is None:
        beat = _without_source(beat, message)
    held = site.inbox.get(device_id)
    if held is not None and held.trust is not Trust.UNVERIFIED:
        _check_newer(held, header, is_signed=key is not None)
    entry = site.inbox.note(device_id, now.wall_ns)
    _fill(entry, header, beat, message)
    if device_id in site.removed:
        entry.reason = REMOVED
    if key is not None:
        _prove(site, entry, key, beat, now, effects)
    _offer(site, entry, now, effects)
    raise unknown


def _without_source(beat: Heartbeat, message: bytes) -> Heartbeat:
    """Anybody can fill the inbox: an unproven heartbeat takes little room in it."""
    if len(message) > MAX_UNPROVEN_BYTES:
        raise Refusal(Code.TOO_LARGE, "a heartbeat that nothing proves", size=len(message))
    return replace(beat, source={})


def _proven_key(site: Site, device_id: str, header: Header, beat: Heartbeat, envelope: Envelope) -> bytes | None:
    if site.fleet_key is None:
        return None
    key = enrolled_key(site.fleet_key, device_id, header.kid, beat.rekeyed)
    return key if signing.is_signed_by(key, envelope.span, envelope.mac) else None


def _check_newer(held: Waiting, header: Header, *, is_signed: bool) -> None:
    """Nobody without the key takes the place of one who holds it, and nothing counts twice."""
    if not is_signed:
        raise Refusal(Code.BAD_MAC, "another device of this id holds a key of this hub")
    if header.boot < held.boot:
        raise Refusal(Code.REPLAYED, "an earlier boot of the device")
    if header.boot == held.boot and header.seq <= held.seq:
        raise Refusal(Code.DUPLICATE, "seen before")


def _fill(entry: Waiting, header: Header, beat: Heartbeat, message: bytes) -> None:
    entry.kid = header.kid
    entry.boot, entry.seq, entry.up_ns = header.boot, header.seq, header.up_ns
    entry.name, entry.model, entry.fw, entry.place = beat.name, beat.model, beat.fw, beat.place
    entry.heartbeat = beat
    entry.message = message


def _prove(site: Site, entry: Waiting, key: bytes, beat: Heartbeat, now: Now, effects: list[Effect]) -> None:
    """Its MAC is good. It is fresh as well once it answers a message of this hub."""
    entry.key = key
    if entry.trust is Trust.UNVERIFIED:
        entry.trust = Trust.SIGNED
    downlink = entry.downlink
    if downlink.nonce != beat.nonce:
        downlink.begin(beat.nonce, beat.hseq, site.entropy)
    elif site.settings.listen_only or downlink.proves_fresh(beat.hseq, now.steady_ns):
        entry.trust = Trust.VERIFIED
    downlink.go_above(beat.hseq)
    if entry.trust is Trust.VERIFIED or entry.reason == REMOVED:
        return
    asked = entry.asked_ns
    if not site.connected or site.settings.listen_only:
        return
    if asked is None or now.steady_ns - asked >= ASK_EVERY_NS:
        entry.asked_ns = now.steady_ns
        downlink.reserve(downlink.last + 1)
        topic = topics.topic_of(site.settings.prefix, entry.id, Leaf.POLL)
        body = {"pid": site.entropy(4).hex(), "ch": []}
        message = downlink.seal(Leaf.POLL, entry.id, entry.kid, key, now, body)
        effects.append(Publish(topic, message, DOWN_QOS[Leaf.POLL]))


def _offer(site: Site, entry: Waiting, now: Now, effects: list[Effect]) -> None:
    discovery = site.settings.discovery
    if discovery is Discovery.CLOSED or entry.reason == REMOVED:
        return
    if entry.trust is Trust.VERIFIED and discovery is Discovery.VERIFIED:
        effects.append(Enrol(entry.id))
        return
    is_settled = entry.trust is not Trust.SIGNED or entry.count > 1
    if is_settled and not entry.card and site.inbox.may_offer(now.steady_ns):
        entry.card = True
        effects.append(Offer(entry.id))


def admit(site: Site, device_id: str, keys: dict[int, bytes], kept: Kept | None) -> Member:
    """Register a device; with what the store, a tombstone or the inbox knows of it."""
    if device_id in site.members:
        raise DeviceExistsError(device_id=device_id)
    member = site.removed.pop(device_id, None)
    if member is None:
        member = Member(device=Device(id=device_id, keys=KeyRing(keys)))
        if kept is not None:
            member.restore(kept)
    was_removed = member.is_removed
    member.is_removed = False
    member.device.keys = KeyRing(keys)
    if was_removed:
        member.device.liveness = Liveness()
        member.device.just_adopted = True
        member.device.has_twin = member.device.is_foreign = False
        member.device.twin_count = 0
    site.members[device_id] = member
    site.route(member)
    return member


def adopt(site: Site, device_id: str, keys: dict[int, bytes], now: Now, effects: list[Effect]) -> None:
    """Register a device that joins now, going on where the inbox stands with it."""
    member = admit(site, device_id, keys, None)
    device = member.device
    entry = site.inbox.take(device_id)
    if entry is not None and entry.key == device.keys.current[1] and _is_newer(entry, device):
        device.window.move(entry.boot, entry.seq)
        member.heartbeat_at = (entry.boot, entry.seq)
        device.downlink = entry.downlink
        device.just_adopted = False
        _greet(site, member, entry, now)
    member.wants.poll_due_ns = now.steady_ns
    member.connection = device.liveness.state(now.wall_ns, site.settings)
    site.touch(member, now.steady_ns, 0)
    effects += [ConnectionChanged(device_id), HealthChanged(device_id)]


def _is_newer(entry: Waiting, device: Device) -> bool:
    return (entry.boot, entry.seq) > (device.window.boot, device.window.high)


def _greet(site: Site, member: Member, entry: Waiting, now: Now) -> None:
    """Take up what its last heartbeat said, if it is beyond doubt."""
    device, beat = member.device, entry.heartbeat
    if beat is None or entry.trust is not Trust.VERIFIED:
        return
    device.heartbeat = beat
    device.session = beat.session
    device.liveness.interval_s = beat.interval_s
    anchor_ns = entry.last_ns - entry.up_ns
    device.keep_clock(
        entry.boot, BootClock(anchor_ns=anchor_ns, at_ns=entry.last_ns, up_ns=entry.up_ns, rx_ns=entry.last_ns)
    )
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
    member.is_removed = True
    member.connection = Connection.LOST
    member.board.values.clear()
    member.values_changed = True
    site.removed[device_id] = member
    for kind in notices.KINDS:
        notices.say(site, effects, kind, device_id, active=False)
    site.touch(member, now.steady_ns, 0)
