"""Rows of the model device, and how it says them."""

from base64 import b64encode
from typing import Any, Final, NamedTuple

NS: Final = 1_000_000_000
type RowId = tuple[int, int]


class Row(NamedTuple):
    """One row, as it lies on the device's flash."""

    id: RowId
    stamp_ns: int
    """Unix time, or below 10^18 time since the start of its boot."""
    true_ns: int
    """When it was read, by a clock that nobody has."""
    body: dict[str, Any]
    """`r`, `e` or `wave` as it is said live."""


def body_of(kind: str, value: int, stamp_ns: int) -> dict[str, Any]:
    """What is said live of a reading of this kind."""
    match kind:
        case "odd":
            return {"r": {"nobody_knows": value}}
        case "wrong":
            return {"r": {"count": "x", "level": value % 100}}
        case "failed":
            return {"e": {"level": "COMM"}}
        case "wave":
            packed = b64encode((value % 30_000).to_bytes(2, "little") * 3).decode()
            wave = {"ch": "vibration", "t0": [stamp_ns // NS, stamp_ns % NS], "dt_ns": 1_000_000, "i16": packed}
            return {"wave": wave}
        case _:
            return {"r": {"count": value, "level": value % 100}}


def table(rows: tuple[Row, ...]) -> dict[str, Any]:
    """Rows as `cols` and `rows`, each with its own time."""
    first = rows[0].body
    cols = list(first.get("r") or first["e"])
    failed = {"e": first["e"]} if "e" in first else {}
    lines = [
        [row.stamp_ns // NS, row.stamp_ns % NS, *((row.body.get("r") or {}).get(key) for key in cols)] for row in rows
    ]
    return {"cols": cols, "rows": lines} | failed


def again(rows: tuple[Row, ...]) -> dict[str, Any]:
    """Rows as they are sent again."""
    return dict(rows[0].body) if "wave" in rows[0].body else table(rows)


def fits(run: list[Row], row: Row) -> bool:
    """Whether a row can go in one message with those before it."""
    last, first = run[-1], run[0].body
    follows = row.id == (last.id[0], last.id[1] + 1)
    alike = "r" in first and "r" in row.body and first["r"].keys() == row.body["r"].keys()
    return follows and alike
