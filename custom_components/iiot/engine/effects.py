"""What the plant asks the world to do. `bridge/effects.py` performs them, one `match`.

Messages leave only inside `Publish`, and the plant gives those out only after the commit that
they rest on.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

from .errors import Code, Fact
from .ports import Batch
from .values import Happening


class ValuesChanged(NamedTuple):
    """Channels of a device have another value or quality than before; read them in the plant."""

    device_id: str
    channels: list[str]


@dataclass(frozen=True, slots=True)
class HealthChanged:
    """Something that a device's health entities or its device page show is different."""

    device_id: str


@dataclass(frozen=True, slots=True)
class ConnectionChanged:
    """A device became live, late, asleep or lost; read which in the plant."""

    device_id: str


@dataclass(frozen=True, slots=True)
class ManifestChanged:
    """A device measures or can do something else than before."""

    device_id: str


@dataclass(frozen=True, slots=True)
class KeysChanged:
    """The keys of a device are others than before: write them down."""

    device_id: str


@dataclass(frozen=True, slots=True)
class CommandChanged:
    """A command went on; read it in the plant."""

    device_id: str
    cid: str


@dataclass(frozen=True, slots=True)
class PollEnded:
    """A question that somebody asked is over: each channel has a value or a reason, `COMM` or `VALUE`."""

    device_id: str
    pid: str
    values: dict[str, Any]
    failed: dict[str, str]


@dataclass(frozen=True, slots=True)
class DeviceLogged:
    """A line of a device's own log, as it came."""

    device_id: str
    level: str
    logger: str
    msg: str


@dataclass(frozen=True, slots=True)
class Happened:
    """Something that belongs into the logbook of a device, registered or not."""

    device_id: str
    what: Happening


@dataclass(frozen=True, slots=True)
class CountersZeroed:
    """A device's counters stand at 0 again; these are the figures that they had."""

    device_id: str
    figures: dict[str, int]


@dataclass(frozen=True, slots=True)
class Refused:
    """A message was refused, and it is time to say so (one a device and reason a minute)."""

    device_id: str
    code: Code
    detail: str
    count: int
    """How often so far."""


@dataclass(frozen=True, slots=True)
class Offer:
    """Show a person this waiting device; read it in the plant's inbox."""

    device_id: str


@dataclass(frozen=True, slots=True)
class TopicFound:
    """A device that follows a template speaks on one more of its topics: it belongs to those that are registered."""

    device_id: str
    topic: str
    kid: int
    """Number of its key."""


@dataclass(frozen=True, slots=True)
class Withdraw:
    """A device that was offered had to leave the inbox: take its card away."""

    device_id: str


@dataclass(frozen=True, slots=True)
class Enrol:
    """A verified device may join at once, as this hub's discovery says."""

    device_id: str


@dataclass(frozen=True, slots=True)
class Notice:
    """A person should know and act, until it is withdrawn."""

    kind: str
    device_id: str | None
    active: bool
    facts: dict[str, Fact]


@dataclass(frozen=True, slots=True)
class Commit:
    """Make this batch durable, then call `Plant.committed`, or `Plant.not_committed`."""

    batch: Batch


@dataclass(frozen=True, slots=True)
class Publish:
    """Send this signed message, only while connected; otherwise it is dropped."""

    topic: str
    message: bytes
    qos: int


type Effect = (
    ValuesChanged
    | HealthChanged
    | ConnectionChanged
    | ManifestChanged
    | KeysChanged
    | CommandChanged
    | PollEnded
    | DeviceLogged
    | Happened
    | CountersZeroed
    | Refused
    | Offer
    | TopicFound
    | Withdraw
    | Enrol
    | Notice
    | Commit
    | Publish
)
