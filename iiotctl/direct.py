"""Straight to the broker, with a device's key: what a hub does, for one command at a time (ADR 0015)."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from iiot_engine.devices.downlink import NOBODYS_NONCE, Downlink
from iiot_engine.links.broker import Broker, LinkDownError, LinkFullError, Station, Subscription
from iiot_engine.links.paho import PahoLink
from iiot_engine.values import DOWN_QOS, NS_PER_MS, Leaf, Now
from iiot_engine.wire.frames import Ack
from iiot_engine.wire.topics import is_device_id, topic_of

from .ear import Ear, Heard
from .errors import RefusedError, UnreachableError, UsageError, why_no_connection
from .fleet import Order, Outcome, Seen, chosen
from .keyring import Keyring
from .notes import Notes

CONNECT_S: Final = 15.0
AGAIN_S: Final = 5.0
"""An open command is sent again after so long, then after twice that, and so on; a device answers a knock as seldom."""
LOOK_S: Final = 0.5
ROOM: Final = 1 << 16
"""Numbers that one run may use for a device."""
_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LIVE_HUB: Final = (
    "a hub commands it: {why}. Ask through Home Assistant (--url); or take over with --take-over: then the hub says so"
    " in a repair, and sends nothing to this device until a person decides there"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Manner:
    """How devices are spoken to."""

    prefix: str = "iiot"
    take_over: bool = False
    listen_s: float = 3.0
    """How long to listen for a hub before something is sent."""
    within_s: float = 15.0
    """How long a device may take to be heard."""


class Direct:
    """A way in that needs no hub."""

    def __init__(self, broker: Broker, keys: Keyring, manner: Manner, notes_file: Path) -> None:
        self._broker = broker
        self._keys = keys
        self._manner = manner
        self._notes = Notes(notes_file)
        self._downlinks: dict[str, Downlink] = {}
        self._connected: asyncio.Future[None]
        self._link: PahoLink
        self.ear: Ear

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._connected = loop.create_future()
        self.ear = Ear(self._manner.prefix, self._keys, loop.time, time.time_ns)
        station = Station(
            client_id=f"iiotctl-{secrets.token_hex(8)}",
            received=self.ear.received,
            subscriptions=tuple(Subscription(topic_filter=one, qos=qos) for one, qos in self.ear.filters.items()),
            session_s=0,
            connected=self._note_connected,
            failed=self._note_failed,
        )
        self._link = PahoLink(self._broker, station)
        self._link.open()
        try:
            async with asyncio.timeout(CONNECT_S):
                await self._connected
        except TimeoutError as err:
            await self._link.close()
            raise why_no_connection(err, "the broker", "--broker") from err
        except UnreachableError, RefusedError:
            await self._link.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._link.close()

    def _note_connected(self) -> None:
        if not self._connected.done():
            self._connected.set_result(None)

    def _note_failed(self, trouble: OSError) -> None:
        if self._connected.done():
            return
        if str(trouble).startswith("the broker refuses"):
            self._connected.set_exception(RefusedError(f"{trouble}: check --user and its password"))
        else:
            self._connected.set_exception(why_no_connection(trouble, "the broker", "--broker"))

    # --- what is there -------------------------------------------------------------------

    async def devices(self) -> list[Seen]:
        """Every device that was heard so far."""
        now_s = asyncio.get_running_loop().time()
        return sorted((one.seen(now_s) for one in self.ear.heard.values()), key=lambda seen: seen.name.casefold())

    async def listen(self) -> None:
        """Hear who is there; who is heard is asked for a sign of life, so that its state is known."""
        loop = asyncio.get_running_loop()
        until_s, knocked = loop.time() + self._manner.within_s, set[str]()
        while loop.time() < until_s:
            await asyncio.sleep(min(LOOK_S, self._manner.within_s))
            for device in [one for one in self.ear.heard.values() if one.beat is None and one.id not in knocked]:
                knocked.add(device.id)
                self._knock(device)

    async def order(self, order: Order, names: Sequence[str]) -> list[Outcome]:
        """Ask devices one by one, all at the same time."""
        if order.waits:
            raise UsageError("--wait takes a hub that waits: ask through Home Assistant (--url)")
        if not self._keys:
            raise UsageError("a key is needed to command devices: --key-file FILE or --fleet-key-file FILE")
        ids = await self._ids(names)
        return list(await asyncio.gather(*(self._ask(device_id, order) for device_id in ids)))

    async def _ids(self, names: Sequence[str]) -> list[str]:
        if not names and self._keys.device_id is not None:
            return [self._keys.device_id]
        if not names or not all(is_device_id(name) for name in names):
            await self.listen()
            return [one.id for one in chosen(await self.devices(), names) if names or one.state == "live"]
        by_name = {one.name.casefold(): one.id for one in await self.devices()}
        return [by_name.get(name.casefold(), name) for name in names]

    # --- asking one device -----------------------------------------------------------------

    async def _ask(self, device_id: str, order: Order) -> Outcome:
        try:
            device = await self._meet(device_id)
            await self._must_be_free(device)
            return await self._send(device, order)
        except UnreachableError as err:
            return Outcome(id=device_id, name=self._name_of(device_id), status="not_reached", reason=str(err))
        except RefusedError as err:
            return Outcome(id=device_id, name=self._name_of(device_id), status="refused", reason=str(err))

    def _name_of(self, device_id: str) -> str:
        device = self.ear.heard.get(device_id)
        return device_id if device is None else _name(device)

    async def _meet(self, device_id: str) -> Heard:
        """Have it say where it stands: knock, and wait for its heartbeat."""
        loop = asyncio.get_running_loop()
        if not self._keys.knows(device_id):
            raise RefusedError(f"the key is of {self._keys.device_id}, not of {device_id}")
        begun_s = loop.time()
        device = self.ear.heard.setdefault(device_id, Heard(id=device_id))
        while loop.time() - begun_s < self._manner.within_s:
            self._knock(device)
            knocked_s = loop.time()
            while loop.time() - knocked_s < AGAIN_S and loop.time() - begun_s < self._manner.within_s:
                if device.beat is not None and device.beat_s >= begun_s:
                    return device
                self.ear.came.clear()
                await _wait(self.ear.came, min(AGAIN_S, self._manner.within_s) / 5)
        refused = ", ".join(f"{count} refused as {code}" for code, count in device.refused.items())
        raise UnreachableError(
            f"{device_id} was not heard within {self._manner.within_s:g} s"
            + (f" ({refused}: check the key)" if refused else ": check its id and --prefix; it may be off or asleep")
        )

    async def _must_be_free(self, device: Heard) -> None:
        """Refuse while a hub is live, unless told to take over."""
        if self._manner.take_over or device.beat is None:
            return
        nonce, hseq = device.beat.nonce, device.beat.hseq
        if hseq and not self._notes.is_ours(device.id, nonce, hseq):
            raise RefusedError(LIVE_HUB.format(why=f"it has obeyed message {hseq} since its start, which is not ours"))
        await asyncio.sleep(self._manner.listen_s)
        if nonce in device.others:
            raise RefusedError(LIVE_HUB.format(why="somebody with its key spoke to it just now"))

    async def _send(self, device: Heard, order: Order) -> Outcome:
        """Send, and again until it answers or the time is up."""
        loop = asyncio.get_running_loop()
        number = secrets.token_hex(4) if order.name == Leaf.POLL else make_cid(time.time_ns())
        answer = self.ear.waiting[number] = loop.create_future()
        deadline_s, wait_s = loop.time() + order.life_s, AGAIN_S
        device.pending = order.name
        try:
            while (left_s := deadline_s - loop.time()) > 0:
                self._publish(device, order, number, left_s)
                await asyncio.wait([answer], timeout=min(wait_s, left_s))
                if answer.done():
                    return _outcome(device, number, answer.result())
                wait_s *= 2
        finally:
            del self.ear.waiting[number]
            device.pending = ""
        reason = f"no answer within {order.life_s:g} s; it may have been done"
        return Outcome(id=device.id, name=_name(device), status="unknown", reason=reason, command_id=number)

    def _publish(self, device: Heard, order: Order, number: str, left_s: float) -> None:
        if order.name == Leaf.POLL:
            self._down(device, Leaf.POLL, {"pid": number, **order.args})
            return
        body = {
            "cid": number,
            "cmd": order.name,
            "args": order.args,
            "until": device.up_ms(asyncio.get_running_loop().time()) + round(left_s * 1000),
            "exp": round(time.time() + left_s),
        }
        self._down(device, Leaf.COMMAND, body)

    def _down(self, device: Heard, leaf: Leaf, body: dict[str, Any]) -> None:
        """Number, note, sign and send one message to the present boot."""
        assert device.beat is not None
        assert device.key is not None
        nonce = device.beat.nonce
        downlink = self._downlinks.get(device.id)
        if downlink is None or downlink.nonce != nonce or downlink.is_foreign(device.beat.hseq):
            downlink = self._downlinks[device.id] = Downlink()
            downlink.begin(nonce, device.beat.hseq, secrets.token_bytes)
            downlink.reserve(downlink.last + ROOM)
        message = downlink.seal(leaf, device.id, device.kid, device.key, _now(), body)
        self._notes.use(device.id, nonce, downlink.last)
        self._hand_over(device, leaf, message)

    def _knock(self, device: Heard) -> None:
        kid = device.kid if self._keys.kid is None else self._keys.kid
        key = device.key or self._keys.key_of(device.id, kid)
        if key is None:
            return
        stranger = Downlink(nonce=NOBODYS_NONCE)
        message = stranger.seal(Leaf.POLL, device.id, kid, key, _now(), {"pid": secrets.token_hex(4), "ch": []})
        self._hand_over(device, Leaf.POLL, message)

    def _hand_over(self, device: Heard, leaf: Leaf, message: bytes) -> None:
        self.ear.said(message)
        try:
            self._link.send(topic_of(self._manner.prefix, device.id, leaf), message, DOWN_QOS[leaf])
        except (LinkDownError, LinkFullError) as err:
            raise UnreachableError("the connection to the broker was lost; try again") from err


def make_cid(wall_ns: int) -> str:
    """Build a ULID: 48 bits of milliseconds, 80 random bits, in Crockford's base 32."""
    number = (wall_ns // NS_PER_MS) << 80 | secrets.randbits(80)
    return "".join(_CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))


def _outcome(device: Heard, number: str, answer: Any) -> Outcome:
    if isinstance(answer, Ack):
        return Outcome(
            id=device.id,
            name=_name(device),
            status=answer.status,
            reason=answer.reason,
            result=answer.result,
            command_id=answer.cid,
        )
    read = {"values": answer.moment or {}} | ({"failed": answer.failed} if answer.failed else {})
    return Outcome(
        id=device.id,
        name=_name(device),
        status="failed" if answer.failed else "done",
        reason=", ".join(f"{key} {why}" for key, why in answer.failed.items()),
        result=read,
        command_id=number,
    )


def _name(device: Heard) -> str:
    return device.id if device.beat is None else device.beat.name


def _now() -> Now:
    return Now(wall_ns=time.time_ns(), steady_ns=time.monotonic_ns())


async def _wait(event: asyncio.Event, timeout_s: float) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        return
