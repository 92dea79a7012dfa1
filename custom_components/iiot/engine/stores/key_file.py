"""The keys of one hub: one JSON file of its own, mode 0600, replaced as a whole.

A file that existed and is gone or unreadable is an alarm, never a first run: without its keys
the hub would refuse its own devices.
"""

import json
import os
import threading
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from ..errors import KeyFileError
from ..wire.signing import KEY_BYTES, MAX_KEY_BYTES
from ..wire.topics import is_device_id
from . import migrations

_MODE: Final = 0o600


class KeyFile:
    """Fleet key and device keys. Every method blocks; any thread may call."""

    def __init__(self, path: Path) -> None:
        self.path: Final = path
        self._fleet: bytes | None = None
        self._devices: dict[str, dict[int, bytes]] = {}
        self._turn: Final = threading.Lock()

    def create(self, fleet_key: bytes | None) -> None:
        """Start a new file; replaces one that is left from a hub that is gone."""
        with self._turn:
            self._keep(fleet_key, {})

    def load(self) -> None:
        """Read the file; raises `KeyFileError`, `StoreVersionError`."""
        try:
            content = json.loads(self.path.read_text("utf-8"))
            migrations.check_version(content["version"], migrations.KEY_FILE_VERSION, str(self.path))
            content = migrations.upgraded_keys(content)
            fleet = content["fleet_key"]
            self._fleet = None if fleet is None else _key(fleet)
            self._devices = {
                device_id: {int(kid): _key(key, _longest(device_id)) for kid, key in keys.items()}
                for device_id, keys in content["devices"].items()
            }
        except FileNotFoundError as err:
            raise KeyFileError("the key file is missing", path=str(self.path)) from err
        except OSError as err:
            raise KeyFileError("the key file cannot be read", path=str(self.path)) from err
        except ValueError, KeyError, TypeError, AttributeError, RecursionError:
            raise KeyFileError("the key file is damaged", path=str(self.path)) from None

    @property
    def fleet_key(self) -> bytes | None:
        """Key that enrols devices; None when this hub has none."""
        return self._fleet

    def set_fleet_key(self, fleet_key: bytes | None) -> None:
        """Replace the fleet key."""
        with self._turn:
            self._keep(fleet_key, self._devices)

    def device_keys(self, device_id: str) -> dict[int, bytes]:
        """Keys of a device by key id; empty when there is none."""
        return dict(self._devices.get(device_id, {}))

    def put_device(self, device_id: str, kid: int, key: bytes, *, beside: bool = False) -> None:
        """Make `key` the one key of a device, or one more `beside` the others."""
        with self._turn:
            others = self._devices.get(device_id, {}) if beside else {}
            self._keep(self._fleet, {**self._devices, device_id: {**others, kid: key}})

    def retain_keys(self, device_id: str, kids: Collection[int]) -> None:
        """Forget all other keys of a device."""
        with self._turn:
            keys = {kid: key for kid, key in self._devices.get(device_id, {}).items() if kid in kids}
            self._keep(self._fleet, {**self._devices, device_id: keys})

    def holders(self, key: bytes) -> list[str]:
        """Devices that have this key."""
        return [device_id for device_id, keys in self._devices.items() if key in keys.values()]

    def remove_device(self, device_id: str) -> None:
        """Forget the keys of a device."""
        with self._turn:
            if device_id in self._devices:
                self._keep(self._fleet, {found: keys for found, keys in self._devices.items() if found != device_id})

    def retain(self, device_ids: Collection[str]) -> None:
        """Forget the keys of all other devices: they were removed while nobody was there to write."""
        with self._turn:
            if not self._devices.keys() <= set(device_ids):
                self._keep(self._fleet, {found: keys for found, keys in self._devices.items() if found in device_ids})

    def delete(self) -> None:
        """Remove the file with the hub."""
        self.path.unlink(missing_ok=True)

    def _keep(self, fleet_key: bytes | None, devices: dict[str, dict[int, bytes]]) -> None:
        """Write first, know afterwards: what could not be written was never there."""
        content: dict[str, Any] = {
            "version": migrations.KEY_FILE_VERSION,
            "fleet_key": None if fleet_key is None else fleet_key.hex(),
            "devices": {
                device_id: {str(kid): key.hex() for kid, key in keys.items()} for device_id, keys in devices.items()
            },
        }
        fresh = self.path.with_suffix(".new")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _MODE)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(content, file)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self.path)
            _sync_folder(self.path.parent)
        except OSError as err:
            with suppress(OSError):
                fresh.unlink(missing_ok=True)
            raise KeyFileError("the key file cannot be written", path=str(self.path)) from err
        self._fleet, self._devices = fleet_key, devices

    def __repr__(self) -> str:
        return f"KeyFile({self.path.name!r}, devices={len(self._devices)})"


def _key(text: str, longest: int = KEY_BYTES) -> bytes:
    key = bytes.fromhex(text)
    if not KEY_BYTES <= len(key) <= longest:
        raise ValueError
    return key


def _longest(device_id: str) -> int:
    """Keys of the protocol have one length; those of bare devices are theirs."""
    return KEY_BYTES if is_device_id(device_id) else MAX_KEY_BYTES


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
