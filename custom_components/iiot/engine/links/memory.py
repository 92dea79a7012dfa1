"""A broker in memory: synchronous, deterministic, without sessions. For tests and dry runs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from .broker import LinkDownError, Station, Will, is_match


class Passing(NamedTuple):
    """A message on its way through the bus."""

    topic: str
    message: bytes
    qos: int
    retain: bool


class MemoryBus:
    """Delivers in the order of publishing, never from within a publisher's call stack twice."""

    def __init__(self) -> None:
        self.links: dict[str, MemoryLink] = {}
        """Open connections by client id."""
        self.retained: dict[str, Passing] = {}
        self.is_lost: Callable[[Passing], bool] = lambda _: False
        """Asked for each message; a lost one reaches nobody."""
        self._queue: deque[Passing] = deque()
        self._is_delivering = False

    def attach(self, link: MemoryLink) -> None:
        """Take a connection in; one with the same client id loses its place, will published."""
        client_id = link.station.client_id
        older = self.links.get(client_id)
        if older is not None and older is not link:
            older.lose()
        self.links[client_id] = link

    def detach(self, link: MemoryLink) -> None:
        """Forget a connection."""
        self.links.pop(link.station.client_id, None)

    def publish(self, passing: Passing) -> None:
        """Deliver to every open connection with a matching filter, once each."""
        if passing.retain:
            if passing.message:
                self.retained[passing.topic] = passing
            else:
                self.retained.pop(passing.topic, None)
        self._queue.append(passing)
        if self._is_delivering:
            return
        self._is_delivering = True
        try:
            while self._queue:
                self._deliver(self._queue.popleft())
        finally:
            self._is_delivering = False

    def _deliver(self, passing: Passing) -> None:
        if self.is_lost(passing):
            return
        for link in list(self.links.values()):
            if link.hears(passing.topic):
                link.station.received(passing.topic, passing.message, False)


class MemoryLink:
    """One connection to a `MemoryBus`."""

    def __init__(self, bus: MemoryBus, station: Station) -> None:
        self.station = station
        self._bus = bus
        self._is_open = False
        self._will: Will | None = None

    @property
    def is_connected(self) -> bool:
        """Whether a publish would leave now."""
        return self._is_open

    def hears(self, topic: str) -> bool:
        """Whether a subscription matches `topic`."""
        return any(is_match(subscription.topic_filter, topic) for subscription in self.station.subscriptions)

    def open(self) -> None:
        """Connect at once; retained messages come first and carry their flag."""
        if self._is_open:
            return
        self._will = self.station.will()
        self._bus.attach(self)
        self._is_open = True
        self.station.connected()
        for passing in list(self._bus.retained.values()):
            if self.hears(passing.topic):
                self.station.received(passing.topic, passing.message, True)

    def send(self, topic: str, message: bytes, qos: int, *, retain: bool = False) -> None:
        """Publish; raises `LinkDownError` when not connected."""
        if not self._is_open:
            raise LinkDownError
        self._bus.publish(Passing(topic, message, qos, retain))

    async def publish(self, topic: str, message: bytes, qos: int) -> None:
        """Publish; raises `LinkDownError` when not connected."""
        self.send(topic, message, qos)

    async def drain(self, within_s: float) -> None:
        """Nothing waits here."""

    async def close(self) -> None:
        """Leave; the will is not published."""
        self._will = None
        self.lose()

    async def drop(self) -> None:
        """End without a farewell: the will is published."""
        self.lose()

    def lose(self) -> None:
        """End as a broken network would."""
        if not self._is_open:
            return
        self._is_open = False
        self._bus.detach(self)
        self.station.gone()
        if self._will is not None:
            self._bus.publish(Passing(self._will.topic, self._will.message, self._will.qos, False))
