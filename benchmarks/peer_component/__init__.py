"""What a subscription of Home Assistant's MQTT costs: a callback that only counts, and one that checks and parses.

Runs inside the benchmark's Home Assistant as a custom component. `counts` tells how many messages each has taken.
"""

import hmac
from base64 import b64encode
from typing import Any, Final

import orjson
import voluptuous as vol
from homeassistant.components import mqtt
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.typing import ConfigType

DOMAIN: Final = "iiot_bench_peer"
CONFIG_SCHEMA: Final = vol.Schema(
    {
        DOMAIN: {
            vol.Required("bare"): cv.string,
            vol.Required("mac"): cv.string,
            vol.Required("keys"): {cv.string: cv.string},
        }
    },
    extra=vol.ALLOW_EXTRA,
)


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Subscribe below both prefixes; `keys` are hexadecimal, by topic."""
    settings = config[DOMAIN]
    keys = {topic: bytes.fromhex(key) for topic, key in settings["keys"].items()}
    counts = {"bare": 0, "mac": 0}

    @callback
    def bare(message: mqtt.ReceiveMessage) -> None:
        del message
        counts["bare"] += 1

    @callback
    def mac(message: mqtt.ReceiveMessage) -> None:
        raw: Any = message.payload  # encoding None gives bytes
        span = raw[65:-1]  # {"hmac":" is 9 bytes, the MAC 44, ","payload": 12
        if hmac.compare_digest(b64encode(hmac.digest(keys[message.topic], span, "sha256")), raw[9:53]):
            orjson.loads(span)
            counts["mac"] += 1

    @callback
    def tell(call: ServiceCall) -> ServiceResponse:
        del call
        return dict(counts)

    async def subscribe() -> None:
        if await mqtt.async_wait_for_mqtt_client(hass):
            await mqtt.async_subscribe(hass, f"{settings['bare']}/+/data", bare, qos=1, encoding=None)
            await mqtt.async_subscribe(hass, f"{settings['mac']}/+/data", mac, qos=1, encoding=None)

    hass.async_create_background_task(subscribe(), "subscribe the benchmark's peers")
    hass.services.async_register(DOMAIN, "counts", tell, supports_response=SupportsResponse.ONLY)
    return True
