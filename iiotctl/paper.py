"""What is printed: for people in columns and words, for programs as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any, Final

import orjson

from .fleet import Outcome, Seen

WORDS: Final = {
    "done": "done",
    "requested": "waits until the device wakes up",
    "rejected": "the device will not do it; nothing moved",
    "failed": "the device tried and failed",
    "expired": "it came too late; nothing moved",
    "unknown": "nobody knows whether it was done",
    "not_sent": "it was not sent",
    "cancelled": "it was withdrawn before it was sent",
    "refused": "refused",
    "not_reached": "not reached",
}
"""Status of an outcome → in words."""


def table(devices: Sequence[Seen]) -> list[str]:
    """One line a device below a heading."""
    rows = [("name", "id", "state", "lag", "pending", "values")]
    rows += [
        (one.name, one.id, one.state, lag(one.lag_s), one.pending or "-", "; ".join(map(str, one.values)) or "-")
        for one in devices
    ]
    widths = [max(len(row[at]) for row in rows) for at in range(5)]
    return ["  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[5]]) for row in rows]


def lag(lag_s: float | None) -> str:
    """How old the newest data was when it came."""
    return "-" if lag_s is None else f"{lag_s:.1f} s"


def outcomes(found: Iterable[Outcome]) -> list[str]:
    """One line a device: what it made of the order."""
    return [_outcome(one) for one in found]


def _outcome(one: Outcome) -> str:
    parts = [f"{one.name}: {WORDS.get(one.status, one.status)}"]
    if one.reason:
        parts.append(f": {one.reason.replace('_', ' ') if one.reason.isidentifier() else one.reason}")
    if one.result is not None:
        parts.append(f": {_result(one.result)}")
    return "".join(parts)


def _result(result: Any) -> str:
    """What was read as a person reads it, anything else as the device put it."""
    if isinstance(result, dict) and isinstance(result.get("values"), dict):
        return "; ".join(f"{key} {shown(value)}" for key, value in result["values"].items()) or "nothing was read"
    return as_json(result)


def shown(value: Any) -> str:
    """Show a value as a person reads it."""
    match value:
        case None:
            return "no value"
        case bool():
            return "on" if value else "off"
        case float():
            return f"{value:.6g}"
        case _:
            return str(value)


def as_json(found: Any) -> str:
    """Give anything printable as one line of JSON."""
    return orjson.dumps(found, default=_plain, option=orjson.OPT_PASSTHROUGH_DATACLASS).decode()


def _plain(found: Any) -> Any:
    if isinstance(found, Seen):
        return asdict(found)
    if isinstance(found, Outcome):
        return {**asdict(found), "is_fine": found.is_fine}
    raise TypeError
