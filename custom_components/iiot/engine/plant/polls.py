"""Questions to devices on their way: sent when due, answered by readings that name them, failed when nothing comes.

A device that is asleep or lost is not asked: it hears nothing, its own heartbeat says when it is there again, and a
question that nobody hears would hold a place that others need until its time is over.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

from ..actuation.wish import NoChannelError
from ..devices.device import Device
from ..devices.manifest import Manifest
from ..effects import Effect, HealthChanged, PollEnded, ValuesChanged
from ..errors import Refusal, RequestError
from ..polling.plan import plan_of, proposed
from ..polling.schedule import WAIT_NS, Poll
from ..ports import JournalRow
from ..values import NS_PER_S, Leaf, Now, TimeFlag
from ..wire import canonical, topics
from ..wire.bare import read as read_stamped
from ..wire.data import Data
from . import outbox
from .arrival import journal
from .member import Member
from .orders import check_speakable, is_awake
from .site import Site

COMM: Final = "COMM"
"""Nothing came."""
VALUE: Final = "VALUE"
"""What came cannot be used."""
CAPABILITY: Final = "poll"
"""Word in a heartbeat's `caps` of devices that answer."""


class NotPolledError(RequestError):
    """The device answers no questions, or has not said yet what it measures."""

    code = "device_not_polled"


class NotThereError(RequestError):
    """The device sleeps or is lost; nobody waits with a question until it is back."""

    code = "device_not_there"


class PollQueueError(RequestError):
    """Too many questions wait for this device already."""

    code = "poll_queue_full"


def ask(site: Site, member: Member, keys: Sequence[str], now: Now) -> str:
    """Ask for channels at once, none named: for all that wait to be asked; the id of the question.

    Raises a `RequestError`.
    """
    check_speakable(site, member)
    device = member.device
    there = _channels(member)
    if member.bare is not None or not there or not _answers(device):
        raise NotPolledError(device_id=device.id)
    for key in keys:
        if key not in there:
            raise NoChannelError(key=key)
    if not site.connected or device.downlink.is_blind or not is_awake(member, now):
        raise NotThereError(device_id=device.id)
    poll = Poll(
        device_id=device.id,
        pid=site.entropy(4).hex(),
        keys=tuple(dict.fromkeys(keys or proposed(there))),
        timeout_ns=_timeout_ns(member),
        due_ns=now.steady_ns,
        is_asked=True,
    )
    if not site.polls.ask(poll):
        raise PollQueueError(device_id=device.id)
    return poll.pid


def run(site: Site, now: Now, effects: list[Effect]) -> None:
    """Close what nobody answered in time, and send what is due."""
    schedule, is_open = site.polls, site.connected and not site.settings.listen_only
    for poll in schedule.overdue(now.steady_ns):
        _time_out(site, poll, now, effects)
    while site.replan:
        _plan(site, site.replan.pop(), now)
    for poll in schedule.give_up(now.steady_ns - (WAIT_NS if is_open else 0)):
        _give_up(poll, effects)
    if is_open:
        _fill(site, now, effects)


def _fill(site: Site, now: Now, effects: list[Effect]) -> None:
    """Send what is due, as far as places are free."""
    put_off = []
    while (due := site.polls.take(now.steady_ns)) is not None:
        if not _send(site, due, now, effects):
            put_off.append(due)
    site.polls.put_back(put_off)


def answer(site: Site, member: Member, data: Data, now: Now, effects: list[Effect]) -> None:
    """Readings came that name a question; one that is closed already was late, and they are readings like others."""
    poll = site.polls.open.get((member.device.id, data.pid or ""))
    if poll is None:
        return
    unusable: list[str] = []
    for key, raw in _readings(data).items():
        if key in poll.missing:
            poll.missing.discard(key)
            value = None if data.quality.get(key) == "bad" else member.board.judge(key, raw)
            if value is None:
                poll.failed[key] = VALUE
                unusable.append(key)
            else:
                poll.values[key] = value
    if unusable:
        changed: list[str] = []
        member.board.reject(unusable, VALUE, poll.sent_wall_ns, changed)
        _show(member, changed, effects)
    for key, word in data.failed.items():
        if key in poll.missing:
            poll.missing.discard(key)
            poll.failed[key] = word
    if not poll.missing:
        site.polls.answered(poll, now.steady_ns)
        _end(member, poll, effects)
        if site.connected:
            _fill(site, now, effects)


def forget(site: Site, member: Member, effects: list[Effect]) -> None:
    """The device is taken out: nobody will answer."""
    for poll in site.polls.forget(member.device.id):
        _give_up(poll, effects)


def show_again(site: Site, row: JournalRow) -> None:
    """Show what was journalled of a question that nobody answered."""
    member = site.members.get(row.device_id)
    if member is None:
        return
    with suppress(Refusal):  # a disk may have made something else of it
        asked_ns, note = read_stamped(row.message)
        failed = note.get("e")
        if isinstance(failed, dict):
            member.board.fail(failed, COMM, asked_ns, [])
            member.values_changed = True


def _channels(member: Member) -> dict[str, bool]:
    """Channels that have values → whether they wait to be asked."""
    manifest: Manifest | None = member.device.manifest
    if manifest is None:
        return {}
    waves = member.board.waves
    return {key: channel.polled for key, channel in manifest.channels.items() if key not in waves}


def _answers(device: Device) -> bool:
    return device.heartbeat is not None and CAPABILITY in device.heartbeat.caps


def _timeout_ns(member: Member) -> int:
    return round(member.policy.polling.timeout_s * NS_PER_S)


def _plan(site: Site, device_id: str, now: Now) -> None:
    member = site.members.get(device_id)
    if member is not None:
        plan = {} if member.is_disabled else plan_of(member.policy.polling, _channels(member))
        share = int.from_bytes(site.entropy(2)) / 65_536 if plan else 0.0
        site.polls.plan(device_id, plan, _timeout_ns(member), now.steady_ns, share)


def _send(site: Site, poll: Poll, now: Now, effects: list[Effect]) -> bool:
    """Send a question to a device that can hear it; False: no number is free, which the next commit mends."""
    member = site.members[poll.device_id]
    device = member.device
    is_deaf = device.is_muted or device.downlink.is_blind or device.downlink.is_used_up or not _answers(device)
    if is_deaf or not is_awake(member, now):
        site.polls.close(poll)
        _give_up(poll, effects)
        return True
    poll.pid = poll.pid or site.entropy(4).hex()
    body = {"pid": poll.pid, "ch": list(poll.keys)}
    if not outbox.send(site, device, Leaf.POLL, body, now, effects):
        site.touch(member, now.steady_ns, 0)
        return False
    if device.downlink.wanted() is not None:
        site.touch(member, now.steady_ns, NS_PER_S)
    site.polls.sent(poll, now.steady_ns, now.wall_ns)
    member.polled.sent += 1
    if member.polled.sent == 1:
        effects.append(HealthChanged(device.id))  # from now on it has figures to show
    return True


def _readings(data: Data) -> dict[str, Any]:
    """Raw value of each channel that the message answers for."""
    if data.moment is not None:
        return data.moment
    return {key: data.rows[-1][at] for at, key in enumerate(data.cols, start=2)}


def _time_out(site: Site, poll: Poll, now: Now, effects: list[Effect]) -> None:
    member = site.members[poll.device_id]
    member.polled.timeouts += 1
    site.polls.close(poll)
    _journal(site, member, poll, now)
    changed: list[str] = []
    member.board.fail(poll.missing, COMM, poll.sent_wall_ns, changed)
    _fail_missing(poll)
    _show(member, changed, effects)
    _end(member, poll, effects)


def _show(member: Member, changed: list[str], effects: list[Effect]) -> None:
    if changed:
        member.values_changed = True
        effects.append(ValuesChanged(member.device.id, changed))


def _journal(site: Site, member: Member, poll: Poll, now: Now) -> None:
    """Keep with its time that nothing came, in the journal's own words: there is no message of anybody."""
    if site.waiting.is_full:
        return
    device_id, failed = member.device.id, dict.fromkeys(poll.missing, COMM)
    seconds, nanos = divmod(poll.sent_wall_ns, NS_PER_S)
    message = canonical.encode({"e": failed, "poll": poll.pid, "ts": seconds, "ts_ns": nanos})
    topic = topics.topic_of(site.settings.prefix, device_id, Leaf.POLL)
    journal(site, member, JournalRow(now.wall_ns, device_id, topic, 0, 0, 0, TimeFlag.UNANSWERED, None, None, message))
    site.touch(member, now.steady_ns, NS_PER_S)


def _give_up(poll: Poll, effects: list[Effect]) -> None:
    """A question that did not leave, or will not be answered, is no failure of the device."""
    _fail_missing(poll)
    _tell(poll, effects)


def _fail_missing(poll: Poll) -> None:
    poll.failed |= {key: COMM for key in poll.keys if key not in poll.values and key not in poll.failed}


def _end(member: Member, poll: Poll, effects: list[Effect]) -> None:
    if poll.failed:
        member.polled.failures += len(poll.failed)
        effects.append(HealthChanged(member.device.id))
    _tell(poll, effects)


def _tell(poll: Poll, effects: list[Effect]) -> None:
    if poll.is_asked:
        effects.append(PollEnded(poll.device_id, poll.pid, dict(poll.values), dict(poll.failed)))
