"""Interlocks: what stands in the way of a movement, whoever asks for it."""

from typing import Any

import pytest

from iiot_engine.actuation.interlocks import (
    FITS,
    Asked,
    Bar,
    Condition,
    Guard,
    Interlock,
    InterlockError,
    Seen,
    misfit,
)
from iiot_engine.devices.manifest import Actuator
from iiot_engine.values import NS_PER_S, Now, Scalar

START_NS = 1_000 * NS_PER_S


def at(seconds: float, *, clock_ahead_s: float = 0) -> Now:
    steady_ns = round(seconds * NS_PER_S)
    return Now(wall_ns=START_NS + steady_ns + round(clock_ahead_s * NS_PER_S), steady_ns=steady_ns)


class Motor:
    """One actuator, with what it did so far."""

    def __init__(self, **lock: Any) -> None:
        self.lock = Interlock(**lock)
        self.guard = Guard()

    def bar(self, value: Scalar | None, seconds: float = 0, **seen: Any) -> Bar | None:
        """What stands in the way; None: it moves."""
        try:
            self.guard.check(self.lock, value, Seen(**seen), at(seconds))
        except InterlockError as err:
            return err.bar
        if value is not None:
            self.guard.moved(value, at(seconds))
        return None

    def is_confirmed(self, value: Scalar | None, user: str | None, seconds: float) -> bool:
        try:
            self.guard.confirm(self.lock, value, user, at(seconds))
        except InterlockError as err:
            return err.bar not in (Bar.PERSONS_ONLY, Bar.SECOND_PERSON)
        return True

    def restart(self, seconds: float, *, clock_ahead_s: float = 0) -> None:
        """The hub dies and comes back; its steady clock begins anew."""
        state = self.guard.state()
        self.guard = Guard()
        if state is not None:
            self.guard.restore(state)
        self.guard.resume(at(seconds, clock_ahead_s=clock_ahead_s))


def test_without_interlocks_everything_moves() -> None:
    motor = Motor()
    assert [motor.bar(value) for value in (True, 1, "open", None)] == [None] * 4


@pytest.mark.parametrize("value", [True, None])
def test_read_only_moves_never(value: Scalar | None) -> None:
    assert Motor(read_only=True).bar(value) is Bar.READ_ONLY


@pytest.mark.parametrize(
    ("value", "expected"), [(9.9, Bar.BELOW), (10, None), (20, None), (20.1, Bar.ABOVE), ("x", Bar.NOT_A_NUMBER)]
)
def test_a_value_stays_within_its_range(value: Scalar, expected: Bar | None) -> None:
    assert Motor(minimum=10, maximum=20).bar(value) is expected


@pytest.mark.parametrize(("bounds", "expected"), [({"minimum": 0}, Bar.BELOW), ({"maximum": -9}, Bar.ABOVE)])
def test_a_range_may_be_open_at_one_end(bounds: dict[str, float], expected: Bar) -> None:
    assert Motor(**bounds).bar(-5) is expected


def test_a_truth_value_is_no_number() -> None:
    assert Motor(minimum=0).bar(True) is Bar.NOT_A_NUMBER


def test_a_value_changes_no_faster_than_its_slew() -> None:
    motor = Motor(slew_per_s=2)
    assert motor.bar(10, 0) is None
    assert motor.bar(20, 1) is Bar.TOO_FAST
    assert motor.bar(12, 1) is None
    assert motor.bar(13, 1.2) is Bar.TOO_FAST, "many small steps are a large one"
    assert motor.bar(20, 5) is None


def test_slew_is_judged_from_what_the_device_reports() -> None:
    motor = Motor(slew_per_s=2)
    assert motor.bar(10, 0) is None
    assert motor.bar(14, 2, reported=4) is Bar.TOO_FAST
    assert motor.bar(14, 2, reported=11) is None
    assert motor.bar(99, 3, reported="closed") is None, "nothing to compare with"


def test_slew_counts_what_is_on_its_way() -> None:
    motor = Motor(slew_per_s=2)
    on_its_way = (Asked(5, START_NS), Asked(10, START_NS + NS_PER_S))
    assert motor.bar(13, 2, reported=0, on_its_way=on_its_way) is Bar.TOO_FAST
    assert motor.bar(12, 2, reported=0, on_its_way=on_its_way) is None


def test_the_first_movement_after_a_start_is_judged_by_what_the_device_reports() -> None:
    assert Motor(slew_per_s=2).bar(14, 0, reported=11) is Bar.TOO_FAST
    assert Motor(slew_per_s=2).bar(13, 0, reported=11) is None
    assert Motor(slew_per_s=2).bar(13, 0) is None, "nothing is known"


def test_what_started_runs_a_while_and_what_stopped_rests() -> None:
    motor = Motor(minimum_on_s=30, minimum_off_s=60)
    assert motor.bar(True, 0) is None
    assert motor.bar(True, 1) is None, "on stays on"
    assert motor.bar(False, 29) is Bar.TOO_SOON_OFF
    assert motor.bar(False, 30) is None
    assert motor.bar(True, 89) is Bar.TOO_SOON_ON
    assert motor.bar(True, 90) is None


def test_a_number_is_off_where_the_actuator_is_shut() -> None:
    flap = Motor(minimum_on_s=30)
    assert flap.bar(40, 0, off_at=10) is None
    assert flap.bar(50, 1, off_at=10) is None, "further open"
    assert flap.bar(10, 2, off_at=10) is Bar.TOO_SOON_OFF


def test_a_text_is_neither_on_nor_off() -> None:
    program = Motor(minimum_on_s=30)
    assert [program.bar(word) for word in ("run", "idle", "run")] == [None] * 3


def test_what_is_on_its_way_counts_as_moved_just_now() -> None:
    motor = Motor(minimum_on_s=30, minimum_off_s=60)
    assert motor.bar(False, 100, on_its_way=(Asked(True, START_NS),)) is Bar.TOO_SOON_OFF
    assert motor.bar(True, 0) is None
    assert motor.bar(False, 100, on_its_way=(Asked(True, START_NS),)) is None, "it was on all the time"
    assert motor.bar(True, 100, on_its_way=(Asked(True, START_NS), Asked(False, START_NS))) is Bar.TOO_SOON_ON


def test_somebody_at_the_machine_moves_it_as_well() -> None:
    motor = Motor(minimum_on_s=30)
    motor.guard.reported(False, 0.0, at(0))
    assert motor.bar(False, 1) is None
    motor.guard.reported(True, 0.0, at(10))
    motor.guard.reported(True, 0.0, at(35))
    assert motor.bar(False, 39) is Bar.TOO_SOON_OFF
    assert motor.bar(False, 40) is None


def test_a_rest_holds_over_a_restart() -> None:
    motor = Motor(minimum_off_s=60)
    motor.bar(False, 0)
    motor.restart(20)
    assert motor.bar(True, 59) is Bar.TOO_SOON_ON
    assert motor.bar(True, 60) is None


def test_what_was_never_moved_has_nothing_to_remember() -> None:
    motor = Motor(minimum_off_s=60)
    motor.restart(20)
    assert motor.guard.state() is None
    assert motor.bar(True, 21) is None


def test_a_clock_that_was_set_back_over_a_restart_makes_nobody_wait_for_days() -> None:
    motor = Motor(minimum_off_s=60)
    motor.bar(False, 0)
    motor.restart(20, clock_ahead_s=-86_400)
    assert motor.bar(True, 79) is Bar.TOO_SOON_ON
    assert motor.bar(True, 80) is None


@pytest.mark.parametrize("state", [[None, 1], [[], 1], [True, -1], [True, "1"], [True], 7])
def test_what_makes_no_sense_is_not_taken_up(state: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        Guard().restore(state)


def test_it_moves_only_while_its_condition_holds() -> None:
    motor = Motor(condition=Condition(entity_id="binary_sensor.door", state="off"))
    assert motor.bar(True, entity_state="off") is None
    assert motor.bar(True, entity_state="on") is Bar.CONDITION
    assert motor.bar(True, entity_state=None) is Bar.CONDITION_UNAVAILABLE
    assert motor.bar(None, entity_state="on") is Bar.CONDITION, "a button, too"


def test_a_second_person_has_to_want_the_same_in_time() -> None:
    motor = Motor(confirm_within_s=10)
    assert not motor.is_confirmed(True, "anna", 0)
    assert not motor.is_confirmed(True, "anna", 1), "the same person"
    assert motor.is_confirmed(True, "bert", 2)
    assert not motor.is_confirmed(True, "bert", 3), "each movement needs two"
    assert not motor.is_confirmed(False, "anna", 4), "another value"
    assert not motor.is_confirmed(False, "bert", 15), "too late"
    assert motor.is_confirmed(False, "anna", 16)
    assert not motor.is_confirmed(None, "anna", 17)
    assert motor.is_confirmed(None, "bert", 18), "a button"


def test_an_automation_is_nobody_who_asks_or_confirms() -> None:
    motor = Motor(confirm_within_s=10)
    assert not motor.is_confirmed(True, None, 0)
    assert not motor.is_confirmed(True, "anna", 0)
    assert not motor.is_confirmed(True, None, 1)
    assert motor.is_confirmed(True, "bert", 2), "and it is in nobody's way"


def test_without_the_interlock_nobody_has_to_confirm() -> None:
    assert Motor().is_confirmed(True, None, 0)


def test_bounds_do_not_cross() -> None:
    assert Interlock(minimum=2, maximum=1).flaw() == ("minimum", "must be at most the maximum, 1")
    assert Interlock(minimum=1, maximum=1).flaw() is None


def test_a_value_that_may_change_may_change_a_little() -> None:
    assert Interlock(slew_per_s=0).flaw() == ("slew_per_s", "must be greater than 0: nothing could ever change")


@pytest.mark.parametrize(
    ("lock", "kind", "field"),
    [
        (Interlock(minimum_on_s=5), "switch", None),
        (Interlock(minimum=5), "switch", "minimum"),
        (Interlock(minimum_off_s=5), "select", "minimum_off_s"),
        (Interlock(slew_per_s=5), "button", "slew_per_s"),
        (Interlock(minimum=5, maximum=90), "number", None),
        (Interlock(minimum=101), "number", "minimum"),
        (Interlock(maximum=-1), "valve", "maximum"),
        (Interlock(read_only=True, confirm_within_s=5), "text", None),
    ],
)
def test_an_interlock_has_to_fit_its_actuator(lock: Interlock, kind: str, field: str | None) -> None:
    flaw = misfit(lock, Actuator(key="one", name="One", kind=kind, minimum=0, maximum=100))
    assert (None if flaw is None else flaw[0]) == field


def test_every_field_fits_something() -> None:
    assert set.union(*map(set, FITS.values())) == set(Interlock.__dataclass_fields__)
