"""Home Assistant's MQTT integration as the connection of a hub."""

from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, Final

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback

from ..engine.effects import Publish
from ..engine.links.faults import Fault
from ..engine.values import Now
from . import mqtt
from .bare_topics import BareTopics
from .inflow import Inflow
from .link import OnMessage, Take
from .sender import Sender

if TYPE_CHECKING:
    from ..runtime import IiotConfigEntry


class HassLink:
    """Listens and sends through the client that all integrations share."""

    def __init__(self, hass: HomeAssistant, entry: IiotConfigEntry, clock: Callable[[], Now]) -> None:
        self._hass: Final = hass
        self._entry: Final = entry
        self._clock: Final = clock
        self._sender: Final = Sender(hass)
        self._inflow: Inflow | None = None
        self._bare_topics: BareTopics | None = None
        self._releases: Final[list[CALLBACK_TYPE]] = []

    @property
    def is_connected(self) -> bool:
        """Whether a publish would leave now."""
        return mqtt.is_connected(self._hass)

    @property
    def fault(self) -> Fault | None:
        """Home Assistant's own form says what is wrong."""
        return None

    @property
    def dropped(self) -> int:
        """Messages that could not leave."""
        return self._sender.dropped

    async def async_start(self, prefix: str, take: Take, changed: Callable[[bool], None]) -> None:
        """Begin to listen and to send."""
        self._sender.start(self._entry)
        self._inflow = Inflow(self._hass.loop, self._clock, take)
        self._bare_topics = BareTopics(self._hass, self._inflow.receive)
        self._releases.append(self._bare_topics.stop)
        self._releases.append(mqtt.watch_connection(self._hass, changed))
        self._releases.extend(await mqtt.async_subscribe(self._hass, prefix, self._inflow.receive))

    async def async_follow(self, filters: Collection[str]) -> None:
        """Listen to these as well."""
        if self._bare_topics is not None:
            await self._bare_topics.async_follow(filters)

    async def async_stop(self) -> None:
        """Stop; what waits to be sent is dropped."""
        while self._releases:
            self._releases.pop()()
        await self._sender.async_stop()

    @callback
    def send(self, publish: Publish) -> None:
        """Send soon, while the broker is there; otherwise drop."""
        self._sender.send(publish)

    @callback
    def drain(self) -> None:
        """Hand over what was gathered of a flood."""
        if self._inflow is not None:
            self._inflow.drain()

    async def async_overhear(self, topics: Iterable[str], on_message: OnMessage) -> CALLBACK_TYPE:
        """Receive what comes on other topics."""
        releases = [await mqtt.async_overhear(self._hass, topic, on_message) for topic in topics]

        @callback
        def release() -> None:
            for one in releases:
                one()

        return release
