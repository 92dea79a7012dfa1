"""Which rows of a device are answered: each row's identity is (device, boot, index).

For each boot: rows up to `upto` are answered, rows in `above` came out of order, rows in
`gaps` were given up by the device and are no longer waited for. A row of a gap that comes
after all is taken.
"""

from typing import Any, Final, NamedTuple

from ..values import whole
from .ranges import Ranges

MAX_ABOVE: Final = 1024
"""Separate ranges above `upto`; beyond it a row stays unanswered, and comes again."""
MAX_GAPS: Final = 256
MAX_BOOTS: Final = 32
"""Boots of one device of which rows may be outstanding."""


class Gap(NamedTuple):
    """Rows that will never come."""

    boot: int
    first: int
    last: int


class BootRows:
    """Rows of one boot."""

    __slots__ = ("above", "gaps", "known", "upto")

    def __init__(self) -> None:
        self.upto = 0
        self.known = False
        """Whether the device has said from which row on it keeps this boot."""
        self.above = Ranges()
        self.gaps = Ranges()

    def is_new(self, first: int, last: int) -> bool:
        """Whether any of these rows has not been taken yet."""
        if self.gaps.overlaps(first, last):
            return True
        return last > self.upto and bool(self.above.missing(max(first, self.upto + 1), last))

    def take(self, first: int, last: int) -> bool:
        """Count rows as taken; False when there is no room to remember them."""
        if len(self.above) >= MAX_ABOVE and first > self.upto + 1:
            return False
        if len(self.gaps):
            self._fill(first, last)
        if last <= self.upto:
            return True
        first = max(first, self.upto + 1)
        if first == self.upto + 1 and not len(self.above):
            self.upto = last
            return True
        self.above.add(first, last)
        self._close_up()
        return True

    def begin(self, index: int) -> list[tuple[int, int]]:
        """The device keeps rows from `index` on; give back the rows that are gone for good."""
        self.known = True
        gone = self.above.missing(self.upto + 1, index - 1) if index - 1 > self.upto else []
        self._give_up(gone)
        self.upto = max(self.upto, index - 1)
        self._close_up()
        return gone

    def drop(self, first: int, last: int) -> list[tuple[int, int]]:
        """The device gave these rows up; give back those that never came."""
        first = max(first, self.upto + 1)
        if len(self.above) >= MAX_ABOVE and first > self.upto + 1:
            return []
        gone = self.above.missing(first, last) if first <= last else []
        self._give_up(gone)
        for low, high in gone:
            self.above.add(low, high)
        self._close_up()
        return gone

    def _fill(self, first: int, last: int) -> None:
        """Rows of a gap came after all; when that leaves too many pieces, the oldest is waited for no more."""
        self.gaps.remove(first, last)
        if len(self.gaps) > MAX_GAPS:
            self.gaps.remove(*next(iter(self.gaps)))

    def _give_up(self, gone: list[tuple[int, int]]) -> None:
        for low, high in gone:
            if len(self.gaps) < MAX_GAPS:
                self.gaps.add(low, high)

    def _close_up(self) -> None:
        for low, high in self.above:
            if low > self.upto + 1:
                break
            self.upto = max(self.upto, high)
        self.above.remove(0, self.upto)

    def state(self) -> list[Any]:
        """What has to be durable; the argument of `restored`."""
        return [self.upto, self.known, self.above.state(), self.gaps.state()]

    @classmethod
    def restored(cls, state: list[Any]) -> BootRows:
        """Build what `state` described."""
        found = cls()
        found.upto, found.known = whole(state[0], 0), bool(state[1])
        found.above, found.gaps = Ranges(state[2]), Ranges(state[3])
        return found


class Positions:
    """Row positions of one device, over its boots."""

    __slots__ = ("held", "rows")

    def __init__(self) -> None:
        self.rows: dict[int, BootRows] = {}
        self.held: tuple[int, int] | None = None
        """[boot, index] of the oldest row that the device still keeps, as it said last."""

    def follow(self, boot: int, first: int, last: int) -> bool:
        """Take rows that continue a boot without any hole: the way of nearly every message. False: they do not."""
        rows = self.rows.get(boot)
        if rows is None or first != rows.upto + 1 or len(rows.above) or len(rows.gaps):
            return False
        rows.upto = last
        return True

    def is_new(self, boot: int, first: int, last: int) -> bool:
        """Whether any of these rows has not been taken yet."""
        rows = self.rows.get(boot)
        if rows is None:
            return self.held is None or boot >= self.held[0]
        return rows.is_new(first, last)

    def take(self, boot: int, first: int, last: int) -> bool:
        """Count rows as taken; False when they cannot be remembered and must come again."""
        rows = self.rows.get(boot)
        if rows is None:
            if len(self.rows) >= MAX_BOOTS and boot < min(self.rows):
                return False
            rows = self.rows[boot] = BootRows()
            while len(self.rows) > MAX_BOOTS:
                del self.rows[min(self.rows)]
            if self.held is not None and boot > self.held[0]:
                rows.begin(1)
        return rows.take(first, last)

    def hear(self, held: tuple[int, int], drops: tuple[tuple[int, int, int], ...]) -> list[Gap]:
        """Take what a heartbeat says of kept and dropped rows; give back new gaps.

        What lies below the first word of a device was never this hub's, and is no gap of its own.
        """
        boot, index = held
        gaps: list[Gap] = []
        is_first = self.held is None
        if self.held is not None and held < self.held:
            return []
        for past in [b for b in self.rows if b < boot]:
            rows = self.rows.pop(past)
            end = max((last for _, last in rows.above), default=rows.upto)
            gaps += [Gap(past, *gone) for gone in rows.begin(end + 1)]
        self.held = held
        for present, rows in self.rows.items():
            gaps += [Gap(present, *gone) for gone in rows.begin(index if present == boot else 1)]
        if boot not in self.rows and index > 1:
            rows = self.rows[boot] = BootRows()
            gaps += [Gap(boot, *gone) for gone in rows.begin(index)]
        if is_first:
            gaps.clear()
        for dropped, first, last in drops:
            if dropped in self.rows:
                gaps += [Gap(dropped, *gone) for gone in self.rows[dropped].drop(first, last)]
        return gaps

    def answered(self, present: int) -> tuple[tuple[int, int], list[tuple[int, int]]]:
        """`upto` for the present boot and `more` for the others, as a receipt says them."""
        rows = self.rows.get(present)
        others = [(b, r.upto) for b, r in sorted(self.rows.items()) if b != present and r.upto]
        return (present, rows.upto if rows else 0), others

    def state(self) -> list[Any]:
        """What has to be durable; the argument of `restored`."""
        return [self.held, {str(boot): rows.state() for boot, rows in self.rows.items()}]

    @classmethod
    def restored(cls, state: list[Any]) -> Positions:
        """Build what `state` described."""
        found = cls()
        held, rows = state
        found.held = (whole(held[0]), whole(held[1])) if held else None
        found.rows = {int(boot): BootRows.restored(facts) for boot, facts in rows.items()}
        return found
