"""What people decided about one device: kept with it, obeyed by every room, exchanged in the registry file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from ..actuation.interlocks import Interlock
from ..devices.adopted import AdoptedEntity
from ..devices.assets import Asset, Relation
from ..devices.bare import BareTopic, Filter
from ..devices.bare_commands import BareCommands
from ..devices.display import Display
from ..devices.sampling import Sampling
from ..ingest.calculated import Calculated
from ..ingest.checks import Checks
from ..polling.plan import Polling
from ..records import Bounds, Key


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """What people decided about one device."""

    interlocks: Mapping[Key, Interlock] = field(default_factory=dict)
    """Actuator → what must hold before it may be moved."""
    topics: tuple[BareTopic, ...] = ()
    """Of a bare device: where it speaks, and what its payloads hold."""
    interval_s: Annotated[float, Bounds(1, 86_400)] = 300.0
    """Of a bare device: how often it speaks at least."""
    template: Filter | None = None
    """Of a bare device: the template that it follows, whose further topics become its own."""
    commands: BareCommands | None = None
    """Of a bare device: how it is told what to do; None: it is told nothing."""
    sampling: Sampling = field(default_factory=Sampling)
    """How often it reads its channels itself."""
    polling: Polling = field(default_factory=Polling)
    """When its readings are asked for."""
    channels: Mapping[Key, Checks] = field(default_factory=dict)
    """Channel → its gates, and how often it is shown."""
    display: Mapping[Key, Display] = field(default_factory=dict)
    """Channel → what it is called, and in which unit and precision it is shown."""
    calculated: Mapping[Key, Calculated] = field(default_factory=dict)
    """Key → what the hub works out under it."""
    trial: bool = False
    """It is being tried or mended: what it says is kept and shown, and marked."""
    entities: tuple[AdoptedEntity, ...] = ()
    """Entities of Home Assistant that are its channels."""
    asset: Asset = field(default_factory=Asset)
    """Where it stands below its area."""
    relations: tuple[Relation, ...] = ()
    """What it and its channels are to other devices."""

    @property
    def heard(self) -> tuple[BareTopic, ...]:
        """Every topic on which a bare device speaks, that of its answers included."""
        answers = None if self.commands is None else self.commands.answers
        return self.topics if answers is None else (*self.topics, answers)

    @property
    def told_on(self) -> list[str]:
        """Topics over which a bare device is told what to do, and answers."""
        commands = self.commands
        return [] if commands is None else [topic for topic in (commands.topic, commands.ack) if topic is not None]

    @property
    def claimed(self) -> list[str]:
        """Every topic that is a bare device's alone."""
        return [*(topic.topic for topic in self.topics), *self.told_on]

    @property
    def kids(self) -> set[int]:
        """Numbers of the keys of a bare device that are in use."""
        return {topic.kid for topic in self.topics} | (set() if self.commands is None else {self.commands.kid})
