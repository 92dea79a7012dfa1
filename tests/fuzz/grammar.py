"""Bodies of upward messages as a device could mean them: valid, before anybody spoils them."""

from collections.abc import Callable
from random import Random
from typing import Any, Final

CHANNELS: Final[tuple[dict[str, Any], ...]] = (
    {"key": "temperature", "name": "Temperature", "unit": "°C", "class": "temperature", "min": -40, "max": 125},
    {"key": "strokes", "name": "Strokes", "kind": "int", "state_class": "total_increasing"},
    {"key": "guard", "kind": "bool", "class": "door", "diagnostic": True},
    {"key": "program", "kind": "enum", "options": ["idle", "run"]},
    {"key": "note", "kind": "text", "name": "Note"},
    {"key": "level", "scale": 0.1, "offset": -5, "unit": "%", "mode": "poll", "precision": 2},
    {"key": "vibration", "unit": "m/s²", "period": 0.001, "deadband": 0.5},
    {"key": "born", "kind": "text", "class": "timestamp"},
    {"key": "count", "kind": "int", "class": "timestamp", "scale": 1e299},
)
ACTUATORS: Final[tuple[dict[str, Any], ...]] = (
    {"key": "fan", "kind": "switch", "channel": "guard"},
    {"key": "speed", "kind": "number", "min": 0, "max": 100, "step": 5, "unit": "%"},
    {"key": "mode", "kind": "select", "options": ["auto", "manual"]},
)
_VALUES: Final[dict[str, tuple[Any, ...]]] = {
    "temperature": (21.5, -40, 125, 1e9, 22, None),
    "strokes": (0, 7, 2**53, 2**63, 7.0, 7.5, -1, None),
    "guard": (True, False, None, 1),
    "program": ("idle", "run", "walk", None),
    "note": ("Süd 😀", "", "x" * 255, "x" * 4_097, None),
    "level": (100, 0.25, 1e308, -1e308, 5e-324),
    "vibration": (0.0, -0.0, 1e300),
    "born": ("2026-10-01T12:00:00Z", "9999-12-31T23:59:59+23:59", "0001-01-01T00:00:00+12:00", "20260101"),
    "count": (1_795_190_400, -1, 2**64 - 1, 0),
    "presure": (6.1, "x"),
    "loc": (None, [48.1, 11.5]),
}
_HEX: Final = "0123456789abcdef"


def _digits(random: Random, size: int) -> str:
    return "".join(random.choices(_HEX, k=size))


def _some[T](random: Random, items: tuple[T, ...]) -> list[T]:
    return random.sample(items, random.randint(1, len(items)))


class Speech:
    """What one boot of a device says of itself, so that its messages belong together."""

    def __init__(self, random: Random) -> None:
        self.nonce = _digits(random, 16)
        self.session = _digits(random, 8)
        self.digest = "00112233aabbccdd"
        self.index = 1
        self.hseq = 0

    def body(self, leaf: str, random: Random, boot: int, second: int) -> dict[str, Any]:
        """Body of a message of this kind, said at Unix second `second`."""
        return _BODIES[leaf](self, random, boot, second)


def _heartbeat(speech: Speech, random: Random, boot: int, second: int) -> dict[str, Any]:
    body: dict[str, Any] = {
        "name": "Presse 7 (Süd)",
        "model": "demo",
        "fw": "1.0.0",
        "nonce": speech.nonce,
        "session": speech.session,
        "interval": random.choice((30, 0.1, 5.5, 604_800)),
        "state": "awake",
        "manifest": random.choice((speech.digest, speech.digest, _digits(random, 16))),
        "hseq": speech.hseq,
        "held": [boot, random.choice((1, speech.index))],
    }
    if random.random() < 0.2:
        body |= {"state": "asleep", random.choice(("for_s", "wake")): random.choice((900, 0, second + 900, 6_048_000))}
    if random.random() < 0.2:
        first = random.randint(1, 9)
        body["drop"] = [[boot, first, first + random.choice((0, 1, 2**31))] for _ in range(random.choice((1, 2, 64)))]
    extras: dict[str, Any] = {
        "alarms": [["OILP", "temperature", 1], ["DOOR", None, 2]],
        "rekeyed": [[2, _digits(random, 32)]],
        "buffered": 12,
        "net": {"ip": "192.0.2.7", "mac": "00:00:5e:00:53:01", "rssi": -61, "via": "gw-1", "hops": 2},
        "power": {"battery": 87.5, "volt": 3.1},
        "loc": [48.1, 11.5, 520],
        "place": "Hall 2",
        "caps": ["confirm", "poll"],
    }
    return body | {key: extras[key] for key in random.sample(list(extras), random.randint(0, 4))}


def _manifest(speech: Speech, random: Random, boot: int, second: int) -> dict[str, Any]:
    return {
        "digest": random.choice((speech.digest, _digits(random, 16))),
        "channels": [dict(channel) for channel in _some(random, CHANNELS)],
        "actuators": [dict(actuator) for actuator in _some(random, ACTUATORS)],
        "alarms": [{"code": "OILP", "name": "Oil pressure low", "priority": "high"}],
        "commands": ["describe", "set_time"],
    }


def _data(speech: Speech, random: Random, boot: int, second: int) -> dict[str, Any]:
    body, rows = random.choice((_moment, _moment, _moment, _rows, _wave, _failures))(random, second)
    if random.random() < 0.8:
        body["n"] = [boot, random.choice((speech.index, speech.index, speech.index + 2, 1, 2**32 - 1))]
        speech.index += rows
    extras: dict[str, Any] = {
        "late": True,
        "bye": True,
        "poll": "0a1b2c3d",
        "loc": [48.1, 11.5],
        "q": {"temperature": random.choice(("bad", "uncertain"))},
        "e": {"level": "COMM"},
    }
    if random.random() < 0.3:
        body |= {key: extras[key] for key in random.sample(list(extras), random.randint(1, 2))}
    return body


def _moment(random: Random, second: int) -> tuple[dict[str, Any], int]:
    keys = random.sample(list(_VALUES), random.randint(1, 4))
    return {"r": {key: random.choice(_VALUES[key]) for key in keys}}, 1


def _rows(random: Random, second: int) -> tuple[dict[str, Any], int]:
    keys = random.sample(list(_VALUES), random.randint(1, 3))
    start = random.choice((second, second - 60, 0, 61, 2**33 - 1))
    count = random.choice((1, 2, 3, 40))
    rows = [[max(0, start - at), at, *(random.choice(_VALUES[key]) for key in keys)] for at in range(count)]
    return {"cols": keys, "rows": rows}, count


def _wave(random: Random, second: int) -> tuple[dict[str, Any], int]:
    wave: dict[str, Any] = {"ch": "vibration", "t0": [random.choice((second, 5)), 0], "dt_ns": 625_000}
    if random.random() < 0.5:
        return {"wave": wave | {"v": [0.5, -1, 2**53, 1e300]}}, 1
    packed = random.choice(("AACwBKz+VwA=", "", "AAA=", "AA==", "AACwBKz-VwA=", "AACw\nBKz+VwA=", "A" * 4_000))
    return {"wave": wave | {"i16": packed, "scale": random.choice((0.001, 1, 1e308)), "offset": 0}}, 1


def _failures(random: Random, second: int) -> tuple[dict[str, Any], int]:
    return {"e": {random.choice(list(_VALUES)): random.choice(("COMM", "VALUE"))}}, 1


def _alarm(speech: Speech, random: Random, boot: int, second: int) -> dict[str, Any]:
    body: dict[str, Any] = {"code": "OILP", "state": random.choice(("raised", "cleared")), "occ": 1}
    extras: dict[str, Any] = {
        "priority": "high",
        "text": "Oil pressure 0.4 bar",
        "ch": "temperature",
        "value": 0.4,
        "limit": 1.0,
        "since": [second, 0],
    }
    return body | {key: extras[key] for key in random.sample(list(extras), 3)}


def _log(speech: Speech, random: Random, boot: int, second: int) -> dict[str, Any]:
    return {"level": random.choice(("debug", "warning", "critical")), "msg": "bus retry 3 of 5", "logger": "spi"}


def _ack(speech: Speech, random: Random, boot: int, second: int) -> dict[str, Any]:
    status = random.choice(("accepted", "done", "rejected", "failed", "expired"))
    return {"cid": "01JD8Z6Q4W3M5N7P9R0T1V2X3Y", "status": status, "hseq": speech.hseq, "reason": "", "result": {}}


def _status(speech: Speech, random: Random, boot: int, second: int) -> dict[str, Any]:
    return {"state": random.choice(("online", "offline")), "session": speech.session}


_BODIES: Final[dict[str, Callable[[Speech, Random, int, int], dict[str, Any]]]] = {
    "heartbeat": _heartbeat,
    "manifest": _manifest,
    "data": _data,
    "alarm": _alarm,
    "log": _log,
    "ack": _ack,
    "status": _status,
}
LEAVES: Final = tuple(_BODIES)
