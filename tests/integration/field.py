"""A device in the field, as far as tests of entities need one: it signs and says what it is told to say."""

import time
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, State
from homeassistant.helpers import entity_registry as er
from pytest_homeassistant_custom_component.common import async_fire_mqtt_message

from custom_components.iiot.engine.wire import codec, signing

from .joining import FLEET_KEY, add_device, settle

DIGEST = "00112233aabbccdd"
TEMPERATURE = {
    "key": "temperature",
    "name": "Temperature",
    "kind": "float",
    "unit": "°C",
    "class": "temperature",
    "state_class": "measurement",
    "precision": 1,
    "max": 150,
}
DOOR = {"key": "door", "name": "Door", "kind": "bool", "class": "door"}
MODE = {"key": "mode", "name": "Mode", "kind": "enum", "options": ["idle", "run", "fault"]}
SERVICED = {"key": "serviced", "name": "Serviced", "kind": "text", "class": "timestamp", "diagnostic": True}
CHANNELS = [TEMPERATURE, DOOR, MODE, SERVICED]


class FieldDevice:
    """One device of the fleet key, with a good clock."""

    def __init__(self, hass: HomeAssistant, device_id: str = "press-07") -> None:
        self.hass = hass
        self.id = device_id
        self.kid = 1
        self.boot = 3
        self.key = signing.derive_device_key(FLEET_KEY, device_id, 1)
        self.born_ns = time.time_ns() - 60 * 10**9
        self.seq = 0
        self.rows = 0

    async def join(self, entry: ConfigEntry, channels: list[dict[str, Any]] | None = None, **beat: Any) -> str:
        """Be registered, call, and say what it measures; gives the id of its subentry."""
        subentry_id = await add_device(self.hass, entry, self.id, self.key, name=self.id.title())
        await self.beat(**beat)
        await self.describe(CHANNELS if channels is None else channels)
        return subentry_id

    async def beat(self, **more: Any) -> None:
        """Send a heartbeat."""
        facts = {
            "name": self.id,
            "model": "demo",
            "fw": "1.0.0",
            "nonce": "8899aabbccddeeff",
            "session": "0badcafe",
            "interval": 30,
            "state": "awake",
            "manifest": DIGEST,
            "hseq": 0,
            "held": [self.boot, self.rows + 1],
            "alarms": [],
        }
        await self.send("heartbeat", facts | more)

    async def describe(self, channels: list[dict[str, Any]], digest: str = DIGEST) -> None:
        """Send a manifest."""
        body = {"digest": digest, "channels": channels, "actuators": [], "alarms": [], "commands": []}
        await self.send("manifest", body)

    async def read(self, *, loc: list[float] | None = None, q: dict[str, str] | None = None, **values: Any) -> None:
        """Send one moment."""
        self.rows += 1
        body: dict[str, Any] = {"r": values, "n": [self.boot, self.rows]}
        body |= ({"loc": loc} if loc else {}) | ({"q": q} if q else {})
        await self.send("data", body)

    async def log(self, level: str, msg: str, logger: str = "main") -> None:
        """Send a line of its log."""
        await self.send("log", {"level": level, "logger": logger, "msg": msg})

    async def send(self, leaf: str, body: dict[str, Any]) -> None:
        """Sign a message, and let it arrive."""
        self.fire(leaf, body)
        await settle(self.hass)

    def fire(self, leaf: str, body: dict[str, Any]) -> None:
        """Sign a message, and hand it to the broker."""
        sealed = codec.seal(self.key, self.payload(leaf, body))
        async_fire_mqtt_message(self.hass, f"iiot/{self.id}/{leaf}", sealed)

    def payload(self, leaf: str, body: dict[str, Any]) -> dict[str, Any]:
        """Put the head of the next message before `body`."""
        self.seq += 1
        ns = time.time_ns()
        head = {
            "v": 1,
            "type": leaf,
            "id": self.id,
            "kid": self.kid,
            "ts": ns // 10**9,
            "ts_ns": ns % 10**9,
            "tq": 2,
            "boot": self.boot,
            "seq": self.seq,
            "up": (ns - self.born_ns) // 10**6,
        }
        return head | body


def entity_id(hass: HomeAssistant, platform: str, station_id: str, key: str) -> str | None:
    """Find the entity that shows a key of a station."""
    return er.async_get(hass).async_get_entity_id(platform, "iiot", f"{station_id}_{key}")


def state(hass: HomeAssistant, platform: str, station_id: str, key: str) -> State:
    """Give the state of the entity that shows a key of a station."""
    found = entity_id(hass, platform, station_id, key)
    assert found is not None, key
    shown = hass.states.get(found)
    assert shown is not None, found
    return shown
