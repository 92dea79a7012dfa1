"""A connection to a broker over paho-mqtt, driven by the event loop: no thread, one timer for all."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Iterable, Sequence
from functools import partial
from random import Random
from typing import Any, Final, cast

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from .broker import (
    Broker,
    LinkDownError,
    LinkForeignError,
    LinkFullError,
    LinkPlainError,
    LinkRefusedError,
    Message,
    Station,
    Subscription,
    wait_before,
)
from .client import ReadingClient
from .outbox import Outbox
from .packets import MAX_PACKET_BYTES
from .pulse import Pulse

_LOGGER = logging.getLogger(__name__)

ACCEPT_S: Final = 10.0
"""How long the broker may take to accept a connection."""
FAREWELL_S: Final = 2.0
"""How long messages that wait may take to leave before a close."""
MAX_WAITING: Final = 1000
MAX_WINDOW: Final = 65_535
"""What a broker takes at once that does not say it (MQTT 5.0, section 3.2.2.3.3)."""


class PahoLink:
    """One connection with its own client id, will and keep-alive.

    Messages of QoS 1 and 2 that were handed over survive a reconnect, those of QoS 0 do not.
    Use it from one event loop only.
    """

    def __init__(
        self,
        broker: Broker,
        station: Station,
        *,
        pulse: Pulse | None = None,
        mqtt5: bool = True,
        max_waiting: int = MAX_WAITING,
        random: Random | None = None,
    ) -> None:
        self.station = station
        self._broker = broker
        self._pulse = pulse or Pulse()
        self._mqtt5 = mqtt5
        self._max_waiting = max_waiting
        self._random = random or Random()  # noqa: S311 - spreads reconnects, guards nothing
        self._unwritten = 0
        """Messages of QoS 0 that have not left."""
        self._followed: dict[str, Subscription] = {}
        """What is listened to besides the station's own subscriptions."""
        self._asked: dict[int, Sequence[Subscription]] = {}
        """Subscriptions that the broker has not answered, by message id."""
        self._is_connected = False
        self._was_accepted = False
        """In the present attempt; it may be over again."""
        self._refusal: LinkRefusedError | None = None
        self._sock: socket.socket | None = None
        self._accepted = asyncio.Event()
        self._ended = asyncio.Event()
        self._drained = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._client = self._new_client()
        self._outbox = Outbox(self._number, mqtt5=mqtt5)

    @property
    def is_connected(self) -> bool:
        """Whether a publish would leave now."""
        return self._is_connected

    @property
    def waiting(self) -> int:
        """Messages that the broker has not taken yet."""
        return self._outbox.waiting + self._unwritten

    def open(self) -> None:
        """Connect, and keep connecting again until `close`."""
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._stay(), name=f"link {self.station.client_id}")

    def send(self, topic: str, message: bytes, qos: int, *, retain: bool = False) -> None:
        """Hand a message over; raises `LinkDownError` or `LinkFullError`."""
        if not self._is_connected:
            raise LinkDownError
        if self.waiting >= self._max_waiting:
            raise LinkFullError
        self._unwritten += not qos
        self._client.write(self._outbox.publish(topic, message, qos, retain=retain))

    async def publish(self, topic: str, message: bytes, qos: int) -> None:
        """Hand a message over; raises `LinkDownError` or `LinkFullError`."""
        self.send(topic, message, qos)

    def follow(self, subscriptions: Iterable[Subscription]) -> None:
        """Listen to these as well, from now on and after each reconnect, and to none that was named here before."""
        wanted = {one.topic_filter: one for one in subscriptions}
        gone = [one for one in self._followed if one not in wanted]
        fresh = [one for name, one in wanted.items() if name not in self._followed]
        self._followed = wanted
        if self._is_connected and gone:
            self._client.unsubscribe(gone)
        if self._is_connected:
            self._subscribe(fresh)

    async def drain(self, within_s: float) -> None:
        """Wait until the broker has taken every message, but no longer than that."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._until_taken()

    async def close(self) -> None:
        """Send what waits, take leave (the will is not published) and stay away; idempotent."""
        try:
            if self._is_connected:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(FAREWELL_S):
                        await self._until_taken()
                        self._client.disconnect()
                        await self._ended.wait()
        finally:  # also when nobody waits for the farewell any more
            await self.drop()

    async def drop(self) -> None:
        """End without a farewell (the will is published) and stay away; idempotent."""
        task, self._task = self._task, None
        try:
            if task is not None:
                task.cancel()
                await asyncio.wait([task])  # if this is cancelled itself, whoever did so has to notice
        finally:
            self._tear_down()

    def beat(self) -> None:
        """Let the client send its keep-alive and notice a silent broker."""
        self._client.loop_misc()

    # --- connecting ----------------------------------------------------------------------

    async def _stay(self) -> None:
        attempt = 0
        while True:
            if await self._connect():
                attempt = 0
                await self._ended.wait()
            self._tear_down()
            attempt += 1
            await asyncio.sleep(wait_before(attempt, self._random))

    async def _connect(self) -> bool:
        """Make one attempt; True when the broker has accepted."""
        will = self.station.will()
        if will is not None:
            self._client.will_set(will.topic, will.message, will.qos)
        login = self.station.login()
        if login is not None:
            self._client.username_pw_set(*login)
        self._accepted.clear()
        self._ended.clear()
        self._was_accepted, self._refusal = False, None
        attempt = asyncio.get_running_loop().run_in_executor(None, self._connect_blocking, self._client)
        try:
            await asyncio.shield(attempt)
        except OSError as err:
            self._fail(LinkPlainError(str(err)) if self._broker.tls and isinstance(err, ConnectionResetError) else err)
            return False
        except ValueError as err:  # no host could have such a name
            self._fail(socket.gaierror(str(err)))
            return False
        except asyncio.CancelledError:
            attempt.add_done_callback(partial(_abandon, self._client))
            self._client = self._new_client()  # the old one belongs to the thread that still connects
            raise
        self._watch()
        try:
            async with asyncio.timeout(ACCEPT_S):
                await self._accepted.wait()
        except TimeoutError as err:
            self._fail(err)
            return False
        if not self._was_accepted:
            refusal: LinkRefusedError | None = self._refusal
            self._fail(refusal or self._client.trouble or LinkForeignError("it hung up without an answer"))
        return self._was_accepted

    def _fail(self, trouble: OSError) -> None:
        _LOGGER.debug("%s: no connection: %r", self.station.client_id, trouble)
        self.station.failed(trouble)

    def _connect_blocking(self, client: Client) -> None:
        """Resolve, connect, shake hands: the parts that would hold the event loop up."""
        host, port, keep_alive = self._broker.host, self._broker.port, self.station.keep_alive_s
        if not self._mqtt5:
            client.connect(host, port, keep_alive)
            return
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho leaves it so
        properties.SessionExpiryInterval = self.station.session_s
        properties.MaximumPacketSize = MAX_PACKET_BYTES
        client.connect(host, port, keep_alive, clean_start=False, properties=properties)

    def _new_client(self) -> ReadingClient:
        client = ReadingClient(
            self._take,
            self._answered,
            CallbackAPIVersion.VERSION2,
            client_id=self.station.client_id,
            clean_session=None if self._mqtt5 else False,
            protocol=MQTTProtocolVersion.MQTTv5 if self._mqtt5 else MQTTProtocolVersion.MQTTv311,
            transport="tcp" if self._broker.path is None else "websockets",
            reconnect_on_failure=False,
        )
        if self._broker.path is not None:
            client.ws_set_options(self._broker.path)
        if self._broker.user is not None:
            client.username_pw_set(self._broker.user, self._broker.password)
        if self._broker.tls is not None:
            client.tls_set_context(self._broker.tls)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_subscribe = self._on_subscribe
        client.on_socket_register_write = self._on_want_write
        client.on_socket_unregister_write = self._on_wrote
        client.on_socket_close = self._on_socket_close
        return client

    def _watch(self) -> None:
        self._sock = cast("socket.socket", self._client.socket())
        loop = asyncio.get_running_loop()
        loop.add_reader(self._sock, self._read)
        loop.add_writer(self._sock, self._client.loop_write)
        self._pulse.add(self)

    def _tear_down(self) -> None:
        """Close whatever is left of the connection."""
        self._pulse.discard(self)
        sock = self._sock
        self._unwatch()
        if sock is not None:
            sock.close()
        self._note_end()

    def _unwatch(self) -> None:
        if self._sock is not None and self._sock.fileno() >= 0:
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._sock)
            loop.remove_writer(self._sock)
        self._sock = None

    def _note_end(self) -> None:
        self._unwritten = 0
        self._asked.clear()
        self._ended.set()
        self._drained.set()
        if self._is_connected:
            self._is_connected = False
            self.station.gone()

    def _subscribe(self, subscriptions: Sequence[Subscription]) -> None:
        if subscriptions:
            _, mid = self._client.subscribe([(one.topic_filter, one.qos) for one in subscriptions])
            self._asked[mid or 0] = subscriptions  # the broker's answer bears the number

    async def _until_taken(self) -> None:
        while self.waiting and self._is_connected:
            self._drained.clear()
            await self._drained.wait()

    # --- what the client reports -----------------------------------------------------------

    def _read(self) -> None:
        self._client.loop_read()
        while self._sock is not None and (pending := getattr(self._sock, "pending", None)) is not None and pending():
            self._client.loop_read()  # of an encrypted record nobody else tells that there is more

    def _on_want_write(self, _client: Client, _userdata: Any, sock: Any) -> None:
        if sock is self._sock and self._sock is not None:
            asyncio.get_running_loop().add_writer(self._sock, self._client.loop_write)

    def _on_wrote(self, _client: Client, _userdata: Any, sock: Any) -> None:
        self._unwritten = 0
        self._note_taken()
        if sock is self._sock and self._sock is not None:
            asyncio.get_running_loop().remove_writer(self._sock)

    def _on_socket_close(self, _client: Client, _userdata: Any, sock: Any) -> None:
        if sock is self._sock:
            self._unwatch()

    def _on_connect(
        self, _client: Client, _userdata: Any, flags: ConnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if reason.is_failure:
            _LOGGER.warning("%s: the broker refuses the connection: %s", self.station.client_id, reason)
            self._refusal = LinkRefusedError(reason)
            self._accepted.set()
            return
        self._is_connected = self._was_accepted = True
        self._accepted.set()
        self._subscribe((*self.station.subscriptions, *self._followed.values()))
        window = getattr(properties, "ReceiveMaximum", MAX_WINDOW) if self._mqtt5 else None
        self._client.write(self._outbox.resume(window, has_session=flags.session_present))
        self.station.connected()

    def _on_disconnect(
        self,
        _client: Client,
        _userdata: Any,
        _flags: DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        _LOGGER.debug("%s: connection ended: %s", self.station.client_id, reason)
        self._accepted.set()
        self._note_end()

    def _on_subscribe(
        self, _client: Client, _userdata: Any, mid: int, reasons: list[ReasonCode], _properties: Properties | None
    ) -> None:
        asked = self._asked.pop(mid, ())
        refused = [one.topic_filter for one, reason in zip(asked, reasons, strict=False) if reason.is_failure]
        if refused:
            _LOGGER.warning("%s: the broker refuses to let it listen to %s", self.station.client_id, ", ".join(refused))
        self.station.subscribed(refused)

    def _take(self, messages: list[Message]) -> None:
        if self.station.received_together is not None:
            self.station.received_together(messages)
            return
        for topic, message, retained in messages:
            self.station.received(topic, message, retained)

    def _on_message(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        self.station.received(message.topic, message.payload, message.retain)

    def _number(self) -> int:
        return self._client.number()

    def _answered(self, head: int, body: bytes) -> None:
        packets, refusal = self._outbox.answer(head, body)
        if refusal:
            self.station.denied(_words_of(refusal))
        self._client.write(packets)
        self._note_taken()

    def _note_taken(self) -> None:
        if not self.waiting:
            self._drained.set()


def _words_of(reason: int) -> str:
    """Say a broker's reason in MQTT's words."""
    try:
        return str(ReasonCode(PacketTypes.PUBREC, identifier=reason))
    except KeyError:
        return f"reason {reason}"


def _abandon(client: Client, attempt: asyncio.Future[None]) -> None:
    """Close the socket of an attempt that nobody waits for any more."""
    sock = client.socket()
    if not attempt.cancelled() and attempt.exception() is None and isinstance(sock, socket.socket):
        sock.close()
