"""What each kind of message does, once all checks before its own have passed.

A handler gives back the flags under which the message is journalled, or None when it is not
(everything in it is in the journal already).
"""

from collections.abc import Callable
from typing import Any, Final

from ..devices.anchor import EXACT_SKEW_NS, Timing
from ..devices.device import Device
from ..devices.manifest import Manifest
from ..effects import DeviceLogged, Effect, HealthChanged, ManifestChanged, ValuesChanged
from ..errors import Code, Refusal
from ..values import NS_PER_S, ClockQuality, Leaf, Now, TimeFlag
from ..wire.data import RELATIVE_BELOW_S, Data, row_time_ns
from ..wire.frames import Ack, DeviceAlarm, Header, LogLine, Status
from ..wire.heartbeat import MAX_SLEEP_S, Heartbeat
from . import answers, guarding, notices, orders, polls
from .arrival import Arrival, count_refusal
from .member import MAX_CHANGES, Member
from .site import Site

type Handler = Callable[[Arrival, Any], int | None]

LISTENS_NS: Final = 5 * NS_PER_S
"""How long a device listens after it woke."""
CHANGES_WITHIN_NS: Final = 60 * NS_PER_S
"""A manifest that changes more than `MAX_CHANGES` times in this is refused: each change costs the registries."""
_UNPLACED_OR_OLD: Final = TimeFlag.LATE | TimeFlag.DELAYED


def take_data(arrival: Arrival, data: Data) -> int | None:
    """Rows are counted, live ones shown; what the manifest does not know is quarantined."""
    member, header, timing, now = arrival.member, arrival.header, arrival.timing, arrival.now
    flags = timing.flags | (TimeFlag.LATE if data.late else 0)
    if data.first is not None:
        boot, index = data.first
        if boot > header.boot:
            raise Refusal(Code.MALFORMED, "n names a boot that has not been")
        last = index + data.rows_count - 1
        if not member.positions.follow(boot, index, last):
            if not member.positions.is_new(boot, index, last):
                member.repeated_rows += data.rows_count
                member.receipts.rows_came(now.steady_ns, urgent=True)
                return None
            if not member.positions.take(boot, index, last):
                raise Refusal(Code.BUSY, "too many gaps between its rows; it sends them again")
        member.receipts.rows_came(now.steady_ns, urgent=data.late)
    if data.bye:
        member.receipts.rows_came(now.steady_ns, urgent=True)
        arrival.site.touch(member, now.steady_ns, 0)
    if flags & _UNPLACED_OR_OLD or timing.time_ns is None:
        fitting = member.board.fitting(data)
    else:
        fitting = show(arrival, data, timing.time_ns)
    if data.pid is not None:
        polls.answer(arrival.site, member, data, now, arrival.effects)
    return _judge_shape(arrival, data, fitting, flags)


def show(arrival: Arrival, data: Data, newest: int) -> int:
    """Show a live message made at `newest`; gives back how many columns fit the manifest."""
    changed: list[str] = []
    member = arrival.member
    board = member.board
    position = board.position
    if data.moment is not None:
        fitting = board.show_moment(data, data.moment, newest, arrival.now.wall_ns, changed)
    elif data.wave is not None:
        fitting = board.fitting(data)
        if board.note_wave(data.wave.channel):
            member.values_changed = True
            arrival.effects.append(ManifestChanged(member.device.id))
    else:
        times = _placed(member.device, arrival.header, data, arrival.timing, newest)
        newest = max(times)
        fitting = board.show_rows(data, times, arrival.now.wall_ns, changed)
    board.calculate(changed)
    member.device.lag_ns = max(0, arrival.now.wall_ns - newest)
    if changed or board.position is not position:
        member.values_changed = True
        guarding.observe(member, changed, arrival.now)
        if board.waves and board.note_values(changed):
            arrival.effects.append(ManifestChanged(member.device.id))
        arrival.effects.append(ValuesChanged(member.device.id, changed))
    return fitting


def _placed(device: Device, header: Header, data: Data, timing: Timing, made_ns: int) -> list[int]:
    """Hub time of each row; none is younger than its message, lest it hide all that follow."""
    boot = header.boot if data.first is None else data.first[0]
    clock = device.clocks.get(boot)
    anchor = timing.anchor_ns if boot == header.boot or clock is None else clock.anchor_ns
    skew = timing.skew_ns if boot == header.boot or clock is None else clock.skew_ns
    shift = skew if skew is not None and abs(skew) > EXACT_SKEW_NS else 0
    start = anchor or 0
    return [
        min(made_ns, row_time_ns(row) - shift if row[0] >= RELATIVE_BELOW_S else start + row_time_ns(row))
        for row in data.rows
    ]


def _judge_shape(arrival: Arrival, data: Data, fitting: int, flags: int) -> int:
    if data.moment is not None:
        total = len(data.moment) + len(data.failed) + (data.loc is not None)
    else:
        total = len(data.cols) or 1
    if fitting >= total:
        return flags
    device = arrival.member.device
    if fitting == 0 and device.manifest is not None:
        count_refusal(
            device.refusals,
            device.id,
            Refusal(Code.WRONG_SHAPE, "nothing in it fits the manifest"),
            arrival.now,
            arrival.effects,
        )
    return flags | TimeFlag.QUARANTINED


def take_heartbeat(arrival: Arrival, beat: Heartbeat) -> int | None:
    """A delayed heartbeat still gives nonce, rows held, `hseq` and digest; the rest waits."""
    member, header, timing = arrival.member, arrival.header, arrival.timing
    device = member.device
    if beat.held[0] > header.boot:
        raise Refusal(Code.MALFORMED, "held names a boot that has not been")
    if (header.boot, header.seq) < member.heartbeat_at:
        return timing.flags
    member.heartbeat_at = (header.boot, header.seq)
    _follow_boot(arrival, beat)
    for gap in member.positions.hear(beat.held, beat.drops):
        member.lost_rows += gap.last - gap.first + 1
    if device.digest != beat.manifest:
        device.digest = beat.manifest
        member.wants.describes = 0
    member.listens_until_ns = 0 if beat.asleep else arrival.now.steady_ns + LISTENS_NS
    if timing.flags & TimeFlag.DELAYED:
        answers.want_poll(member, arrival.now)
    else:
        notices.say(arrival.site, arrival.effects, notices.PROTOCOL, device.id, active=False)
        device.downlink.is_told = True
        device.heartbeat = beat
        device.session = beat.session
        device.liveness.interval_s = beat.interval_s
        _follow_sleep(arrival, beat)
        arrival.effects.append(HealthChanged(device.id))
    _follow_clock(arrival)
    if beat.asleep:
        member.receipts.rows_came(arrival.now.steady_ns, urgent=True)
    return timing.flags


def _follow_boot(arrival: Arrival, beat: Heartbeat) -> None:
    device = arrival.member.device
    if beat.nonce != device.downlink.nonce:
        device.downlink.begin(beat.nonce, beat.hseq, arrival.site.entropy)
        arrival.member.ledger.hurry(arrival.now)
    _follow_number(arrival.site, device, beat.hseq, arrival.effects)
    device.just_adopted = False


def _follow_number(site: Site, device: Device, reported: int, effects: list[Effect]) -> None:
    """Go on above what the device obeyed; a number that is not ours means a second commander.

    A hub that only listens leaves commanding to another one.
    """
    only_listens = site.settings.listen_only or device.stands_back
    if device.downlink.is_foreign(reported) and not device.just_adopted and not only_listens:
        device.is_foreign = True
        notices.say(site, effects, notices.FOREIGN, device.id)
    device.downlink.go_above(reported, site.entropy)


def _follow_sleep(arrival: Arrival, beat: Heartbeat) -> None:
    member, header, now = arrival.member, arrival.header, arrival.now
    liveness = member.device.liveness
    if not beat.asleep:
        liveness.sleep_until_ns = None
        return
    for_s = beat.sleep_s
    if for_s is None:
        # The wake-up is told by the device's clock, and so it is measured by it.
        for_s = max(0.0, beat.wake_s - header.ts_ns / NS_PER_S) if beat.wake_s and header.tq else beat.interval_s
    liveness.sleep(now.wall_ns, min(for_s, MAX_SLEEP_S))
    arrival.site.touch(member, now.steady_ns, 0)


def _follow_clock(arrival: Arrival) -> None:
    member, header, timing = arrival.member, arrival.header, arrival.timing
    wrong = bool(timing.flags & TimeFlag.UNCERTAIN_TIME)
    if header.tq and not timing.flags & TimeFlag.DELAYED:
        notices.say(
            arrival.site,
            arrival.effects,
            notices.CLOCK,
            member.device.id,
            active=wrong,
            skew_s=round((timing.skew_ns or 0) / NS_PER_S),
        )
    needs = header.tq == ClockQuality.NONE or (wrong and header.tq == ClockQuality.HUB)
    if needs and not arrival.site.doubts:
        member.wants.set_time_up_ns = header.up_ns
        member.wants.set_time_at_ns = arrival.now.steady_ns


def take_manifest(arrival: Arrival, manifest: Manifest) -> int | None:
    """A manifest counts however old it is: the next heartbeat's digest mends a stale one."""
    member, effects = arrival.member, arrival.effects
    device = member.device
    changed = device.manifest != manifest and (device.manifest is None or _is_current(device, manifest))
    if changed:
        _check_pace(member, arrival.now)
    if device.digest in (None, manifest.digest):
        member.wants.describes = 0
    notices.say(arrival.site, effects, notices.MANIFEST, device.id, active=False)
    if changed:
        device.manifest = manifest
        member.manifest_changed = True
        shown = member.board.learn(manifest)
        arrival.site.replan.add(device.id)
        effects.append(ManifestChanged(device.id))
        if shown:
            guarding.observe(member, shown, arrival.now)
            member.values_changed = True
            effects.append(ValuesChanged(device.id, shown))
    return arrival.timing.flags


def _check_pace(member: Member, now: Now) -> None:
    changes = member.manifest_changes
    if len(changes) == MAX_CHANGES and now.steady_ns - changes[0] < CHANGES_WITHIN_NS:
        raise Refusal(Code.BUSY, "its manifest changes too often; it is asked again")
    changes.append(now.steady_ns)


def _is_current(device: Device, manifest: Manifest) -> bool:
    return (
        device.digest in (None, manifest.digest) or device.manifest is None or device.manifest.digest != device.digest
    )


def take_status(arrival: Arrival, status: Status) -> int | None:
    """A birth: this session's will counts from now on."""
    member, header = arrival.member, arrival.header
    overtaken = (header.boot, header.seq) < member.heartbeat_at
    if not overtaken and not arrival.timing.flags & TimeFlag.DELAYED:
        member.device.session = status.session
    return arrival.timing.flags


def take_log(arrival: Arrival, line: LogLine) -> int | None:
    """A line of the device's own log."""
    if not arrival.timing.flags & TimeFlag.DELAYED:
        device_id = arrival.member.device.id
        arrival.effects.append(DeviceLogged(device_id, line.level, line.logger, line.msg))
    return arrival.timing.flags


def take_alarm(arrival: Arrival, alarm: DeviceAlarm) -> int | None:
    """Kept in the journal, where the alarm engine will read it."""
    del alarm
    return arrival.timing.flags


def take_ack(arrival: Arrival, ack: Ack) -> int | None:
    """An answer to a command; its number counts in the known boot."""
    member = arrival.member
    orders.answer(arrival.site, member, ack, arrival.now, arrival.effects)
    if arrival.header.boot == member.heartbeat_at[0]:
        _follow_number(arrival.site, member.device, ack.hseq, arrival.effects)
    return arrival.timing.flags


TABLE: Final[dict[Leaf, Handler]] = {
    Leaf.DATA: take_data,
    Leaf.HEARTBEAT: take_heartbeat,
    Leaf.MANIFEST: take_manifest,
    Leaf.STATUS: take_status,
    Leaf.LOG: take_log,
    Leaf.ALARM: take_alarm,
    Leaf.ACK: take_ack,
}
