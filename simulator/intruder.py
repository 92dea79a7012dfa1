"""An intruder on the broker: overhears, then sends what it should not."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from random import Random
from typing import Any, Final

import orjson

from iiot_engine.errors import Refusal
from iiot_engine.links.broker import Station, Subscription
from iiot_engine.values import UP_LEAVES, Leaf
from iiot_engine.wire import codec
from iiot_engine.wire.topics import parse_up

from .attacks import WAYS, Overheard, Scene, Shot
from .bus import Connect
from .scenario import Attack, ScenarioError

REMEMBERED: Final = 500
"""Overheard messages to choose from."""
PAUSE_S: Final = 0.01
"""Between two shots: a broker hands bursts on, a person reads the log."""
WAIT_S: Final = 60.0
"""Longest wait for a first message to overhear."""


class Intruder:
    """One run of attacks over one connection."""

    def __init__(self, prefix: str, fleet_key: bytes, connect: Connect, *, seed: int) -> None:
        self.sent: Counter[str] = Counter()
        """Shots by kind."""
        self.expected: dict[str, Counter[str]] = {}
        """Kind to how often which code should have been the answer."""
        self._prefix = prefix
        self._fleet_key = fleet_key
        self._random = Random(f"intruder|{seed}")
        self._heard: deque[Overheard] = deque(maxlen=REMEMBERED)
        self._is_listening = True
        self._somebody = asyncio.Event()
        self._left: set[str] = set()
        """Topics on which it left retained messages."""
        subscriptions = tuple(Subscription(topic_filter=f"{prefix}/+/{leaf}", qos=0) for leaf in UP_LEAVES)
        self._link = connect(
            Station(client_id=f"intruder-{seed}", received=self._overhear, subscriptions=subscriptions),
        )

    async def run(self, attacks: tuple[Attack, ...], watch_s: float) -> None:
        """Listen, attack in every way, clean up; raises `ScenarioError` when there is nobody to overhear."""
        self._link.open()
        try:
            await self._listen(watch_s)
            for attack in attacks:
                await self._attack(attack)
            await asyncio.sleep(PAUSE_S)
            for topic in self._left:
                self._link.send(topic, b"", 1, retain=True)
        finally:
            await self._link.close()

    def report(self) -> dict[str, Any]:
        """What was sent, by kind: how often, and the answers that it should have got."""
        return {kind: {"sent": self.sent[kind], "expected": dict(codes)} for kind, codes in self.expected.items()}

    def table(self) -> str:
        """The report for people."""
        lines = [f"{'attack':12} {'sent':>5}  refused as"]
        for kind, codes in self.expected.items():
            lines.append(f"{kind:12} {self.sent[kind]:5}  {', '.join(f'{code} {n}' for code, n in codes.items())}")
        return "\n".join(lines)

    async def _listen(self, watch_s: float) -> None:
        try:
            async with asyncio.timeout(WAIT_S):
                await self._somebody.wait()
        except TimeoutError:
            raise ScenarioError(f"nobody speaks below {self._prefix}: run a plant first") from None
        await asyncio.sleep(watch_s)
        self._is_listening = False

    async def _attack(self, attack: Attack) -> None:
        scene = Scene(
            prefix=self._prefix,
            heard=list(self._heard),
            fleet_key=self._fleet_key,
            random=self._random,
            wall_ns=time.time_ns(),
        )
        for shot in WAYS[attack.kind](scene, attack.count):
            await self._shoot(attack.kind, shot)

    async def _shoot(self, kind: str, shot: Shot) -> None:
        try:
            self._link.send(shot.topic, shot.message, 1, retain=shot.retain)
        except OSError:
            return
        self.sent[kind] += 1
        self.expected.setdefault(kind, Counter())[str(shot.expected)] += 1
        if shot.retain:
            self._left.add(shot.topic)
        await asyncio.sleep(PAUSE_S)

    def _overhear(self, topic: str, message: bytes, retain: bool) -> None:  # noqa: FBT001 - as links call it
        route = parse_up(self._prefix, topic)
        if not self._is_listening or retain or route is None or route[1] is Leaf.STATUS:
            return
        try:
            payload = orjson.loads(codec.split(message).span)
        except Refusal, orjson.JSONDecodeError:
            return
        self._heard.append(Overheard(route[0], route[1], message, payload))
        self._somebody.set()
