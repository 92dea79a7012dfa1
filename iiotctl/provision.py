"""Draws keys for devices and writes their provisioning texts (protocol.md, Keys)."""

from __future__ import annotations

import csv
import secrets
from collections.abc import Sequence
from io import StringIO
from typing import Final, NamedTuple

from iiot_engine.devices.serials import SerialRow, SerialsError, read_serials, text_of
from iiot_engine.errors import DeviceIdError, PrefixError
from iiot_engine.wire import signing
from iiot_engine.wire.provision import Credential, Place, qr_text
from iiot_engine.wire.topics import check_device_id, check_prefix

from .errors import UsageError
from .keyring import FIRST_KID, Keyring

COLUMNS: Final = ("device_id", "key", "kid", "name", "area", "profile")
"""Of a list that the hub reads."""


class Provisioned(NamedTuple):
    """A device with its key, and the text that brings it there. Secret but for device id, number and fingerprint."""

    credential: Credential
    text: str
    """Canonical JSON, also what a QR code of it holds."""
    row: SerialRow
    """What else is known of the device."""
    is_drawn: bool
    """The key was drawn here, so nobody else knows it yet."""

    def __repr__(self) -> str:
        return f"Provisioned({self.credential!r})"


def place_of(prefix: str, host: str, port: int, *, tls: bool) -> Place:
    """Say where devices speak; raises `UsageError`."""
    try:
        return Place(prefix=check_prefix(prefix), host=host, port=port, tls=tls)
    except PrefixError as err:
        raise UsageError(f"{prefix} is no topic prefix") from err


def listed(file: str, data: bytes) -> list[SerialRow]:
    """Read a list of devices; raises `UsageError` with a line for everything that is wrong with it."""
    try:
        return read_serials(text_of(data))
    except SerialsError as err:
        lines = [" ".join(filter(None, (f"{file}:{flaw.line}:", flaw.column, flaw.reason))) for flaw in err.flaws]
        raise UsageError("\n".join([f"{file} cannot be used:", *lines])) from err


def provision(row: SerialRow, keys: Keyring, place: Place, *, boot: int = 0) -> Provisioned:
    """Take the key of the row, or derive it from a fleet key, or draw it; raises `UsageError`."""
    try:
        check_device_id(row.device_id)
    except DeviceIdError as err:
        raise UsageError(f"{row.device_id} is no device id: 1 to 64 of A-Z a-z 0-9 _ -, and not 'hub'") from err
    known = row.key or keys.key_of(row.device_id, row.kid)
    key = known or secrets.token_bytes(signing.KEY_BYTES)
    credential = Credential(device_id=row.device_id, kid=row.kid, key=key)
    return Provisioned(credential, qr_text(credential, place, boot), row, known is None)


def list_with_keys(made: Sequence[Provisioned]) -> str:
    """Write the list that tells a hub whom to expect, keys and all."""
    sink = StringIO()
    writer = csv.writer(sink)
    writer.writerow(COLUMNS)
    for one in made:
        key, row = one.credential, one.row
        writer.writerow((key.device_id, key.key.hex(), key.kid, row.name, row.area, row.profile))
    return sink.getvalue()


def row_of(device_id: str, kid: int = FIRST_KID) -> SerialRow:
    """A device of which nothing else is known."""
    return SerialRow(line=0, device_id=device_id, kid=kid)
