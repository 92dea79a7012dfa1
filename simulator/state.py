"""What a device keeps over a restart: boot number, unanswered rows, answers to commands."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

import orjson

from .row import Row

RING: Final = 16
"""Answers to commands that are remembered."""
COMPACT_AT: Final = 4_000
"""Lines in the file of rows beyond which it is written anew."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Start:
    """What a device finds when it starts."""

    boot: int
    rows: list[Row]
    ring: list[list[str]]
    """Command id, status, reason; oldest first."""
    totals: dict[str, float]
    """What its meters stood at, by channel, when last noted."""
    rekeyed: list[tuple[int, str]] = field(default_factory=list)
    """Steps of its key since provisioning: key number and salt."""
    forgotten: bool = False
    """It was told to forget its key."""


class Store(Protocol):
    """The durable part of one device."""

    def begin(self) -> Start:
        """Raise the boot number by one, durably, and read what is there."""
        ...

    def keep(self, row: Row) -> None:
        """Keep a row until it is freed."""
        ...

    def free(self, rows: list[Row]) -> None:
        """Forget rows: answered, given up or squeezed out."""
        ...

    def note(self, ring: list[list[str]]) -> None:
        """Keep the answers to commands."""
        ...

    def meter(self, totals: dict[str, float]) -> None:
        """Keep what the meters stand at."""
        ...

    def rekey(self, steps: list[tuple[int, str]]) -> None:
        """Keep the steps of the key."""
        ...

    def forget(self) -> None:
        """Have no key any more."""
        ...


class MemoryStore:
    """A store that lasts as long as the object: hand it to the next `Device` for a restart."""

    def __init__(self, *, boot: int = 0) -> None:
        self.boot = boot
        self.ring: list[list[str]] = []
        self.totals: dict[str, float] = {}
        self.rekeyed: list[tuple[int, str]] = []
        self.forgotten = False
        self._rows: dict[tuple[int, int], Row] = {}

    def begin(self) -> Start:
        """Raise the boot number by one and read what is there."""
        self.boot += 1
        return Start(
            boot=self.boot,
            rows=list(self._rows.values()),
            ring=list(self.ring),
            totals=dict(self.totals),
            rekeyed=list(self.rekeyed),
            forgotten=self.forgotten,
        )

    def keep(self, row: Row) -> None:
        """Keep a row until it is freed."""
        self._rows[row.boot, row.index] = row

    def free(self, rows: list[Row]) -> None:
        """Forget rows."""
        for row in rows:
            self._rows.pop((row.boot, row.index), None)

    def note(self, ring: list[list[str]]) -> None:
        """Keep the answers to commands."""
        self.ring = ring

    def meter(self, totals: dict[str, float]) -> None:
        """Keep what the meters stand at."""
        self.totals = totals

    def rekey(self, steps: list[tuple[int, str]]) -> None:
        """Keep the steps of the key."""
        self.rekeyed = list(steps)

    def forget(self) -> None:
        """Have no key any more."""
        self.rekeyed, self.forgotten = [], True


class FolderStore:
    """Two files a device: `<id>.json` replaced as a whole, `<id>.rows` appended to line by line.

    Survives the end of the process at any instruction; not the loss of power, since nothing is synchronised.
    """

    def __init__(self, folder: Path, device_id: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._facts_path = folder / f"{device_id}.json"
        self._rows_path = folder / f"{device_id}.rows"
        self._facts: dict[str, Any] = {"boot": 0, "ring": [], "totals": {}, "rekeyed": [], "forgotten": False}
        self._rows: dict[tuple[int, int], Row] = {}
        self._lines = 0

    def begin(self) -> Start:
        """Raise the boot number by one, durably, and read what is there."""
        if self._facts_path.exists():
            self._facts |= json.loads(self._facts_path.read_text(encoding="utf-8"))
        self._facts["boot"] += 1
        self._write_facts()
        self._read_rows()
        if self._lines:
            self._compact()
        facts, rows = self._facts, list(self._rows.values())
        return Start(
            boot=facts["boot"],
            rows=rows,
            ring=list(facts["ring"]),
            totals=dict(facts["totals"]),
            rekeyed=[(kid, salt) for kid, salt in facts["rekeyed"]],
            forgotten=facts["forgotten"],
        )

    def keep(self, row: Row) -> None:
        """Keep a row until it is freed."""
        self._rows[row.boot, row.index] = row
        self._append([{"keep": row.state()}])

    def free(self, rows: list[Row]) -> None:
        """Forget rows."""
        for row in rows:
            self._rows.pop((row.boot, row.index), None)
        self._append([{"free": [row.boot, row.index]} for row in rows])
        if self._lines > COMPACT_AT and self._lines > 2 * len(self._rows):
            self._compact()

    def note(self, ring: list[list[str]]) -> None:
        """Keep the answers to commands."""
        self._facts["ring"] = ring
        self._write_facts()

    def meter(self, totals: dict[str, float]) -> None:
        """Keep what the meters stand at."""
        if totals != self._facts["totals"]:
            self._facts["totals"] = totals
            self._write_facts()

    def rekey(self, steps: list[tuple[int, str]]) -> None:
        """Keep the steps of the key."""
        self._facts["rekeyed"] = steps
        self._write_facts()

    def forget(self) -> None:
        """Have no key any more."""
        self._facts |= {"rekeyed": [], "forgotten": True}
        self._write_facts()

    def _write_facts(self) -> None:
        _replace(self._facts_path, orjson.dumps(self._facts))

    def _append(self, entries: list[dict[str, Any]]) -> None:
        with self._rows_path.open("ab") as file:
            file.write(b"".join(orjson.dumps(entry) + b"\n" for entry in entries))
        self._lines += len(entries)

    def _read_rows(self) -> None:
        self._rows.clear()
        if not self._rows_path.exists():
            return
        lines = self._rows_path.read_bytes().splitlines()
        self._lines = len(lines)
        for line in lines:
            try:
                entry = orjson.loads(line)
            except orjson.JSONDecodeError:
                continue  # the line that the end of the process cut in half
            if "keep" in entry:
                row = Row.restored(entry["keep"])
                self._rows[row.boot, row.index] = row
            else:
                self._rows.pop(tuple(entry["free"]), None)

    def _compact(self) -> None:
        lines = [orjson.dumps({"keep": row.state()}) + b"\n" for row in self._rows.values()]
        _replace(self._rows_path, b"".join(lines))
        self._lines = len(lines)


def _replace(path: Path, content: bytes) -> None:
    beside = path.with_suffix(path.suffix + ".new")
    beside.write_bytes(content)
    beside.replace(path)
