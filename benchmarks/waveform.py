"""Samples per CPU second of waveforms of 25 kHz, into the journal; beside decoding and inserting the same bytes.

The engine does for each frame what the protocol asks: envelope, signature, strict parse, replay window, time, row, and
the frame itself durable in the journal. The peer decodes the samples and inserts the frame, with the same number of
frames to a transaction, and checks nothing.
"""

import gc
import math
import sqlite3
import struct
import time
from array import array
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import batched
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final

import orjson

from iiot_engine.values import NS_PER_S
from testbed.errors import TestbedError

from . import machine
from .device import CHANNEL, Device
from .engine import Engine, Sent
from .figure import Figure
from .progress import say

RATE_HZ: Final = 25_000
STEP_NS: Final = NS_PER_S // RATE_HZ
SCALE: Final = 0.001
TONES: Final = ((49.7, 4.0), (149.1, 1.5), (2_980.0, 0.7), (7_310.0, 0.2))
"""Hz and amplitude: a machine's speed, its third harmonic, a gear and a bearing."""
NOISE: Final = 0.05
SAMPLES: Final = {"i16": 12_500, "v": 6_250}
"""Of a frame: half a second and a quarter; about 33 and 40 kB, of 64 that a message may have."""
PERIODS: Final = 16
"""Different frames of a signal before they repeat."""
PEERS: Final = {
    "i16": "base64 to 16-bit numbers, and an insert into SQLite",
    "v": "JSON to numbers, and an insert into SQLite",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """How much is measured."""

    sensors: int = 8
    seconds: float = 20.0
    """Of signal, of each sensor."""
    rounds: int = 5


SHORT: Final = Plan(sensors=2, seconds=1.0, rounds=1)


def measure(plan: Plan) -> list[Figure]:
    """Measure both forms and return the figures; raises TestbedError when a frame was not accepted."""
    about = machine.describe() | {"sensors": plan.sensors, "seconds": plan.seconds, "rounds": plan.rounds}
    return [_figure(form, plan, about) for form in SAMPLES]


def _figure(form: str, plan: Plan, about: dict[str, Any]) -> Figure:
    ours, theirs, size = [], [], 0
    for number in range(plan.rounds):
        with TemporaryDirectory() as folder:
            engine = Engine(Path(folder), plan.sensors)
            sent = _frames(engine, form, plan, Random(number))
            size = len(sent[0].message)
            samples = len(sent) * SAMPLES[form]
            accepted = engine.plant.accepted
            ours.append(samples / _cpu_s(engine.take, sent))
            if engine.plant.accepted != accepted + len(sent):
                message = f"{form}: {accepted + len(sent) - engine.plant.accepted} frames were refused"
                raise TestbedError(message)
            engine.stop()
            theirs.append(samples / _cpu_s(_insert, Path(folder) / "peer.sqlite", sent, form, plan.sensors))
        say(f"{form}, round {number + 1} of {plan.rounds}: {ours[-1]:,.0f} samples per CPU second, {theirs[-1]:,.0f}")
    ratios = [mine / other for mine, other in zip(ours, theirs, strict=True)]
    return Figure(
        name=f"waveform.{form}.samples_per_cpu_s",
        value=round(median(ours)),
        unit="samples/CPU s",
        peer=PEERS[form],
        peer_value=round(median(theirs)),
        ratio=round(median(ours) / median(theirs), 2),
        low=round(min(ratios), 2),
        high=round(max(ratios), 2),
        run=about | {"frame_samples": SAMPLES, "frame_bytes": size},
    )


def _frames(engine: Engine, form: str, plan: Plan, random: Random) -> list[Sent]:
    """Sign the frames ahead, sensor by sensor, as 25 kHz has it."""
    count = SAMPLES[form]
    waves = [_wave(form, count, number, random) for number in range(PERIODS)]
    per_second = plan.sensors * RATE_HZ / count

    def make(device: Device, at_ns: int) -> bytes:
        seconds, nanos = divmod(at_ns - count * STEP_NS, NS_PER_S)
        return device.wave(at_ns, {**waves[device.step % PERIODS], "t0": [seconds, nanos]})

    return engine.messages(max(1, int(plan.seconds * per_second)), per_second, make)


def _wave(form: str, count: int, number: int, random: Random) -> dict[str, Any]:
    values = [
        sum(size * math.sin(2 * math.pi * hz * at / RATE_HZ) for hz, size in TONES) + random.gauss(0, NOISE)
        for at in range(number * count, (number + 1) * count)
    ]
    head: dict[str, Any] = {"ch": CHANNEL, "dt_ns": STEP_NS}
    if form == "v":
        return head | {"v": [round(value, 3) for value in values]}
    packed = struct.pack(f"<{count}h", *(round(value / SCALE) for value in values))
    return head | {"i16": b64encode(packed).decode(), "scale": SCALE, "offset": 0}


def _insert(file: Path, sent: Sequence[Sent], form: str, together: int) -> None:
    """Decode the samples and insert the frames, as many in a transaction as come with a sensor each."""
    decode = _DECODERS[form]
    with closing(sqlite3.connect(file, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("CREATE TABLE frames (position INTEGER PRIMARY KEY, message BLOB NOT NULL)")
        for some in batched(sent, together, strict=False):
            for one in some:
                decode(one.message)
            database.execute("BEGIN")
            database.executemany("INSERT INTO frames (message) VALUES (?)", [(one.message,) for one in some])
            database.execute("COMMIT")


def _decode_i16(message: bytes) -> Sequence[float]:
    begin = message.index(b'"i16":"') + 7
    raw = b64decode(message[begin : message.index(b'"', begin)])
    return array("h", raw)


def _decode_v(message: bytes) -> Sequence[float]:
    begin = message.index(b'"v":[') + 4
    found: list[float] = orjson.loads(message[begin : message.index(b"]", begin) + 1])
    return found


_DECODERS: Final[dict[str, Callable[[bytes], Sequence[float]]]] = {"i16": _decode_i16, "v": _decode_v}


def _cpu_s(work: Callable[..., None], *arguments: Any) -> float:
    gc.collect()
    before = time.process_time()
    work(*arguments)
    return time.process_time() - before
