"""Writes the vectors: `python -m tests.vectors.make`. The same every time."""

import json
from pathlib import Path
from typing import Any

from . import bad, down, good, reference
from .plant import DEVICE, FLEET_KEY, KEY, NONCE

FOLDER = Path(__file__).parent
MESSAGE_SIGNING_KEY = b"mqtt-message-signing-key"


def keys() -> dict[str, Any]:
    """Derivation, rotation, MACs, canonical texts."""
    salt = bytes(range(16))
    second = reference.next_key(KEY, salt, DEVICE, 2)
    ids = [(DEVICE, 1), (DEVICE, 2), ("press-08", 1), ("a", 1), ("x" * 64, 4_294_967_295)]
    return {
        "derive": [
            {
                "fleet_key": FLEET_KEY.hex(),
                "id": name,
                "kid": kid,
                "key": reference.device_key(FLEET_KEY, name, kid).hex(),
            }
            for name, kid in ids
        ],
        "rekey": [
            {"key": KEY.hex(), "id": DEVICE, "salt": salt.hex(), "kid": 2, "next": second.hex()},
            {
                "key": second.hex(),
                "id": DEVICE,
                "salt": "ff" * 16,
                "kid": 3,
                "next": reference.next_key(second, b"\xff" * 16, DEVICE, 3).hex(),
            },
        ],
        "logins": [
            {"key": key.hex(), "id": name, "kid": kid, "password": reference.broker_password(key, name, kid)}
            for key, name, kid in ((KEY, DEVICE, 1), (second, DEVICE, 2), (KEY, "press-08", 1))
        ],
        "macs": [_mac(key, payload) for key, payload in _signed()],
        "canonical": [{"value": value, "text": reference.canonical(value).decode("utf-8")} for value in _values()],
    }


def _mac(key: bytes, payload: dict[str, Any]) -> dict[str, Any]:
    span = reference.canonical(payload)
    return {"key": key.hex(), "payload": span.decode("utf-8"), "hmac": reference.mac(key, span)}


def _signed() -> list[tuple[bytes, dict[str, Any]]]:
    reading = {"humidity": 60.64, "temperature": 20.52, "ts": 1759384453, "ts_ns": 920529791}
    beat = good.HEARTBEAT | good.header("heartbeat", 41, 61_250, ts=1_795_190_400, ts_ns=250_000_000)
    told = {
        "args": {"key": "fan", "value": True},
        "cid": down.CID,
        "cmd": "set",
        "exp": 1_795_190_411,
        "hseq": 1,
        "id": DEVICE,
        "kid": 1,
        "nonce": NONCE,
        "ts": 1_795_190_401,
        "ts_ns": 0,
        "type": "command",
        "until": 71_250,
        "v": 1,
    }
    return [(MESSAGE_SIGNING_KEY, reading), (KEY, beat), (KEY, told), (KEY, {}), (KEY, {"ä": "😀", "z": None})]


def _values() -> list[dict[str, Any]]:
    return [
        {},
        {"b": 1, "a": 2, "B": 3, "_": 4, "1": 5},
        {"é": 1, "z": 2, "e": 3, "\uffff": 4, "😀": 5},
        {"text": 'quote " backslash \\ slash / Süd 東京 😀'},
        {"numbers": [0, -1, 1.5, -0.25, 9007199254740991, 4294967296, 0.1]},
        {"nested": {"z": [], "a": {}, "list": [{"b": None, "a": True}, False]}},
    ]


FILES = {
    "keys.json": keys,
    "good.json": good.frames,
    "bad.json": bad.frames_refused,
    "down_good.json": down.good,
    "down_bad.json": down.bad,
}


def text_of(name: str) -> str:
    """Content of one file."""
    return json.dumps(FILES[name](), ensure_ascii=True, indent=1) + "\n"


def main() -> None:
    """Write them all."""
    for name in FILES:
        (FOLDER / name).write_text(text_of(name), encoding="utf-8")


if __name__ == "__main__":
    main()
