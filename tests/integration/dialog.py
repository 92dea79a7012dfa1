"""The dialog "Check connectivity", as a person sees it."""

import json
import shlex
from datetime import timedelta
from pathlib import Path
from typing import Any

from homeassistant.components.mqtt import DATA_MQTT
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from custom_components.iiot.bridge.listening import SHOWN_S

from .joining import settle

FOLDER = Path(__file__).parents[2] / "custom_components" / "iiot"
WORDS: dict[str, Any] = json.loads((FOLDER / "translations" / "en.json").read_text("utf-8"))["selector"]


class Dialog:
    """The dialog of one person."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry) -> None:
        self._hass = hass
        self.entry = entry
        self.step: Any = None
        self._before = self._listeners()

    async def open(self) -> Any:
        self.step = await self._hass.config_entries.options.async_init(self.entry.entry_id)
        assert "check_connectivity" in self.step["menu_options"]
        return await self.choose("check_connectivity")

    async def choose(self, option: str) -> Any:
        return await self._go({"next_step_id": option})

    async def listen(self, listen_for: str, device_id: str | None = None) -> Any:
        await self.open()
        return await self.submit(listen_for, device_id)

    async def submit(self, listen_for: str, device_id: str | None = None) -> Any:
        answers = {"listen_for": listen_for} | ({"device_id": device_id} if device_id is not None else {})
        return await self._go(answers)

    async def outcome(self) -> Any:
        """What the browser shows when it is told that something has changed."""
        await self.wait(SHOWN_S + 0.1)
        assert self.step["type"] == "progress"
        return await self._go(None)

    async def wait(self, seconds: float) -> None:
        await settle(self._hass)
        async_fire_time_changed(self._hass, dt_util.utcnow() + timedelta(seconds=seconds))
        await settle(self._hass)

    async def close(self) -> None:
        """Press the cross; Home Assistant's client takes a moment to tell the broker."""
        self._hass.config_entries.options.async_abort(self.step["flow_id"])
        await self.wait(2)

    @property
    def is_quiet(self) -> bool:
        """Whether nothing listens that did not before."""
        return self._listeners() == self._before

    def _listeners(self) -> list[Any]:
        subscriptions = self._hass.data[DATA_MQTT].client.subscriptions
        return [sorted(found.topic for found in subscriptions), *self.entry.runtime_data.hub.effects.verdicts]

    @property
    def told(self) -> dict[str, str]:
        placeholders: dict[str, str] = self.step["description_placeholders"]
        return placeholders

    @property
    def command(self) -> dict[str, str]:
        """The options of the command line."""
        words = shlex.split(self.told["command"])
        assert words[0] == "mosquitto_pub"
        return dict(zip(words[1::2], words[2::2], strict=True))

    @property
    def topic(self) -> str:
        return self.command["-t"]

    @property
    def message(self) -> bytes:
        return self.command["-m"].encode()

    async def _go(self, answers: dict[str, str] | None) -> Any:
        self.step = await self._hass.config_entries.options.async_configure(self.step["flow_id"], answers)
        return self.step
