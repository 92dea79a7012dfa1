"""What people registered of a bare device: topics, the keys of each, and the channels that its payloads name."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal, NamedTuple

from ..records import Bounds, Matching
from ..values import Kind, whole
from ..wire import paths
from ..wire.paths import Leaf
from .manifest import Channel, Manifest
from .manifest_rules import MAX_CHANNELS
from .stamps import StampWindow

JSON: Final = "json"

type Key = Annotated[str, Matching(r"[a-z0-9_]{1,56}", "must be 1 to 56 of a to z, 0 to 9 and _")]
"""Room is left for the number of a member, as channels of a device have keys of at most 64."""
type Path = Annotated[str, Matching(paths.PATTERN, paths.WORDS)]
type Filter = Annotated[str, Matching(r"[^$\x00-\x1f][^\x00-\x1f]{0,255}", "must be a topic or a topic filter")]
type Name = Annotated[str, Matching(r"[^\x00-\x1f]{0,128}", "must be at most 128 characters on one line")]
type Word = Annotated[str, Matching(r"[^\x00-\x1f]{1,64}", "must be 1 to 64 characters on one line")]


@dataclass(frozen=True, kw_only=True, slots=True)
class BareChannel:
    """One quantity in the payload of a bare topic."""

    path: Path
    """Where it stands in the payload."""
    key: Key
    name: Name = ""
    kind: Literal["float", "int", "bool", "text", "json"] = "float"
    unit: Word | None = None
    device_class: Word | None = None
    state_class: Word | None = None
    minimum: float | None = None
    """Lowest credible value."""
    maximum: float | None = None
    stored_as: Name = ""
    """Name under which its history is stored; empty: its key."""
    tags: Mapping[Word, Word] = field(default_factory=dict)
    """What its history is marked with."""

    def flaw(self) -> tuple[str, str] | None:
        """Its range must be one."""
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            return "maximum", "must not be below the minimum"
        return None

    @property
    def is_each(self) -> bool:
        """Whether each member of a list is a channel of its own."""
        return paths.EACH in self.path

    @property
    def leaf(self) -> Leaf:
        """The end of its path."""
        return Leaf(self.key, self.kind == JSON)


@dataclass(frozen=True, kw_only=True, slots=True)
class BareTopic:
    """One topic, or one filter, with the key of what comes on it."""

    topic: Filter
    kid: Annotated[int, Bounds(1, 2**32 - 1)] = 1
    """Number of its key in the key file."""
    channels: tuple[BareChannel, ...] = ()
    alarm: Key | None = None
    """Channel that is on while its alarm lasts; None: what comes on it are readings."""

    @property
    def keys(self) -> list[str]:
        """Of all its channels."""
        return [channel.key for channel in self.channels] if self.alarm is None else [self.alarm]


class Heard(NamedTuple):
    """The newest message of a registered topic."""

    values: dict[str, Any]
    time_ns: int


@dataclass(kw_only=True, slots=True)
class Bare:
    """What the hub keeps of a bare device beside what it keeps of each."""

    keys: dict[int, bytes] = field(default_factory=dict, repr=False)
    windows: dict[str, StampWindow] = field(default_factory=dict)
    """Topic → its window."""
    members: dict[str, int] = field(default_factory=dict)
    """Channel of a path with `[*]` → the longest list that came."""
    heard: dict[str, Heard] = field(default_factory=dict)
    """Topic as registered → its newest message since the hub's start."""
    kept_values: Any = None
    """Last values from before the start, until the channels are known to which they belong."""

    def state(self) -> dict[str, Any]:
        """What has to be durable, as JSON; the argument of `restore`."""
        return {"windows": {topic: window.state() for topic, window in self.windows.items()}, "members": self.members}

    def restore(self, state: dict[str, Any]) -> None:
        """Take up `state` again."""
        self.windows = {topic: StampWindow.restored(window) for topic, window in state["windows"].items()}
        self.members = {key: whole(count, 0, paths.MAX_MEMBERS) for key, count in state["members"].items()}


def is_raised(values: Mapping[str, Any]) -> bool:
    """Whether a message on an alarm topic raises or continues the alarm: every one does that does not clear it."""
    return values.get("state") != "cleared" and values.get("active") is not False


def manifest_of(topics: Iterable[BareTopic], members: Mapping[str, int]) -> Manifest:
    """Describe a bare device like any other; `members` says how many of each list are known.

    What does not fit a device is left out: the form refuses it, and lists end where their neighbours leave no room.
    """
    channels: dict[str, Channel] = {}
    for topic in topics:
        if topic.alarm is not None:
            name = topic.topic.rpartition("/")[2]
            channels[topic.alarm] = Channel(key=topic.alarm, name=name, kind=Kind.BOOL, device_class="problem")
        for registered in topic.channels:
            for channel in _channels_of(registered, members.get(registered.key, 0)):
                if len(channels) < MAX_CHANNELS:
                    channels.setdefault(channel.key, channel)
    return Manifest(digest="", channels=channels, actuators={}, alarms=(), commands=frozenset(), source={})


def _channels_of(registered: BareChannel, members: int) -> Iterator[Channel]:
    name = registered.name or registered.key
    if not registered.is_each:
        yield _channel(registered, registered.key, name)
        return
    for number in range(members):
        yield _channel(registered, paths.member_key(registered.key, number), f"{name} {number + 1}")


def _channel(registered: BareChannel, key: str, name: str) -> Channel:
    holds_object = registered.kind == JSON
    return Channel(
        key=key,
        name=name,
        kind=Kind.TEXT if holds_object else Kind(registered.kind),
        unit=registered.unit,
        device_class=registered.device_class,
        state_class=registered.state_class,
        minimum=registered.minimum,
        maximum=registered.maximum,
        holds_object=holds_object,
    )
