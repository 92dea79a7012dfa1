"""What the members of a description may be: a test, and the words for what would be right."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from iiot_engine.values import Kind
from iiot_engine.wire.canonical import is_clean_text

LONGEST_S: Final = 604_800.0  # a week
SHORTEST_S: Final = 0.001
MAX_TEXT: Final = 128
ACTUATOR_KINDS: Final = ("switch", "number", "select", "button", "valve", "text")
PRIORITIES: Final = ("critical", "high", "medium", "low")
_SYNONYMS: Final = {
    "device_class": "class",
    "type": "kind",
    "decimals": "precision",
    "minimum": "min",
    "maximum": "max",
    "interval": "period",
    "unit_of_measurement": "unit",
    "serial": "id",
    "firmware": "fw",
    "amplitude": "size",
    "area": "place",
}
"""What people write, and what it is called here."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What one member may be."""

    words: str
    """What would be right."""
    is_good: Callable[[Any], bool]


def number(low: float = -1e15, high: float = 1e15, *, above: bool = False) -> Rule:
    """A number from `low` to `high`; `above` leaves `low` itself out."""

    def is_good(value: Any) -> bool:
        if type(value) not in (int, float):
            return False
        return bool(low < value if above else low <= value) and bool(value <= high)

    bounds = "" if low == -1e15 else f" above {low:,.15g}" if above else f" from {low:,.15g}"
    return Rule(f"a number{bounds}{'' if high == 1e15 else f' up to {high:,.15g}'}", is_good)


def whole(low: int, high: int) -> Rule:
    """A whole number from `low` to `high`."""
    return Rule(f"a whole number {low} to {high:,}", lambda value: type(value) is int and low <= value <= high)


def text(limit: int = MAX_TEXT) -> Rule:
    """A text without control characters, not empty."""
    return Rule(
        f"a text of 1 to {limit} characters",
        lambda value: type(value) is str and 0 < len(value) <= limit and is_clean_text(value),
    )


def pattern(form: str, words: str) -> Rule:
    """A text of this form."""
    return Rule(words, lambda value: type(value) is str and re.fullmatch(form, value) is not None)


def word(known: Iterable[str]) -> Rule:
    """One of these words."""
    words = tuple(known)
    return Rule(f"one of {', '.join(words)}", lambda value: type(value) is str and value in words)


def series(rule: Rule, *, least: int = 1, most: int = 1000) -> Rule:
    """A list of values that keep `rule`."""
    return Rule(
        f"a list of {least} to {most:,}, each {rule.words}",
        lambda value: type(value) is list and least <= len(value) <= most and all(map(rule.is_good, value)),
    )


def pairs(first: Rule, second: Rule, *, most: int = 64) -> Rule:
    """A list of [a, b]."""

    def is_good(value: Any) -> bool:
        return type(value) is list and len(value) == 2 and first.is_good(value[0]) and second.is_good(value[1])

    return series(Rule(f"[{first.words}, {second.words}]", is_good), least=1, most=most)


FLAG: Final = Rule("true or false", lambda value: type(value) is bool)
TABLE: Final = Rule("a table", lambda value: type(value) is dict)
TABLES: Final = Rule(
    "a list of tables",
    lambda value: type(value) is list and all(type(entry) is dict for entry in value),
)
SCALAR: Final = Rule("a number, a text, true or false", lambda value: type(value) in (int, float, str, bool))
SECONDS: Final = number(0, LONGEST_S)
PERIOD: Final = number(SHORTEST_S, LONGEST_S)
SHARE: Final = number(0, 1)
KEY: Final = pattern("[a-z0-9_]{1,64}", "1 to 64 of a-z 0-9 _")
OPTIONS: Final = Rule(
    "a list of 1 to 128 different texts of 1 to 128 characters",
    lambda value: series(text(), most=128).is_good(value) and len(set(value)) == len(value),
)

CHANNEL: Final[dict[str, Rule]] = {
    "name": text(),
    "kind": word(Kind),
    "unit": text(32),
    "class": text(64),
    "state_class": word(("measurement", "total", "total_increasing")),
    "options": OPTIONS,
    "precision": whole(0, 12),
    "min": number(),
    "max": number(),
    "scale": Rule("a number other than 0", lambda value: number().is_good(value) and value != 0),
    "offset": number(),
    "mode": word(("push", "poll")),
    "period": PERIOD,
    "deadband": number(0),
    "diagnostic": FLAG,
    "signal": TABLE,
    "faults": TABLES,
}
"""A channel: what its manifest says, where its values come from, how they fail."""

ACTUATOR: Final[dict[str, Rule]] = {
    "name": text(),
    "kind": word(ACTUATOR_KINDS),
    "unit": text(32),
    "min": number(),
    "max": number(),
    "step": number(0, above=True),
    "options": OPTIONS,
    "channel": KEY,
    "start": SCALAR,
    "takes_s": SECONDS,
    "fail_chance": SHARE,
}
ALARM: Final[dict[str, Rule]] = {"code": text(64), "name": text(), "priority": word(PRIORITIES)}
NET: Final[dict[str, Rule]] = {
    "ip": text(64),
    "mac": text(32),
    "rssi": number(-200, 100),
    "via": text(64),
    "hops": whole(0, 255),
}
POWER: Final[dict[str, Rule]] = {"battery": number(0, 100), "volt": number(-1000, 1000)}


def suggestion(name: str, known: Iterable[str]) -> str:
    """Words for an unknown member: what may have been meant, else everything that is known."""
    members = sorted(known)
    meant = _SYNONYMS.get(name.lower())
    near = [meant] if meant in members else get_close_matches(name, members, n=1)
    return f"did you mean {near[0]}?" if near else f"known are {', '.join(members)}"
