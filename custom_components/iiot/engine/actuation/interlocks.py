"""What must hold before an actuator may be moved, for every caller alike."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final

from ..errors import Fact, RequestError
from ..records import Bounds
from ..values import NS_PER_S, Now, Scalar

MAX_REST_S: Final = 86_400.0
MAX_CONFIRM_S: Final = 3_600.0


class Bar(StrEnum):
    """Why an actuator may not be moved now; the translation key of the refusal."""

    READ_ONLY = "interlock_read_only"
    NOT_A_NUMBER = "interlock_not_a_number"
    BELOW = "interlock_below"
    ABOVE = "interlock_above"
    TOO_FAST = "interlock_too_fast"
    TOO_SOON_ON = "interlock_too_soon_on"
    """It has to stay off a while longer."""
    TOO_SOON_OFF = "interlock_too_soon_off"
    """It has to stay on a while longer."""
    CONDITION = "interlock_condition"
    CONDITION_UNAVAILABLE = "interlock_condition_unavailable"
    SECOND_PERSON = "interlock_second_person"


class InterlockError(RequestError):
    """An interlock stands in the way."""

    def __init__(self, bar: Bar, **facts: Fact) -> None:
        super().__init__(**facts)
        self.bar: Final = bar


@dataclass(frozen=True, kw_only=True, slots=True)
class Condition:
    """Only while an entity of Home Assistant is in a state."""

    entity_id: str
    state: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Interlock:
    """The interlocks of one actuator. None: there is none of the kind."""

    read_only: bool = False
    minimum: float | None = None
    maximum: float | None = None
    slew_per_s: Annotated[float | None, Bounds(low=0)] = None
    """Largest change of the value in a second."""
    minimum_on_s: Annotated[float, Bounds(0, MAX_REST_S)] = 0.0
    minimum_off_s: Annotated[float, Bounds(0, MAX_REST_S)] = 0.0
    condition: Condition | None = None
    confirm_within_s: Annotated[float, Bounds(0, MAX_CONFIRM_S)] = 0.0
    """A second person has to ask for the same within this time; 0: nobody."""


@dataclass(kw_only=True, slots=True)
class Moved:
    """What an actuator was last told, as far as it was not refused."""

    value: Scalar
    at_ns: int
    """Steady."""


class Guard:
    """Judges wishes for one actuator."""

    __slots__ = ("_moved", "_wished", "interlock")

    def __init__(self, interlock: Interlock) -> None:
        self.interlock = interlock
        self._moved: Moved | None = None
        self._wished: tuple[Scalar, str, int] | None = None
        """Value, person and steady time of a wish that waits for its second person."""

    def check(self, value: Scalar, *, reported: Scalar | None, entity_state: str | None, now: Now) -> None:
        """Raise `InterlockError` when `value` may not be set now.

        `reported` is what the device says it is, `entity_state` the state of the condition's entity; None: not known.
        """
        lock = self.interlock
        if lock.read_only:
            raise InterlockError(Bar.READ_ONLY)
        self._check_condition(entity_state)
        if lock.minimum is not None or lock.maximum is not None or lock.slew_per_s is not None:
            self._check_number(value, reported, now)
        self._check_rest(value, now)

    def confirm(self, value: Scalar, user_id: str | None, now: Now) -> None:
        """Raise `InterlockError` until a second person has asked for the same value in time."""
        within_s = self.interlock.confirm_within_s
        if not within_s:
            return
        wished, self._wished = self._wished, None
        if user_id is None:
            raise InterlockError(Bar.SECOND_PERSON, seconds=within_s)
        if wished is not None:
            first_value, first_user, at_ns = wished
            if first_value == value and first_user != user_id and now.steady_ns - at_ns <= within_s * NS_PER_S:
                return
        self._wished = (value, user_id, now.steady_ns)
        raise InterlockError(Bar.SECOND_PERSON, seconds=within_s)

    def moved(self, value: Scalar, now: Now) -> None:
        """The wish was let through."""
        if self._moved is None or self._moved.value != value:
            self._moved = Moved(value=value, at_ns=now.steady_ns)

    def _check_condition(self, entity_state: str | None) -> None:
        condition = self.interlock.condition
        if condition is None:
            return
        if entity_state is None:
            raise InterlockError(Bar.CONDITION_UNAVAILABLE, entity_id=condition.entity_id)
        if entity_state != condition.state:
            raise InterlockError(
                Bar.CONDITION, entity_id=condition.entity_id, state=entity_state, wanted=condition.state
            )

    def _check_number(self, value: Scalar, reported: Scalar | None, now: Now) -> None:
        lock = self.interlock
        if isinstance(value, bool | str):
            raise InterlockError(Bar.NOT_A_NUMBER)
        if lock.minimum is not None and value < lock.minimum:
            raise InterlockError(Bar.BELOW, limit=lock.minimum)
        if lock.maximum is not None and value > lock.maximum:
            raise InterlockError(Bar.ABOVE, limit=lock.maximum)
        if lock.slew_per_s is not None:
            self._check_slew(value, reported, lock.slew_per_s, now)

    def _check_slew(self, value: float, reported: Scalar | None, slew_per_s: float, now: Now) -> None:
        """Judge a step by the time since the last movement; one that nobody remembers was a second ago."""
        moved = self._moved
        before = reported if reported is not None or moved is None else moved.value
        if before is None or isinstance(before, bool | str):
            return
        elapsed_s = 1.0 if moved is None else max(1.0, (now.steady_ns - moved.at_ns) / NS_PER_S)
        if abs(value - before) > slew_per_s * elapsed_s:
            raise InterlockError(Bar.TOO_FAST, limit=slew_per_s)

    def _check_rest(self, value: Scalar, now: Now) -> None:
        """A motor that just started keeps running a while, and one that just stopped rests."""
        moved = self._moved
        if moved is None or bool(moved.value) == bool(value):
            return
        stays_s = self.interlock.minimum_on_s if moved.value else self.interlock.minimum_off_s
        left_s = stays_s - (now.steady_ns - moved.at_ns) / NS_PER_S
        if left_s > 0:
            bar = Bar.TOO_SOON_OFF if moved.value else Bar.TOO_SOON_ON
            raise InterlockError(bar, seconds=round(left_s, 1))
