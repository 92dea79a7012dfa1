"""Devices that speak on the topics of a template and that nobody has registered: what was heard, what it may mean."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated, Final

from .. import records
from ..records import Bounds
from ..wire.templates import Match
from .bare import BareTopic, Filter, Heard
from .guesses import proposals
from .manifest_rules import MAX_CHANNELS
from .stamps import StampWindow

MAX_TEMPLATES: Final = 32
MAX_CHANNEL_TOPICS: Final = 64
"""Topics remembered of one device that waits; others are found when it has joined."""
MAX_HEARD_BYTES: Final = 16_384
"""Of its newest messages together."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TopicTemplate:
    """A template that people registered with a site."""

    template: Filter
    kid: Annotated[int, Bounds(1, 2**32 - 1)] = 1
    """Number of its key in the key file."""


def read_templates(raw: Iterable[object], path: str = "templates") -> tuple[TopicTemplate, ...]:
    """Read the templates of a site; raises `RecordError`."""
    return tuple(records.read(TopicTemplate, one, f"{path}[{at}]") for at, one in enumerate(raw))


@dataclass(kw_only=True, slots=True)
class Spoken:
    """What a waiting device has said on topics of a template."""

    root: str
    template: str
    windows: dict[str, StampWindow] = field(default_factory=dict)
    """Topic → its window."""
    heard: dict[str, Heard] = field(default_factory=dict)
    """Topic → its newest message."""
    levels: dict[str, str | None] = field(default_factory=dict)
    """Topic → its channel's level."""
    sizes: dict[str, int] = field(default_factory=dict)
    """Topic → size of that message."""

    def has_room(self, topic: str, size: int) -> bool:
        """Whether a message can be remembered."""
        others = sum(kept for found, kept in self.sizes.items() if found != topic)
        return (topic in self.heard or len(self.heard) < MAX_CHANNEL_TOPICS) and others + size <= MAX_HEARD_BYTES

    def keep(self, topic: str, match: Match, window: StampWindow, heard: Heard, size: int) -> None:
        """Remember a message; only when there is room."""
        self.windows[topic], self.heard[topic] = window, heard
        self.levels[topic], self.sizes[topic] = match.channel, size

    def topics(self, kid: int) -> tuple[BareTopic, ...]:
        """Register what was heard, with a channel for each value, proposed by its name and size."""
        found: list[BareTopic] = []
        taken: list[str] = []
        for topic, heard in sorted(self.heard.items()):
            level = self.levels[topic]
            proposed = proposals(heard.values, (), taken, level=level or "", is_part=level is not None)
            channels = proposed[: MAX_CHANNELS - len(taken)]
            taken += [channel.key for channel in channels]
            found.append(BareTopic(topic=topic, kid=kid, channels=tuple(channels)))
        return tuple(found)
