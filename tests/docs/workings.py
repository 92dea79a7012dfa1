"""The arithmetic of signing, step by step, with the standard library alone."""

import hashlib
import hmac
from base64 import b64encode

from iiot_engine.wire import canonical, signing

from .world import DEVICE_KEY, FLEET_KEY

PLAIN_KEY = b"mqtt-message-signing-key"
PLAIN_PAYLOAD = {"humidity": 60.64, "temperature": 20.52, "ts": 1759384453, "ts_ns": 920529791}
SALT = bytes(range(16))


def extract_and_expand(material: bytes, salt: bytes, info: bytes) -> tuple[bytes, bytes]:
    """RFC 5869 with SHA-256 and 32 bytes of output: the pseudo-random key, then the key."""
    prk = hmac.digest(salt, material, "sha256")
    return prk, hmac.digest(prk, info + b"\x01", "sha256")


def blocks() -> dict[str, str]:
    """Worked examples, each checked against the engine on the way."""
    span = canonical.encode(PLAIN_PAYLOAD)
    mac = hmac.digest(PLAIN_KEY, span, "sha256")
    assert signing.mac(PLAIN_KEY, span) == b64encode(mac)
    prk, key = extract_and_expand(FLEET_KEY, b"iiot/1", b"press-07|1")
    assert key == DEVICE_KEY == signing.derive_device_key(FLEET_KEY, "press-07", 1)
    next_prk, next_key = extract_and_expand(key, SALT, b"rekey|press-07|2")
    assert next_key == signing.derive_next_key(key, SALT, "press-07", 2)
    login_prk, login = extract_and_expand(key, b"iiot/1", b"broker|press-07|1")
    assert login.hex() == signing.derive_broker_password(key, "press-07", 1)
    return {
        "working mac": _fence(
            ("key, ASCII", PLAIN_KEY.decode()),
            ("payload", span.decode()),
            ("payload, SHA-256", hashlib.sha256(span).hexdigest()),
            ("MAC, hex", mac.hex()),
            ("MAC, base64", b64encode(mac).decode()),
        ),
        "working fleet": _fence(
            ("fleet key", FLEET_KEY.hex()),
            ("salt, ASCII", "iiot/1"),
            ("info, ASCII", "press-07|1"),
            ("HMAC(salt, fleet key)", prk.hex()),
            ("HMAC(that, info 01)", key.hex()),
            ("fingerprint", signing.fingerprint(key)),
        ),
        "working login": _fence(
            ("key", DEVICE_KEY.hex()),
            ("info, ASCII", "broker|press-07|1"),
            ("HMAC(salt, key)", login_prk.hex()),
            ("HMAC(that, info 01)", login.hex()),
        ),
        "working rekey": _fence(
            ("current key", key.hex()),
            ("salt", SALT.hex()),
            ("info, ASCII", "rekey|press-07|2"),
            ("HMAC(salt, current key)", next_prk.hex()),
            ("HMAC(that, info 01)", next_key.hex()),
        ),
    }


def _fence(*lines: tuple[str, str]) -> str:
    width = max(len(name) for name, _ in lines)
    return "\n".join(["```text", *(f"{name:<{width}}  {value}" for name, value in lines), "```"])
