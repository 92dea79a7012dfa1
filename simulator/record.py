"""What every device has produced, row by row, for comparing with what arrived."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from .clock import Moment
from .row import Row


class Recorder:
    """Appends to `<folder>/produced/<id>.jsonl`: one JSON object a row.

    Members: `boot`, `index`, `s`, `ns` as sent, `up` ms and true `unix_ns` at the reading, `values`;
    `q`, `e`, `loc`, `wave` and `poll` when there are any.
    """

    def __init__(self, folder: Path, device_id: str) -> None:
        self._path = folder / "produced" / f"{device_id}.jsonl"
        self._path.parent.mkdir(parents=True, exist_ok=True)

    def __call__(self, row: Row, moment: Moment) -> None:
        """Record a row."""
        with self._path.open("ab") as file:
            file.write(orjson.dumps(as_record(row, moment)) + b"\n")


def as_record(row: Row, moment: Moment) -> dict[str, Any]:
    """One line of the record."""
    reading = row.reading
    extra = {
        "q": reading.quality,
        "e": reading.failed,
        "loc": reading.loc,
        "wave": reading.wave,
        "poll": row.poll,
    }
    return {
        "boot": row.boot,
        "index": row.index,
        "s": row.s,
        "ns": row.ns,
        "up": moment.up_ms,
        "unix_ns": moment.wall_ns,
        "values": reading.values,
        **{key: value for key, value in extra.items() if value},
    }
