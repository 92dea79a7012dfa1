"""Messages on their way into the plant: one by one while few come, many together while a flood does.

Home Assistant's client hands over one message at a time, and between two of them its own code takes the processor's
caches. Taking in many in one go costs a fifth less than as many one by one, and it costs time: so it is done only above
a rate at which nobody could read the states anyway.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from homeassistant.core import callback

from ..engine.values import NS_PER_S, Now

_LOGGER = logging.getLogger(__name__)

GATHER_S: Final = 0.02
"""How long a message of a flood waits at most."""
AT_ONCE: Final = 40
"""Messages within that time which are taken in one by one: 2,000 a second."""
MOST: Final = 1_000
"""When so many wait, they are taken in at once."""

_GATHER_NS: Final = int(GATHER_S * NS_PER_S)

type Take = Callable[[str, bytes, Now, bool], None]
"""Topic, message, when it was received, retained."""


class Inflow:
    """Hands messages on in the order in which they came, each with the time at which it came."""

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Callable[[], Now], take: Take) -> None:
        self._loop: Final = loop
        self._clock: Final = clock
        self._take: Final = take
        self._waiting: list[tuple[str, bytes, Now, bool]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._span_ends_ns = 0
        self._in_span = 0
        """Messages of the present span of `GATHER_S`."""

    @callback
    def receive(self, topic: str, message: bytes, retained: bool) -> None:  # noqa: FBT001
        """Take in a message now, or together with those that come just behind it."""
        at = self._clock()
        if self._timer is None:
            if at.steady_ns >= self._span_ends_ns:
                self._span_ends_ns, self._in_span = at.steady_ns + _GATHER_NS, 0
            self._in_span += 1
            if self._in_span <= AT_ONCE:
                self._take(topic, message, at, retained)
                return
            self._timer = self._loop.call_later(GATHER_S, self.drain)
        self._waiting.append((topic, message, at, retained))
        if len(self._waiting) >= MOST:
            self.drain()

    @callback
    def drain(self) -> None:
        """Take in everything that waits. A flood that lasts is gathered again from its next message on."""
        if self._timer is None:
            return
        self._timer.cancel()
        self._timer = None
        waiting, self._waiting = self._waiting, []
        self._in_span = AT_ONCE if len(waiting) > AT_ONCE else 0
        self._span_ends_ns = self._clock().steady_ns + _GATHER_NS
        for topic, message, at, retained in waiting:
            try:
                self._take(topic, message, at, retained)
            except Exception:  # one message that fails must not take those behind it with it
                _LOGGER.exception("A message on %s could not be taken in", topic)
