"""Message authentication and key derivation (protocol.md, Envelope and Keys; RFC 2104, RFC 5869)."""

import hashlib
import hmac
from binascii import b2a_base64
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ..errors import KeyFormError

KEY_BYTES: Final = 32
MAX_KEY_BYTES: Final = 64
"""Of a bare device's key. What is longer is hashed by HMAC itself (RFC 2104, section 2)."""
MIN_TEXT_KEY: Final = 16
"""Bytes of a key that is a text."""
_KEY_HEX: Final = 2 * KEY_BYTES
_SALT: Final = b"iiot/1"


def mac(key: bytes, span: bytes) -> bytes:
    """HMAC-SHA-256 over `span`, in base64 (44 ASCII bytes)."""
    return b2a_base64(hmac.digest(key, span, "sha256"), newline=False)


def is_signed_by(key: bytes, span: bytes, claimed: bytes) -> bool:
    """Whether `claimed` (base64) is the MAC of `span` under `key`; takes constant time."""
    return hmac.compare_digest(mac(key, span), claimed)


def derive_device_key(fleet_key: bytes, device_id: str, kid: int) -> bytes:
    """Key number `kid` of a device enrolled by the fleet key."""
    return _hkdf(fleet_key, _SALT, f"{device_id}|{kid}")


def derive_next_key(key: bytes, salt: bytes, device_id: str, new_kid: int) -> bytes:
    """Key that follows `key` in a rotation."""
    return _hkdf(key, salt, f"rekey|{device_id}|{new_kid}")


def derive_broker_password(key: bytes, device_id: str, kid: int) -> str:
    """Password with which a device logs in to a broker that its hub keeps the logins of; 64 hexadecimal digits."""
    return _hkdf(key, _SALT, f"broker|{device_id}|{kid}").hex()


def fingerprint(key: bytes) -> str:
    """Eight bytes by which people tell keys apart, `xxxx-xxxx-xxxx-xxxx`; says nothing of the key."""
    digest = hashlib.sha256(b"iiot/1 fingerprint" + key).hexdigest()
    return "-".join(digest[at : at + 4] for at in range(0, 16, 4))


def parse_key(text: str) -> bytes:
    """Key from 64 hexadecimal digits, blanks and dashes allowed; raises `KeyFormError`."""
    digits = "".join(ch for ch in text if not ch.isspace() and ch != "-")
    if len(digits) != _KEY_HEX:
        raise KeyFormError
    try:
        return bytes.fromhex(digits)
    except ValueError as err:
        raise KeyFormError from err


def parse_text_key(text: str) -> bytes:
    """Key of a bare device: 64 hexadecimal digits, or a text of at least 16 bytes; raises `KeyFormError`.

    A text shorter than 32 bytes gets zeros behind it, as HMAC itself puts them there: the signatures are the same.
    """
    try:
        return parse_key(text)
    except KeyFormError:
        key = text.strip().encode("utf-8", "replace")
    if not MIN_TEXT_KEY <= len(key) <= MAX_KEY_BYTES:
        raise KeyFormError
    return key.ljust(KEY_BYTES, b"\0")


def _hkdf(material: bytes, salt: bytes, info: str) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, salt, info.encode()).derive(material)
