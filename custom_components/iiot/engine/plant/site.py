"""The state of one hub, which the plant's rooms share."""

from dataclasses import dataclass, field
from typing import NamedTuple

from ..actuation.command import Command
from ..devices.admission import Admission
from ..devices.inbox import Inbox
from ..devices.refusals import Refusals
from ..polling.schedule import Schedule
from ..ports import Batch, Entropy, JournalRow
from ..values import UP_LEAVES, Leaf, Settings
from ..wire import topics
from ..wire.templates import Template
from .jumps import Jumps
from .member import Member
from .routes import BareRoutes

MAX_WAITING_ROWS = 100_000
MAX_WAITING_BYTES = 64 * 1024 * 1024
"""What may wait in memory while the store cannot be written."""


class Templated(NamedTuple):
    """A template at work."""

    template: Template
    key: bytes
    """Of every device that follows it."""


class Flying(NamedTuple):
    """A member whose state is on its way to the disk."""

    member: Member
    nonce: str | None
    reserved: int
    """End of the down numbers that the commit reserves for the boot of this nonce."""
    commands: list[Command]
    """What it keeps."""


@dataclass(kw_only=True, slots=True)
class Waiting:
    """Accepted messages on their way to the next commit."""

    rows: list[JournalRow] = field(default_factory=list)
    size: int = 0
    dirty: dict[str, Member] = field(default_factory=dict)
    """Members whose state differs from the durable one."""
    due_ns: int | None = None
    """Steady time of the next commit."""
    in_flight: Batch | None = None
    paused_until_ns: int = 0
    """Steady time before which a store that failed is not tried again."""
    flying: dict[str, Flying] = field(default_factory=dict)
    """Members of that batch."""
    number: int = 0
    values_saved_ns: int | None = None

    @property
    def is_full(self) -> bool:
        """Whether nothing more may be accepted for now."""
        return len(self.rows) >= MAX_WAITING_ROWS or self.size >= MAX_WAITING_BYTES


@dataclass(kw_only=True, slots=True)
class Site:
    """One hub: its people's settings, its devices, its inbox, and what waits to be committed."""

    settings: Settings
    entropy: Entropy
    fleet_key: bytes | None = field(default=None, repr=False)
    members: dict[str, Member] = field(default_factory=dict)
    removed: dict[str, Member] = field(default_factory=dict)
    """Tombstones: windows and down numbers of devices that were taken out."""
    routes: dict[str, tuple[Member, Leaf]] = field(default_factory=dict)
    """Topic → whose it is."""
    bare: BareRoutes = field(default_factory=BareRoutes)
    templates: list[Templated] = field(default_factory=list)
    """Topics of devices that may come."""
    inbox: Inbox = field(default_factory=Inbox)
    admission: Admission = field(default_factory=Admission)
    strangers: Refusals = field(default_factory=Refusals)
    """Refused messages of nobody we know."""
    waiting: Waiting = field(default_factory=Waiting)
    connected: bool = False
    doubts: bool = False
    """The hub's own clock is in question."""
    accepted: int = 0
    states: dict[str, str] = field(default_factory=dict)
    """Entity of Home Assistant → its state, as far as it is known: interlocks look at it."""
    jumps: Jumps = field(default_factory=Jumps)
    polls: Schedule = field(init=False)
    """When devices are asked for readings."""
    replan: set[str] = field(default_factory=set)
    """Devices whose part in it has changed."""
    notices: set[tuple[str, str | None]] = field(default_factory=set)
    """What people are being told, so that it is said once."""

    def __post_init__(self) -> None:
        """Make what depends on the settings."""
        self.polls = Schedule(self.settings.polls_at_once)

    def route(self, member: Member) -> None:
        """Recognise the member's topics; those of a bare device are known with its policy."""
        if member.bare is not None:
            return
        prefix = self.settings.prefix
        for leaf in UP_LEAVES:
            topic = topics.topic_of(prefix, member.device.id, leaf)
            self.routes[topic] = (member, leaf)

    def unroute(self, member: Member) -> None:
        """Forget the member's topics."""
        self.bare.forget(member)
        for leaf in UP_LEAVES:
            self.routes.pop(topics.topic_of(self.settings.prefix, member.device.id, leaf), None)

    def touch(self, member: Member, steady_ns: int, within_ns: int) -> None:
        """The member's state has to be durable soon."""
        self.waiting.dirty[member.device.id] = member
        due = max(steady_ns + within_ns, self.waiting.paused_until_ns)
        if self.waiting.due_ns is None or due < self.waiting.due_ns:
            self.waiting.due_ns = due
