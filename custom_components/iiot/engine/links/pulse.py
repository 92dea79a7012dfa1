"""One timer that looks after many connections."""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

from .broker import Station

BEAT_S: Final = 1.0
LOOK_SHARE: Final = 1 / 8
"""Share of its keep-alive after which a link is looked after again; a broker waits for one and a half."""


class Beating(Protocol):
    """A connection that has to be looked after."""

    station: Station

    def beat(self) -> None:
        """Send what keeps it alive, and notice a silent broker."""
        ...


class Pulse:
    """Keep-alive of many links of one event loop by one timer."""

    def __init__(self) -> None:
        self._links: dict[Beating, float] = {}
        """Link to the time of the loop at which it is looked after next."""
        self._timer: asyncio.TimerHandle | None = None

    def add(self, link: Beating) -> None:
        """Look after `link` from now on."""
        self._links[link] = 0.0
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(BEAT_S, self._beat)

    def discard(self, link: Beating) -> None:
        """Look after it no longer."""
        self._links.pop(link, None)
        if not self._links and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(BEAT_S, self._beat)
        now_s = loop.time()
        for link in [link for link, at_s in self._links.items() if at_s <= now_s]:
            self._links[link] = now_s + link.station.keep_alive_s * LOOK_SHARE
            link.beat()
