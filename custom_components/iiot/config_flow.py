"""The hub joins Home Assistant, and is changed. Devices that call come in by `device_flow`."""

import secrets
from typing import Any, Final, override
from uuid import uuid4

import probatio
from homeassistant.components import mqtt
from homeassistant.config_entries import (
    SOURCE_RECONFIGURE,
    ConfigEntry,
    ConfigFlowResult,
    ConfigSubentryFlow,
    OptionsFlow,
)
from homeassistant.const import CONF_NAME
from homeassistant.core import HomeAssistant, callback
from homeassistant.data_entry_flow import AbortFlow
from homeassistant.helpers import selector

from .bridge.enrolment import devices_on_fleet_key, listed, running_hub
from .bridge.fleet_keys import remember_fleet_key
from .const import (
    CONF_DISCOVERY,
    CONF_FLEET_KEY,
    CONF_KEY,
    CONF_PREFIX,
    DEFAULT_PREFIX,
    DOMAIN,
    SUBENTRY_DEVICE,
)
from .device_flow import CONF_QR, DeviceDiscovery, DeviceFlow, qr_code
from .engine.errors import KeyFormError, PrefixError, StoreError
from .engine.values import Discovery
from .engine.wire import signing, topics
from .options_flow import HubOptionsFlow

GENERATE: Final = "generate"
PASTE: Final = "paste"
NONE: Final = "none"
KEEP: Final = "keep"
RETIRE: Final = "retire"

_MQTT: Final = "mqtt"


def _choice(options: list[str], key: str) -> selector.SelectSelector:
    return selector.SelectSelector(
        {"options": options, "translation_key": key, "mode": selector.SelectSelectorMode.LIST}
    )


_NEW_HUB: Final = probatio.Schema(
    {
        probatio.Required(CONF_NAME): selector.TextSelector(),
        probatio.Required(CONF_PREFIX, default=DEFAULT_PREFIX): selector.TextSelector(),
        probatio.Required(CONF_FLEET_KEY, default=GENERATE): _choice([GENERATE, PASTE, NONE], CONF_FLEET_KEY),
        probatio.Required(CONF_DISCOVERY, default=Discovery.ASK.value): _choice(
            [choice.value for choice in Discovery], CONF_DISCOVERY
        ),
    }
)
_PASTED_KEY: Final = probatio.Schema({probatio.Required(CONF_KEY): selector.TextSelector()})


class IiotConfigFlow(DeviceDiscovery, domain=DOMAIN):
    """Sets a hub up, changes it, and offers the devices that call it."""

    VERSION = 1
    MINOR_VERSION = 1

    def __init__(self) -> None:
        super().__init__()
        self._form: dict[str, Any] = {}
        self._fleet_key: bytes | None = None

    @classmethod
    @callback
    @override
    def async_get_supported_subentry_types(cls, config_entry: ConfigEntry) -> dict[str, type[ConfigSubentryFlow]]:
        """Devices are subentries."""
        return {SUBENTRY_DEVICE: DeviceFlow}

    @staticmethod
    @callback
    @override
    def async_get_options_flow(config_entry: ConfigEntry) -> OptionsFlow:
        """Give the form for the hub's preferences."""
        return HubOptionsFlow()

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the site, its topics, and how devices join."""
        if not self.hass.config_entries.async_entries(_MQTT, include_ignore=False, include_disabled=False):
            return self.async_abort(reason="mqtt_missing")
        errors: dict[str, str] = {}
        if user_input is not None:
            self._form = _trimmed(user_input)
            errors = self._check_form()
            if not _is_connected(self.hass):
                errors["base"] = "mqtt_not_connected"
            if not errors:
                return await self._step_for_fleet_key()
        return self.async_show_form(
            step_id="user",
            data_schema=self.add_suggested_values_to_schema(_NEW_HUB, user_input),
            errors=errors,
        )

    async def async_step_reconfigure(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Change the site's name, its topics or its fleet key."""
        entry = self._get_reconfigure_entry()
        _, hub = running_hub(self.hass, entry.entry_id)
        errors: dict[str, str] = {}
        if user_input is not None:
            self._form = _trimmed(user_input)
            errors = self._check_form()
            if not errors:
                return await self._step_for_fleet_key()
        choices = [KEEP, GENERATE, PASTE, RETIRE] if hub.keys.fleet_key else [KEEP, GENERATE, PASTE]
        schema = probatio.Schema(
            {
                probatio.Required(CONF_NAME): selector.TextSelector(),
                probatio.Required(CONF_PREFIX): selector.TextSelector(),
                probatio.Required(CONF_FLEET_KEY, default=KEEP): _choice(choices, CONF_FLEET_KEY),
            }
        )
        shown = user_input or {CONF_NAME: entry.title, CONF_PREFIX: entry.data[CONF_PREFIX]}
        return self.async_show_form(
            step_id="reconfigure",
            data_schema=self.add_suggested_values_to_schema(schema, shown),
            errors=errors,
        )

    async def async_step_fleet_key(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Take a fleet key that already exists."""
        errors: dict[str, str] = {}
        if user_input is not None:
            try:
                self._fleet_key = signing.parse_key(user_input[CONF_KEY])
            except KeyFormError as err:
                errors[CONF_KEY] = err.code
            else:
                return await self._finish()
        return self.async_show_form(step_id="fleet_key", data_schema=_PASTED_KEY, errors=errors)

    async def async_step_fleet_key_made(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show a new fleet key, this once."""
        if self._fleet_key is None:
            self._fleet_key = secrets.token_bytes(signing.KEY_BYTES)
        if user_input is not None:
            return await self._finish()
        text = self._fleet_key.hex()
        return self.async_show_form(
            step_id="fleet_key_made",
            data_schema=probatio.Schema({probatio.Optional(CONF_QR): qr_code(text)}),
            description_placeholders={"key": text},
        )

    async def async_step_retire_fleet_key(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Say which devices are still on the fleet key before it goes."""
        _, hub = running_hub(self.hass, self._get_reconfigure_entry().entry_id)
        if user_input is not None:
            self._fleet_key = None
            return await self._finish()
        names = devices_on_fleet_key(hub)
        return self.async_show_form(
            step_id="retire_fleet_key",
            data_schema=probatio.Schema({}),
            description_placeholders={"count": str(len(names)), "devices": listed(names)},
        )

    def _check_form(self) -> dict[str, str]:
        errors: dict[str, str] = {}
        if not self._form[CONF_NAME]:
            errors[CONF_NAME] = "name_missing"
        try:
            topics.check_prefix(self._form[CONF_PREFIX])
        except PrefixError as err:
            errors[CONF_PREFIX] = err.code
        else:
            if self._prefix_is_taken():
                errors[CONF_PREFIX] = "prefix_taken"
        return errors

    def _prefix_is_taken(self) -> bool:
        """Two hubs that hear the same devices would both answer them."""
        own = self.context.get("entry_id")
        return any(
            entry.data[CONF_PREFIX] == self._form[CONF_PREFIX]
            for entry in self._async_current_entries(include_ignore=False)
            if entry.entry_id != own
        )

    async def _step_for_fleet_key(self) -> ConfigFlowResult:
        match self._form[CONF_FLEET_KEY]:
            case "generate":
                return await self.async_step_fleet_key_made()
            case "paste":
                return await self.async_step_fleet_key()
            case "retire":
                return await self.async_step_retire_fleet_key()
            case _:
                return await self._finish()

    async def _finish(self) -> ConfigFlowResult:
        if self._prefix_is_taken():
            return self.async_abort(reason="prefix_taken")
        if self.source == SOURCE_RECONFIGURE:
            return await self._change_hub()
        unique_id = uuid4().hex
        await self.async_set_unique_id(unique_id)
        remember_fleet_key(self.hass, unique_id, self._fleet_key)
        return self.async_create_entry(
            title=self._form[CONF_NAME],
            data={CONF_PREFIX: self._form[CONF_PREFIX]},
            options={CONF_DISCOVERY: self._form[CONF_DISCOVERY]},
        )

    async def _change_hub(self) -> ConfigFlowResult:
        entry = self._get_reconfigure_entry()
        if self._form[CONF_FLEET_KEY] != KEEP:
            _, hub = running_hub(self.hass, entry.entry_id)
            try:
                await self.hass.async_add_executor_job(hub.keys.set_fleet_key, self._fleet_key)
            except StoreError as err:
                raise AbortFlow("key_not_saved") from err
        return self.async_update_reload_and_abort(
            entry, title=self._form[CONF_NAME], data={CONF_PREFIX: self._form[CONF_PREFIX]}
        )


def _trimmed(user_input: dict[str, Any]) -> dict[str, Any]:
    return {name: value.strip() if isinstance(value, str) else value for name, value in user_input.items()}


def _is_connected(hass: HomeAssistant) -> bool:
    try:
        return mqtt.is_connected(hass)
    except KeyError:
        return False  # the integration is there and not set up
