"""Words and small facts that every room shares."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Final, NamedTuple

NS_PER_S: Final = 1_000_000_000
NS_PER_MS: Final = 1_000_000

type Scalar = float | int | bool | str


def whole(value: object, low: int = -(1 << 62), high: int = 1 << 62) -> int:
    """Give what a disk gave back when it is a whole number from `low` to `high`, else raise ValueError."""
    if type(value) is not int or not low <= value <= high:
        raise ValueError
    return value


def tally(value: object) -> int:
    """Give a count from a disk back, else raise ValueError; at most 2^53, so that it can go on rising."""
    return min(whole(value, 0), 1 << 53)


def maybe_whole(value: object) -> int | None:
    """Like `whole`, and None is None."""
    return None if value is None else whole(value)


def maybe_text(value: object) -> str | None:
    """Give a text or None back, else raise ValueError."""
    if value is not None and type(value) is not str:
        raise ValueError
    return value


class Leaf(StrEnum):
    """Last level of a topic, and `type` of the payload (protocol.md, Topics)."""

    HEARTBEAT = "heartbeat"
    MANIFEST = "manifest"
    DATA = "data"
    ALARM = "alarm"
    LOG = "log"
    ACK = "ack"
    STATUS = "status"
    POLL = "poll"
    STORED = "stored"
    COMMAND = "command"


UP_LEAVES: Final = (
    Leaf.HEARTBEAT,
    Leaf.MANIFEST,
    Leaf.DATA,
    Leaf.ALARM,
    Leaf.LOG,
    Leaf.ACK,
    Leaf.STATUS,
)
DOWN_QOS: Final = {Leaf.POLL: 0, Leaf.STORED: 1, Leaf.COMMAND: 2}


class Quality(IntEnum):
    """How far a value can be trusted."""

    GOOD = 0
    UNCERTAIN = 1
    BAD = 2


class ClockQuality(IntEnum):
    """`tq` of a message: where the device's clock comes from."""

    NONE = 0
    HUB = 1
    NTP_OR_GPS = 2


class TimeFlag:
    """What the hub had to do to place a frame in time: bits of a plain number, for speed."""

    LATE: Final = 1
    """Sent again or buffered: history only, never state."""
    DELAYED: Final = 2
    """Came more than the delay limit after it was made, or without any proof that it did not."""
    CORRECTED: Final = 4
    """Device clock off by more than 2 s and up to the skew limit: corrected."""
    UNCERTAIN_TIME: Final = 8
    """Placed by the hub, since the device's clock could not be used."""
    QUARANTINED: Final = 16
    """Nothing, or not everything, in it fits the manifest; judged again at the next one."""
    TRIAL: Final = 32
    """The device was being tried or mended: out of totals and alarms."""
    UNSIGNED: Final = 64
    """The state of an adopted entity: no device signed it."""
    UNANSWERED: Final = 128
    """The hub's own note that channels were asked for and nothing came: no device said it."""


class Connection(StrEnum):
    """State of a device as seen from the hub."""

    LIVE = "live"
    LATE = "late"
    ASLEEP = "asleep"
    LOST = "lost"


class Happening(StrEnum):
    """What happens in the life of a device that people look up later."""

    ENROLLED = "enrolled"
    REMOVED = "removed"
    KEY_PROVED = "key_proved"
    TRIAL_BEGAN = "trial_began"
    TRIAL_ENDED = "trial_ended"
    REKEYED = "rekeyed"
    """It took its next key."""
    REPLACED = "replaced"
    """Other hardware took its place."""
    RESTORED = "restored"
    """It was taken out, and brought back with everything that it had."""
    REVOKED = "revoked"
    ADMITTED = "admitted"
    """It is not revoked any more."""


class Discovery(StrEnum):
    """What happens when an unknown device calls."""

    ASK = "ask"
    VERIFIED = "verified"
    CLOSED = "closed"


class Kind(StrEnum):
    """Type of a channel's values."""

    FLOAT = "float"
    INT = "int"
    BOOL = "bool"
    TEXT = "text"
    ENUM = "enum"


class Shown(NamedTuple):
    """The value of one channel as entities show it."""

    value: Scalar | None
    """After scale and offset; None when there is no usable value."""
    quality: Quality
    time_ns: int
    """When the device read it, hub time, Unix nanoseconds."""


class Now(NamedTuple):
    """One look at both clocks of the hub."""

    wall_ns: int
    """Unix nanoseconds; may step."""
    steady_ns: int
    """Monotonic nanoseconds; never steps, its zero means nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What a person chose for one hub."""

    prefix: str = "iiot"
    discovery: Discovery = Discovery.ASK
    delay_limit_s: float = 300.0
    """A message older than this at arrival is late: history, no state."""
    skew_limit_s: float = 300.0
    """A device clock off by more than this is not corrected but replaced."""
    late_factor: float = 1.5
    """Heartbeat intervals without a sign of life until *late*."""
    lost_factor: float = 3.0
    """Heartbeat intervals without a sign of life until *lost*."""
    strict: bool = False
    """Refuse delayed messages instead of keeping them as late."""
    listen_only: bool = False
    """Never publish anything."""
    polls_at_once: int = 20
    """Questions for readings that may be open at a time."""
