"""What every device has produced, row by row, and how it has moved, for comparing with what arrived."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from .actuators import Move
from .clock import Moment
from .row import Row


class Recorder:
    """Appends one JSON object a line to files of the folder.

    `produced/<id>.jsonl`, a row: `boot`, `index`, `s`, `ns` as sent, `up` ms and true `unix_ns` at the reading,
    `values`; `q`, `e`, `loc`, `wave` and `poll` when there are any.

    `moved/<id>.jsonl`, a movement of an actuator: `cid`, `key`, and `up` and `unix_ns` of its end.
    """

    def __init__(self, folder: Path, device_id: str) -> None:
        self._rows = folder / "produced" / f"{device_id}.jsonl"
        self._moves = folder / "moved" / f"{device_id}.jsonl"
        for path in (self._rows, self._moves):
            path.parent.mkdir(parents=True, exist_ok=True)

    def row(self, row: Row, moment: Moment) -> None:
        """Record a row."""
        _append(self._rows, as_record(row, moment))

    def move(self, move: Move, moment: Moment) -> None:
        """Record a movement, as a counter on the machine itself would."""
        _append(self._moves, {"cid": move.cid, "key": move.key, "up": moment.up_ms, "unix_ns": moment.wall_ns})


def _append(path: Path, line: dict[str, Any]) -> None:
    with path.open("ab") as file:
        file.write(orjson.dumps(line) + b"\n")


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
