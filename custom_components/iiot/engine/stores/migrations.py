"""How what an older release wrote becomes what this one reads: a table for each kind of file, a step for each version.

A step knows the version that it stands under and the next one. Once released it is not changed, and it shares nothing
with the code of today, which has gone on since. The journal takes all its steps in one transaction, so that a power
cut leaves the old file; the key file is written anew, as a whole, at its next change.
"""

import json
import sqlite3
from collections.abc import Callable
from typing import Any, Final

from ..errors import StoreVersionError

JOURNAL_VERSION: Final = 3
"""Of the journal's tables and of what is in them, kept in `user_version`."""
KEY_FILE_VERSION: Final = 3


def _states_name_their_version(db: sqlite3.Connection) -> None:
    """A device's state says which version it is; its values, which channels only ever came as waveforms: none yet."""
    for device_id, state, values in db.execute("SELECT device_id, state, last_values FROM devices").fetchall():
        shown = None if values is None else _with(values, waves=[])
        facts = (_with(state, version=2), shown, device_id)
        db.execute("UPDATE devices SET state = ?, last_values = ? WHERE device_id = ?", facts)


def _commands_have_a_table(db: sqlite3.Connection) -> None:
    """Commands are kept beside the frames: none yet."""
    db.execute(
        "CREATE TABLE commands"
        " (cid TEXT PRIMARY KEY, device_id TEXT NOT NULL, open INTEGER NOT NULL, state BLOB NOT NULL) WITHOUT ROWID"
    )
    db.execute("CREATE INDEX commands_of_device ON commands (device_id, cid)")


def _keys_have_steps(content: dict[str, Any]) -> dict[str, Any]:
    """Steps of keys that are not proved, and devices that were taken out, have a place: none yet."""
    return {**content, "version": 2, "steps": {}, "removed": {}}


def _devices_are_expected(content: dict[str, Any]) -> dict[str, Any]:
    """Devices that are going to join have a place: none yet."""
    return {**content, "version": 3, "expected": {}}


JOURNAL: Final[dict[int, Callable[[sqlite3.Connection], None]]] = {
    1: _states_name_their_version,
    2: _commands_have_a_table,
}
KEY_FILE: Final[dict[int, Callable[[dict[str, Any]], dict[str, Any]]]] = {
    1: _keys_have_steps,
    2: _devices_are_expected,
}


def check_version(found: int, known: int, path: str) -> None:
    """Raise `StoreVersionError` for a file of a newer release: nothing of it may be touched."""
    if found > known:
        raise StoreVersionError("was written by a newer release", path=path, version=found, known=known)


def upgrade_journal(db: sqlite3.Connection, version: int) -> None:
    """Take the steps from `version` up, inside the caller's transaction; raises `ValueError` for what is no journal."""
    for step in range(version, JOURNAL_VERSION):
        JOURNAL[step](db)
    db.execute(f"PRAGMA user_version = {JOURNAL_VERSION}")


def upgraded_keys(content: dict[str, Any]) -> dict[str, Any]:
    """Give the content of a key file as this release writes it; raises `KeyError` for a version that never was."""
    for step in range(content["version"], KEY_FILE_VERSION):
        content = KEY_FILE[step](content)
    return content


def _with(text: bytes, **members: Any) -> bytes:
    """Add members to a JSON object."""
    return json.dumps({**json.loads(text), **members}, ensure_ascii=False, separators=(",", ":")).encode()
