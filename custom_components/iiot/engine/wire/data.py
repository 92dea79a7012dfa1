"""Data: readings of one moment, of many moments, or a waveform."""

import binascii
import math
import struct
from base64 import b64decode
from typing import Any, Final, NamedTuple

from ..values import NS_PER_S
from .frames import MAX_TS_S, MAX_UINT32, hex_in, malformed, pair_in
from .heartbeat import read_position

MAX_COLUMNS: Final = 257
"""256 channels and the position."""
RELATIVE_BELOW_S: Final = 1_000_000_000
"""A row time below this counts from the start of the boot in its `n`."""
LOC: Final = "loc"
LARGEST_I16: Final = 32_768
PLAIN: Final = 12
"""Members of a numbered moment without anything beside it."""
_NUMBERS: Final = frozenset({int, float})


class Data(NamedTuple):
    """One data message. Exactly one of `moment`, `rows` and `wave` is there."""

    moment: dict[str, Any] | None
    """Channel → raw value, at the message's own time."""
    cols: list[str]
    rows: list[list[Any]]
    """[s, ns, value…] each."""
    wave: Wave | None
    rows_count: int
    """How many rows it is: 1 for a moment or a wave."""
    first: tuple[int, int] | None
    """`n`: boot and index of the first row; None for devices that do not number rows."""
    late: bool
    bye: bool
    quality: dict[str, Any]
    failed: dict[str, Any]
    pid: str | None
    loc: tuple[float, ...] | None


class Wave(NamedTuple):
    """Samples of one channel at a fixed step."""

    channel: str
    start_ns: int
    """As the device stamped it; below 10^9 s it counts from the start of the boot."""
    step_ns: int
    samples: int


_NOTHING: Final[dict[str, Any]] = {}


def moment_of(values: dict[str, Any]) -> Data:
    """Give readings of one moment, by channel, the shape of a message that says nothing else."""
    return Data(values, [], [], None, 1, None, False, False, _NOTHING, _NOTHING, None, None)


def read_data(payload: dict[str, Any]) -> Data:
    """Read `data`; raises `Refusal(malformed)`."""
    get = payload.get
    if len(payload) == PLAIN and "r" in payload and "n" in payload:
        # The ten members of every message, and these two: so there is nothing else to look for.
        _check_moment(payload["r"])
        return Data(
            payload["r"], [], [], None, 1, _read_first(payload["n"], 1), False, False, _NOTHING, _NOTHING, None, None
        )
    moment, rows, raw_wave = get("r"), get("rows"), get("wave")
    if (moment is not None) + (rows is not None) + (raw_wave is not None) != 1:
        failed_only = moment is None and rows is None and raw_wave is None and get("e") is not None
        if not failed_only:
            raise malformed("a data message carries exactly one of r, rows and wave")
        moment = {}
    cols: list[str] = []
    count = 1
    wave = None
    if moment is not None:
        _check_moment(moment)
    elif rows is not None:
        cols = _read_columns(get("cols"))
        count = _check_rows(rows, len(cols))
    else:
        wave = _read_wave(raw_wave)
    first = get("n")
    return Data(
        moment,
        cols,
        rows or [],
        wave,
        count,
        None if first is None else _read_first(first, count),
        _flag(payload, "late"),
        _flag(payload, "bye"),
        _words(payload, "q", ("bad", "uncertain")),
        _words(payload, "e", ("COMM", "VALUE")),
        None if get("poll") is None else hex_in(payload, "poll", 8),
        None if get(LOC) is None else read_position(payload[LOC]),
    )


def row_time_ns(row: list[Any]) -> int:
    """Time of one checked row as the device stamped it."""
    seconds: int = row[0]
    nanos: int = row[1]
    return seconds * NS_PER_S + nanos


def _check_moment(moment: object) -> None:
    if type(moment) is not dict or len(moment) > MAX_COLUMNS:
        raise malformed("r is not an object of at most 257 members")


def _read_first(value: object, count: int) -> tuple[int, int]:
    boot, index = pair_in(value, "n")
    if index < 1 or index + count - 1 > MAX_UINT32:
        raise malformed("n counts rows from 1")
    return boot, index


def _flag(payload: dict[str, Any], key: str) -> bool:
    value = payload.get(key, False)
    if type(value) is not bool:
        raise malformed(f"{key} is not true or false")
    return value


def _words(payload: dict[str, Any], key: str, known: tuple[str, ...]) -> dict[str, Any]:
    value = payload.get(key)
    if value is None:
        return _NOTHING
    if type(value) is not dict or len(value) > MAX_COLUMNS:
        raise malformed(f"{key} is not an object")
    if not all(word in known for word in value.values()):
        raise malformed(f"{key} has a word other than {' or '.join(known)}")
    return value


def _read_columns(cols: object) -> list[str]:
    if (
        type(cols) is not list
        or not 1 <= len(cols) <= MAX_COLUMNS
        or not all(type(key) is str for key in cols)
        or len(set(cols)) != len(cols)
    ):
        raise malformed("cols is not a list of different channel keys")
    return cols


def _check_rows(rows: object, width: int) -> int:
    if type(rows) is not list or not rows:
        raise malformed("rows is not a list with at least one row")
    for row in rows:
        if type(row) is not list or len(row) != width + 2:
            raise malformed("a row does not have s, ns and a value for each column")
        _check_stamp(row[0], row[1])
    return len(rows)


def _check_stamp(seconds: object, nanos: object) -> None:
    if type(seconds) is not int or type(nanos) is not int or not 0 <= seconds < MAX_TS_S or not 0 <= nanos < NS_PER_S:
        raise malformed("a time is not [s, ns]")


def _read_wave(wave: object) -> Wave:
    if type(wave) is not dict:
        raise malformed("wave is not an object")
    channel, start, step = wave.get("ch"), wave.get("t0"), wave.get("dt_ns")
    if type(channel) is not str or type(start) is not list or len(start) != 2:
        raise malformed("wave has no channel or start")
    _check_stamp(*start)
    if type(step) is not int or not 0 < step <= MAX_UINT32 * 1000:
        raise malformed("wave has no step")
    return Wave(channel, start[0] * NS_PER_S + start[1], step, _count_samples(wave))


def samples_of(wave: dict[str, Any]) -> list[float]:
    """Samples of a `wave` object, `i16` unpacked and scaled; raises `Refusal(malformed)`."""
    kept = _kept_samples(wave)
    if isinstance(kept, list):
        return kept
    scale, offset = wave.get("scale", 1), wave.get("offset", 0)
    return [value * scale + offset for value in struct.unpack(f"<{len(kept) // 2}h", kept)]


def _count_samples(wave: dict[str, Any]) -> int:
    kept = _kept_samples(wave)
    return len(kept) if isinstance(kept, list) else len(kept) // 2


def _kept_samples(wave: dict[str, Any]) -> list[float] | bytes:
    """Check the samples and give them as they are: numbers, or 16-bit numbers in bytes."""
    values, packed = wave.get("v"), wave.get("i16")
    if (values is None) == (packed is None):
        raise malformed("wave has not exactly one of v and i16")
    if values is not None:
        if type(values) is not list or not _NUMBERS.issuperset(map(type, values)):
            raise malformed("v is not a list of numbers")
        return values
    scale, offset = wave.get("scale", 1), wave.get("offset", 0)
    if type(packed) is not str or type(scale) not in _NUMBERS or type(offset) not in _NUMBERS:
        raise malformed("i16 is not base64 with numbers for scale and offset")
    try:
        raw = b64decode(packed, validate=True)
    except (binascii.Error, ValueError) as err:
        raise malformed("i16 is not base64") from err
    if len(raw) % 2:
        raise malformed("i16 is not made of 16-bit numbers")
    if not math.isfinite(LARGEST_I16 * abs(scale) + abs(offset)):
        raise malformed("scale and offset lead beyond a double")
    return raw
