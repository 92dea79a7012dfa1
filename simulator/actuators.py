"""What people can move: switches, numbers, valves, buttons; each stands somewhere, and may take its time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from iiot_engine.values import Scalar

from .profile import ActuatorProfile

MAX_TEXT: Final = 255
WIDEST: Final = (-1e300, 1e300)
"""Where something stands that names no range."""


class Move(NamedTuple):
    """An actuator on its way, for a command."""

    cid: str
    key: str
    value: Scalar | None
    """None: it was pressed."""
    until_ms: int
    fails: bool


class Actuators:
    """The actuators of one device in one boot."""

    def __init__(self, profiles: tuple[ActuatorProfile, ...]) -> None:
        self.profiles = {profile.key: profile for profile in profiles}
        self.moves: list[Move] = []
        """Under way, the soonest end first."""
        self.presses: dict[str, int] = {}
        """Button to how often it was pressed in this boot."""
        self._values = {profile.key: _start(profile) for profile in profiles if profile.kind != "button"}
        self._reports = {profile.entry["channel"]: profile.key for profile in profiles if "channel" in profile.entry}

    def reported(self, channel: str) -> Scalar | None:
        """What a channel says that reports an actuator; None for every other channel."""
        key = self._reports.get(channel)
        return None if key is None else self._values.get(key, self.presses.get(key, 0))

    def channel_of(self, key: str) -> str | None:
        """Channel that reports an actuator."""
        channel: str | None = self.profiles[key].entry.get("channel")
        return channel

    def why_not(self, key: object, value: object) -> str | None:
        """Reason for which an actuator cannot be set so; None when it can."""
        profile = self.profiles.get(key) if isinstance(key, str) else None
        if profile is None:
            return "unknown_key"
        return SETTINGS[profile.kind](profile, value)

    def begin(self, move: Move) -> None:
        """Start to move."""
        self.moves = sorted([*self.moves, move], key=lambda one: one.until_ms)

    def take_ended(self, up_ms: int) -> list[Move]:
        """Moves that have ended; those that did not fail have had their effect."""
        ended = [move for move in self.moves if move.until_ms <= up_ms]
        self.moves = self.moves[len(ended) :]
        for move in ended:
            if move.fails:
                continue
            if move.value is None:
                self.presses[move.key] = self.presses.get(move.key, 0) + 1
            else:
                self._values[move.key] = move.value
        return ended

    def next_ms(self) -> int | None:
        """When the next move ends."""
        return self.moves[0].until_ms if self.moves else None


def start_fits(profile: ActuatorProfile) -> bool:
    """Whether an actuator can stand where its description lets it start."""
    return profile.start is None or SETTINGS[profile.kind](profile, profile.start) is None


def _start(profile: ActuatorProfile) -> Scalar:
    if profile.start is not None:
        return profile.start
    low: float = profile.entry.get("min", 0.0)
    options: list[str] = profile.entry.get("options", [""])
    starts: dict[str, Scalar] = {
        "switch": False,
        "number": low,
        "valve": low if _has_range(profile) else False,
        "select": options[0],
        "text": "",
    }
    return starts[profile.kind]


def _switch(_profile: ActuatorProfile, value: Any) -> str | None:
    return None if type(value) is bool else "bad_value"


def _number(profile: ActuatorProfile, value: Any) -> str | None:
    if type(value) not in (int, float):
        return "bad_value"
    low, high, step = (
        profile.entry.get("min", WIDEST[0]),
        profile.entry.get("max", WIDEST[1]),
        profile.entry.get("step"),
    )
    if not low <= value <= high:
        return "out_of_range"
    beside = 0.0 if step is None else abs((value - low) / step - round((value - low) / step))
    return "off_step" if beside > 1e-6 and "min" in profile.entry else None


def _valve(profile: ActuatorProfile, value: Any) -> str | None:
    """Without a range it is open or shut, and nothing in between."""
    return _number(profile, value) if _has_range(profile) else _switch(profile, value)


def _has_range(profile: ActuatorProfile) -> bool:
    return "min" in profile.entry or "max" in profile.entry


def _select(profile: ActuatorProfile, value: Any) -> str | None:
    return None if value in profile.entry.get("options", []) else "bad_value"


def _text(_profile: ActuatorProfile, value: Any) -> str | None:
    return None if type(value) is str and len(value) <= MAX_TEXT else "bad_value"


SETTINGS: Final[dict[str, Callable[[ActuatorProfile, Any], str | None]]] = {
    "switch": _switch,
    "number": _number,
    "select": _select,
    "button": lambda _profile, _value: "not_settable",
    "valve": _valve,
    "text": _text,
}
"""What can be set, by kind; gives the reason why a value cannot."""
