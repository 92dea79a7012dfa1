"""Good frames: every leaf, and data in each of its forms."""

import struct
from base64 import b64encode
from typing import Any

from . import reference
from .plant import BORN, DEVICE, HEARTBEAT, KEY, MANIFEST, header


def frame(name: str, leaf: str, seq: int, up: int, body: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """One good frame, received at the moment it was made."""
    payload = header(leaf, seq, up, **changed) | body
    return {
        "name": name,
        "topic": f"iiot/{DEVICE}/{leaf}",
        "received_ns": BORN + up * 1_000_000,
        "message": reference.seal(KEY, payload).decode("utf-8"),
    }


def frames() -> list[dict[str, Any]]:
    """All of them, in an order in which one hub accepts each."""
    made = [
        frame(name, leaf, seq, 61_000 + 250 * seq, body, **changed)
        for seq, (name, leaf, body, changed) in enumerate(_told(), start=40)
    ]
    return [*made, *_otherwise_written()]


def _told() -> list[tuple[str, str, dict[str, Any], dict[str, Any]]]:
    alarm = {"code": "over_temperature", "occ": 1, "priority": "high", "text": "92 °C", "ch": "temperature"}
    samples = struct.pack("<4h", 1, -1, 32767, -32768)
    return [
        ("birth", "status", {"state": "online", "session": "0badcafe"}, {}),
        ("smallest heartbeat", "heartbeat", HEARTBEAT | {"held": [2, 900]}, {}),
        ("manifest with every kind of channel", "manifest", MANIFEST, {}),
        ("heartbeat with everything", "heartbeat", HEARTBEAT | _everything(), {}),
        ("one moment", "data", {"r": {"temperature": 60.64, "strokes": 17, "guard": True}, "n": [3, 1]}, {}),
        ("texts", "data", {"r": {"program": "run", "note": "Müller / 東京 / 😀"}, "n": [3, 2]}, {}),
        ("nothing of any kind", "data", {"r": {"temperature": None, "program": None, "note": None}, "n": [3, 3]}, {}),
        ("qualities", "data", {"r": {"temperature": None, "level": 1}, "q": {"temperature": "bad"}, "n": [3, 4]}, {}),
        ("failed reads", "data", {"r": {"strokes": 18}, "e": {"temperature": "COMM", "level": "VALUE"}}, {}),
        ("poll answer", "data", {"r": {"level": 512}, "poll": "0a1b2c3d", "n": [3, 5]}, {}),
        ("position beside a reading", "data", {"r": {"strokes": 19}, "loc": [48.137, 11.575, 519.5], "n": [3, 6]}, {}),
        ("rows", "data", _rows(), {}),
        ("rows sent again, of an earlier boot", "data", _late(), {}),
        ("rows without a clock", "data", _relative(), {}),
        ("position as a column", "data", _track(), {}),
        ("waveform of numbers", "data", _wave({"v": [0.5, -0.25, 1]}, 21), {}),
        (
            "waveform of 16-bit numbers",
            "data",
            _wave({"i16": b64encode(samples).decode(), "scale": 0.5, "offset": 1}, 22),
            {},
        ),
        ("last data before sleep", "data", {"r": {"strokes": 20}, "n": [3, 23], "bye": True}, {}),
        (
            "alarm raised",
            "alarm",
            alarm | {"state": "raised", "value": 92.1, "limit": 90, "since": [1795190400, 0]},
            {},
        ),
        ("alarm cleared", "alarm", alarm | {"state": "cleared"}, {}),
        ("log line", "log", {"level": "warning", "logger": "modbus", "msg": "slave 3 is silent"}, {}),
        ("answer to a command", "ack", {"cid": "01JD8Z6Q4W3M5N7P9R0T1V2X3Y", "status": "done", "hseq": 0}, {}),
        ("unknown members are ignored", "data", {"r": {"strokes": 21}, "n": [3, 24], "x_new": {"a": [1]}}, {}),
        ("largest numbers", "data", {"r": {"strokes": 9_007_199_254_740_991, "temperature": -0.0}, "n": [3, 25]}, {}),
        ("clock from the hub", "data", {"r": {"strokes": 22}, "n": [3, 26]}, {"tq": 1}),
        ("no clock", "data", {"r": {"strokes": 23}, "n": [3, 27]}, {"tq": 0, "ts": 0, "ts_ns": 0}),
        ("going to sleep", "heartbeat", HEARTBEAT | {"state": "asleep", "for_s": 600, "held": [3, 28]}, {}),
        ("will", "status", {"state": "offline", "session": "0badcafe"}, {}),
    ]


def _everything() -> dict[str, Any]:
    return {
        "drop": [[3, 1, 1]],
        "alarms": [["over_temperature", "temperature", 1], ["battery_low", None, 2]],
        "rekeyed": [[2, "000102030405060708090a0b0c0d0e0f"]],
        "buffered": 12,
        "net": {"ip": "192.0.2.17", "mac": "02:00:00:00:00:07", "rssi": -71, "via": "gw-1", "hops": 1},
        "power": {"battery": 87.5, "volt": 3.71},
        "loc": [48.137, 11.575],
        "place": "Halle 2",
        "head": [12, "0123456789abcdef"],
        "caps": ["confirm", "poll"],
        "held": [2, 900],
    }


def _rows() -> dict[str, Any]:
    rows = [[1_795_190_400, 0, 60.5, None], [1_795_190_400, 500_000_000, 60.625, 41]]
    return {"cols": ["temperature", "strokes"], "rows": rows, "n": [3, 7]}


def _late() -> dict[str, Any]:
    rows = [[1_795_190_200 + at, 0, 20 + at] for at in range(4)]
    return {"cols": ["strokes"], "rows": rows, "n": [2, 900], "late": True}


def _relative() -> dict[str, Any]:
    return {"cols": ["strokes"], "rows": [[12, 250_000_000, 5], [13, 0, 6]], "n": [3, 9], "late": True}


def _track() -> dict[str, Any]:
    rows = [[1_795_190_400, 0, [48.1, 11.5], 1], [1_795_190_401, 0, [48.2, 11.6, 520], 2]]
    return {"cols": ["loc", "strokes"], "rows": rows, "n": [3, 11]}


def _wave(samples: dict[str, Any], index: int) -> dict[str, Any]:
    wave = {"ch": "vibration", "t0": [1_795_190_401, 0], "dt_ns": 1_000_000} | samples
    return {"wave": wave, "n": [3, index]}


def _otherwise_written() -> list[dict[str, Any]]:
    """What is verified is what was transmitted, however it was written."""
    up = 90_000
    topic, received = f"iiot/{DEVICE}/data", BORN + up * 1_000_000

    def made(name: str, message: bytes) -> dict[str, Any]:
        return {"name": name, "topic": topic, "received_ns": received, "message": message.decode("utf-8")}

    def span(seq: int, index: int) -> bytes:
        return reference.canonical(header("data", seq, up) | {"r": {"temperature": 1.5}, "n": [3, index]})

    backwards = b'{"r":{"temperature":1.50e0},' + span(102, 30).replace(b',"r":{"temperature":1.5}', b"")[1:]
    return [
        made("payload before hmac", reference.envelope_payload_first(KEY, span(100, 28))),
        made("white space inside the payload", reference.envelope(KEY, span(101, 29).replace(b",", b", "))),
        made("keys out of order, a number written otherwise", reference.envelope(KEY, backwards)),
        made(
            "text in escapes",
            reference.envelope(
                KEY, span(103, 31).replace(b'{"temperature":1.5}', b'{"note":"S\\u00fcd \\ud83d\\ude00"}')
            ),
        ),
    ]
