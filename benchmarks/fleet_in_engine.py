"""A fleet of 10,000 in the engine alone: messages, memory, and the way back from the store."""

import gc
import os
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from secrets import token_bytes
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

from iiot_engine.plant import Plant
from iiot_engine.stores.sqlite_intake import LAST_VALUES, SqliteIntake
from testbed.errors import TestbedError

from .engine import SETTINGS, Engine
from .figure import Figure
from .memory import pss_kib
from .progress import say

RATE: Final = 10_000.0
"""Messages a second on the plant's clock."""
REPLAY_STEP: Final = 2_000
CHANNELS: Final = 4


class Restored(NamedTuple):
    """A plant that came back."""

    seconds: float
    kib: int
    """Memory that it took."""


class Round(NamedTuple):
    """One round."""

    large: float
    small: float
    """Messages per CPU second of the large fleet, and of the small one."""
    join_us: float
    """CPU µs to adopt a device and take in its heartbeat, manifest and first reading."""
    restored: Restored


def measure(devices: int, few: int, messages: int, rounds: int, run: dict[str, Any]) -> list[Figure]:
    """Measure `devices` beside `few`; raises TestbedError when a message was refused."""
    laps = []
    for number in range(rounds):
        laps.append(_round(devices, few, messages))
        say(
            f"engine, round {number + 1} of {rounds}: {laps[-1].large:,.0f} messages per CPU second of {devices:,}"
            f" devices, {laps[-1].small:,.0f} of {few}; back in {laps[-1].restored.seconds:.2f} s"
        )
    about = run | {"engine_devices": devices, "engine_channels": CHANNELS, "engine_messages": messages}
    ratios = [lap.large / lap.small for lap in laps]
    large, small = median(lap.large for lap in laps), median(lap.small for lap in laps)
    return [
        Figure(
            name=f"fleet.engine.{devices}.messages_per_cpu_s",
            value=round(large),
            unit="messages/CPU s",
            peer=f"the same with {few} devices",
            peer_value=round(small),
            ratio=round(large / small, 2),
            low=round(min(ratios), 2),
            high=round(max(ratios), 2),
            run=about,
        ),
        _alone(f"fleet.engine.{devices}.join_us", "µs/device", [lap.join_us for lap in laps], about),
        _alone(f"fleet.engine.{devices}.restore_s", "s", [lap.restored.seconds for lap in laps], about),
        _alone(
            f"fleet.engine.{devices}.memory_kib",
            "KiB/device",
            [lap.restored.kib / devices for lap in laps],
            about,
        ),
    ]


def _alone(name: str, unit: str, values: Sequence[float], run: dict[str, Any]) -> Figure:
    low, high = round(min(values), 2), round(max(values), 2)
    return Figure(name=name, value=round(median(values), 2), unit=unit, low=low, high=high, run=run)


def _round(devices: int, few: int, messages: int) -> Round:
    with TemporaryDirectory() as folder:
        small, _, engine = _play(Path(folder), few, messages)
        engine.stop()
    with TemporaryDirectory() as folder:
        large, join_us, engine = _play(Path(folder), devices, messages)
        engine.stop()
        keys = {device.id: {1: device.key} for device in engine.devices}
        # A process of its own: what this one has freed would hide what the plant takes.
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            restored = pool.submit(_restore, Path(folder), keys, engine.fleet_key).result()
    return Round(large, small, join_us, restored)


def _play(folder: Path, devices: int, messages: int) -> tuple[float, float, Engine]:
    gc.collect()
    before = time.process_time()
    engine = Engine(folder, devices, CHANNELS)
    join_us = (time.process_time() - before) * 1e6 / devices
    sent = engine.messages(messages, RATE)
    accepted = engine.plant.accepted
    gc.collect()
    before = time.process_time()
    engine.take(sent)
    took_s = time.process_time() - before
    if engine.plant.accepted != accepted + messages:
        message = f"{accepted + messages - engine.plant.accepted} of {messages} messages were refused"
        raise TestbedError(message)
    return messages / took_s, join_us, engine


def _restore(folder: Path, keys: dict[str, dict[int, bytes]], fleet_key: bytes) -> Restored:
    """Build the plant from its files, as the integration does at a start."""
    gc.collect()
    before_kib, before = pss_kib(os.getpid()), time.monotonic()
    store = SqliteIntake(folder / "intake.sqlite")
    plant = Plant(SETTINGS, token_bytes, fleet_key)
    plant.restore(store.load(), keys)
    position = store.cursor(LAST_VALUES)
    while entries := store.read_after(position, REPLAY_STEP):
        plant.replay(entries)
        position = entries[-1].position
    seconds = time.monotonic() - before
    store.close()
    gc.collect()
    assert len(plant.members) == len(keys)
    return Restored(seconds, pss_kib(os.getpid()) - before_kib)
