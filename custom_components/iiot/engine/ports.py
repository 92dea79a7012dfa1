"""What the engine needs from outside, as small protocols."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Protocol

STATE_VERSION: Final = 2
"""Of a device's `state` and `values`. A change of either needs a step in `stores/migrations`."""

type Entropy = Callable[[int], bytes]
"""Gives so many unpredictable bytes."""


class JournalRow(NamedTuple):
    """One verified message on its way into the journal, verbatim, with its place in time."""

    received_ns: int
    device_id: str
    topic: str
    kid: int
    boot: int
    seq: int
    flags: int
    """`TimeFlag` bits."""
    anchor_ns: int | None
    """Hub time of the device's start of boot, as known when the message came."""
    skew_ns: int | None
    """How far the device's clock was ahead."""
    message: bytes


class JournalEntry(NamedTuple):
    """A row with the position that the journal gave it."""

    position: int
    row: JournalRow


CLOSED_COMMANDS: Final = 64
"""Closed commands of a device that are given back after a start."""


class KeptCommand(NamedTuple):
    """One command as the journal keeps it."""

    cid: str
    """ULID: in the order of their making."""
    device_id: str
    is_open: bool
    state: bytes


class Batch(NamedTuple):
    """What one commit makes durable, all or nothing."""

    number: int
    rows: list[JournalRow]
    states: list[tuple[str, bytes]]
    """Device id → its state: window, anchors, positions, reserved down numbers."""
    manifests: list[tuple[str, bytes]]
    """Device id → manifest payload, where it changed."""
    values: list[tuple[str, bytes]] | None
    """Device id → its last values, where they changed since this was last given. When set, even
    empty, the cursor of the reader `last_values` moves to the end of the journal, this batch
    included."""
    commands: Sequence[KeptCommand] = ()
    """Commands that are new or went on."""


class Kept(NamedTuple):
    """Everything that the intake holds of one device."""

    device_id: str
    state: bytes
    manifest: bytes | None
    values: bytes | None
    commands: tuple[KeptCommand, ...] = ()
    """All of its open commands, and the newest that are closed, oldest first."""


class IntakeStore(Protocol):
    """The durable journal with everything that a crash must not tear from it.

    Every method blocks and raises `StoreError`; one thread at a time calls them.
    """

    def load(self) -> list[Kept]:
        """Every device as last committed.

        Values lack what the reader `last_values` has not taken: the journal after its cursor.
        """
        ...

    def commit(self, batch: Batch) -> None:
        """Write the batch in one transaction and make it durable."""
        ...

    def cursor(self, reader: str) -> int:
        """Position of the last row that `reader` has taken; 0 before the first."""
        ...

    def move_cursor(self, reader: str, position: int) -> None:
        """Note durably that `reader` has taken everything up to `position`."""
        ...

    def read_after(self, position: int, limit: int) -> list[JournalEntry]:
        """At most `limit` entries after `position`, in order."""
        ...

    def trim(self, *, before_ns: int, max_bytes: int) -> Trimmed:
        """Drop the oldest rows, in small steps: call again while `more` is true.

        Those received before `before_ns` that every reader has taken go, and whatever does not
        fit `max_bytes`, taken or not. Of closed commands the newest stay.
        """
        ...

    def size_bytes(self) -> int:
        """Bytes in use by the journal on disk."""
        ...

    def extent(self) -> Extent:
        """How far the journal reaches."""
        ...

    def close(self) -> None:
        """Finish; idempotent."""
        ...


class Extent(NamedTuple):
    """How far a journal reaches, and its readers in it."""

    size_bytes: int
    first: int | None
    """Position of the oldest row; None: there is none."""
    first_ns: int | None
    """When that row was received."""
    last: int
    """Position of the newest row that is still there; 0 without any."""
    cursors: dict[str, int]
    """Reader → position of the last row that it has taken."""


class Trimmed(NamedTuple):
    """What a call of `trim` did."""

    rows: int
    lost: dict[str, int]
    """Reader → rows dropped that it had not taken."""
    more: bool
    noisiest: str | None = None
    """When a reader lost rows: the device that most of what was dropped came from, in bytes."""


class Link(Protocol):
    """A connection to a broker, seen from the engine's users."""

    @property
    def is_connected(self) -> bool:
        """Whether a publish would leave now."""
        ...

    async def publish(self, topic: str, message: bytes, qos: int) -> None:
        """Hand a message over; raises OSError when that is impossible right now."""
        ...


type Received = Callable[[str, bytes, bool], None]
"""Called with topic, message and retain flag."""
