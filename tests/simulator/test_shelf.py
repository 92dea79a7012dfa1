"""The shelf keeps rows in order and names what it gave up."""

from iiot_sim.row import Reading, Row
from iiot_sim.shelf import MAX_DROPS, Shelf


def a_row(index: int, boot: int = 1) -> Row:
    return Row(boot=boot, index=index, s=0, ns=0, reading=Reading())


def a_shelf(count: int) -> Shelf:
    shelf = Shelf(1, [], limit=1000)
    for index in range(1, count + 1):
        shelf.keep(a_row(index))
    return shelf


def test_rows_that_follow_each_other_are_given_up_as_one_range() -> None:
    shelf = a_shelf(5)
    for index in (1, 2, 4):
        shelf.give_up(a_row(index))
    assert shelf.drops == [(1, 1, 2), (1, 4, 4)]
    assert shelf.held == (1, 3)
    shelf.answer(1, 2)
    assert shelf.drops == [(1, 4, 4)]


def test_no_more_ranges_are_named_than_fit_a_heartbeat() -> None:
    shelf = a_shelf(400)
    for index in range(1, 400, 2):
        shelf.give_up(a_row(index))
    assert len(shelf.drops) == MAX_DROPS
    assert shelf.drops[-1] == (1, 399, 399)


def test_rows_of_an_earlier_boot_come_first() -> None:
    shelf = Shelf(3, [a_row(7, boot=2), a_row(6, boot=2)], limit=2)
    assert shelf.held == (2, 6)
    assert [row.index for row in shelf.keep(a_row(1, boot=3))] == [6]
    assert shelf.overflowed == 1
    assert shelf.answer(3, 1) == [a_row(1, boot=3)]
    assert shelf.answer(2, 7) == [a_row(7, boot=2)]
    assert shelf.held == (3, 2)
    assert shelf.oldest() is None
