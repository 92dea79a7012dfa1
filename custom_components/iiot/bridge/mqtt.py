"""Home Assistant's MQTT client as the hub's connection."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from homeassistant.components import mqtt
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError

from ..engine.wire import topics

QOS: Final = 1
CONFIRM_S: Final = 3.0
"""How long a start waits for the broker's word; the client goes on trying by itself."""

type OnMessage = Callable[[str, bytes, bool], None]


async def async_subscribe(hass: HomeAssistant, prefix: str, on_message: OnMessage) -> list[CALLBACK_TYPE]:
    """Receive everything that devices below `prefix` send, as raw bytes.

    Returns when the broker has confirmed it: what a device says from then on is heard.
    """
    received = _unwrapped(on_message)
    filters = topics.subscriptions(prefix)
    confirmed = asyncio.Event()
    releases: list[CALLBACK_TYPE] = []
    try:
        for topic in filters:
            release = await mqtt.async_subscribe(hass, topic, received, QOS, encoding=None)
            releases.append(release)
    except BaseException:
        for release in releases:
            release()
        raise
    if is_connected(hass):
        release = mqtt.async_on_subscribe_done(hass, filters[-1], QOS, confirmed.set)
        with suppress(TimeoutError):
            async with asyncio.timeout(CONFIRM_S):
                await confirmed.wait()
        release()
    return releases


async def async_overhear(hass: HomeAssistant, topic: str, on_message: OnMessage) -> CALLBACK_TYPE:
    """Receive what comes on other topics, as raw bytes; does nothing while MQTT is not set up."""
    try:
        return await mqtt.async_subscribe(hass, topic, _unwrapped(on_message), QOS, encoding=None)
    except HomeAssistantError:
        return lambda: None


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


def _unwrapped(on_message: OnMessage) -> Callable[[mqtt.ReceiveMessage], None]:
    @callback
    def received(message: mqtt.ReceiveMessage) -> None:
        on_message(message.topic, message.payload, message.retain)  # type: ignore[arg-type]  # encoding None gives bytes

    return received
