"""Rows that nobody has signed for yet, oldest first, within bounds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from .row import Row

MAX_DROPS: Final = 64


@dataclass(kw_only=True, slots=True)
class Kept:
    """A row on the shelf."""

    row: Row
    sent_ms: int | None = None
    """`up` when it was last sent over the present connection; None: not yet."""
    is_pending: bool = False
    """It waits for its batch and has never been due."""


class Shelf:
    """Keeps rows from `keep` until `answer`; beyond `limit` the oldest goes."""

    def __init__(self, boot: int, rows: list[Row], *, limit: int) -> None:
        self.boot = boot
        self.next_index = 1
        """Index that the next row of this boot takes."""
        self.drops: list[tuple[int, int, int]] = []
        """Rows given up: boot, from, to; until a receipt has passed them."""
        self.overflowed = 0
        self._limit = limit
        self._kept = {(row.boot, row.index): Kept(row=row) for row in sorted(rows, key=lambda r: (r.boot, r.index))}

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[Kept]:
        """Oldest first."""
        return iter(self._kept.values())

    def __contains__(self, identity: tuple[int, int]) -> bool:
        return identity in self._kept

    @property
    def held(self) -> tuple[int, int]:
        """Boot and index of the oldest row still kept; when nothing is kept, of the next one."""
        return next(iter(self._kept), (self.boot, self.next_index))

    def oldest(self) -> Kept | None:
        """The row that has waited longest."""
        return next(iter(self._kept.values()), None)

    def keep(self, row: Row) -> list[Row]:
        """Take a row in; give back the rows that had to go for it."""
        self.next_index = row.index + 1
        self._kept[row.boot, row.index] = Kept(row=row)
        gone = []
        while len(self._kept) > self._limit:
            gone.append(self._kept.pop(next(iter(self._kept))).row)
            self.overflowed += 1
        return gone

    def kept(self, row: Row) -> Kept | None:
        """The place of a row, while it is kept."""
        return self._kept.get((row.boot, row.index))

    def answer(self, boot: int, index: int) -> list[Row]:
        """Free every row of `boot` up to `index`; give back what was freed."""
        freed = []
        for identity in self._kept:
            if identity[0] == boot and identity[1] <= index:
                freed.append(identity)
            elif identity > (boot, index):
                break
        self.drops = [drop for drop in self.drops if drop[0] != boot or drop[2] > index]
        return [self._kept.pop(identity).row for identity in freed]

    def give_up(self, row: Row) -> None:
        """Name a row as one that will never come."""
        del self._kept[row.boot, row.index]
        boot, first, last = self.drops[-1] if self.drops else (0, 0, 0)
        if self.drops and boot == row.boot and last + 1 == row.index:
            self.drops[-1] = (boot, first, row.index)
        else:
            self.drops = [*self.drops, (row.boot, row.index, row.index)][-MAX_DROPS:]

    def forget_sendings(self) -> None:
        """The connection ended: what was sent over it may be sent again."""
        for kept in self._kept.values():
            kept.sent_ms = None
