"""One connection and the devices on it: timers, messages both ways, sleep and restarts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from itertools import batched
from typing import Final

from iiot_engine.links.broker import BrokerLink, LinkRefusedError, Station, Subscription, Will
from iiot_engine.values import DOWN_QOS, Leaf
from iiot_engine.wire.topics import topic_of

from .bus import Connect
from .clock import Moment
from .device import Device, Effect, Reconnect, Restart, Retire, Sleep

KEEP_ALIVE_S: Final = (15, 3600)
FAREWELLS_AT_ONCE: Final = 50
"""Devices of one connection that take leave together; the broker takes that before the next do."""
FAREWELL_S: Final = 10.0
GREETINGS_A_SECOND: Final = 200
"""Devices of one connection greet at most so fast after a reconnect."""


class Carried:
    """One device on its connection, with its timer and its counts."""

    def __init__(self, device: Device, carrier: Carrier) -> None:
        self.device = device
        self.is_on = False
        """Switched on; a device that restarts is off for a moment."""
        self.has_left = False
        """It has said its farewell, and stays away."""
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

    def switch_on(self) -> None:
        """Begin the boot."""
        self.is_on = True
        self._started_s = asyncio.get_running_loop().time()
        self.schedule()

    def schedule(self) -> None:
        """Tick when the device has something to do next."""
        loop = asyncio.get_running_loop()
        self._call_at(max(loop.time() + 0.001, self._started_s + (self.device.next_ms() + 1) / 1000), self._tick)

    def stop(self) -> None:
        """Tick no more."""
        self.is_on = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def greet(self) -> None:
        """The device has the connection: it says that it is there."""
        self.perform(self.device.connected(self.moment()))
        if self.is_on:
            self.schedule()

    def perform(self, effects: Iterable[Effect]) -> None:
        """Send, let the device sleep, or start it anew."""
        for effect in effects:
            match effect:
                case Sleep():
                    self._carrier.rest(self)
                case Restart():
                    self._restart(effect)
                case Reconnect():
                    self._carrier.renew(self)
                case Retire():
                    self._carrier.retire(self)
                case _:
                    self._send(effect.leaf, effect.message, effect.qos)

    def _send(self, leaf: Leaf, message: bytes, qos: int) -> None:
        try:
            self._carrier.send(self.device.profile.id, leaf, message, qos)
            self.sent += 1
        except OSError:
            self.unsent += 1

    def _restart(self, restart: Restart) -> None:
        self.stop()
        self._carrier.fall_silent(self, is_clean=restart.is_clean)
        self._call_at(asyncio.get_running_loop().time() + restart.takes_s, lambda: self._come_back(restart))

    def _come_back(self, restart: Restart) -> None:
        self.device = self.device.restarted(restart.cause)
        self.switch_on()
        self._carrier.rise(self)

    def _call_at(self, at_s: float, call: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(at_s, call)

    def _tick(self) -> None:
        was_asleep = self.device.nap.is_asleep
        self.perform(self.device.tick(self.moment()))
        if was_asleep and not self.device.nap.is_asleep:
            self._carrier.rise(self)
        if self.is_on:
            self.schedule()


class Carrier:
    """One connection with the device that owns it, and those behind it when several share it."""

    def __init__(self, devices: list[Device], prefix: str, connect: Connect) -> None:
        self.trouble: OSError | None = None
        """Why the last attempt to connect failed."""
        self._refused = 0
        """Attempts one after the other that the broker refused."""
        self._prefix = prefix
        self._carried = {device.profile.id: Carried(device, self) for device in devices}
        self._owner = next(iter(self._carried.values()))
        self._ends: set[asyncio.Task[None]] = set()
        self._greetings: list[asyncio.TimerHandle] = []
        owner_id = self._owner.device.profile.id
        self._link: BrokerLink = connect(
            Station(
                client_id=owner_id if len(devices) == 1 else f"gw-{owner_id}",
                received=self._received,
                subscriptions=tuple(
                    Subscription(topic_filter=topic_of(prefix, device_id, leaf), qos=qos)
                    for device_id in self._carried
                    for leaf, qos in DOWN_QOS.items()
                ),
                keep_alive_s=_keep_alive_s(devices),
                will=self._will,
                login=self._login,
                connected=self._connected,
                gone=self._gone,
                failed=self._failed,
            )
        )
        self._is_shared = len(devices) > 1

    @property
    def carried(self) -> list[Carried]:
        """The devices, the owner first."""
        return list(self._carried.values())

    @property
    def is_connected(self) -> bool:
        """Whether the broker has accepted the connection."""
        return self._link.is_connected

    def switch_on(self, carried: Carried) -> None:
        """Let a device live: the first one opens the connection, the others use it."""
        if carried.has_left:
            return
        if carried.device.is_forgotten:
            self._stay_away(carried)
            return
        carried.switch_on()
        if carried is self._owner:
            self._link.open()
        else:
            self.rise(carried)

    def send(self, device_id: str, leaf: Leaf, message: bytes, qos: int) -> None:
        """Publish for a device; raises OSError when that is impossible right now."""
        self._link.send(topic_of(self._prefix, device_id, leaf), message, qos)

    def rest(self, carried: Carried) -> None:
        """A device sleeps: end its connection without a will, or leave the shared one to the others."""
        self.fall_silent(carried, is_clean=True)

    def fall_silent(self, carried: Carried, *, is_clean: bool) -> None:
        """A device has nothing more to say for now."""
        if self._is_shared:
            carried.device.disconnected()
            return
        task = asyncio.get_running_loop().create_task(self._link.close() if is_clean else self._link.drop())
        self._ends.add(task)
        task.add_done_callback(self._ends.discard)

    def rise(self, carried: Carried) -> None:
        """A device is back: connect again, once the last farewell is over, or use the shared connection."""
        if self._is_shared:
            if self._link.is_connected:
                carried.device.open_session(carried.moment())
                carried.greet()
        elif self._ends:
            next(iter(self._ends)).add_done_callback(lambda _: self._link.open())
        else:
            self._link.open()

    def renew(self, carried: Carried) -> None:
        """A device has another key: its connection begins anew, with a will that is signed with it."""
        self.fall_silent(carried, is_clean=True)
        self.rise(carried)

    def retire(self, carried: Carried) -> None:
        """A device has no key any more: it stays away; a connection that others use stays."""
        self.fall_silent(carried, is_clean=True)
        self._stay_away(carried)

    def _stay_away(self, carried: Carried) -> None:
        carried.stop()
        carried.has_left = True
        carried.device.disconnected()
        if self._is_shared and carried is self._owner:
            self._link.open()  # those behind it go on

    def dismiss(self, carried: Carried) -> None:
        """Take a device that is not the owner off the connection, after its farewell."""
        self._say_farewell(carried)
        del self._carried[carried.device.profile.id]

    async def leave(self) -> None:
        """Take leave cleanly."""
        self._forget_greetings()
        for some in batched(self.carried, FAREWELLS_AT_ONCE, strict=False):
            for carried in some:
                self._say_farewell(carried)
            await self._link.drain(FAREWELL_S)
        if self._ends:
            await asyncio.wait(self._ends)
        await self._link.close()

    def _say_farewell(self, carried: Carried) -> None:
        carried.stop()
        carried.has_left = True
        if self._link.is_connected and carried.device.is_connected:
            carried.perform(carried.device.farewell(carried.moment()))
        carried.device.disconnected()

    def _will(self) -> Will | None:
        if self._owner.device.is_forgotten:
            return None
        message = self._owner.device.open_session(self._owner.moment())
        return Will(topic=topic_of(self._prefix, self._owner.device.profile.id, Leaf.STATUS), message=message)

    def _login(self) -> tuple[str, str]:
        device = self._owner.device
        return device.profile.id, device.keyring.password(self._refused)

    def _connected(self) -> None:
        self.trouble, self._refused = None, 0
        if self._owner.is_on:
            self._owner.greet()
        self._forget_greetings()
        loop = asyncio.get_running_loop()
        for at, carried in enumerate(self.carried[1:]):
            self._greetings.append(loop.call_later(at / GREETINGS_A_SECOND, self._greet_again, carried))

    def _greet_again(self, carried: Carried) -> None:
        if carried.is_on and not carried.device.nap.is_asleep and not carried.device.is_connected:
            self.rise(carried)

    def _forget_greetings(self) -> None:
        while self._greetings:
            self._greetings.pop().cancel()

    def _gone(self) -> None:
        self._forget_greetings()
        for carried in self._carried.values():
            carried.device.disconnected()

    def _failed(self, trouble: OSError) -> None:
        self.trouble = trouble
        self._refused += isinstance(trouble, LinkRefusedError)

    def _received(self, topic: str, message: bytes, retain: bool) -> None:  # noqa: FBT001 - as links call it
        rest = topic.removeprefix(f"{self._prefix}/")
        device_id, _, leaf = rest.partition("/")
        carried = self._carried.get(device_id)
        if carried is None or leaf not in DOWN_QOS or not carried.is_on or carried.device.nap.is_asleep:
            return
        carried.perform(carried.device.received(Leaf(leaf), message, carried.moment(), retained=retain))
        if carried.is_on:
            carried.schedule()


def _keep_alive_s(devices: list[Device]) -> int:
    """Three sensing or heartbeat intervals, whichever is longer, 15 s to 1 h."""
    longest = max(max(device.profile.sample_s, device.profile.interval_s) for device in devices)
    shortest_allowed, longest_allowed = KEEP_ALIVE_S
    return round(min(longest_allowed, max(shortest_allowed, 3 * longest)))
