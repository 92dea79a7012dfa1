"""Home Assistant's MQTT client as the hub's connection."""

from collections.abc import Callable
from contextlib import suppress

from homeassistant.components import mqtt
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError

from ..engine.wire import topics

QOS = 1

type OnMessage = Callable[[str, bytes, bool], None]


async def async_subscribe(hass: HomeAssistant, prefix: str, on_message: OnMessage) -> list[CALLBACK_TYPE]:
    """Receive everything that devices below `prefix` send, as raw bytes."""

    @callback
    def received(message: mqtt.ReceiveMessage) -> None:
        on_message(message.topic, message.payload, message.retain)  # type: ignore[arg-type]  # encoding None gives bytes

    return [
        await mqtt.async_subscribe(hass, topic, received, QOS, encoding=None) for topic in topics.subscriptions(prefix)
    ]


@callback
def watch_connection(hass: HomeAssistant, on_change: Callable[[bool], None]) -> CALLBACK_TYPE:
    """Call `on_change` whenever the broker comes or goes."""
    return mqtt.async_subscribe_connection_status(hass, on_change)


def is_connected(hass: HomeAssistant) -> bool:
    """Whether a publish would leave now; False, too, when MQTT is not set up."""
    try:
        return mqtt.is_connected(hass)
    except KeyError:
        return False


async def async_publish(hass: HomeAssistant, topic: str, message: bytes, qos: int) -> None:
    """Hand a message over. What becomes of it only the device can say.

    An exception means *unknown*: the client keeps the message and may send it later. Every
    message of ours is safe to be lost or late, and is made anew when its time comes.
    """
    with suppress(HomeAssistantError, OSError):
        await mqtt.async_publish(hass, topic, message, qos, retain=False, encoding=None)
