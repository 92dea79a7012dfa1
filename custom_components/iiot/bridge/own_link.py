"""A connection of the hub's own: the plant's network stays separate from that of Home Assistant.

The broker keeps the session, so what devices send at QoS 1 while Home Assistant restarts comes afterwards. A message
counts as received, for the broker, when the plant has taken it in. What the hub is too slow for stays with the broker:
it reads no further than it works.
"""

import asyncio
import hashlib
import logging
import secrets
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback

from ..engine.effects import Publish
from ..engine.links.broker import Broker, Message, Station, Subscription
from ..engine.links.faults import Fault, fault_of
from ..engine.links.paho import PahoLink
from ..engine.values import Now
from ..engine.wire import topics
from .link import OnMessage, Take

if TYPE_CHECKING:
    from ..runtime import IiotConfigEntry

_LOGGER = logging.getLogger(__name__)

QOS: Final = 1
CONFIRM_S: Final = 3.0
"""How long a start waits for the broker's word; the connection is tried on and on."""
SESSION_S: Final = 24 * 3600
"""How long the broker keeps what comes while Home Assistant is away."""
MOST_WAITING: Final = 4_096
"""Messages that the broker has not taken yet; beyond it they are dropped."""
_LOGIN: Final = frozenset({Fault.LOGIN, Fault.FORBIDDEN, Fault.CERTIFICATE_WANTED, Fault.CERTIFICATE_REFUSED})
"""What a person ends who enters another login."""


def client_id_of(entry_id: str, prefix: str) -> str:
    """Name under which the broker knows a hub, and keeps its session.

    It stays while the prefix does: the session of another prefix would go on bringing its messages.
    """
    return f"iiot-{entry_id}-{hashlib.sha256(prefix.encode()).hexdigest()[:8]}"


class OwnLink:
    """One connection to one broker, with a kept session."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: IiotConfigEntry,
        broker: Broker,
        clock: Callable[[], Now],
        *,
        keep_alive_s: int = 60,
    ) -> None:
        self.dropped = 0
        self._hass: Final = hass
        self._entry: Final = entry
        self._broker: Final = broker
        self._clock: Final = clock
        self._keep_alive_s: Final = keep_alive_s
        self._link: PahoLink | None = None
        self._fault: Fault | None = None
        self._refused: Final[set[str]] = set()
        """Why the broker did not pass messages on, as far as it was said."""

    @property
    def is_connected(self) -> bool:
        """Whether a publish would leave now."""
        return self._link is not None and self._link.is_connected

    @property
    def fault(self) -> Fault | None:
        """Why there is no connection, or why devices are not heard."""
        return self._fault

    async def async_start(self, prefix: str, take: Take, changed: Callable[[bool], None]) -> None:
        """Connect, and go on trying."""
        confirmed = asyncio.Event()

        @callback
        def received(messages: list[Message]) -> None:
            at = self._clock()
            for topic, message, retained in messages:
                try:
                    take(topic, message, at, retained)
                except Exception:  # one message that fails must not take those behind it with it
                    _LOGGER.exception("A message on %s could not be taken in", topic)

        @callback
        def connected() -> None:
            if self._fault is not None:
                _LOGGER.info("%s: connected to %s again", self._entry.title, self._address)
            self._fault = None
            changed(True)

        @callback
        def gone() -> None:
            if self._link is not None:
                self._say(Fault.GONE)
                changed(False)

        @callback
        def subscribed(refused: list[str]) -> None:
            if refused:
                self._say(Fault.LISTENING)
            confirmed.set()

        station = Station(
            client_id=client_id_of(self._entry.entry_id, prefix),
            received=lambda topic, message, retained: received([Message(topic, message, retained)]),
            received_together=received,
            subscriptions=tuple(Subscription(topic_filter=one, qos=QOS) for one in topics.subscriptions(prefix)),
            keep_alive_s=self._keep_alive_s,
            session_s=SESSION_S,
            connected=connected,
            subscribed=subscribed,
            denied=self._denied,
            gone=gone,
            failed=self._failed,
        )
        self._link = PahoLink(self._broker, station, max_waiting=MOST_WAITING)
        self._link.open()
        with suppress(TimeoutError):
            async with asyncio.timeout(CONFIRM_S):
                await confirmed.wait()

    async def async_follow(self, filters: Collection[str]) -> None:
        """Listen to these as well; the broker keeps what comes on them, too."""
        if self._link is not None:
            self._link.follow([Subscription(topic_filter=one, qos=QOS) for one in filters])

    async def async_stop(self) -> None:
        """Take leave of the broker, which keeps the session."""
        if self._link is not None:
            link, self._link = self._link, None
            await link.close()

    @callback
    def send(self, publish: Publish) -> None:
        """Send now, while the broker is there; otherwise drop."""
        try:
            if self._link is not None:
                self._link.send(publish.topic, publish.message, publish.qos)
                return
        except OSError:
            pass
        self.dropped += 1

    @callback
    def drain(self) -> None:
        """Nothing waits here."""

    async def async_overhear(self, topics: Iterable[str], on_message: OnMessage) -> CALLBACK_TYPE:
        """Receive what comes on other topics, over a second connection: none of it may come to the plant twice.

        Each has a name of its own, so that two people who look at the same time do not end each other's connection.
        """
        station = Station(
            client_id=f"{client_id_of(self._entry.entry_id, '')}-ear-{secrets.token_hex(4)}",
            received=on_message,
            subscriptions=tuple(Subscription(topic_filter=topic, qos=QOS) for topic in topics),
            session_s=0,
        )
        ear = PahoLink(self._broker, station)
        ear.open()

        @callback
        def release() -> None:
            self._hass.async_create_background_task(ear.close(), "iiot overhear ends")

        return release

    @property
    def _address(self) -> str:
        return f"{self._broker.host}:{self._broker.port}"

    @callback
    def _failed(self, trouble: OSError) -> None:
        fault = fault_of(trouble)
        if fault in _LOGIN and fault is not self._fault:
            self._entry.async_start_reauth(self._hass)
        self._say(fault, str(trouble))

    @callback
    def _denied(self, reason: str) -> None:
        if reason not in self._refused:
            self._refused.add(reason)
            _LOGGER.warning("%s: the broker does not pass messages to devices on: %s", self._entry.title, reason)

    def _say(self, fault: Fault, detail: str = "") -> None:
        """Say each fault once, until it is over."""
        if fault is not self._fault:
            self._fault = fault
            _LOGGER.warning("%s: no connection to %s: %s %s", self._entry.title, self._address, fault, detail)
