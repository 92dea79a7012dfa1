"""Rows: what is read at one moment, kept until answered, and put into messages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from iiot_engine.values import Scalar

MESSAGE_BYTES: Final = 32_768
"""Rows sent again fill a message up to about this size; the wire's own limit is 65,535."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What the sensors of a device said at one moment."""

    values: dict[str, Scalar | None] = field(default_factory=dict)
    quality: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    loc: tuple[float, ...] | None = None
    wave: dict[str, Any] | None = None
    """`ch`, `dt_ns` and the samples; `t0` is the row's time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One row with its identity (boot, index) and the time that the device gave it."""

    boot: int
    index: int
    s: int
    """Unix seconds, or seconds since the start of `boot` below 10^9."""
    ns: int
    reading: Reading
    poll: str | None = None

    def state(self) -> list[Any]:
        """As JSON; the argument of `restored`."""
        reading = self.reading
        return [
            self.boot,
            self.index,
            self.s,
            self.ns,
            reading.values,
            reading.quality,
            reading.failed,
            reading.loc,
            reading.wave,
            self.poll,
        ]

    @classmethod
    def restored(cls, state: list[Any]) -> Row:
        """Build the row that `state` described."""
        boot, index, s, ns, values, quality, failed, loc, wave, poll = state
        place = None if loc is None else tuple(loc)
        reading = Reading(values=values, quality=quality, failed=failed, loc=place, wave=wave)
        return cls(boot=boot, index=index, s=s, ns=ns, reading=reading, poll=poll)


def moment_body(row: Row, *, numbered: bool) -> dict[str, Any]:
    """Members of a message for one live row, form `r` or `wave`."""
    reading = row.reading
    if reading.wave is not None:
        body = _wave_body(row)
    else:
        body = {"r": reading.values, **_words(reading)}
        if reading.loc is not None:
            body["loc"] = reading.loc
        if row.poll is not None:
            body["poll"] = row.poll
    if numbered:
        body["n"] = [row.boot, row.index]
    return body


def rows_body(rows: list[Row], *, numbered: bool, late: bool) -> dict[str, Any]:
    """Members of a message for rows that `fit_together`."""
    first = rows[0]
    if first.reading.wave is not None:
        body = _wave_body(first)
    else:
        cols = columns(first)
        body = {"cols": cols, "rows": [_line(row, cols) for row in rows], **_words(first.reading)}
        if first.poll is not None:
            body["poll"] = first.poll
    if numbered:
        body["n"] = [first.boot, first.index]
    if late:
        body["late"] = True
    return body


def columns(row: Row) -> list[str]:
    """Columns of a row; a failed read has one, without a value."""
    cols = sorted(row.reading.values.keys() | row.reading.failed.keys())
    return [*cols, "loc"] if row.reading.loc is not None else cols


def fit_together(rows: list[Row], row: Row) -> bool:
    """Whether `row` may follow `rows` in one message: consecutive, of the same boot, columns and words."""
    first = rows[0]
    one, other = first.reading, row.reading
    return (
        first.boot == row.boot
        and rows[-1].index + 1 == row.index
        and one.wave is None
        and other.wave is None
        and first.poll is None
        and row.poll is None
        and one.quality == other.quality
        and one.failed == other.failed
        and columns(first) == columns(row)
    )


def size_of(row: Row) -> int:
    """Bytes that the row takes in a message, roughly and never too few."""
    if row.reading.wave is not None:
        return len(orjson.dumps(row.reading.wave))
    return len(orjson.dumps(_line(row, columns(row)))) + 1


def _line(row: Row, cols: list[str]) -> list[Any]:
    values = row.reading.values
    return [row.s, row.ns, *(row.reading.loc if key == "loc" else values.get(key) for key in cols)]


def _wave_body(row: Row) -> dict[str, Any]:
    return {"wave": {**(row.reading.wave or {}), "t0": [row.s, row.ns]}}


def _words(reading: Reading) -> dict[str, Any]:
    words: dict[str, Any] = {}
    if reading.quality:
        words["q"] = reading.quality
    if reading.failed:
        words["e"] = reading.failed
    return words
