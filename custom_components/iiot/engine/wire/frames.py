"""Frames: verified, parsed messages of devices. Past this border there are only facts.

Each `read_*` takes the decoded payload and raises `Refusal(malformed)` when a member that the
protocol names has another type or range. Members that it does not name are ignored.
"""

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from ..errors import Code, Refusal
from ..values import NS_PER_MS, NS_PER_S, ClockQuality

VERSION: Final = 1
MAX_UINT32: Final = 0xFFFF_FFFF
MAX_UP_MS: Final = 1 << 41
"""69 years. The protocol allows 2^53, whose nanoseconds leave a signed 64-bit number; no machine runs so long."""
MAX_TS_S: Final = 1 << 33
"""The year 2242: beyond it nanoseconds leave a signed 64-bit number."""


class Header(NamedTuple):
    """Members of every upward payload."""

    kid: int
    boot: int
    seq: int
    up_ns: int
    """Time since boot, sleep included."""
    ts_ns: int
    """Device clock, Unix nanoseconds; 0 without a clock."""
    tq: int
    """`ClockQuality` as a bare number."""


def malformed(what: str) -> Refusal:
    """Make the refusal for a member that is not as the protocol says."""
    return Refusal(Code.MALFORMED, what)


def read_header(payload: dict[str, Any]) -> Header:
    """Read what every upward payload carries. Identity and type are the caller's to compare.

    Raises `Refusal(newer_version)` before anything else is judged: a newer protocol may say the rest in another way.
    """
    version = payload.get("v")
    if version != VERSION or type(version) is not int:
        raise _of_version(version)
    try:
        kid, boot, seq = payload["kid"], payload["boot"], payload["seq"]
        up, ts, ts_ns, tq = payload["up"], payload["ts"], payload["ts_ns"], payload["tq"]
    except KeyError as err:
        raise malformed(f"{err.args[0]} is missing") from None
    for number in (kid, boot, seq, up, ts, ts_ns, tq):
        if type(number) is not int:
            raise malformed("kid, boot, seq, up, ts, ts_ns and tq are whole numbers")
    if not (
        1 <= kid <= MAX_UINT32
        and 0 <= boot <= MAX_UINT32
        and 1 <= seq <= MAX_UINT32
        and 0 <= up < MAX_UP_MS
        and 0 <= ts < MAX_TS_S
        and 0 <= ts_ns < NS_PER_S
        and 0 <= tq <= ClockQuality.NTP_OR_GPS
    ):
        raise malformed("kid, boot, seq, up, ts, ts_ns or tq is out of range")
    stamp = ts * NS_PER_S + ts_ns
    if (tq == 0) != (ts == 0) or (tq == 0 and ts_ns):
        raise malformed("ts and ts_ns are 0 exactly when tq is 0")
    return Header(kid, boot, seq, up * NS_PER_MS, stamp, tq)


def _of_version(version: object) -> Refusal:
    """Make the refusal for a payload that is not of the version that is spoken here."""
    if type(version) is not int or version < VERSION:
        return malformed("v is not a version of the protocol")
    return Refusal(
        Code.NEWER_VERSION,
        f"this device speaks version {version} of the protocol, this hub knows {VERSION}: update the integration",
        version=version,
        known=VERSION,
    )


# --- members -------------------------------------------------------------------------------


def text_in(payload: dict[str, Any], key: str, limit: int, default: str | None = None) -> str:
    """Text member of at most `limit` characters."""
    value = payload.get(key, default)
    if type(value) is not str or len(value) > limit:
        raise malformed(f"{key} is not a text of at most {limit} characters")
    return value


def hex_in(payload: dict[str, Any], key: str, digits: int) -> str:
    """Text member of exactly so many lower-case hexadecimal digits."""
    value = payload.get(key)
    if type(value) is not str or len(value) != digits or value.strip("0123456789abcdef"):
        raise malformed(f"{key} is not {digits} hexadecimal digits")
    return value


def whole_in(payload: dict[str, Any], key: str, low: int, high: int) -> int:
    """Whole-number member within `low` and `high`."""
    value = payload.get(key)
    if type(value) is not int or not low <= value <= high:
        raise malformed(f"{key} is not a whole number from {low} to {high}")
    return value


def number_in(payload: dict[str, Any], key: str, low: float, high: float) -> float:
    """Number member within `low` and `high`."""
    value = payload.get(key)
    if (type(value) is int or type(value) is float) and low <= value <= high:
        return float(value)
    raise malformed(f"{key} is not a number from {low} to {high}")


def pair_in(value: object, what: str) -> tuple[int, int]:
    """[boot, index], both uint32."""
    if type(value) is list and len(value) == 2:
        boot, index = value
        if type(boot) is int and type(index) is int and 0 <= boot <= MAX_UINT32 and 0 <= index <= MAX_UINT32 + 1:
            return boot, index
    raise malformed(f"{what} is not [boot, index]")


# --- small leaves --------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Status:
    """Birth or will of a connection."""

    online: bool
    session: str


def read_status(payload: dict[str, Any]) -> Status:
    """Read `status`."""
    state = payload.get("state")
    if state not in ("online", "offline"):
        raise malformed("state is not online or offline")
    return Status(online=state == "online", session=hex_in(payload, "session", 8))


LOG_LEVELS: Final = ("debug", "info", "warning", "error", "critical")


@dataclass(frozen=True, kw_only=True, slots=True)
class LogLine:
    """One line of a device's own log."""

    level: str
    logger: str
    msg: str


def read_log(payload: dict[str, Any]) -> LogLine:
    """Read `log`."""
    level = payload.get("level")
    if level not in LOG_LEVELS:
        raise malformed("level is not a log level")
    msg = text_in(payload, "msg", 1024)
    if len(msg.encode()) > 1024:  # 1 KiB
        raise malformed("msg is longer than 1 KiB")
    return LogLine(level=level, logger=text_in(payload, "logger", 128, ""), msg=msg)


ACK_STATES: Final = ("accepted", "done", "rejected", "failed", "expired")


@dataclass(frozen=True, kw_only=True, slots=True)
class Ack:
    """A device's signed answer to a command."""

    cid: str
    status: str
    reason: str
    hseq: int
    result: Any = None
    """Whatever the device says came of it."""


def read_ack(payload: dict[str, Any]) -> Ack:
    """Read `ack`."""
    status = payload.get("status")
    if status not in ACK_STATES:
        raise malformed("status is not an answer to a command")
    return Ack(
        cid=text_in(payload, "cid", 26),
        status=status,
        reason=text_in(payload, "reason", 256, ""),
        hseq=whole_in(payload, "hseq", 0, MAX_UINT32),
        result=payload.get("result"),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class DeviceAlarm:
    """An alarm that the device raises itself."""

    code: str
    raised: bool
    priority: str
    text: str
    channel: str | None
    occurrence: int


ALARM_PRIORITIES: Final = ("critical", "high", "medium", "low")


def read_alarm(payload: dict[str, Any]) -> DeviceAlarm:
    """Read `alarm`."""
    state, priority = payload.get("state"), payload.get("priority", "medium")
    if state not in ("raised", "cleared") or priority not in ALARM_PRIORITIES:
        raise malformed("state is not raised or cleared, or priority is none of the four")
    channel = payload.get("ch")
    if channel is not None:
        channel = text_in(payload, "ch", 64)
    return DeviceAlarm(
        code=text_in(payload, "code", 64),
        raised=state == "raised",
        priority=priority,
        text=text_in(payload, "text", 256, ""),
        channel=channel,
        occurrence=whole_in(payload, "occ", 0, MAX_UINT32),
    )
