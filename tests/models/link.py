"""The network between devices and hub: it loses, doubles, delays and reorders; and an intruder listens on it."""

from heapq import heappop, heappush
from random import Random
from typing import NamedTuple

from tests.vectors import reference

from .device import Sent
from .rows import NS

MOST_REMEMBERED = 400


class Letter(NamedTuple):
    """Something on its way."""

    due_ns: int
    number: int
    topic: str
    message: bytes
    retained: bool = False


class Link:
    """Two ways, each a heap of letters. `faults` names what may happen; calm, nothing does."""

    def __init__(self, random: Random, faults: frozenset[str]) -> None:
        self.random = random
        self.faults = faults
        self.up: list[Letter] = []
        self.down: list[Letter] = []
        self.heard: list[tuple[str, bytes]] = []
        """What the intruder remembers, of both ways."""
        self.is_calm = False
        self._number = 0

    def chance(self, fault: str, share: float) -> bool:
        """Whether this fault happens now."""
        return not self.is_calm and fault in self.faults and self.random.random() < share

    def send_up(self, sent: Sent, now_ns: int) -> None:
        """A device publishes."""
        self._carry(self.up, sent.topic, sent.message, now_ns)

    def send_down(self, topic: str, message: bytes, now_ns: int) -> None:
        """The hub publishes."""
        self._carry(self.down, topic, message, now_ns)

    def _carry(self, way: list[Letter], topic: str, message: bytes, now_ns: int) -> None:
        self._remember(topic, message)
        if self.chance("loss", 0.25):
            return
        copies = 2 if self.chance("duplicate", 0.15) else 1
        for _ in range(copies):
            self.put(way, topic, message, now_ns + self._delay_ns())

    def put(self, way: list[Letter], topic: str, message: bytes, due_ns: int, *, retained: bool = False) -> None:
        """Let a letter arrive then."""
        self._number += 1
        heappush(way, Letter(due_ns, self._number, topic, message, retained))

    def _delay_ns(self) -> int:
        if self.chance("delay", 0.25):
            most = self.random.choice((2, 20, 20, 120, 400, 2_000))
            return self.random.randrange(most * NS)
        return self.random.randrange(NS // 20)

    def _remember(self, topic: str, message: bytes) -> None:
        if len(self.heard) < MOST_REMEMBERED:
            self.heard.append((topic, message))
        else:
            self.heard[self.random.randrange(MOST_REMEMBERED)] = (topic, message)

    @staticmethod
    def arrived(way: list[Letter], now_ns: int) -> list[Letter]:
        """What arrives until now."""
        found = []
        while way and way[0].due_ns <= now_ns:
            found.append(heappop(way))
        return found

    def intrude(self, now_ns: int) -> None:
        """Somebody without a key says something that he heard, or something like it."""
        if not self.heard:
            return
        topic, message = self.random.choice(self.heard)
        prefix, device_id, leaf = topic.split("/")
        way = self.down if leaf in ("poll", "stored", "command") else self.up
        match self.random.randrange(6):
            case 0 | 1:
                pass
            case 2:
                at = self.random.randrange(len(message))
                message = message[:at] + bytes([message[at] ^ 1 << self.random.randrange(8)]) + message[at + 1 :]
            case 3:
                device_id = self.random.choice(("model-0", "model-1", "model-2"))
            case 4:
                leaf = self.random.choice(("heartbeat", "data", "status", "ack", "stored", "command"))
            case _:
                message = reference.envelope(bytes(32), message[65:-1])
        retained = self.random.random() < 0.1
        self.put(way, f"{prefix}/{device_id}/{leaf}", message, now_ns, retained=retained)
