"""Interlocks: what stands in the way of a movement, whoever asks for it."""

import pytest

from iiot_engine.actuation.interlocks import Bar, Condition, Guard, Interlock, InterlockError
from iiot_engine.values import NS_PER_S, Now, Scalar


def at(seconds: float) -> Now:
    return Now(wall_ns=0, steady_ns=round(seconds * NS_PER_S))


def bar_of(
    guard: Guard, value: Scalar, seconds: float = 0, *, reported: Scalar | None = None, entity_state: str | None = None
) -> Bar | None:
    """What stands in the way; None: it moves."""
    try:
        guard.check(value, reported=reported, entity_state=entity_state, now=at(seconds))
    except InterlockError as err:
        return err.bar
    guard.moved(value, at(seconds))
    return None


def test_without_interlocks_everything_moves() -> None:
    guard = Guard(Interlock())
    assert [bar_of(guard, value) for value in (True, 1, "open")] == [None, None, None]


def test_read_only_moves_never() -> None:
    assert bar_of(Guard(Interlock(read_only=True)), True) is Bar.READ_ONLY


@pytest.mark.parametrize(
    ("value", "expected"), [(9.9, Bar.BELOW), (10, None), (20, None), (20.1, Bar.ABOVE), ("x", Bar.NOT_A_NUMBER)]
)
def test_a_value_stays_within_its_range(value: Scalar, expected: Bar | None) -> None:
    assert bar_of(Guard(Interlock(minimum=10, maximum=20)), value) is expected


def test_a_truth_value_is_no_number() -> None:
    assert bar_of(Guard(Interlock(minimum=0)), True) is Bar.NOT_A_NUMBER


def test_a_value_changes_no_faster_than_its_slew() -> None:
    guard = Guard(Interlock(slew_per_s=2))
    assert bar_of(guard, 10, 0) is None
    assert bar_of(guard, 20, 1) is Bar.TOO_FAST
    assert bar_of(guard, 12, 1) is None
    assert bar_of(guard, 20, 5) is None


def test_slew_is_judged_from_what_the_device_reports() -> None:
    guard = Guard(Interlock(slew_per_s=2))
    assert bar_of(guard, 10, 0) is None
    assert bar_of(guard, 14, 2, reported=4) is Bar.TOO_FAST
    assert bar_of(guard, 14, 2, reported=11) is None
    assert bar_of(guard, 99, 3, reported="closed") is None, "nothing to compare with"


def test_the_first_movement_after_a_start_is_judged_by_what_the_device_reports() -> None:
    assert bar_of(Guard(Interlock(slew_per_s=2)), 14, 0, reported=11) is Bar.TOO_FAST
    assert bar_of(Guard(Interlock(slew_per_s=2)), 13, 0, reported=11) is None


def test_what_started_runs_a_while_and_what_stopped_rests() -> None:
    guard = Guard(Interlock(minimum_on_s=30, minimum_off_s=60))
    assert bar_of(guard, True, 0) is None
    assert bar_of(guard, True, 1) is None, "on stays on"
    assert bar_of(guard, False, 29) is Bar.TOO_SOON_OFF
    assert bar_of(guard, False, 30) is None
    assert bar_of(guard, True, 89) is Bar.TOO_SOON_ON
    assert bar_of(guard, True, 90) is None


def test_it_moves_only_while_its_condition_holds() -> None:
    guard = Guard(Interlock(condition=Condition(entity_id="binary_sensor.door", state="off")))
    assert bar_of(guard, True, entity_state="off") is None
    assert bar_of(guard, True, entity_state="on") is Bar.CONDITION
    assert bar_of(guard, True, entity_state=None) is Bar.CONDITION_UNAVAILABLE


def confirmed(guard: Guard, value: Scalar, user: str | None, seconds: float) -> bool:
    try:
        guard.confirm(value, user, at(seconds))
    except InterlockError as err:
        return err.bar is not Bar.SECOND_PERSON
    return True


def test_a_second_person_has_to_want_the_same_in_time() -> None:
    guard = Guard(Interlock(confirm_within_s=10))
    assert not confirmed(guard, True, "anna", 0)
    assert not confirmed(guard, True, "anna", 1), "the same person"
    assert confirmed(guard, True, "bert", 2)
    assert not confirmed(guard, True, "bert", 3), "each movement needs two"
    assert not confirmed(guard, False, "anna", 4), "another value"
    assert not confirmed(guard, False, "bert", 15), "too late"
    assert confirmed(guard, False, "anna", 16)


def test_an_automation_is_nobody_who_confirms() -> None:
    guard = Guard(Interlock(confirm_within_s=10))
    assert not confirmed(guard, True, "anna", 0)
    assert not confirmed(guard, True, None, 1)
    assert not confirmed(guard, True, "bert", 2), "an automation in between ends the wish"


def test_without_the_interlock_nobody_has_to_confirm() -> None:
    assert confirmed(Guard(Interlock()), True, None, 0)
