"""What one data message costs in the engine alone, stage by stage; without Home Assistant and without a broker.

The whole way is timed first: `Plant.on_message`, ten ticks a second of the plant's own clock, every batch committed to
a real store. The stages are then timed one by one over the same messages, so that no clock is read between them; what
ties them together is the rest.
"""

import cProfile
import gc
import pstats
import time
from collections.abc import Callable
from pathlib import Path
from secrets import token_bytes
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

from iiot_engine.devices.device import Device as HubDevice
from iiot_engine.devices.keys import KeyRing
from iiot_engine.devices.manifest_rules import read_manifest
from iiot_engine.effects import Commit, Effect
from iiot_engine.plant import Member, Plant, leaves
from iiot_engine.plant.arrival import Arrival
from iiot_engine.plant.reception import check_place
from iiot_engine.plant.site import Site
from iiot_engine.stores.sqlite_intake import SqliteIntake
from iiot_engine.values import NS_PER_MS, NS_PER_S, Discovery, Leaf, Now, Settings
from iiot_engine.wire import canonical, codec, frames
from iiot_engine.wire.data import read_data
from iiot_engine.wire.topics import topic_of

from . import machine
from .device import MANIFEST, Device
from .figure import Figure

PREFIX: Final = "bench"
RATE: Final = 10_000
"""Messages a second on the plant's clock: at ten ticks a second a thousand a batch."""
TICK_NS: Final = NS_PER_S // 10
HOT_LINES: Final = 30
WHOLE: Final = "whole"
COMMIT: Final = "commit"


class Sent(NamedTuple):
    """One message, and when it comes."""

    device: Device
    topic: str
    message: bytes
    now: Now


class Bench:
    """A plant with its devices, a clock that the benchmark moves, and a store."""

    def __init__(self, folder: Path, devices: int) -> None:
        self.start_ns: Final = time.time_ns()
        fleet_key = token_bytes(32)
        born_ns = self.start_ns - 3600 * NS_PER_S
        self.devices: Final = [Device(number, fleet_key, born_ns) for number in range(1, devices + 1)]
        self.plant: Final = Plant(Settings(prefix=PREFIX, discovery=Discovery.VERIFIED), token_bytes, fleet_key)
        self.store: Final = SqliteIntake(folder / "intake.sqlite")
        self.commit_s = 0.0
        for device in self.devices:
            self._join(device, self._now(0))
        self._perform(self.plant.tick(self._now(NS_PER_S)), self._now(NS_PER_S))
        self.commit_s = 0.0

    def messages(self, count: int) -> list[Sent]:
        """Sign data messages ahead, all devices in turn, evenly in time."""
        found = []
        for number in range(count):
            device = self.devices[number % len(self.devices)]
            now = self._now(2 * NS_PER_S + number * NS_PER_S // RATE)
            message = device.data(now.wall_ns - NS_PER_MS)
            found.append(Sent(device, topic_of(PREFIX, device.id, Leaf.DATA), message, now))
        return found

    def take(self, messages: list[Sent]) -> None:
        """Feed messages and ticks to the plant, and commit what it gives out."""
        on_message, tick = self.plant.on_message, self.plant.tick
        due_ns = 0
        for _, topic, message, now in messages:
            on_message(topic, message, now)
            if now.steady_ns >= due_ns:
                due_ns = now.steady_ns + TICK_NS
                self._perform(tick(now), now)

    def _join(self, device: Device, now: Now) -> None:
        self.plant.adopt(device.id, {1: device.key}, now)
        for leaf, message in (
            (Leaf.HEARTBEAT, device.heartbeat(now.wall_ns)),
            (Leaf.MANIFEST, device.manifest(now.wall_ns)),
            (Leaf.DATA, device.data(now.wall_ns)),
        ):
            self.plant.on_message(topic_of(PREFIX, device.id, leaf), message, now)

    def _now(self, after_ns: int) -> Now:
        return Now(wall_ns=self.start_ns + after_ns, steady_ns=NS_PER_S + after_ns)

    def _perform(self, effects: list[Effect], now: Now) -> None:
        for effect in effects:
            if isinstance(effect, Commit):
                before = time.process_time()
                self.store.commit(effect.batch)
                self.commit_s += time.process_time() - before
                self.plant.committed(effect.batch, now)


def profile(devices: int, messages: int, rounds: int) -> list[Figure]:
    """Return µs of CPU a message, of the whole and of each stage; medians over the rounds."""
    found: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, took_us in _round(devices, messages).items():
            found.setdefault(name, []).append(took_us)
    run = machine.describe() | {"devices": devices, "messages": messages, "rounds": rounds}
    return [
        Figure(
            name=f"ingest.engine.{name}",
            value=round(median(values), 2),
            unit="µs/message",
            low=round(min(values), 2),
            high=round(max(values), 2),
            run=run,
        )
        for name, values in found.items()
    ]


def hot_functions(devices: int, messages: int) -> None:
    """Print where a profiler sees the time; it makes calls dearer, so only the order counts."""
    with TemporaryDirectory() as folder:
        bench = Bench(Path(folder), devices)
        sent = bench.messages(messages)
        profiler = cProfile.Profile()
        profiler.runcall(bench.take, sent)
        bench.store.close()
    pstats.Stats(profiler).sort_stats("tottime").print_stats(HOT_LINES)


def _round(devices: int, messages: int) -> dict[str, float]:
    with TemporaryDirectory() as folder:
        bench = Bench(Path(folder), devices)
        sent = bench.messages(messages)
        whole = _us(bench.take, sent) / messages
        commit = bench.commit_s * 1e6 / messages
        accepted = bench.plant.accepted
        bench.store.close()
    assert accepted == messages + 3 * devices, f"{accepted} accepted"
    stages = _Stages(sent).measured()
    rest = whole - commit - sum(stages.values())
    return {WHOLE: whole, **stages, "rest": rest, COMMIT: commit}


class _Stages:
    """The rooms that a message passes, each alone, over all messages."""

    def __init__(self, sent: list[Sent]) -> None:
        self._sent: Final = sent
        self._members: Final = {one.device.id: _member(one.device) for one in sent}
        self._site: Final = Site(settings=Settings(), entropy=token_bytes, members=self._members)
        self._envelopes: Final = [codec.split(one.message) for one in sent]
        self._payloads: Final = [canonical.decode(envelope.span) for envelope in self._envelopes]
        self._headers: Final = [frames.read_header(payload) for payload in self._payloads]
        self._bodies: Final = [read_data(payload) for payload in self._payloads]
        self._arrivals: Final = [self._arrival(one, header) for one, header in zip(sent, self._headers, strict=True)]

    def measured(self) -> dict[str, float]:
        """µs a message of each."""
        stages = (self.split, self.verify, self.decode, self.check, self.order, self.judge, self.show)
        return {stage.__name__: _us(stage) / len(self._sent) for stage in stages}

    def split(self) -> None:
        """Take the envelope apart."""
        for one in self._sent:
            codec.split(one.message)

    def verify(self) -> None:
        """Check the signature."""
        for one, envelope in zip(self._sent, self._envelopes, strict=True):
            self._members[one.device.id].device.keys.signer(envelope.span, envelope.mac)

    def decode(self) -> None:
        """Parse strictly."""
        for envelope in self._envelopes:
            canonical.decode(envelope.span)

    def check(self) -> None:
        """Check every member's type and range."""
        for one, payload in zip(self._sent, self._payloads, strict=True):
            frames.read_header(payload)
            check_place(payload, one.device.id, Leaf.DATA)
            read_data(payload)

    def order(self) -> None:
        """Check and move the replay window."""
        for one, header in zip(self._sent, self._headers, strict=True):
            window = self._members[one.device.id].device.window
            window.check(header.boot, header.seq)
            window.move(header.boot, header.seq)

    def judge(self) -> None:
        """Place the message in time."""
        for arrival in self._arrivals:
            header, now = arrival.header, arrival.now
            clock = arrival.member.device.clock(header.boot)
            clock.take(header, now, clock.judge(header, now.wall_ns, self._site.settings, False))

    def show(self) -> None:
        """Count the row and take over its values."""
        for arrival, body in zip(self._arrivals, self._bodies, strict=True):
            leaves.take_data(arrival, body)

    def _arrival(self, one: Sent, header: frames.Header) -> Arrival:
        member = self._members[one.device.id]
        timing = member.device.clock(header.boot).judge(header, one.now.wall_ns, self._site.settings, False)
        return Arrival(self._site, member, header, timing, one.now, [])


def _member(device: Device) -> Member:
    member = Member(device=HubDevice(id=device.id, keys=KeyRing({1: device.key})))
    member.board.learn(read_manifest(MANIFEST))
    return member


def _us(work: Callable[..., None], *arguments: Any) -> float:
    gc.collect()
    before = time.process_time()
    work(*arguments)
    return (time.process_time() - before) * 1e6
