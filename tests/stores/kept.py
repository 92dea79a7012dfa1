"""The kept site of an older release, copied to where a test may change it, and read without the code under test."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Final

KEPT: Final = Path(__file__).parent / "kept" / "format-1"
JOURNAL: Final = "intake.sqlite"
KEYS: Final = "keys.json"

type Tables = dict[str, list[tuple[Any, ...]]]


def kept_site(folder: Path) -> Path:
    """Copy journal and keys into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in (JOURNAL, KEYS):
        shutil.copy(KEPT / name, folder / name)
    return folder


def kept_entry() -> dict[str, Any]:
    """Give the entry as Home Assistant kept it."""
    entry: dict[str, Any] = json.loads((KEPT / "entry.json").read_text("utf-8"))
    return entry


def version_of(path: Path) -> int:
    """Give the version of a journal."""
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute("PRAGMA user_version").fetchone()[0])


def tables_of(path: Path) -> Tables:
    """Give everything that a journal holds."""
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return {name: db.execute(f"SELECT * FROM {name}").fetchall() for name in ("frames", "devices", "readers")}


def brought_up(tables: Tables) -> Tables:
    """Say what the tables of format 1 have to be in format 2: a version in each state, and nothing else of it moved."""
    devices = [
        (device_id, with_member(state, version=2), manifest, values and with_member(values, waves=[]))
        for device_id, state, manifest, values in tables["devices"]
    ]
    return {**tables, "devices": devices}


def comparable(tables: Tables) -> Tables:
    """Read what is JSON, so that the order of members does not count."""
    devices = [(row[0], *(part and json.loads(part) for part in row[1:])) for row in tables["devices"]]
    return {**tables, "devices": devices}


def with_member(text: bytes, **members: Any) -> bytes:
    """Give a JSON object with one more member."""
    return json.dumps(json.loads(text) | members).encode()


def files_of(folder: Path) -> dict[str, bytes]:
    """Give every file with its content; what SQLite puts beside an open file without content of its own is left out."""
    found = {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if not path.name.endswith("-shm")}
    return {name: content for name, content in found.items() if content}
