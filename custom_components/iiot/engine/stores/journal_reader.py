"""The journal as its readers see it, beside the one who writes it."""

import sqlite3
from pathlib import Path
from typing import Final

from ..errors import StoreError
from ..ports import JournalEntry
from .sqlite_intake import TROUBLE, entries_after


class JournalReader:
    """Reads a journal through a connection of its own; one thread at a time."""

    def __init__(self, path: Path) -> None:
        """Open the journal, which has to be there; raises `StoreError`."""
        self._path: Final = path
        try:
            name = f"{path.as_uri()}?mode=ro"
            self._db = sqlite3.connect(name, uri=True, isolation_level=None, check_same_thread=False)
        except TROUBLE as err:
            raise self._failure(err) from err

    def read_after(self, position: int, limit: int) -> list[JournalEntry]:
        """At most `limit` entries after `position`, in order; raises `StoreError`."""
        try:
            return entries_after(self._db, position, limit)
        except TROUBLE as err:
            raise self._failure(err) from err

    def close(self) -> None:
        """Finish; idempotent."""
        self._db.close()

    def _failure(self, err: Exception) -> StoreError:
        return StoreError(f"the journal cannot be read: {err}", path=str(self._path))
