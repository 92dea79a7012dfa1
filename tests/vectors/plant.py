"""The one device of the vectors, and what it says."""

from typing import Any

from . import reference

FLEET_KEY = bytes(range(32))
DEVICE = "press-07"
KID = 1
KEY = reference.device_key(FLEET_KEY, DEVICE, KID)
OTHER_KEY = reference.device_key(FLEET_KEY, "press-08", KID)
NONCE = "8899aabbccddeeff"
DIGEST = "00112233aabbccdd"
BOOT = 3
BORN = 1_795_190_338_750_000_000
"""Hub time of the device's start, Unix nanoseconds."""


def header(leaf: str, seq: int, up: int, **changed: Any) -> dict[str, Any]:
    """Members of every upward payload; the device's clock is exact."""
    ts, ts_ns = divmod(BORN + up * 1_000_000, 1_000_000_000)
    found = {
        "v": 1,
        "type": leaf,
        "id": DEVICE,
        "kid": KID,
        "ts": ts,
        "ts_ns": ts_ns,
        "boot": BOOT,
        "seq": seq,
        "up": up,
        "tq": 2,
    }
    return found | changed


HEARTBEAT: dict[str, Any] = {
    "name": "Presse 7 (Süd)",
    "model": "demo",
    "fw": "1.0.0",
    "nonce": NONCE,
    "session": "0badcafe",
    "interval": 30,
    "state": "awake",
    "manifest": DIGEST,
    "hseq": 0,
    "held": [3, 1],
    "alarms": [],
}

MANIFEST: dict[str, Any] = {
    "digest": DIGEST,
    "channels": [
        {
            "key": "temperature",
            "name": "Öltemperatur",
            "kind": "float",
            "unit": "°C",
            "class": "temperature",
            "state_class": "measurement",
            "min": -40,
            "max": 125,
            "precision": 1,
        },
        {"key": "strokes", "name": "Strokes", "kind": "int", "state_class": "total_increasing"},
        {"key": "guard", "name": "Guard closed", "kind": "bool", "class": "door"},
        {"key": "program", "name": "Program", "kind": "enum", "options": ["idle", "run", "fault"]},
        {"key": "note", "name": "Note", "kind": "text", "diagnostic": True},
        {"key": "level", "name": "Level", "kind": "float", "unit": "%", "scale": 0.1, "offset": -5, "mode": "poll"},
        {"key": "vibration", "name": "Vibration", "kind": "float", "unit": "m/s²", "period": 0.001},
    ],
    "actuators": [
        {"key": "fan", "name": "Fan", "kind": "switch", "channel": "guard"},
        {"key": "speed", "name": "Speed", "kind": "number", "min": 0, "max": 100, "step": 5},
        {"key": "mode", "name": "Mode", "kind": "select", "options": ["auto", "manual"]},
    ],
    "alarms": [{"code": "over_temperature", "name": "Too hot", "priority": "high"}],
    "commands": ["describe", "set_time", "set"],
}
