"""The heartbeat: I am here, what I am, how I am."""

from dataclasses import dataclass, field
from typing import Any, Final

from .frames import (
    MAX_TS_S,
    MAX_UINT32,
    hex_in,
    malformed,
    number_in,
    pair_in,
    text_in,
    whole_in,
)

MAX_INTERVAL_S: Final = 604_800.0  # a week
MAX_SLEEP_S: Final = 10 * MAX_INTERVAL_S
"""An announced sleep; a wake-up that is further off counts as this far."""
MAX_ALARMS: Final = 32
MAX_REKEYS: Final = 16
MAX_DROPS: Final = 64
MAX_CAPS: Final = 32
MAX_ALTITUDE_M: Final = 1e6


@dataclass(frozen=True, kw_only=True, slots=True)
class Net:
    """How the device is connected; every member may be unknown."""

    ip: str | None = None
    mac: str | None = None
    rssi: float | None = None
    """Signal strength in dBm."""
    via: str | None = None
    """Device id of the relay in front of it."""
    hops: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Heartbeat:
    """What a heartbeat says, checked member by member."""

    name: str
    model: str
    fw: str
    nonce: str
    session: str
    interval_s: float
    asleep: bool
    sleep_s: float | None
    """Announced length of the sleep."""
    wake_s: float | None
    """Announced wake-up, Unix seconds of the device's clock."""
    manifest: str
    """Digest of the manifest, opaque."""
    hseq: int
    """Highest down message accepted in this boot; 0: none."""
    held: tuple[int, int]
    """[boot, index] of the oldest row that the device still keeps."""
    drops: tuple[tuple[int, int, int], ...] = ()
    """Rows given up: boot, from, to."""
    alarms: tuple[tuple[str, str | None, int], ...] = ()
    """Every raised alarm: code, channel, occurrence."""
    rekeyed: tuple[tuple[int, str], ...] = ()
    """Every key step since provisioning: new key id, salt."""
    buffered: int | None = None
    net: Net = field(default_factory=Net)
    battery: float | None = None
    """Percent."""
    volt: float | None = None
    loc: tuple[float, ...] | None = None
    """Latitude, longitude in degrees, altitude in metres when known."""
    place: str | None = None
    caps: frozenset[str] = frozenset()
    source: dict[str, Any] = field(repr=False)
    """The payload that it was read from, for keeping."""


def read_heartbeat(payload: dict[str, Any]) -> Heartbeat:
    """Read `heartbeat`; raises `Refusal(malformed)`."""
    state = payload.get("state")
    if state not in ("awake", "asleep"):
        raise malformed("state is not awake or asleep")
    asleep = state == "asleep"
    power = _object(payload, "power")
    return Heartbeat(
        name=text_in(payload, "name", 128),
        model=text_in(payload, "model", 128),
        fw=text_in(payload, "fw", 64),
        nonce=hex_in(payload, "nonce", 16),
        session=hex_in(payload, "session", 8),
        interval_s=number_in(payload, "interval", 0.1, MAX_INTERVAL_S),
        asleep=asleep,
        sleep_s=_maybe_number(payload, "for_s", 0, MAX_SLEEP_S) if asleep else None,
        wake_s=_maybe_number(payload, "wake", 0, MAX_TS_S) if asleep else None,
        manifest=hex_in(payload, "manifest", 16),
        hseq=whole_in(payload, "hseq", 0, MAX_UINT32),
        held=pair_in(payload.get("held"), "held"),
        drops=_read_drops(payload),
        alarms=_read_alarms(payload),
        rekeyed=_read_rekeyed(payload),
        buffered=_maybe_whole(payload, "buffered", MAX_UINT32),
        net=_read_net(payload),
        battery=_maybe_number(power, "battery", 0, 100),
        volt=_maybe_number(power, "volt", -1000, 1000),
        loc=read_position(payload["loc"]) if payload.get("loc") is not None else None,
        place=text_in(payload, "place", 64) if payload.get("place") is not None else None,
        caps=_read_caps(payload),
        source=payload,
    )


def read_position(value: object) -> tuple[float, ...]:
    """[latitude, longitude, altitude?] in degrees and metres."""
    if type(value) is list and len(value) in (2, 3):
        numbers = [float(part) for part in value if type(part) in (int, float)]
        is_on_earth = len(numbers) == len(value) and -90 <= numbers[0] <= 90 and -180 <= numbers[1] <= 180
        if is_on_earth and abs(numbers[-1]) <= MAX_ALTITUDE_M:
            return tuple(numbers)
    raise malformed("loc is not [latitude, longitude] in degrees")


def _object(payload: dict[str, Any], key: str) -> dict[str, Any]:
    value = payload.get(key)
    if value is None:
        return {}
    if type(value) is not dict:
        raise malformed(f"{key} is not an object")
    return value


def _maybe_number(payload: dict[str, Any], key: str, low: float, high: float) -> float | None:
    return None if payload.get(key) is None else number_in(payload, key, low, high)


def _maybe_whole(payload: dict[str, Any], key: str, high: int) -> int | None:
    return None if payload.get(key) is None else whole_in(payload, key, 0, high)


def _maybe_text(payload: dict[str, Any], key: str, limit: int) -> str | None:
    return None if payload.get(key) is None else text_in(payload, key, limit)


def _list(payload: dict[str, Any], key: str, most: int) -> list[Any]:
    value = payload.get(key)
    if value is None:
        return []
    if type(value) is not list or len(value) > most:
        raise malformed(f"{key} is not a list of at most {most}")
    return value


def _read_net(payload: dict[str, Any]) -> Net:
    net = _object(payload, "net")
    return Net(
        ip=_maybe_text(net, "ip", 64),
        mac=_maybe_text(net, "mac", 32),
        rssi=_maybe_number(net, "rssi", -200, 100),
        via=_maybe_text(net, "via", 64),
        hops=_maybe_whole(net, "hops", 255),
    )


def _read_drops(payload: dict[str, Any]) -> tuple[tuple[int, int, int], ...]:
    found = []
    for entry in _list(payload, "drop", MAX_DROPS):
        if type(entry) is not list or len(entry) != 3:
            raise malformed("drop is not [[boot, from, to]…]")
        boot, first = pair_in(entry[:2], "drop")
        _, last = pair_in([boot, entry[2]], "drop")
        if not 1 <= first <= last:
            raise malformed("drop is not [[boot, from, to]…]")
        found.append((boot, first, last))
    return tuple(found)


def _read_alarms(payload: dict[str, Any]) -> tuple[tuple[str, str | None, int], ...]:
    found = []
    for entry in _list(payload, "alarms", MAX_ALARMS):
        match entry:
            case [str(code), None | str(), int(occurrence)] if type(occurrence) is int:
                found.append((code, entry[1], occurrence))
            case _:
                raise malformed("alarms is not [[code, ch or null, occ]…]")
    return tuple(found)


def _read_rekeyed(payload: dict[str, Any]) -> tuple[tuple[int, str], ...]:
    found = []
    for entry in _list(payload, "rekeyed", MAX_REKEYS):
        match entry:
            case [int(kid), str(salt)] if type(kid) is int and _is_hex(salt):
                found.append((kid, salt))
            case _:
                raise malformed("rekeyed is not [[kid, salt]…]")
    return tuple(found)


def _is_hex(text: str) -> bool:
    return 0 < len(text) <= 128 and len(text) % 2 == 0 and not text.strip("0123456789abcdef")


def _read_caps(payload: dict[str, Any]) -> frozenset[str]:
    caps = _list(payload, "caps", MAX_CAPS)
    if not all(type(cap) is str for cap in caps):
        raise malformed("caps is not a list of texts")
    return frozenset(caps)
