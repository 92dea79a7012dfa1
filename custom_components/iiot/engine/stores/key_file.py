"""The keys of one hub: one JSON file of its own, mode 0600, replaced as a whole.

A file that existed and is gone or unreadable is an alarm, never a first run: without its keys
the hub would refuse its own devices.
"""

import json
import os
import threading
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from ..errors import KeyFileError
from ..wire.signing import KEY_BYTES, MAX_KEY_BYTES
from ..wire.topics import is_device_id
from . import migrations

_MODE: Final = 0o600

type Step = tuple[int, str]
"""Number of the next key, and the salt that leads to it, hexadecimal."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Removed:
    """A device that was taken out, as long as it can come back."""

    at_s: int
    """When, Unix seconds."""
    keys: dict[int, bytes] = field(repr=False)
    step: Step | None = None
    """To its newest key, when nothing has proved that it has taken it."""
    record: dict[str, Any] | None = None
    """Whatever else is needed to register it again, as the caller gave it; None: only its keys are kept."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Expected:
    """A device that is going to join."""

    key: bytes | None = field(default=None, repr=False)
    """A key of its own; None: the fleet key makes it."""
    kid: int = 1
    """Number of that key."""
    record: dict[str, Any] = field(default_factory=dict)
    """Whatever else is said of it, as the caller gave it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Content:
    fleet: bytes | None = None
    devices: Mapping[str, dict[int, bytes]] = field(default_factory=dict)
    steps: Mapping[str, Step] = field(default_factory=dict)
    removed: Mapping[str, Removed] = field(default_factory=dict)
    expected: Mapping[str, Expected] = field(default_factory=dict)

    def without(self, device_id: str) -> _Content:
        """Give the content without the keys of a device."""
        return replace(self, devices=_without(self.devices, device_id), steps=_without(self.steps, device_id))


class KeyFile:
    """Fleet key and device keys. Every method that changes something blocks; any thread may call."""

    def __init__(self, path: Path) -> None:
        self.path: Final = path
        self._content = _Content()
        self._turn: Final = threading.Lock()

    def create(self, fleet_key: bytes | None) -> None:
        """Start a new file; replaces one that is left from a hub that is gone."""
        with self._turn:
            self._keep(_Content(fleet=fleet_key))

    def load(self) -> None:
        """Read the file; raises `KeyFileError`, `StoreVersionError`."""
        try:
            content = json.loads(self.path.read_text("utf-8"))
            migrations.check_version(content["version"], migrations.KEY_FILE_VERSION, str(self.path))
            self._content = _read(migrations.upgraded_keys(content))
        except FileNotFoundError as err:
            raise KeyFileError("the key file is missing", path=str(self.path)) from err
        except OSError as err:
            raise KeyFileError("the key file cannot be read", path=str(self.path)) from err
        except ValueError, KeyError, TypeError, AttributeError, RecursionError:
            raise KeyFileError("the key file is damaged", path=str(self.path)) from None

    @property
    def fleet_key(self) -> bytes | None:
        """Key that enrols devices; None when this hub has none."""
        return self._content.fleet

    def set_fleet_key(self, fleet_key: bytes | None) -> None:
        """Replace the fleet key."""
        with self._turn:
            self._keep(replace(self._content, fleet=fleet_key))

    def device_keys(self, device_id: str) -> dict[int, bytes]:
        """Keys of a device by key id; empty when there is none."""
        return dict(self._content.devices.get(device_id, {}))

    def step_of(self, device_id: str) -> Step | None:
        """The step to a device's newest key, as long as nothing has proved that the device has taken it."""
        return self._content.steps.get(device_id)

    def put_device(self, device_id: str, kid: int, key: bytes, *, beside: bool = False) -> None:
        """Make `key` the one key of a device, or one more `beside` the others.

        What was kept of one that had its id before is forgotten, and it is expected no more.
        """
        with self._turn:
            others = self._content.devices.get(device_id, {}) if beside else {}
            self._keep(
                replace(
                    self._content.without(device_id),
                    devices={**self._content.devices, device_id: {**others, kid: key}},
                    removed=_without(self._content.removed, device_id),
                    expected=_without(self._content.expected, device_id),
                )
            )

    def retain_keys(self, device_id: str, kids: Collection[int]) -> None:
        """Forget all other keys of a device; none when it has none of these."""
        with self._turn:
            keys = {kid: key for kid, key in self._content.devices.get(device_id, {}).items() if kid in kids}
            if not keys:
                return
            self._keep(replace(self._content, devices={**self._content.devices, device_id: keys}))

    def holders(self, key: bytes) -> list[str]:
        """Devices that have this key."""
        return [device_id for device_id, keys in self._content.devices.items() if key in keys.values()]

    def put_ring(self, device_id: str, keys: Mapping[int, bytes], step: Step | None) -> bool:
        """Keep the keys of a device in a rotation. False, and nothing changed, when it has got another key since."""
        with self._turn:
            held = self._content.devices.get(device_id, {})
            if not any(held.get(kid) == key for kid, key in keys.items()):
                return False
            steps = _without(self._content.steps, device_id) | ({} if step is None else {device_id: step})
            devices = {**self._content.devices, device_id: dict(keys)}
            self._keep(replace(self._content, devices=devices, steps=steps))
            return True

    def remove_device(self, device_id: str) -> None:
        """Forget the keys of a device."""
        with self._turn:
            if device_id in self._content.devices:
                self._keep(self._content.without(device_id))

    def set_aside(self, device_id: str, at_s: int, record: dict[str, Any] | None) -> None:
        """Take a device out, but keep its keys for the case that it comes back."""
        with self._turn:
            content = self._content
            keys, step = content.devices.get(device_id, {}), content.steps.get(device_id)
            if keys or record is not None:
                found = Removed(at_s=at_s, keys=keys, step=step, record=record)
                removed = {**content.removed, device_id: found}
                self._keep(replace(content.without(device_id), removed=removed))

    def note_removed(self, device_id: str, **facts: Any) -> None:
        """Add facts to the record of a device that was taken out."""
        with self._turn:
            found = self._content.removed.get(device_id)
            if found is not None and found.record is not None:
                noted = replace(found, record={**found.record, **facts})
                self._keep(replace(self._content, removed={**self._content.removed, device_id: noted}))

    def bring_back(self, device_id: str) -> None:
        """Let the keys of a device that was taken out count again."""
        with self._turn:
            content = self._content
            found = content.removed.get(device_id)
            if found is not None:
                steps = {} if found.step is None else {device_id: found.step}
                self._keep(
                    replace(
                        content,
                        devices={**content.devices, device_id: found.keys},
                        steps={**content.steps, **steps},
                        removed=_without(content.removed, device_id),
                        expected=_without(content.expected, device_id),
                    )
                )

    @property
    def expected(self) -> dict[str, Expected]:
        """Devices that are going to join, by id."""
        return dict(self._content.expected)

    def expect(self, devices: Mapping[str, Expected], *, instead: bool = False) -> None:
        """Take devices onto the list of those that are going to join, or put them `instead` of all that are on it."""
        with self._turn:
            others = {} if instead else self._content.expected
            self._keep(replace(self._content, expected={**others, **devices}))

    def unexpect(self, device_ids: Collection[str]) -> None:
        """Take devices off that list, with the keys that stand there."""
        with self._turn:
            kept = {found: one for found, one in self._content.expected.items() if found not in device_ids}
            self._keep(replace(self._content, expected=kept))

    @property
    def removed(self) -> dict[str, Removed]:
        """Devices that were taken out and can come back, by id."""
        return dict(self._content.removed)

    def purge(self, before_s: int) -> None:
        """Forget devices that were taken out before then."""
        with self._turn:
            kept = {found: one for found, one in self._content.removed.items() if one.at_s >= before_s}
            if len(kept) < len(self._content.removed):
                self._keep(replace(self._content, removed=kept))

    def retain(self, device_ids: Collection[str]) -> None:
        """Forget the keys of all other devices: they were removed while nobody was there to write."""
        with self._turn:
            content = self._content
            if not content.devices.keys() <= set(device_ids):
                devices = {found: keys for found, keys in content.devices.items() if found in device_ids}
                steps = {found: step for found, step in content.steps.items() if found in device_ids}
                self._keep(replace(content, devices=devices, steps=steps))

    def delete(self) -> None:
        """Remove the file with the hub."""
        self.path.unlink(missing_ok=True)

    def _keep(self, content: _Content) -> None:
        """Write first, know afterwards: what could not be written was never there."""
        fresh = self.path.with_suffix(".new")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _MODE)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(_written(content), file)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self.path)
            _sync_folder(self.path.parent)
        except OSError as err:
            with suppress(OSError):
                fresh.unlink(missing_ok=True)
            raise KeyFileError("the key file cannot be written", path=str(self.path)) from err
        self._content = content

    def __repr__(self) -> str:
        return f"KeyFile({self.path.name!r}, devices={len(self._content.devices)})"


def _read(content: dict[str, Any]) -> _Content:
    fleet = content["fleet_key"]
    return _Content(
        fleet=None if fleet is None else _key(fleet),
        devices={device_id: _keys(device_id, keys) for device_id, keys in content["devices"].items()},
        steps={device_id: _step(step) for device_id, step in content["steps"].items()},
        removed={device_id: _removed(device_id, found) for device_id, found in content["removed"].items()},
        expected={device_id: _expected(found) for device_id, found in content["expected"].items()},
    )


def _written(content: _Content) -> dict[str, Any]:
    return {
        "version": migrations.KEY_FILE_VERSION,
        "fleet_key": None if content.fleet is None else content.fleet.hex(),
        "devices": {device_id: _hex(keys) for device_id, keys in content.devices.items()},
        "steps": {device_id: list(step) for device_id, step in content.steps.items()},
        "removed": {
            device_id: {"at": found.at_s, "keys": _hex(found.keys), "step": found.step, "record": found.record}
            for device_id, found in content.removed.items()
        },
        "expected": {
            device_id: {
                "key": None if found.key is None else found.key.hex(),
                "kid": found.kid,
                "record": found.record,
            }
            for device_id, found in content.expected.items()
        },
    }


def _removed(device_id: str, found: dict[str, Any]) -> Removed:
    record, step = found["record"], found["step"]
    if record is not None and not isinstance(record, dict):
        raise ValueError
    keys, step = _keys(device_id, found["keys"]), None if step is None else _step(step)
    return Removed(at_s=int(found["at"]), keys=keys, step=step, record=record)


def _expected(found: dict[str, Any]) -> Expected:
    key = found["key"]
    return Expected(key=None if key is None else _key(key), kid=int(found["kid"]), record=dict(found["record"]))


def _step(step: list[Any]) -> Step:
    kid, salt = step
    bytes.fromhex(salt)
    return int(kid), salt


def _hex(keys: Mapping[int, bytes]) -> dict[str, str]:
    return {str(kid): key.hex() for kid, key in keys.items()}


def _keys(device_id: str, keys: dict[str, str]) -> dict[int, bytes]:
    return {int(kid): _key(key, _longest(device_id)) for kid, key in keys.items()}


def _key(text: str, longest: int = KEY_BYTES) -> bytes:
    key = bytes.fromhex(text)
    if not KEY_BYTES <= len(key) <= longest:
        raise ValueError
    return key


def _longest(device_id: str) -> int:
    """Keys of the protocol have one length; those of bare devices are theirs."""
    return KEY_BYTES if is_device_id(device_id) else MAX_KEY_BYTES


def _without[V](mapping: Mapping[str, V], name: str) -> dict[str, V]:
    return {found: value for found, value in mapping.items() if found != name}


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
