"""When rows are sent again, and which (protocol.md, data: never lose a row)."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final

from .profile import Timing
from .row import MESSAGE_BYTES, Row, fit_together, size_of
from .shelf import Kept, Shelf

MAX_FLIGHTS: Final = 8
"""Re-sent messages that may be unanswered at a time."""
MAX_LONE_SENDS: Final = 8
"""A row sent alone so often while receipts came is given up."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Flight:
    """One message of rows sent again, not yet answered."""

    boot: int
    first: int
    last: int
    sent_ms: int


class Resender:
    """Decides which rows leave again. Times are the device's `up` in milliseconds."""

    def __init__(self, timing: Timing, shelf: Shelf, random: Random, *, message_rows: int) -> None:
        self._shelf = shelf
        self._random = random
        self._message_rows = message_rows
        self._after_ms = round(timing.resend_after_s * 1000)
        self._longest_ms = timing.resend_longest_s * 1000
        self._start_ms = timing.resend_start_s * 1000
        self._flights: list[Flight] = []
        self._answered_ms = -1
        self._receipts = 0
        self._from_ms = 0
        """Nothing is sent again before."""
        self._is_probing = False
        self._wait_ms = float(self._after_ms)
        self._next_probe_ms = 0
        self._lone: tuple[int, int] | None = None
        self._lone_sends = 0
        self._receipts_at_lone = 0

    @property
    def in_flight(self) -> int:
        """Re-sent messages that wait for their answer."""
        return len(self._flights)

    @property
    def is_probing(self) -> bool:
        """Whether only the oldest row is tried, since nothing is answered."""
        return self._is_probing

    def next_ms(self) -> int | None:
        """Earliest `up` at which something may be due again; None while nothing is kept."""
        oldest = self._shelf.oldest()
        if oldest is None:
            return None
        if self._flights or self._is_probing or self._lone is not None or oldest.sent_ms is None:
            return self._from_ms
        return max(self._from_ms, oldest.sent_ms + self._after_ms)

    def connected(self, up_ms: int) -> None:
        """A connection stands: re-sending starts a little later, at random."""
        self._from_ms = up_ms + round(self._random.uniform(0, self._start_ms))
        self._flights.clear()
        self._stop_probing()

    def hub_spoke(self) -> None:
        """A receipt or a poll came: the hub is there, so waiting ends."""
        if self._is_probing:
            self._wait_ms = self._after_ms
            oldest = self._shelf.oldest()
            sent_ms = oldest.sent_ms if oldest is not None else None
            self._next_probe_ms = min(self._next_probe_ms, (sent_ms or 0) + self._after_ms)

    def receipt_came(self, up_ms: int, freed: int) -> None:
        """Rows were answered, or not; call after the shelf has freed them."""
        self._receipts += 1
        if freed:
            self._answered_ms = up_ms
            self._flights = [flight for flight in self._flights if self._is_waiting(flight)]
            self._stop_probing()
        self.hub_spoke()

    def take_due(self, up_ms: int) -> list[list[Row]]:
        """Rows that leave now, one list a message; they count as sent. Empty when none is due."""
        if up_ms < self._from_ms or not len(self._shelf):
            return []
        overdue = [flight for flight in self._flights if up_ms - flight.sent_ms >= self._after_ms]
        if overdue and self._answered_ms < min(flight.sent_ms for flight in overdue):
            self._start_probing(up_ms)
        if self._is_probing:
            return self._probe(up_ms)
        self._flights = [flight for flight in self._flights if flight not in overdue]
        return self._fill(up_ms)

    def take_given_up(self, up_ms: int) -> Row | None:
        """The oldest row, when it was sent alone often enough while receipts did not move."""
        oldest = self._shelf.oldest()
        if oldest is None or self._lone != (oldest.row.boot, oldest.row.index):
            return None
        is_unheard = self._receipts == self._receipts_at_lone
        if self._lone_sends < MAX_LONE_SENDS or is_unheard or up_ms < (oldest.sent_ms or 0) + self._after_ms:
            return None
        self._lone = None
        self._lone_sends = 0
        return oldest.row

    def _start_probing(self, up_ms: int) -> None:
        if not self._is_probing:
            self._is_probing = True
            self._wait_ms = self._after_ms
            self._next_probe_ms = up_ms
        self._flights.clear()

    def _stop_probing(self) -> None:
        self._is_probing = False
        self._wait_ms = self._after_ms
        self._next_probe_ms = 0

    def _probe(self, up_ms: int) -> list[list[Row]]:
        oldest = self._shelf.oldest()
        if oldest is None or up_ms < self._next_probe_ms:
            return []
        identity = (oldest.row.boot, oldest.row.index)
        if self._lone != identity:
            self._lone, self._lone_sends = identity, 1
        elif self._receipts != self._receipts_at_lone:
            self._lone_sends += 1
        self._receipts_at_lone = self._receipts
        oldest.sent_ms = up_ms
        self._next_probe_ms = up_ms + round(self._wait_ms * self._random.uniform(0.8, 1.2))
        self._wait_ms = min(self._longest_ms, 2 * self._wait_ms)
        return [[oldest.row]]

    def _fill(self, up_ms: int) -> list[list[Row]]:
        room = MAX_FLIGHTS - len(self._flights)
        messages: list[list[Row]] = []
        size = 0
        for kept in self._shelf:
            if not self._is_due(kept, up_ms):
                continue
            row, row_size = kept.row, size_of(kept.row)
            if messages and self._follows(messages[-1], row) and size + row_size <= MESSAGE_BYTES:
                messages[-1].append(row)
                size += row_size
            elif len(messages) < room:
                messages.append([row])
                size = row_size
            else:
                break
            kept.sent_ms = up_ms
        for rows in messages:
            self._flights.append(
                Flight(boot=rows[0].boot, first=rows[0].index, last=rows[-1].index, sent_ms=up_ms),
            )
        return messages

    def _follows(self, rows: list[Row], row: Row) -> bool:
        return len(rows) < self._message_rows and fit_together(rows, row)

    def _is_due(self, kept: Kept, up_ms: int) -> bool:
        if kept.is_pending:
            return False
        return kept.sent_ms is None or up_ms - kept.sent_ms >= self._after_ms

    def _is_waiting(self, flight: Flight) -> bool:
        return any((flight.boot, index) in self._shelf for index in range(flight.first, flight.last + 1))
