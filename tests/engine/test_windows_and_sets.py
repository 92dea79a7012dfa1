"""The replay window, the ranges and the row positions, each against a plain set."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iiot_engine.errors import Code, Refusal
from iiot_engine.intake import positions
from iiot_engine.intake.positions import BootRows, Gap, Positions
from iiot_engine.intake.ranges import Ranges
from iiot_engine.wire.replay import WIDTH, ReplayWindow


class PlainWindow:
    """What the window promises, in the plainest way."""

    def __init__(self) -> None:
        self.boot = 0
        self.seen: set[int] = set()

    def judge(self, boot: int, seq: int) -> Code | None:
        if boot < self.boot:
            return Code.REPLAYED
        if boot > self.boot:
            self.boot, self.seen = boot, set()
        high = max(self.seen, default=0)
        if high - seq > WIDTH:
            return Code.REPLAYED
        if seq in self.seen:
            return Code.DUPLICATE
        self.seen.add(seq)
        return None


def judge(window: ReplayWindow, boot: int, seq: int) -> Code | None:
    try:
        window.check(boot, seq)
    except Refusal as refusal:
        return refusal.code
    window.move(boot, seq)
    return None


SEQS = st.integers(1, 40) | st.integers(1, 2_100) | st.sampled_from([1024, 1025, 1026, 2**32 - 1])
ARRIVALS = st.lists(st.tuples(st.integers(0, 3) | st.just(2**32 - 1), SEQS), max_size=60)


@given(ARRIVALS, st.integers(0, 60))
def test_the_window_accepts_each_message_once_also_across_restarts(arrivals: list[tuple[int, int]], at: int) -> None:
    window, plain = ReplayWindow(), PlainWindow()
    for count, (boot, seq) in enumerate(arrivals):
        if count == at:
            window = ReplayWindow.restored(window.state())
        assert judge(window, boot, seq) == plain.judge(boot, seq)
        assert window.seen < 1 << WIDTH + 1, "bounded"


def test_a_message_1024_behind_is_taken_and_one_more_is_not() -> None:
    window = ReplayWindow()
    assert judge(window, 1, 2_000) is None
    assert judge(window, 1, 2_000 - 1024) is None
    assert judge(window, 1, 2_000 - 1024) is Code.DUPLICATE
    assert judge(window, 1, 2_000 - 1025) is Code.REPLAYED


def test_checking_moves_nothing() -> None:
    window = ReplayWindow()
    before = window.state()
    window.check(5, 5)
    assert window.state() == before


# --- ranges ----------------------------------------------------------------------------------

NUMBERS = st.integers(0, 30)
CHANGES = st.lists(st.tuples(st.booleans(), NUMBERS, NUMBERS), max_size=25)


def ranges_of(numbers: set[int]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if found and found[-1][1] == number - 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


@given(CHANGES, NUMBERS, NUMBERS)
def test_ranges_are_a_set(changes: list[tuple[bool, int, int]], one: int, other: int) -> None:
    ranges, plain = Ranges(), set[int]()
    for is_added, left, right in changes:
        first, last = sorted((left, right))
        (ranges.add if is_added else ranges.remove)(first, last)
        plain = plain | set(range(first, last + 1)) if is_added else plain - set(range(first, last + 1))
        assert list(ranges) == ranges_of(plain)
        assert len(ranges) == len(ranges_of(plain))
    first, last = sorted((one, other))
    asked = set(range(first, last + 1))
    assert ranges.overlaps(first, last) is bool(asked & plain)
    assert ranges.missing(first, last) == ranges_of(asked - plain)
    assert (one in ranges) is (one in plain)
    assert list(Ranges(ranges.state())) == list(ranges)


# --- rows of one boot ------------------------------------------------------------------------


class PlainRows:
    """Rows that came, were given up, or lie below what the device keeps."""

    def __init__(self) -> None:
        self.came: set[int] = set()
        self.gone: set[int] = set()

    @property
    def upto(self) -> int:
        done = self.came | self.gone
        return next(index for index in range(1_000) if index + 1 not in done)

    def take(self, first: int, last: int) -> bool:
        rows = set(range(first, last + 1))
        is_new = bool(rows - self.came)
        self.came |= rows
        self.gone -= rows
        return is_new

    def give_up(self, first: int, last: int) -> list[tuple[int, int]]:
        rows = set(range(first, last + 1)) - self.came - self.gone
        self.gone |= rows
        return ranges_of(rows)


STEPS = st.lists(st.tuples(st.sampled_from(["take", "take", "drop", "held", "restart"]), NUMBERS, NUMBERS), max_size=30)


@given(STEPS)
def test_positions_are_a_set(steps: list[tuple[str, int, int]]) -> None:
    rows, plain = BootRows(), PlainRows()
    for what, left, right in steps:
        first, last = sorted((left + 1, right + 1))
        match what:
            case "take":
                assert rows.is_new(first, last) == bool(set(range(first, last + 1)) - plain.came)
                plain.take(first, last)
                assert rows.take(first, last)
            case "drop":
                assert rows.drop(first, last) == plain.give_up(first, last)
            case "held":
                assert rows.begin(first) == plain.give_up(1, first - 1)
            case _:
                rows = BootRows.restored(rows.state())
        assert rows.upto == plain.upto
        assert list(rows.gaps) == ranges_of(plain.gone)


# --- rows over the boots ---------------------------------------------------------------------


def test_nothing_is_answered_before_the_device_has_said_where_it_begins() -> None:
    rows = Positions()
    assert rows.take(3, 5, 7)
    assert rows.answered(3) == ((3, 0), [])
    assert rows.hear((3, 5), ()) == [], "what it had before it met this hub is no loss"
    assert rows.answered(3) == ((3, 7), [])
    assert rows.hear((3, 10), ()) == [Gap(3, 8, 9)]


def test_rows_that_a_device_dropped_before_any_of_their_boot_came_are_a_gap() -> None:
    rows = Positions()
    rows.hear((1, 1), ())
    assert rows.hear((2, 4), ()) == [Gap(2, 1, 3)]
    assert rows.answered(2) == ((2, 3), [])


def test_a_receipt_speaks_of_each_boot_by_itself() -> None:
    rows = Positions()
    rows.hear((1, 10), ())
    rows.take(1, 10, 12)
    rows.take(3, 1, 2)
    rows.take(2, 2, 2)
    assert rows.answered(3) == ((3, 2), [(1, 12)])
    rows.take(2, 1, 1)
    assert rows.answered(3) == ((3, 2), [(1, 12), (2, 2)])
    assert rows.answered(4) == ((4, 0), [(1, 12), (2, 2), (3, 2)])


def test_what_never_came_of_an_earlier_boot_is_a_gap_when_the_device_has_moved_on() -> None:
    rows = Positions()
    rows.hear((1, 1), ())
    rows.take(1, 1, 1)
    rows.take(1, 4, 5)
    assert rows.hear((2, 1), ()) == [Gap(1, 2, 3)]
    assert rows.answered(2) == ((2, 0), [])
    assert not rows.is_new(1, 2, 3), "the device keeps nothing of that boot any more"


def test_a_hole_that_is_named_is_waited_for_no_more() -> None:
    rows = Positions()
    rows.hear((1, 1), ())
    rows.take(1, 5, 6)
    assert rows.hear((1, 1), ((1, 2, 4), (7, 1, 9))) == [Gap(1, 2, 4)]
    assert rows.hear((1, 1), ((1, 2, 4),)) == [], "repeated until passed"
    rows.take(1, 1, 1)
    assert rows.answered(1) == ((1, 6), [])


def test_a_row_of_a_gap_that_comes_after_all_is_taken() -> None:
    rows = Positions()
    rows.hear((1, 1), ())
    rows.hear((1, 4), ())
    assert rows.is_new(1, 2, 2)
    assert rows.take(1, 2, 2)
    assert not rows.is_new(1, 2, 2)
    assert rows.is_new(1, 2, 3)


def test_an_older_heartbeat_takes_nothing_back() -> None:
    rows = Positions()
    rows.hear((2, 9), ())
    assert rows.hear((2, 3), ()) == []
    assert rows.hear((1, 99), ()) == []
    assert rows.held == (2, 9)
    assert rows.answered(2) == ((2, 8), [])


def test_a_boot_after_the_one_that_is_kept_begins_at_its_first_row() -> None:
    rows = Positions()
    rows.hear((1, 1), ())
    rows.take(2, 1, 3)
    assert rows.answered(2) == ((2, 3), [])


def test_positions_survive_a_restart() -> None:
    rows = Positions()
    assert Positions.restored(rows.state()).state() == rows.state()
    rows.hear((1, 4), ((1, 6, 7),))
    rows.take(1, 9, 9)
    rows.take(2, 1, 1)
    again = Positions.restored(rows.state())
    assert again.state() == rows.state()
    assert again.held == (1, 4)
    assert again.answered(2) == rows.answered(2)


# --- bounds: one device with a key cannot fill the hub ---------------------------------------


def pieces(rows: Positions) -> int:
    return sum(len(boot.above) + len(boot.gaps) for boot in rows.rows.values())


def test_rows_out_of_order_take_bounded_room_and_stay_unanswered_beyond_it() -> None:
    rows = Positions()
    rows.hear((1, 1), ())
    taken = [rows.take(1, index, index) for index in range(3, 5_000, 2)]
    assert sum(taken) == positions.MAX_ABOVE
    assert not rows.take(1, 4_999, 4_999)
    assert rows.take(1, 1, 2), "the row that is waited for is always taken"
    assert rows.answered(1)[0] == (1, 3)


def test_holes_that_a_device_names_take_bounded_room() -> None:
    rows = Positions()
    rows.hear((1, 1), ())
    rows.take(1, 3, 3)
    for start in range(10, 200_000, 200):
        rows.hear((1, 1), tuple((1, start + 2 * at, start + 2 * at) for at in range(64)))
    assert pieces(rows) <= positions.MAX_ABOVE + positions.MAX_GAPS + 1
    assert rows.hear((1, 1), ((1, 1, 2),)) == [Gap(1, 1, 2)], "the hole that blocks is always closed"
    assert rows.answered(1)[0] == (1, 3)


def test_a_gap_filled_in_pieces_takes_bounded_room() -> None:
    rows = Positions()
    rows.hear((1, 4_000_000), ())
    for index in range(2, 4_000, 2):
        assert rows.take(1, index, index)
    assert pieces(rows) <= positions.MAX_GAPS + 1


@pytest.mark.parametrize("held_boot", [0, 1])
def test_endless_boots_take_bounded_room(held_boot: int) -> None:
    rows = Positions()
    rows.hear((held_boot, 1), ())
    for boot in range(1, 200):
        assert rows.take(boot, 1, 1)
    assert len(rows.rows) == positions.MAX_BOOTS
    assert rows.is_new(1, 2, 2), "a row of a boot that was forgotten is not answered"
    assert not rows.take(1, 2, 2), "and not taken either: the device sends it again, or gives it up"


def test_the_room_for_rows_is_judged_before_anything_changes() -> None:
    rows = BootRows()
    rows.begin(1)
    for index in range(3, 3 + 2 * positions.MAX_ABOVE, 2):
        rows.take(index, index)
    before: Any = rows.state()
    assert not rows.take(9_000, 9_001)
    assert rows.state() == before
