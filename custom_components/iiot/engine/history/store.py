"""What history asks of a database: rows go in, with the place in the journal up to which they were read, and out."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from ..ports import JournalRow
from .rollup import Bucket
from .rows import Column, Rows


class Spoiled(NamedTuple):
    """A message of which not everything could be kept as rows, verbatim, with the reason."""

    row: JournalRow
    reason: str


class Taking(NamedTuple):
    """What becomes durable at once, or not at all."""

    position: int
    """Of the last journal row that it holds."""
    rows: Sequence[tuple[str, Rows]]
    """Name under which a device's readings are kept → rows in the order of their time."""
    dossiers: Sequence[tuple[str, bytes]] = ()
    """Device id → what the archive knows of it."""
    manifests: Sequence[tuple[str, bytes]] = ()
    """Device id → its manifest, where it changed; its dossier is among those above."""
    spoiled: Sequence[Spoiled] = ()


class KeptDossier(NamedTuple):
    """What the archive knew of a device when it wrote last."""

    state: bytes
    manifest: bytes | None


class Piece(NamedTuple):
    """A stretch of one channel, in the order of time; stretches may overlap where rows came late."""

    times_ns: list[int]
    column: Column


class Fresh(NamedTuple):
    """Rows that no figure was made of yet."""

    place: int
    """Later than of all that came before."""
    name: str
    rows: Rows


class Figures(NamedTuple):
    """Buckets of one figure of one channel, in the order of time."""

    name: str
    channel: str
    figure: str
    buckets: Sequence[Bucket]


class Series(NamedTuple):
    """One channel of a device."""

    name: str
    channel: str
    figures: frozenset[str]
    """Names of the figures that were made of all its rows."""
    raw_from_ns: int
    """Rows before it may have been dropped."""


class HistoryStore(Protocol):
    """Rows by device and channel, and figures of periods.

    Every method blocks and raises `StoreError`; one thread at a time calls them.
    """

    def position(self) -> int:
        """Give the place in the journal up to which everything is in here; 0 at the beginning."""
        ...

    def dossiers(self) -> dict[str, KeptDossier]:
        """Device id → what was kept of it last."""
        ...

    def take(self, taking: Taking) -> None:
        """Write rows and position in one transaction."""
        ...

    def times(self, name: str, channel: str, first_ns: int, last_ns: int) -> list[int]:
        """Times from `first_ns` to `last_ns`, both included, at which a channel said something; in no order."""
        ...

    def read(self, name: str, channel: str, first_ns: int, last_ns: int) -> Iterator[Piece]:
        """Pieces of a channel that reach into `first_ns` to `last_ns`, by the time they begin."""
        ...

    def rows(self, name: str, channels: Sequence[str], first_ns: int, last_ns: int) -> Iterator[Rows]:
        """Rows of a device that reach into `first_ns` to `last_ns`, with those of the channels that are there."""
        ...

    def series(self) -> list[Series]:
        """Every channel of which there is anything."""
        ...

    def fresh(self, limit: int) -> list[Fresh]:
        """At most so many of the oldest rows that no figure was made of yet, message by message."""
        ...

    def put_figures(self, figures: Sequence[Figures], upto: int | None = None) -> None:
        """Write buckets over those of the same time; `upto`: fresh rows up to this place are fresh no more."""
        ...

    def figures(self, name: str, channel: str, figure: str, first_ns: int, last_ns: int) -> list[Bucket]:
        """Buckets that begin from `first_ns` to `last_ns`, in the order of time."""
        ...

    def extent(self, name: str) -> tuple[int, int] | None:
        """Time of the first and of the last row of a device; None: there is none."""
        ...

    def raw_from(self, name: str, channel: str) -> int:
        """Give the time before which rows of a channel may have been dropped; 0: none was."""
        ...

    def note_figure(self, name: str, channel: str, figure: str) -> None:
        """Note durably that a figure was made of all rows that there are."""
        ...

    def forget_figure(self, name: str, channel: str, figure: str) -> None:
        """Drop all buckets of a figure, and that it was ever made."""
        ...

    def seal(self) -> int:
        """Pack what has waited long enough and has its figures; gives how many rows that were."""
        ...

    def drop_raw(self, name: str, channel: str, before_ns: int) -> None:
        """Drop what a channel said before `before_ns`, chunk by chunk: one that reaches beyond it stays."""
        ...

    def drop_figures(self, name: str, channel: str, figure: str, before_ns: int) -> None:
        """Drop buckets that began before `before_ns`, day by day."""
        ...

    def close(self) -> None:
        """Finish; idempotent."""
        ...
