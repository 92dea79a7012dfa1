"""Many devices in one event loop, each with its own connection, or many on few."""

from __future__ import annotations

import asyncio
import contextlib
from itertools import batched
from math import ceil
from typing import Final

from .bus import Connect
from .carrier import Carried, Carrier
from .device import Device

STARTS_A_SECOND: Final = 50.0
BEHIND_S: Final = 1.0
"""Starts that a busy machine has missed are caught up to this much."""
LEAVING_AT_ONCE: Final = 50
"""Connections that take leave at the same time."""


class Fleet:
    """All devices of a run."""

    def __init__(
        self,
        devices: list[Device],
        prefix: str,
        connect: Connect,
        *,
        connections: int | None = None,
        starts_a_second: float = STARTS_A_SECOND,
    ) -> None:
        self._prefix = prefix
        self._connect = connect
        self._pause_s = 1 / starts_a_second
        groups = _groups(devices) if connections is None else _shared(devices, connections)
        self._carriers = [Carrier(group, prefix, connect) for group in groups]

    @property
    def carried(self) -> list[Carried]:
        """Every device."""
        return [carried for carrier in self._carriers for carried in carrier.carried]

    @property
    def connections(self) -> int:
        """Connections that there are, or should be."""
        return len(self._carriers)

    @property
    def trouble(self) -> OSError | None:
        """Why a connection could not be made, if one is missing for a reason."""
        return next((one.trouble for one in self._carriers if one.trouble is not None), None)

    async def run(self, stop: asyncio.Event, duration_s: float | None) -> None:
        """Start one after the other, live until `stop` or for `duration_s`, then leave cleanly."""
        try:
            async with asyncio.timeout(duration_s):
                await self._start(stop)
                await stop.wait()
        except TimeoutError:
            pass
        finally:
            for some in batched(self._carriers, LEAVING_AT_ONCE, strict=False):
                await asyncio.gather(*(carrier.leave() for carrier in some))

    def add(self, device: Device) -> None:
        """Let one device more live, with a connection of its own."""
        carrier = Carrier([device], self._prefix, self._connect)
        self._carriers.append(carrier)
        carrier.switch_on(carrier.carried[0])

    async def take(self) -> str | None:
        """Let the newest device leave in order; give back its name, or None when nobody is left."""
        if not self._carriers:
            return None
        carrier = self._carriers[-1]
        newest = carrier.carried[-1]
        if len(carrier.carried) > 1:
            carrier.dismiss(newest)
        else:
            self._carriers.pop()
            await carrier.leave()
        return newest.device.profile.name

    async def _start(self, stop: asyncio.Event) -> None:
        """Switch on one after the other: first those that open a connection."""
        loop = asyncio.get_running_loop()
        waiting = [(carrier, carrier.carried) for carrier in self._carriers]
        order = [(carrier, carried[0]) for carrier, carried in waiting]
        order += [(carrier, one) for carrier, carried in waiting for one in carried[1:]]
        next_s = loop.time()
        for carrier, carried in order:
            if stop.is_set():
                return
            carrier.switch_on(carried)
            next_s = max(next_s + self._pause_s, loop.time() - BEHIND_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(next_s):
                    await stop.wait()


def _groups(devices: list[Device]) -> list[list[Device]]:
    """Devices by connection: a gateway first, then those that it carries."""
    groups = {device.profile.id: [device] for device in devices if device.profile.gateway is None}
    for device in devices:
        if device.profile.gateway is not None:
            groups[device.profile.gateway].append(device)
    return list(groups.values())


def _shared(devices: list[Device], connections: int) -> list[list[Device]]:
    """Devices in their order on so many connections, as evenly as possible."""
    return [list(some) for some in batched(devices, ceil(len(devices) / connections), strict=False)] if devices else []
