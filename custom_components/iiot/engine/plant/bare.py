"""Messages of bare topics: verified, placed by their own time, judged by the channels that people registered."""

from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from ..devices.adopted import channels_of
from ..devices.bare import Bare, Heard, is_raised, manifest_of
from ..devices.bare_commands import actuators_of
from ..devices.manifest import Manifest
from ..devices.stamps import FRESH_NS, StampWindow
from ..effects import Effect, ManifestChanged, ValuesChanged
from ..errors import Code, Refusal, StoreError
from ..ports import JournalRow
from ..values import Now, TimeFlag
from ..wire import bare, paths
from ..wire.data import moment_of
from ..wire.paths import Picked
from . import bare_orders, guarding, notices, orders
from .arrival import announce, check_room, journal
from .member import Member
from .policy import Policy
from .routes import BareRoute
from .site import Site

MAX_TOPICS: Final = 256
"""Topics on which one device may speak: each has a window of its own."""
COMMIT_WITHIN_NS: Final = 800_000_000
ALARM_WITHIN_NS: Final = 100_000_000
FOR_EVER_S: Final = 1e9
"""Adopted entities are there while Home Assistant is; when one has no value, it says so itself."""


def receive(site: Site, route: BareRoute, topic: str, message: bytes, now: Now, effects: list[Effect]) -> None:
    """Take one message in; adds to `effects`, raises `Refusal`. Nothing moves before the last check has passed."""
    if route.member.device.is_revoked:
        raise Refusal(Code.REVOKED, "a person revoked this device")
    envelope = bare.verify(message, route.key)
    stamped = bare.read(envelope.span)
    member, memory = route.member, site.bare.memory(route)
    window = _window(route, topic)
    window.check(stamped.time_ns, envelope.mac)
    if memory is not None:
        memory.check(topic, stamped.time_ns, envelope.mac)
    time_ns, flags = _placed(site, stamped.time_ns, now)
    answer = bare_orders.read_answer(stamped.values) if bare_orders.is_answer(route) else None
    picked = _picked(route, stamped.values) if answer is None else Picked()
    check_room(site)
    window.move(stamped.time_ns, envelope.mac)
    if memory is not None:
        memory.move(topic, stamped.time_ns, envelope.mac, now.wall_ns)
    route.bare.windows[topic] = window
    if answer is None:
        route.bare.heard[route.topic.topic] = Heard(stamped.values, time_ns)
        _say_unnamed(site, member, route.bare, effects)
        flags |= _show(route, picked, time_ns, now.wall_ns, effects)
        guarding.observe(member, picked.values, now)
    else:
        orders.answer(site, member, answer, now, effects)
    row = JournalRow(now.wall_ns, member.device.id, topic, route.topic.kid, 0, 0, flags, None, None, message)
    journal(site, member, row)
    member.messages += 1
    site.accepted += 1
    site.touch(member, now.steady_ns, _commit_within_ns(route))
    member.device.liveness.hear(now.wall_ns)
    announce(site, member, now, effects)


def follow(site: Site, member: Member, effects: list[Effect]) -> None:
    """Obey what people registered of a bare device: its topics, its channels, how often it speaks."""
    state = member.bare
    if state is None:
        return
    site.bare.set(member, state)
    _take_over(member, state)
    member.device.downlink.is_told = member.policy.commands is not None  # it counts nothing, so it has nothing to tell
    member.device.liveness.interval_s = FOR_EVER_S if member.policy.entities else member.policy.interval_s
    _learn(member, state, effects)
    _restore_values(member, state)
    for topic in member.policy.topics:
        heard, route = state.heard.get(topic.topic), site.bare.find(topic.topic)
        if heard is not None and route is not None:
            with suppress(Refusal):  # what was heard before does not fit the channels of now
                _show(route, _picked(route, heard.values), heard.time_ns, heard.time_ns, effects)
    _say_unnamed(site, member, state, effects)


def show_again(site: Site, row: JournalRow) -> None:
    """Show a journalled message as it was shown when it came."""
    route = site.bare.find(row.topic)
    if route is None or route.member.device.id != row.device_id:  # the topic is somebody else's since
        return
    with suppress(Refusal):  # its channels have changed since
        stamped = bare.read(bare.opened(row.message).span)
        time_ns = row.received_ns if row.flags & TimeFlag.UNCERTAIN_TIME else stamped.time_ns
        _show(route, _picked(route, stamped.values), time_ns, row.received_ns, [])


def _take_over(member: Member, state: Bare) -> None:
    """Go on where the inbox stood with it: nothing that it said there counts again."""
    spoken, member.joined = member.joined, None
    if spoken is not None:
        named = {topic.topic for topic in member.policy.topics}
        state.windows |= {topic: window for topic, window in spoken.windows.items() if topic in named}
        state.heard |= {topic: heard for topic, heard in spoken.heard.items() if topic in named}


def _commit_within_ns(route: BareRoute) -> int:
    is_urgent = route.topic.alarm is not None or bare_orders.is_answer(route)
    return ALARM_WITHIN_NS if is_urgent else COMMIT_WITHIN_NS


def _window(route: BareRoute, topic: str) -> StampWindow:
    windows = route.bare.windows
    if topic not in windows and len(windows) >= MAX_TOPICS:
        raise Refusal(Code.WRONG_TOPIC, f"the device has spoken on {MAX_TOPICS} other topics")
    return windows.get(topic) or StampWindow()


def _placed(site: Site, stamp_ns: int, now: Now) -> tuple[int, int]:
    """Hub time of a message, and its flags. A hub that doubts its own clock cannot judge another one."""
    if site.doubts:
        return now.wall_ns, TimeFlag.UNCERTAIN_TIME
    if abs(now.wall_ns - stamp_ns) > FRESH_NS:
        raise Refusal(Code.DELAYED, "its time is more than 300 s from the hub's")
    return stamp_ns, 0


def _picked(route: BareRoute, values: dict[str, Any]) -> Picked:
    """Find the channels in a payload. Before people have named any, everything is only kept."""
    if route.topic.alarm is not None:
        raised = Picked()
        raised.values[route.topic.alarm] = is_raised(values)
        return raised
    if not route.topic.channels:
        found = Picked()
        found.unnamed = values
        return found
    found = paths.pick(route.paths, values)
    if not found.values or not (_is_longer(route, found) or route.member.board.fitting(moment_of(found.values))):
        raise Refusal(Code.WRONG_SHAPE, "nothing in it fits the channels of its topic")
    return found


def _is_longer(route: BareRoute, picked: Picked) -> bool:
    """Whether a list has more members than were known so far."""
    return any(count > route.bare.members.get(key, 0) for key, count in picked.members.items())


def _show(route: BareRoute, picked: Picked, time_ns: int, received_ns: int, effects: list[Effect]) -> int:
    """Show what fits; gives back the flags of the rest."""
    member = route.member
    if _is_longer(route, picked):
        longest = {key: max(count, route.bare.members.get(key, 0)) for key, count in picked.members.items()}
        route.bare.members |= longest
        _learn(member, route.bare, effects)
    changed: list[str] = []
    fitting = member.board.show_moment(moment_of(picked.values), picked.values, time_ns, received_ns, changed)
    member.board.calculate(changed)
    if picked.values:
        member.device.lag_ns = max(0, received_ns - time_ns)
    if changed:
        member.values_changed = True
        effects.append(ValuesChanged(member.device.id, changed))
    return TimeFlag.QUARANTINED if picked.unnamed or fitting < len(picked.values) else 0


def described(state: Bare, policy: Policy) -> Manifest:
    """Describe a bare device as people registered it."""
    named = manifest_of(policy.topics, state.members)
    channels = {**named.channels, **channels_of(policy.entities)}
    return replace(named, channels=channels, actuators=actuators_of(policy.commands))


def _learn(member: Member, state: Bare, effects: list[Effect]) -> None:
    manifest = described(state, member.policy)
    if manifest == member.device.manifest:
        return
    member.device.manifest = manifest
    changed = member.board.learn(manifest)
    effects.append(ManifestChanged(member.device.id))
    if changed:
        member.values_changed = True
        effects.append(ValuesChanged(member.device.id, changed))


def _restore_values(member: Member, state: Bare) -> None:
    kept, state.kept_values = state.kept_values, None
    if kept is None:
        return
    try:
        member.board.restore(kept)
    except (ValueError, KeyError, TypeError, AttributeError, Refusal) as err:
        raise StoreError(f"what is kept of device {member.device.id} cannot be understood") from err


def _say_unnamed(site: Site, member: Member, state: Bare, effects: list[Effect]) -> None:
    """A device speaks, and nobody has said yet what its values are."""
    topics = (topic for topic in member.policy.topics if not topic.channels and topic.alarm is None)
    unnamed = [topic.topic for topic in topics if topic.topic in state.heard]
    facts = {"topic": unnamed[0]} if unnamed else {}
    notices.say(site, effects, notices.CHANNELS, member.device.id, active=bool(unnamed), **facts)
