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
from typing import Any, Final

from iiot_engine.devices.device import Device as HubDevice
from iiot_engine.devices.keys import KeyRing
from iiot_engine.devices.manifest_rules import read_manifest
from iiot_engine.plant import Member, leaves
from iiot_engine.plant.arrival import Arrival
from iiot_engine.plant.reception import check_place
from iiot_engine.plant.site import Site
from iiot_engine.values import Leaf, Settings
from iiot_engine.wire import canonical, codec, frames
from iiot_engine.wire.data import read_data

from . import machine
from .device import Device, manifest_of
from .engine import Engine, Sent
from .figure import Figure

RATE: Final = 10_000.0
"""Messages a second on the plant's clock: at ten ticks a second a thousand a batch."""
HOT_LINES: Final = 30
WHOLE: Final = "whole"
COMMIT: Final = "commit"


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
        bench = Engine(Path(folder), devices)
        sent = bench.messages(messages, RATE)
        profiler = cProfile.Profile()
        profiler.runcall(bench.take, sent)
        bench.store.close()
    pstats.Stats(profiler).sort_stats("tottime").print_stats(HOT_LINES)


def _round(devices: int, messages: int) -> dict[str, float]:
    with TemporaryDirectory() as folder:
        bench = Engine(Path(folder), devices)
        sent = bench.messages(messages, RATE)
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
    member.board.learn(read_manifest(manifest_of(1)))
    return member


def _us(work: Callable[..., None], *arguments: Any) -> float:
    gc.collect()
    before = time.process_time()
    work(*arguments)
    return (time.process_time() - before) * 1e6
