"""Remembers which numbers this program used for each device: so it knows its own from those of a hub."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final

from .errors import RefusedError

MOST: Final = 64
"""Numbers remembered of a device."""


def default_file() -> Path:
    """Where it is kept (XDG Base Directory Specification: the user's state)."""
    home = os.environ.get("XDG_STATE_HOME")
    return (Path(home) if home else Path.home() / ".local" / "state") / "iiotctl" / "used.json"


class Notes:
    """Nonce of the boot and the numbers used in it, by device. Holds nothing secret."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def is_ours(self, device_id: str, nonce: str, hseq: int) -> bool:
        """Whether the highest number that a device obeyed in this boot is one that this program used."""
        return hseq in self._used(device_id, nonce)

    def use(self, device_id: str, nonce: str, hseq: int) -> None:
        """Note a number before it is used; raises `RefusedError`."""
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            beside = self._file.with_name(self._file.name + ".new")
            used = [*self._used(device_id, nonce), hseq][-MOST:]
            beside.write_text(json.dumps({**self._read(), device_id: [nonce, used]}), encoding="utf-8")
            beside.replace(self._file)
        except OSError as err:
            raise RefusedError(f"{self._file} cannot be written, so nothing was sent: {err.strerror}") from err

    def _used(self, device_id: str, nonce: str) -> list[int]:
        match self._read().get(device_id):
            case [known, list() as used] if known == nonce:
                return [number for number in used if isinstance(number, int)]
        return []

    def _read(self) -> dict[str, object]:
        try:
            found = json.loads(self._file.read_text(encoding="utf-8"))
        except OSError, ValueError:
            return {}
        return found if isinstance(found, dict) else {}
