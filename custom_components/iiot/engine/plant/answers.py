"""What the hub says to a device: receipts, polls, `describe` and `set_time`, each when it may."""

from typing import Any, Final

from ..devices.device import Device
from ..effects import Effect
from ..values import NS_PER_MS, NS_PER_S, Connection, Leaf, Now
from . import bare_orders, orders, outbox
from .member import Member
from .site import Site

POLL_EVERY_NS: Final = 60 * NS_PER_S
SET_TIME_EVERY_NS: Final = 60 * NS_PER_S
SET_TIME_FRESH_NS: Final = 8 * NS_PER_S
"""A device takes a time only within 10 s of the message that it answers."""
COMMAND_LIFE_NS: Final = 30 * NS_PER_S
_ASKING: Final = ((5, 60 * NS_PER_S), (10, 600 * NS_PER_S))
_ASKING_LAST_NS: Final = 3600 * NS_PER_S
"""An unknown manifest is asked for every minute, later every 10, then every 60 minutes."""


def send_due(site: Site, member: Member, now: Now, effects: list[Effect]) -> None:
    """Send what is due to one device, as far as its reserved numbers reach."""
    device = member.device
    if not site.connected or site.settings.listen_only or member.is_muted or member.is_removed:
        member.owed = False
        return
    if member.bare is not None:
        bare_orders.send(site, member, now, effects)
        return
    if device.downlink.is_blind:
        _ask_where_it_stands(site, member, now, effects)
        return
    if not device.downlink.can_send:
        if _has_any(member, now) and not device.downlink.is_used_up:
            site.touch(member, now.steady_ns, 0)
        return
    if (member.owed and member.snapshot is None) or _receipt_is_free(site, member, now):
        member.owed = False
        member.receipts.sent(now.steady_ns)
        outbox.send(site, device, Leaf.STORED, _receipt(member), now, effects)
    if member.connection is Connection.LOST or orders.is_awake(member, now):
        _send_wishes(site, member, now, effects)
    if device.downlink.wanted() is not None:
        site.touch(member, now.steady_ns, NS_PER_S)


def want_poll(member: Member, now: Now) -> None:
    """A heartbeat is wanted, at most once a minute."""
    polled = member.wants.polled_ns
    member.wants.poll_due_ns = now.steady_ns if polled is None else max(now.steady_ns, polled + POLL_EVERY_NS)


def _ask_where_it_stands(site: Site, member: Member, now: Now, effects: list[Effect]) -> None:
    """Ask once, in place of the poll that is due. That one follows when the device has said it: only it is a proof."""
    wants = member.wants
    due_ns = wants.poll_due_ns
    if due_ns is not None and now.steady_ns >= due_ns and (wants.asked_ns is None or wants.asked_ns < due_ns):
        wants.asked_ns = now.steady_ns
        outbox.send_question(site, member.device, now, effects)


def _has_any(member: Member, now: Now) -> bool:
    return member.device.downlink.nonce is not None and (
        member.owed
        or _is_past(member.wants.poll_due_ns, now)
        or _wants_manifest(member)
        or member.wants.set_time_up_ns is not None
        or orders.wants_to_send(member, now)
    )


def _receipt_is_free(site: Site, member: Member, now: Now) -> bool:
    """Whether a receipt is due for rows that are all committed."""
    return (
        member.receipts.is_due(now.steady_ns) and member.device.id not in site.waiting.dirty and member.snapshot is None
    )


def _receipt(member: Member) -> dict[str, Any]:
    upto, more = member.answer
    return {"upto": upto, "more": more} if more else {"upto": upto}


def _send_wishes(site: Site, member: Member, now: Now, effects: list[Effect]) -> None:
    wants, device = member.wants, member.device
    if _is_past(wants.poll_due_ns, now):
        wants.poll_due_ns = None
        wants.polled_ns = now.steady_ns
        body = {"pid": site.entropy(4).hex(), "ch": []}
        outbox.send(site, device, Leaf.POLL, body, now, effects)
    clock = device.clocks.get(device.window.boot)
    if clock is None or clock.anchor_ns is None:
        return  # a command needs a deadline in the device's own time
    up_ns = now.wall_ns - clock.anchor_ns
    if _may_describe(member, now):
        wants.described_ns = now.steady_ns
        wants.describes += 1
        _command(site, device, "describe", {}, up_ns, now, effects)
    if wants.set_time_up_ns is not None and device.obeys("set_time"):
        _set_time(site, member, wants.set_time_up_ns, up_ns, now, effects)
    orders.send(site, member, up_ns, now, effects)


def _is_past(due_ns: int | None, now: Now) -> bool:
    return due_ns is not None and now.steady_ns >= due_ns


def _wants_manifest(member: Member) -> bool:
    device = member.device
    return device.digest is not None and (device.manifest is None or device.manifest.digest != device.digest)


def _may_describe(member: Member, now: Now) -> bool:
    if not _wants_manifest(member) or member.connection is Connection.LOST:
        return False
    wants = member.wants
    if wants.described_ns is None:
        return True
    pause = next((gap for most, gap in _ASKING if wants.describes <= most), _ASKING_LAST_NS)
    return now.steady_ns - wants.described_ns >= pause


def _set_time(site: Site, member: Member, asked_ns: int, up_ns: int, now: Now, effects: list[Effect]) -> None:
    """Answer the message that the device sent at its `asked_ns`."""
    wants = member.wants
    wants.set_time_up_ns = None
    age_ns = now.steady_ns - wants.set_time_at_ns
    recently = wants.timed_ns is not None and now.steady_ns - wants.timed_ns < SET_TIME_EVERY_NS
    if age_ns > SET_TIME_FRESH_NS or recently or site.doubts:
        return
    wants.timed_ns = now.steady_ns
    seconds, nanos = divmod(now.wall_ns, NS_PER_S)
    args = {"ts": seconds, "ts_ns": nanos, "up": asked_ns // NS_PER_MS}
    _command(site, member.device, "set_time", args, up_ns, now, effects)


def _command(
    site: Site, device: Device, name: str, args: dict[str, Any], up_ns: int, now: Now, effects: list[Effect]
) -> None:
    cid = outbox.make_cid(now.wall_ns, site.entropy)
    outbox.send(site, device, Leaf.COMMAND, outbox.command(cid, name, args, up_ns, COMMAND_LIFE_NS, now), now, effects)
