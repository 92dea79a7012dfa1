"""The checks upward, in their order (protocol.md). Nothing moves before the last has passed."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, NamedTuple

from ..devices.anchor import BootClock, Timing
from ..devices.device import TWIN_APART_NS, TWIN_PROOFS, Device
from ..devices.manifest_rules import read_manifest
from ..effects import Effect
from ..errors import Code, Refusal
from ..ports import JournalRow
from ..values import NS_PER_S, Connection, Leaf, Now, TimeFlag
from ..wire import canonical, codec, frames, topics
from ..wire.codec import Envelope
from ..wire.data import read_data
from ..wire.frames import Ack, Header
from ..wire.heartbeat import Heartbeat, read_heartbeat
from . import answers, bare, door, leaves, notices, rotation, templates
from .arrival import Arrival, announce, check_room, count_refusal, journal
from .member import Member
from .site import Site

TWIN_FRESH_NS: Final = 60 * NS_PER_S
"""A second holder's clock must agree with the hub's this closely."""

_READERS: Final[dict[Leaf, Callable[[dict[str, Any]], Any]]] = {
    Leaf.HEARTBEAT: read_heartbeat,
    Leaf.MANIFEST: read_manifest,
    Leaf.DATA: read_data,
    Leaf.ALARM: frames.read_alarm,
    Leaf.LOG: frames.read_log,
    Leaf.ACK: frames.read_ack,
    Leaf.STATUS: frames.read_status,
}

KEY_PROOFS: Final = 3
"""Messages under a key that is not ours, of a device that is lost, until a person is asked for the key."""
_UNFIT: Final = frozenset({Code.BAD_MAC, Code.UNKNOWN_KEY})

_KID: Final = re.compile(rb'"kid":([0-9]{1,10})[,}]')
"""The key that a message names: looked for, not parsed, since nothing in it is proved."""

_PROVING: Final = frozenset({Leaf.HEARTBEAT, Leaf.ACK})
"""Messages that name the newest down message that the device accepted."""

_COMMIT_WITHIN_NS: Final = {
    Leaf.DATA: 800_000_000,
    Leaf.HEARTBEAT: 100_000_000,
    Leaf.MANIFEST: 100_000_000,
    Leaf.ALARM: 100_000_000,
    Leaf.LOG: 800_000_000,
    Leaf.ACK: 100_000_000,
    Leaf.STATUS: 100_000_000,
}
"""Data within 1 s, acks, alarms and status within 250 ms, the commit itself included."""


class Incoming(NamedTuple):
    """A message whose sender and form are beyond doubt, but not yet its order and time."""

    member: Member
    leaf: Leaf
    topic: str
    message: bytes
    header: Header
    body: Any
    key: bytes | None
    """The key that signed it, when it is none that was held so far."""


def receive(
    site: Site,
    topic: str,
    message: bytes,
    now: Now,
    effects: list[Effect],
    *,
    retained: bool,
) -> None:
    """Take one message in; adds to `effects`, raises `Refusal`."""
    if retained:
        raise Refusal(Code.RETAINED, "nothing that a device sends may be retained")
    route = site.routes.get(topic)
    if route is None and (known := site.bare.find(topic)) is not None:
        bare.receive(site, known, topic, message, now, effects)
        return
    if route is None and (fitting := templates.find(site, topic)) is not None:
        templates.knock(site, fitting, topic, message, now, effects)
    envelope = codec.split(message)
    if route is None:
        door.knock(site, topic, message, envelope, now, effects)
    incoming = _verify(site, route, topic, message, envelope, effects)
    if incoming.leaf is Leaf.STATUS and not incoming.body.online:
        _take_offline(site, incoming, now, effects)
        return
    device, header = incoming.member.device, incoming.header
    try:
        device.window.check(header.boot, header.seq)
    except Refusal:
        _look_for_twin(site, device, header, now.wall_ns, effects)
        raise
    _take(site, incoming, now, effects)


def _verify(
    site: Site,
    route: tuple[Member, Leaf],
    topic: str,
    message: bytes,
    envelope: Envelope,
    effects: list[Effect],
) -> Incoming:
    """Check what the message itself can prove: its signature, its form, and where it belongs."""
    member, leaf = route
    device = member.device
    if device.is_revoked:
        raise Refusal(Code.REVOKED, "a person revoked this device")
    kid, key = device.keys.signer(envelope.span, envelope.mac), None
    if kid is None:
        found = rotation.follow(member, leaf, envelope)
        if found is None:
            raise _bad_mac(device, envelope.span)
        kid, key = found
    try:
        header, body = _parse(device, leaf, kid, envelope.span)
    except Refusal as refusal:
        if leaf is Leaf.MANIFEST and refusal.code is Code.MALFORMED:
            notices.say(site, effects, notices.MANIFEST, device.id, reason=refusal.detail)
        elif refusal.code is Code.NEWER_VERSION:
            notices.say(site, effects, notices.PROTOCOL, device.id, active=True, **refusal.facts)
        raise
    return Incoming(member, leaf, topic, message, header, body, key)


def _parse(device: Device, leaf: Leaf, kid: int, span: bytes) -> tuple[Header, Any]:
    payload = canonical.decode(span)
    header = frames.read_header(payload)
    if header.kid != kid:
        code = Code.BAD_MAC if device.keys.holds(header.kid) else Code.UNKNOWN_KEY
        raise Refusal(code, "signed with another key than it names")
    body = _READERS[leaf](payload) if payload.get("type") == leaf else None
    check_place(payload, device.id, leaf)
    return header, body


def check_place(payload: dict[str, Any], device_id: str, leaf: Leaf) -> None:
    """Raise `Refusal(wrong_topic)` unless the payload names the topic that it came on."""
    if payload.get("id") != device_id or payload.get("type") != leaf:
        raise Refusal(Code.WRONG_TOPIC, "id or type differ from the topic")


def refuse(site: Site, topic: str, refusal: Refusal, now: Now, effects: list[Effect]) -> None:
    """Count a refusal against the owner of the topic, or against nobody we know."""
    route = site.routes.get(topic)
    if route is None and (known := site.bare.find(topic)) is not None:
        member = known.member
        count_refusal(member.device.refusals, member.device.id, refusal, now, effects)
        return
    if route is None:
        parsed = topics.parse_up(site.settings.prefix, topic)
        count_refusal(site.strangers, parsed[0] if parsed else "", refusal, now, effects)
        return
    member = route[0]
    device = member.device
    count_refusal(device.refusals, device.id, refusal, now, effects)
    if refusal.code in _UNFIT:
        _doubt_key(site, member, effects)


def _doubt_key(site: Site, member: Member, effects: list[Effect]) -> None:
    """A lost device in whose name messages come that nothing of ours signed has another key, most likely.

    One that is live has the right key: then somebody else wrote them.
    """
    member.unfit += 1
    if member.unfit >= KEY_PROOFS and member.connection is Connection.LOST:
        notices.say(site, effects, notices.KEY, member.device.id)


def _bad_mac(device: Device, span: bytes) -> Refusal:
    """Tell a message of an unknown key from one that was altered."""
    named = _KID.search(span)
    if named is not None and not device.keys.holds(int(named[1])):
        return Refusal(Code.UNKNOWN_KEY, "signed with a key that this hub does not hold", kid=int(named[1]))
    return Refusal(Code.BAD_MAC, "the signature does not fit the message")


def _take(site: Site, incoming: Incoming, now: Now, effects: list[Effect]) -> None:
    member, leaf, header, body = incoming.member, incoming.leaf, incoming.header, incoming.body
    device = member.device
    clock = device.clock(header.boot)
    proof = leaf in _PROVING and _is_proof(device, body, now.steady_ns)
    if not proof and clock.runs_ahead(header.up_ns, now.steady_ns):
        timing = _unplaced(incoming, now)
    else:
        timing = _place(site, device, clock, header, now.wall_ns, proof=proof)
    delayed = timing.flags & TimeFlag.DELAYED
    if delayed and site.settings.strict and leaf not in _PROVING:
        raise Refusal(Code.DELAYED, "older than this hub accepts")
    check_room(site)
    flags = leaves.TABLE[leaf](Arrival(site, member, header, timing, now, effects), body)
    device.window.move(header.boot, header.seq)
    if site.jumps.is_watching and (proof or site.settings.listen_only):
        site.jumps.note(device.id, clock, header.up_ns, now)
    clock.take(header, now, timing)
    device.keep_clock(header.boot, clock)
    if flags is not None:
        journal(site, member, _row(incoming, now, flags, timing.anchor_ns, timing.skew_ns))
    _count(site, incoming, now, effects)
    if not delayed:
        member.clock_quality = header.tq
        said_after = (header.boot, header.seq) > member.heartbeat_at
        device.liveness.hear(now.wall_ns, woke=said_after and not (leaf is Leaf.DATA and body.bye))
        if leaf is Leaf.HEARTBEAT or member.connection is not Connection.LIVE:
            announce(site, member, now, effects)


def _count(site: Site, incoming: Incoming, now: Now, effects: list[Effect]) -> None:
    member = incoming.member
    member.messages += 1
    if member.unfit:
        member.unfit = 0
        notices.say(site, effects, notices.KEY, member.device.id, active=False)
    rotation.proved(member, incoming.header.kid, incoming.key, now, effects)
    site.accepted += 1
    site.touch(member, now.steady_ns, _COMMIT_WITHIN_NS[incoming.leaf])


def _is_proof(device: Device, body: Heartbeat | Ack, steady_ns: int) -> bool:
    if isinstance(body, Heartbeat) and body.nonce != device.downlink.nonce:
        return False
    return device.downlink.proves_fresh(body.hseq, steady_ns)


def _unplaced(incoming: Incoming, now: Now) -> Timing:
    """Its time since boot runs ahead of the hub's clock: raises `Refusal`, and asks for a proof.

    That can be the fault of an old message that passed for fresh, so the first heartbeat of a boot is taken as one of
    which nothing is known: without its nonce the device would hear no question, and be refused for ever. So is the
    first one since the hub's start: before it has told where it stands it is sent nothing that it could prove by.
    """
    answers.want_poll(incoming.member, now)
    is_first = incoming.header.boot > incoming.member.heartbeat_at[0] or incoming.member.device.downlink.is_blind
    if incoming.leaf is Leaf.HEARTBEAT and is_first:
        return Timing(None, None, None, None, TimeFlag.DELAYED, proven=False)
    raise Refusal(Code.MALFORMED, "its time since boot runs ahead of the hub's clock")


def _place(site: Site, device: Device, clock: BootClock, header: Header, now_ns: int, *, proof: bool) -> Timing:
    settings = replace(site.settings, listen_only=True) if device.stands_back else site.settings
    timing = clock.judge(header, now_ns, settings, proof)
    if not site.doubts or timing.time_ns is None:
        return timing
    # The hub's own clock is in question: it corrects nothing and moves no anchor; a boot's first one it needs.
    flags = timing.flags & ~(TimeFlag.CORRECTED | TimeFlag.UNCERTAIN_TIME)
    time_ns = header.ts_ns or timing.time_ns
    if clock.anchor_ns is None:
        return timing._replace(time_ns=time_ns, flags=flags)
    return timing._replace(anchor_ns=clock.anchor_ns, time_ns=time_ns, flags=flags, proven=False)


def _row(
    incoming: Incoming, now: Now, flags: int = 0, anchor_ns: int | None = None, skew_ns: int | None = None
) -> JournalRow:
    device_id, header = incoming.member.device.id, incoming.header
    kid, boot, seq = header.kid, header.boot, header.seq
    return JournalRow(
        now.wall_ns, device_id, incoming.topic, kid, boot, seq, flags, anchor_ns, skew_ns, incoming.message
    )


def _take_offline(site: Site, incoming: Incoming, now: Now, effects: list[Effect]) -> None:
    """A will, or a clean goodbye: it counts for the live session, once; time does not apply.

    A will was signed when the connection began, so its number may lie behind the window.
    """
    device, header = incoming.member.device, incoming.header
    is_live = incoming.body.session == device.session
    is_new = True
    try:
        device.window.check(header.boot, header.seq)
    except Refusal:
        if not is_live:
            raise
        is_new = False
    check_room(site)
    if is_new:
        device.window.move(header.boot, header.seq)
    if is_live:
        device.session = None
        device.liveness.leave()
        announce(site, incoming.member, now, effects)
    journal(site, incoming.member, _row(incoming, now))
    _count(site, incoming, now, effects)


def _look_for_twin(site: Site, device: Device, header: Header, now_ns: int, effects: list[Effect]) -> None:
    """Three fresh messages of a lower boot are no replay: two devices hold one key.

    Nothing that was accepted in that boot counts: the device's clock may have been ahead then.
    """
    higher = device.clocks.get(device.window.boot)
    fresh = (
        header.boot < device.window.boot
        and header.tq > 0
        and abs(now_ns - header.ts_ns) < TWIN_FRESH_NS
        and higher is not None
        and header.ts_ns > higher.first_ns + TWIN_APART_NS
        and header.seq > device.clock(header.boot).high_seq
    )
    if not fresh or device.has_twin:
        return
    device.twin_count = device.twin_count + 1 if header.seq > device.twin_seq else 1
    device.twin_seq = header.seq
    if device.twin_count >= TWIN_PROOFS:
        device.has_twin = True
        notices.say(site, effects, notices.TWIN, device.id)
