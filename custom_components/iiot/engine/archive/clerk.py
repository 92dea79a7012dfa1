"""The clerk: everything that history has to do, a step at a time, in whatever thread calls it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from ..errors import StoreError
from ..history.store import HistoryStore
from ..ports import JournalEntry
from ..values import NS_PER_S
from .archivist import Archivist
from .dossier import Described
from .keeper import Keeper, KeepingOf

ENTRIES: Final = 500
"""Of the journal, in one transaction."""
BATCHES: Final = 20
"""Of one step: then others have their turn."""
FRESH: Final = 5_000
"""Messages that figures are made of in one go."""
FOLD_EVERY_NS: Final = 60 * NS_PER_S
KEEP_EVERY_NS: Final = 3_600 * NS_PER_S


class Journal(Protocol):
    """What is read."""

    def read_after(self, position: int, limit: int) -> list[JournalEntry]:
        """At most `limit` entries after `position`, in order; raises `StoreError`."""
        ...


@dataclass(kw_only=True, slots=True)
class Tally:
    """What was done since the start."""

    position: int = 0
    """Up to which the journal was read."""
    rows: int = 0
    spoiled: int = 0
    """Messages that were set aside, because not all of them could be kept."""


class Clerk:
    """Reads, makes figures, seals and drops. One thread at a time; each step raises `StoreError`."""

    def __init__(
        self, journal: Journal, store: HistoryStore, described: Mapping[str, Described], keeping_of: KeepingOf
    ) -> None:
        self.tally: Final = Tally()
        self._journal: Final = journal
        self._store: Final = store
        self._described: Final = described
        self._keeper: Final = Keeper(store, keeping_of)
        self._archivist: Archivist | None = None
        self._fold_due_ns = 0
        self._keep_due_ns = 0

    def read(self) -> bool:
        """Take in what the journal holds; gives whether there is more."""
        return all(self._read_batch() for _ in range(BATCHES))

    def keep(self, steady_ns: int, wall_ns: int) -> None:
        """Make figures each minute, and once an hour those that people asked for since; drop what they do not want."""
        if steady_ns >= self._fold_due_ns:
            self._fold_due_ns = steady_ns + FOLD_EVERY_NS
            while self._keeper.fold(FRESH):
                pass
            self._store.seal()
        if steady_ns >= self._keep_due_ns:
            self._keep_due_ns = steady_ns + KEEP_EVERY_NS
            for series in self._store.series():
                self._keeper.catch_up(series)
                self._keeper.drop(series, wall_ns)

    def look_over(self) -> None:
        """People changed what they want: it is seen to in the next step."""
        self._keep_due_ns = 0

    def _read_batch(self) -> bool:
        archivist = self._archivist
        if archivist is None:
            archivist = self._archivist = Archivist(self._store.dossiers(), self._described, self._store.times)
            self.tally.position = self._store.position()
        entries = self._journal.read_after(self.tally.position, ENTRIES)
        if not entries:
            return False
        taking = archivist.read(entries)
        try:
            self._store.take(taking)
        except StoreError:
            self._archivist = None  # it counts rows as kept that are not
            raise
        self.tally.position = taking.position
        self.tally.rows += sum(len(rows) for _, rows in taking.rows)
        self.tally.spoiled += len(taking.spoiled)
        return len(entries) == ENTRIES
