"""Many devices in one event loop, each with its own connection, will and keep-alive."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterable
from typing import Final

from iiot_engine.links.broker import BrokerLink, Station, Subscription, Will
from iiot_engine.values import DOWN_QOS, Leaf
from iiot_engine.wire.topics import topic_of

from .bus import Connect
from .clock import Moment
from .device import LOOK_MS, Device, Effect, Sleep

STAGGER_S: Final = 0.02
"""Between the starts of two connections."""
KEEP_ALIVE_S: Final = (15, 3600)


class Carried:
    """One device on its connection, with its timer and its counts."""

    def __init__(self, device: Device, carrier: Carrier) -> None:
        self.device = device
        self.sent = 0
        """Messages handed over."""
        self.unsent = 0
        """Messages that could not be handed over."""
        self._carrier = carrier
        self._timer: asyncio.TimerHandle | None = None
        self._started_s = asyncio.get_running_loop().time()

    def moment(self) -> Moment:
        """Both clocks, now."""
        up_s = asyncio.get_running_loop().time() - self._started_s
        return Moment(up_ms=int(up_s * 1000), wall_ns=time.time_ns())

    def schedule(self) -> None:
        """Tick when the device has something to do next."""
        self.stop()
        due_ms = self.device.next_ms()
        if self.device.has_unanswered:
            due_ms = min(due_ms, self.moment().up_ms + LOOK_MS)
        loop = asyncio.get_running_loop()
        self._timer = loop.call_at(max(loop.time() + 0.001, self._started_s + (due_ms + 1) / 1000), self._tick)

    def stop(self) -> None:
        """Tick no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def perform(self, effects: Iterable[Effect]) -> None:
        """Send, or let the device sleep."""
        for effect in effects:
            if isinstance(effect, Sleep):
                self._carrier.rest()
                continue
            try:
                self._carrier.send(self.device.profile.id, effect.leaf, effect.message, effect.qos)
                self.sent += 1
            except OSError:
                self.unsent += 1

    def _tick(self) -> None:
        was_asleep = self.device.nap.is_asleep
        self.perform(self.device.tick(self.moment()))
        if was_asleep and not self.device.nap.is_asleep:
            self._carrier.rise()
        self.schedule()


class Carrier:
    """One connection with the device that owns it, and those behind it when it is a gateway."""

    def __init__(self, devices: list[Device], prefix: str, connect: Connect) -> None:
        self._prefix = prefix
        self._carried = {device.profile.id: Carried(device, self) for device in devices}
        self._owner = devices[0]
        self._rests: set[asyncio.Task[None]] = set()
        owner_id = self._owner.profile.id
        self._link: BrokerLink = connect(
            Station(
                client_id=owner_id if len(devices) == 1 else f"gw-{owner_id}",
                received=self._received,
                subscriptions=tuple(
                    Subscription(topic_filter=topic_of(prefix, device.profile.id, leaf), qos=qos)
                    for device in devices
                    for leaf, qos in DOWN_QOS.items()
                ),
                keep_alive_s=_keep_alive_s(devices),
                will=self._will,
                connected=self._connected,
                gone=self._gone,
            )
        )

    @property
    def carried(self) -> list[Carried]:
        """The devices, the owner first."""
        return list(self._carried.values())

    def start(self) -> None:
        """Let the devices live and connect."""
        for carried in self._carried.values():
            carried.schedule()
        self._link.open()

    def send(self, device_id: str, leaf: Leaf, message: bytes, qos: int) -> None:
        """Publish for a device; raises OSError when that is impossible right now."""
        self._link.send(topic_of(self._prefix, device_id, leaf), message, qos)

    def rest(self) -> None:
        """The owner sleeps: end the connection without a will."""
        task = asyncio.get_running_loop().create_task(self._link.close())
        self._rests.add(task)
        task.add_done_callback(self._rests.discard)

    def rise(self) -> None:
        """The owner woke up: connect again, once the last farewell is over."""
        if self._rests:
            next(iter(self._rests)).add_done_callback(lambda _: self._link.open())
        else:
            self._link.open()

    async def leave(self) -> None:
        """Take leave cleanly."""
        for carried in self._carried.values():
            carried.stop()
            if self._link.is_connected:
                carried.perform(carried.device.farewell(carried.moment()))
        if self._rests:
            await asyncio.wait(self._rests)
        await self._link.close()

    def _will(self) -> Will | None:
        owner_id = self._owner.profile.id
        for carried in self.carried[1:]:
            carried.device.open_session(carried.moment())
        message = self._owner.open_session(self._carried[owner_id].moment())
        return Will(topic=topic_of(self._prefix, owner_id, Leaf.STATUS), message=message)

    def _connected(self) -> None:
        for carried in self._carried.values():
            carried.perform(carried.device.connected(carried.moment()))
            carried.schedule()

    def _gone(self) -> None:
        for carried in self._carried.values():
            carried.device.disconnected()

    def _received(self, topic: str, message: bytes, retain: bool) -> None:  # noqa: FBT001 - as links call it
        rest = topic.removeprefix(f"{self._prefix}/")
        device_id, _, leaf = rest.partition("/")
        carried = self._carried.get(device_id)
        if carried is not None and leaf in DOWN_QOS:
            carried.perform(carried.device.received(Leaf(leaf), message, carried.moment(), retained=retain))
            carried.schedule()


class Fleet:
    """All devices of a run."""

    def __init__(self, devices: list[Device], prefix: str, connect: Connect) -> None:
        self._carriers = [Carrier(group, prefix, connect) for group in _groups(devices)]

    @property
    def carried(self) -> list[Carried]:
        """Every device."""
        return [carried for carrier in self._carriers for carried in carrier.carried]

    async def run(self, stop: asyncio.Event, duration_s: float | None) -> None:
        """Start one after the other, live until `stop` or for `duration_s`, then leave cleanly."""
        try:
            async with asyncio.timeout(duration_s):
                for carrier in self._carriers:
                    carrier.start()
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(stop.wait(), STAGGER_S)
                await stop.wait()
        except TimeoutError:
            pass
        finally:
            await asyncio.gather(*(carrier.leave() for carrier in self._carriers))


def _groups(devices: list[Device]) -> list[list[Device]]:
    """Devices by connection: a gateway first, then those that it carries."""
    groups = {device.profile.id: [device] for device in devices if device.profile.gateway is None}
    for device in devices:
        if device.profile.gateway is not None:
            groups[device.profile.gateway].append(device)
    return list(groups.values())


def _keep_alive_s(devices: list[Device]) -> int:
    """Three sensing or heartbeat intervals, whichever is longer, 15 s to 1 h."""
    longest = max(max(device.profile.sample_s, device.profile.interval_s) for device in devices)
    shortest_allowed, longest_allowed = KEEP_ALIVE_S
    return round(min(longest_allowed, max(shortest_allowed, 3 * longest)))
