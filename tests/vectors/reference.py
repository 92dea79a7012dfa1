"""A second, small implementation of the wire, from the standard library alone.

It knows nothing of the product's code, so what both agree on is the protocol and not a shared mistake.
"""

import hashlib
import hmac
import json
from base64 import b64encode
from typing import Any

SALT = b"iiot/1"


def canonical(payload: dict[str, Any]) -> bytes:
    """Keys sorted by code point, no white space, text raw."""
    text = json.dumps(payload, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8")


def mac(key: bytes, span: bytes) -> str:
    """HMAC-SHA-256 in base64."""
    return b64encode(hmac.new(key, span, hashlib.sha256).digest()).decode("ascii")


def envelope(key: bytes, span: bytes) -> bytes:
    """The message around a payload's bytes."""
    return b'{"hmac":"' + mac(key, span).encode() + b'","payload":' + span + b"}"


def envelope_payload_first(key: bytes, span: bytes) -> bytes:
    """The same with its members the other way round."""
    return b'{"payload":' + span + b',"hmac":"' + mac(key, span).encode() + b'"}'


def seal(key: bytes, payload: dict[str, Any]) -> bytes:
    """A signed message."""
    return envelope(key, canonical(payload))


def hkdf(material: bytes, salt: bytes, info: str) -> bytes:
    """HKDF-SHA-256 for 32 bytes (RFC 5869: one round of expansion is enough)."""
    extracted = hmac.new(salt, material, hashlib.sha256).digest()
    return hmac.new(extracted, info.encode("utf-8") + b"\x01", hashlib.sha256).digest()


def device_key(fleet_key: bytes, device_id: str, kid: int) -> bytes:
    """Key of a device that joins by the fleet key."""
    return hkdf(fleet_key, SALT, f"{device_id}|{kid}")


def next_key(key: bytes, salt: bytes, device_id: str, new_kid: int) -> bytes:
    """Key that follows in a rotation."""
    return hkdf(key, salt, f"rekey|{device_id}|{new_kid}")


def broker_password(key: bytes, device_id: str, kid: int) -> str:
    """What a device logs in with at a broker whose logins its hub keeps."""
    return hkdf(key, SALT, f"broker|{device_id}|{kid}").hex()
