"""Is there a way from a device to the hub? Listens for one message: what came, or why it was refused, or what else."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from homeassistant.core import CALLBACK_TYPE, callback
from homeassistant.helpers.event import async_call_later

from ..engine.errors import Code, Refusal
from ..engine.values import NS_PER_S, UP_LEAVES, Leaf, Now
from ..engine.wire import canonical, codec, topics
from .effects import Verdict
from .hub import Hub, now
from .probe import Probe

LISTEN_S: Final = 120.0
"""Time to copy a command line, and four heartbeats of most devices."""
GRACE_S: Final = 5.0
"""After something went wrong: time for the message that counts."""
SHOWN_S: Final = 3.0
"""A browser is told of the end only when its page already shows that the hub listens: no wait is shorter."""
MOST_TOPICS: Final = 5
_DEPTHS: Final = range(4)
"""Levels of a wrong prefix that are looked at."""
_TELLING: Final = (Leaf.HEARTBEAT, Leaf.DATA)
"""Leaves by which a device anywhere is recognised."""
_PATIENT: Final = frozenset({Code.DUPLICATE, Code.RETAINED})
"""Refusals that say nothing about the next message."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Caught:
    """One message in the name of a device."""

    device_id: str
    leaf: Leaf
    payload: dict[str, Any]
    """As it was sent; empty when it cannot be read. Proved only if it was not refused."""
    age_s: float | None
    """By the device's clock; None when it has none."""


class Listening:
    """One wait for a message of the probe, of one device, or of any."""

    def __init__(self, hub: Hub, *, probe: Probe | None = None, device_id: str | None = None) -> None:
        self._hub: Final = hub
        self._probe: Final = probe
        self._device_id: Final = probe.id if probe else device_id
        self.heard: Caught | None = None
        self.refused: tuple[Caught, Refusal] | None = None
        """The last one that was refused."""
        self.elsewhere: Final[list[str]] = []
        """Topics of other places on which it, or a device like it, was heard."""
        self.others: int = 0
        """Messages of other devices of the site that were accepted meanwhile."""
        self._done: Final = asyncio.Event()
        self._shown: Final = asyncio.Event()
        self._releases: Final[list[CALLBACK_TYPE]] = []
        self._grace: CALLBACK_TYPE | None = None

    async def async_wait(self) -> None:
        """Return when a message counts, soon after one was refused, or when time is over; leaves nothing behind."""
        hass = self._hub.hass
        try:
            self._releases.append(self._hub.on_verdict(self._judged))
            self._releases.append(async_call_later(hass, LISTEN_S, self._give_up))
            self._releases.append(async_call_later(hass, SHOWN_S, self._page_stands))
            self._releases.append(await self._hub.link.async_overhear(self._neighbours(), self._overheard))
            await self._done.wait()
            await self._shown.wait()
        finally:
            while self._releases:
                self._releases.pop()()

    # --- what comes to the hub ---------------------------------------------------------------

    @callback
    def _judged(self, verdict: Verdict) -> None:
        parsed = topics.parse_up(self._hub.plant.settings.prefix, verdict.topic)
        if parsed is None:
            return
        device_id, leaf = parsed
        refusal = verdict.refusal
        if self._device_id is not None and device_id != self._device_id:
            self.others += refusal is None
            return
        if self._probe is not None:
            refusal = self._probe.judge(verdict.topic, verdict.message, verdict.at, retained=verdict.retained)
        self._take(_caught(device_id, leaf, verdict.message, verdict.at), refusal)

    def _take(self, caught: Caught, refusal: Refusal | None) -> None:
        if self._done.is_set():
            return
        if refusal is None:
            self.heard = caught
            self._done.set()
            return
        self.refused = (caught, refusal)
        if refusal.code not in _PATIENT:
            self._end_soon()

    # --- what comes elsewhere ----------------------------------------------------------------

    def _neighbours(self) -> list[str]:
        """Filters that find the device, or any, below a wrong prefix."""
        if self._device_id is not None:
            return [f"{'+/' * depth}{self._device_id}/#" for depth in _DEPTHS]
        return [f"{'+/' * depth}+/{leaf}" for depth in _DEPTHS for leaf in _TELLING]

    @callback
    def _overheard(self, topic: str, message: bytes, retained: bool) -> None:  # noqa: FBT001
        prefix = self._hub.plant.settings.prefix
        parsed = topics.parse_up(prefix, topic)
        if parsed is not None:
            if retained:  # the hub's own subscription is older than this one, and gets it no more
                refusal = Refusal(Code.RETAINED, "the broker keeps this message")
                self._take(_caught(*parsed, message, now()), refusal)
            return
        if topic.startswith(f"{prefix}/") and topic.rpartition("/")[2] in _DOWN:
            return
        if self._device_id is None and not _is_envelope(message):
            return
        if topic not in self.elsewhere and len(self.elsewhere) < MOST_TOPICS:
            self.elsewhere.append(topic)
        if self._device_id is not None:
            self._end_soon()

    # --- the end -----------------------------------------------------------------------------

    def _end_soon(self) -> None:
        if self._grace is None:
            self._grace = async_call_later(self._hub.hass, GRACE_S, self._give_up)
            self._releases.append(self._grace)

    @callback
    def _give_up(self, _: datetime) -> None:
        self._done.set()

    @callback
    def _page_stands(self, _: datetime) -> None:
        self._shown.set()


_DOWN: Final = frozenset(str(leaf) for leaf in Leaf if leaf not in UP_LEAVES)


def _is_envelope(message: bytes) -> bool:
    try:
        codec.split(message)
    except Refusal:
        return False
    return True


def _caught(device_id: str, leaf: Leaf, message: bytes, at: Now) -> Caught:
    try:
        payload = canonical.decode(codec.split(message).span)
    except Refusal:
        payload = {}
    ts, ts_ns = payload.get("ts"), payload.get("ts_ns")
    age_s = None
    if type(ts) is int and type(ts_ns) is int and ts:
        age_s = (at.wall_ns - ts * NS_PER_S - ts_ns) / NS_PER_S
    return Caught(device_id=device_id, leaf=leaf, payload=payload, age_s=age_s)
