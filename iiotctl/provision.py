"""Draws a key for a device and writes its provisioning text (protocol.md, Keys)."""

from __future__ import annotations

import secrets
from typing import NamedTuple

from iiot_engine.errors import DeviceIdError, PrefixError
from iiot_engine.wire import signing
from iiot_engine.wire.provision import Credential, Place, qr_text
from iiot_engine.wire.topics import check_device_id, check_prefix

from .errors import UsageError
from .keyring import Keyring


class Provisioned(NamedTuple):
    """A key with its text. Both are secret but for the fingerprint."""

    text: str
    """Canonical JSON, also what a QR code of it holds."""
    fingerprint: str


def provision(
    device_id: str, keys: Keyring, *, kid: int, boot: int, prefix: str, host: str, port: int, tls: bool
) -> Provisioned:
    """Draw a key, or derive it from a fleet key; raises `UsageError`."""
    try:
        check_device_id(device_id)
        check_prefix(prefix)
    except DeviceIdError as err:
        raise UsageError(f"{device_id} is no device id: 1 to 64 of A-Z a-z 0-9 _ -, and not 'hub'") from err
    except PrefixError as err:
        raise UsageError(f"{prefix} is no topic prefix") from err
    key = keys.key_of(device_id, kid) or secrets.token_bytes(signing.KEY_BYTES)
    credential = Credential(device_id=device_id, kid=kid, key=key)
    place = Place(prefix=prefix, host=host, port=port, tls=tls)
    return Provisioned(qr_text(credential, place, boot), credential.fingerprint)
