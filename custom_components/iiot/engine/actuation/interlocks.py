"""What must hold before an actuator may be moved, for every caller alike."""

import math
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Annotated, Any, Final, NamedTuple

from ..devices.manifest import Actuator
from ..errors import Fact, RequestError
from ..records import Bounds
from ..values import NS_PER_S, Now, Scalar, whole

MAX_REST_S: Final = 86_400.0
MAX_CONFIRM_S: Final = 3_600.0

_ALWAYS: Final = frozenset({"read_only", "condition", "confirm_within_s"})
_RANGE: Final = frozenset({"minimum", "maximum", "slew_per_s"})
_REST: Final = frozenset({"minimum_on_s", "minimum_off_s"})
FITS: Final = {
    "switch": _ALWAYS | _REST,
    "number": _ALWAYS | _RANGE | _REST,
    "valve": _ALWAYS | _RANGE | _REST,
    "select": _ALWAYS,
    "text": _ALWAYS,
    "button": _ALWAYS,
}
"""Kind of actuator → fields of an interlock that mean something for it."""


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
    """One person has asked for it; another one has to ask for the same."""
    PERSONS_ONLY = "interlock_persons_only"
    """It takes two persons, and this was an automation."""


class InterlockError(RequestError):
    """An interlock stands in the way."""

    def __init__(self, bar: Bar, **facts: Fact) -> None:
        super().__init__(**facts)
        self.bar: Final = bar
        self.code = str(bar)


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

    def flaw(self) -> tuple[str, str] | None:
        """Field and reason, when its fields contradict each other."""
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            return "minimum", f"must be at most the maximum, {self.maximum:g}"
        if self.slew_per_s == 0:
            return "slew_per_s", "must be greater than 0: nothing could ever change"
        return None


def misfit(lock: Interlock, actuator: Actuator) -> tuple[str, str] | None:
    """Field and reason, when an interlock asks for what the actuator cannot have."""
    for one in fields(lock):
        if getattr(lock, one.name) != one.default and one.name not in FITS[actuator.kind]:
            return one.name, f"means nothing for a {actuator.kind}"
    low, high = actuator.minimum, actuator.maximum
    if lock.minimum is not None and high is not None and lock.minimum > high:
        return "minimum", f"leaves nothing: the device goes up to {high:g}"
    if lock.maximum is not None and low is not None and lock.maximum < low:
        return "maximum", f"leaves nothing: the device begins at {low:g}"
    return None


class Asked(NamedTuple):
    """A value that was let through and that the device has not answered yet."""

    value: Scalar
    at_ns: int
    """When it was asked for, hub time."""


class Seen(NamedTuple):
    """What is known of an actuator and of the world when a wish is judged. None: not known."""

    reported: Scalar | None = None
    """What the device says it is."""
    entity_state: str | None = None
    """Of the condition's entity."""
    on_its_way: tuple[Asked, ...] = ()
    """Oldest first."""
    off_at: float = 0.0
    """The number at which it counts as off, or shut."""


@dataclass(kw_only=True, slots=True)
class Moved:
    """What an actuator did last, as far as it is known."""

    value: Scalar
    wall_ns: int
    steady_ns: int


class Guard:
    """Judges wishes for one actuator by its interlock, and by what the actuator did last."""

    __slots__ = ("_moved", "_wished")

    def __init__(self) -> None:
        self._moved: Moved | None = None
        self._wished: tuple[Scalar | None, str, int] | None = None
        """Value, person and steady time of a wish that waits for its second person."""

    # --- judging -------------------------------------------------------------------------

    def check(self, lock: Interlock, value: Scalar | None, seen: Seen, now: Now) -> None:
        """Raise `InterlockError` when `value` may not be set now; None: a button is to be pressed."""
        if lock.read_only:
            raise InterlockError(Bar.READ_ONLY)
        _check_condition(lock.condition, seen.entity_state)
        if value is None:
            return
        if lock.minimum is not None or lock.maximum is not None or lock.slew_per_s is not None:
            self._check_number(lock, value, seen, now)
        if not isinstance(value, str):
            self._check_rest(lock, value, seen, now)

    def confirm(self, lock: Interlock, value: Scalar | None, user_id: str | None, now: Now) -> None:
        """Raise `InterlockError` until a second person has asked for the same in time."""
        within_s = lock.confirm_within_s
        if not within_s:
            return
        if user_id is None:
            raise InterlockError(Bar.PERSONS_ONLY)
        wished, self._wished = self._wished, None
        if wished is not None:
            first_value, first_user, at_ns = wished
            is_in_time = now.steady_ns - at_ns <= within_s * NS_PER_S
            if first_value == value and first_user != user_id and is_in_time:
                return
        self._wished = (value, user_id, now.steady_ns)
        raise InterlockError(Bar.SECOND_PERSON, seconds=within_s)

    # --- remembering ---------------------------------------------------------------------

    def moved(self, value: Scalar, now: Now) -> None:
        """The device did it, or may have done it."""
        if self._moved is None or self._moved.value != value:
            self._moved = Moved(value=value, wall_ns=now.wall_ns, steady_ns=now.steady_ns)

    def reported(self, is_on: bool, off_at: float, now: Now) -> None:  # noqa: FBT001 - the one fact that it is told
        """The device says that it is on or off, whoever moved it. A number has noise, and is not asked."""
        if self._moved is None or _is_on(self._moved.value, off_at) is not is_on:
            self.moved(is_on, now)

    def state(self) -> list[Any] | None:
        """What a restart must not lose."""
        return None if self._moved is None else [self._moved.value, self._moved.wall_ns]

    def restore(self, state: Any) -> None:
        """Take up what `state` gave; raises ValueError when it makes no sense. `resume` starts its clock again."""
        value, wall_ns = state
        if type(value) not in (bool, int, float, str):
            raise ValueError
        self._moved = Moved(value=value, wall_ns=whole(wall_ns, 0), steady_ns=0)

    def resume(self, now: Now) -> None:
        """The hub starts: the time since the last movement goes by the calendar. One in the future is just over."""
        moved = self._moved
        if moved is not None:
            moved.wall_ns = min(moved.wall_ns, now.wall_ns)
            moved.steady_ns = now.steady_ns - (now.wall_ns - moved.wall_ns)

    # --- rules ---------------------------------------------------------------------------

    def _check_number(self, lock: Interlock, value: Scalar, seen: Seen, now: Now) -> None:
        if isinstance(value, bool | str):
            raise InterlockError(Bar.NOT_A_NUMBER)
        if lock.minimum is not None and value < lock.minimum:
            raise InterlockError(Bar.BELOW, limit=lock.minimum)
        if lock.maximum is not None and value > lock.maximum:
            raise InterlockError(Bar.ABOVE, limit=lock.maximum)
        if lock.slew_per_s is not None:
            self._check_slew(value, seen, lock.slew_per_s, now)

    def _check_slew(self, value: float, seen: Seen, slew_per_s: float, now: Now) -> None:
        """Judge a step by the time since the last movement; one that nobody remembers was a second ago."""
        moved = self._moved
        elapsed_s = 1.0 if moved is None else (now.steady_ns - moved.steady_ns) / NS_PER_S
        before = seen.reported if seen.reported is not None or moved is None else moved.value
        if seen.on_its_way:
            before = seen.on_its_way[-1].value
            elapsed_s = max(0, now.wall_ns - seen.on_its_way[-1].at_ns) / NS_PER_S
        if before is None or isinstance(before, bool | str):
            return
        if abs(value - before) > slew_per_s * elapsed_s:
            raise InterlockError(Bar.TOO_FAST, limit=slew_per_s)

    def _check_rest(self, lock: Interlock, value: Scalar, seen: Seen, now: Now) -> None:
        """A motor that just started keeps running a while, and one that just stopped rests."""
        found = self._standing(seen, now)
        if found is None:
            return
        is_on, since_ns = found
        if is_on is _is_on(value, seen.off_at):
            return
        stays_s = lock.minimum_on_s if is_on else lock.minimum_off_s
        left_s = stays_s - (now.steady_ns - since_ns) / NS_PER_S
        if left_s > 0:
            raise InterlockError(Bar.TOO_SOON_OFF if is_on else Bar.TOO_SOON_ON, seconds=math.ceil(left_s))

    def _standing(self, seen: Seen, now: Now) -> tuple[bool, int] | None:
        """Whether it is on, and since when (steady), with everything done that is on its way."""
        moved = self._moved
        found = None if moved is None else (_is_on(moved.value, seen.off_at), moved.steady_ns)
        for asked in seen.on_its_way:
            is_on = _is_on(asked.value, seen.off_at)
            if found is None or found[0] is not is_on:
                found = (is_on, now.steady_ns)
        return found


def _check_condition(condition: Condition | None, entity_state: str | None) -> None:
    if condition is None:
        return
    if entity_state is None:
        raise InterlockError(Bar.CONDITION_UNAVAILABLE, entity_id=condition.entity_id)
    if entity_state != condition.state:
        raise InterlockError(Bar.CONDITION, entity_id=condition.entity_id, state=entity_state, wanted=condition.state)


def _is_on(value: Scalar, off_at: float) -> bool:
    return value if isinstance(value, bool) else value != off_at
