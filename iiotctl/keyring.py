"""Keys that the command line was given: of one device, or of a fleet."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from iiot_engine.devices.keys import enrolled_key
from iiot_engine.errors import KeyFormError
from iiot_engine.wire import signing
from iiot_engine.wire.provision import read_qr_text

from . import files
from .errors import UsageError

FIRST_KID: Final = 1
"""A key is this one until a device names another."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Keyring:
    """Says which key a device signs with. Never shown: a key is in no text that this class gives."""

    device_id: str | None = None
    """The device that `key` is of; None: of whichever device is asked for."""
    kid: int | None = None
    """Its number; None: the file does not say, so whichever a message names."""
    key: bytes | None = field(default=None, repr=False)
    fleet_key: bytes | None = field(default=None, repr=False)

    def __bool__(self) -> bool:
        return self.key is not None or self.fleet_key is not None

    def knows(self, device_id: str) -> bool:
        """Whether there can be a key for a device."""
        return self.device_id in (None, device_id)

    def key_of(self, device_id: str, kid: int, rekeyed: tuple[tuple[int, str], ...] = ()) -> bytes | None:
        """Key `kid` of a device, along the key steps that its heartbeat names; None: not in here."""
        if self.key is not None:
            return self.key if self.kid in (None, kid) and self.knows(device_id) else None
        return None if self.fleet_key is None else enrolled_key(self.fleet_key, device_id, kid, rekeyed)


def read(key_file: Path | None, fleet_key_file: Path | None) -> Keyring:
    """Read the file of a device's key (64 hexadecimal digits or the provisioning text) or of a fleet key.

    Raises `UsageError` that names the file and never what is in it.
    """
    if key_file is not None and fleet_key_file is not None:
        raise UsageError("give --key-file or --fleet-key-file, not both")
    try:
        if fleet_key_file is not None:
            return Keyring(fleet_key=signing.parse_key(files.read(fleet_key_file)))
        if key_file is not None:
            text = files.read(key_file).strip()
            return _provisioned(text) if text.startswith("{") else Keyring(key=signing.parse_key(text))
    except KeyFormError as err:
        file = fleet_key_file or key_file
        raise UsageError(f"{file} holds no key: 64 hexadecimal digits, or a provisioning text") from err
    return Keyring()


def _provisioned(text: str) -> Keyring:
    found = read_qr_text(text)
    return Keyring(device_id=found.device_id, kid=found.kid, key=found.key)
