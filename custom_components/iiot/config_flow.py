"""The hub joins Home Assistant, and is changed; a device that calls it is approved."""

import secrets
from collections.abc import Mapping
from typing import Any, Final, override
from uuid import uuid4

import probatio
from homeassistant.config_entries import (
    SOURCE_RECONFIGURE,
    ConfigEntry,
    ConfigFlow,
    ConfigFlowContext,
    ConfigFlowResult,
    ConfigSubentryFlow,
    OptionsFlow,
)
from homeassistant.const import CONF_NAME
from homeassistant.core import callback
from homeassistant.data_entry_flow import AbortFlow
from homeassistant.helpers import area_registry as ar

from .bridge import mqtt
from .bridge.broker import broker_of
from .bridge.enrolment import (
    DeviceKey,
    area_named,
    device_subentry,
    is_registered,
    plain,
    running_hub,
)
from .bridge.fleet_keys import remember_fleet_key
from .bridge.hub import Hub
from .bridge.mapping import clean_name
from .bridge.words import async_words
from .const import (
    CONF_AREA,
    CONF_BROKER,
    CONF_DISCOVERY,
    CONF_FLEET_KEY,
    CONF_KEY,
    CONF_KEY_SOURCE,
    CONF_PREFIX,
    DEFAULT_PREFIX,
    DOMAIN,
    ENTRY_MINOR_VERSION,
    ENTRY_VERSION,
)
from .engine.devices.inbox import Waiting
from .engine.errors import KeyFormError, PrefixError, StoreError
from .engine.values import Discovery
from .engine.wire import signing, topics
from .flows.broker import BrokerSteps
from .flows.forms import CONF_NEW_AREA, DERIVED, GENERATE, KEEP, PASTE, TEXT, choice, details, key_source, qr_code
from .flows.keys import CONF_QR, KeySteps
from .flows.options import HubOptionsFlow
from .flows.retire import RetireSteps
from .flows.subentries import FLOWS
from .flows.templated import TemplatedSteps
from .runtime import IiotConfigEntry

NONE: Final = "none"
RETIRE: Final = "retire"

_MQTT: Final = "mqtt"


_NEW_HUB: Final = probatio.Schema(
    {
        probatio.Required(CONF_NAME): TEXT,
        probatio.Required(CONF_PREFIX, default=DEFAULT_PREFIX): TEXT,
        probatio.Required(CONF_FLEET_KEY, default=GENERATE): choice([GENERATE, PASTE, NONE], CONF_FLEET_KEY),
        probatio.Required(CONF_DISCOVERY, default=Discovery.ASK.value): choice(
            [answer.value for answer in Discovery], CONF_DISCOVERY
        ),
    }
)
_PASTED_KEY: Final = probatio.Schema({probatio.Required(CONF_KEY): TEXT})


class DeviceDiscovery(TemplatedSteps, KeySteps[ConfigFlowContext, ConfigFlowResult, str], ConfigFlow):
    """A device called that nobody has approved yet."""

    _entry_id: str

    def __init__(self) -> None:
        self.device_id = ""
        self.form = {}

    @override
    async def async_step_integration_discovery(self, discovery_info: dict[str, Any]) -> ConfigFlowResult:
        """Offer a waiting device; everything about it is read from the inbox when it is shown."""
        self._entry_id, self.device_id = discovery_info["entry_id"], discovery_info["device_id"]
        await self.async_set_unique_id(f"{self._entry_id}:{self.device_id}")
        self._abort_if_unique_id_configured()
        waiting = self.waiting()
        self.context["title_placeholders"] = {
            "name": clean_name(waiting.name, self.device_id),
            "model": clean_name(waiting.model, self.device_id),
        }
        return await (self.async_step_confirm_device() if waiting.spoken is None else self.async_step_confirm_topics())

    async def async_step_confirm_device(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show who calls, and let a person approve it."""
        entry, _ = self.hub()
        waiting = self.waiting()
        errors: dict[str, str] = {}
        if user_input is not None:
            self.form = user_input
            if user_input[CONF_NAME].strip():
                return await self._step_for_key(user_input[CONF_KEY_SOURCE], waiting)
            errors[CONF_NAME] = "name_missing"
        return self.async_show_form(
            step_id="confirm_device",
            data_schema=self.add_suggested_values_to_schema(
                self._approval(waiting), user_input or self.proposal(waiting)
            ),
            errors=errors,
            description_placeholders={
                "site": plain(entry.title),
                "name": plain(clean_name(waiting.name, self.device_id)),
                "model": plain(clean_name(waiting.model, "-")),
                "device_id": self.device_id,
                "fingerprint": signing.fingerprint(waiting.key) if waiting.key else "-",
                "trust": await self._words(waiting),
            },
        )

    @override
    def hub(self) -> tuple[IiotConfigEntry, Hub]:
        return running_hub(self.hass, self._entry_id)

    @override
    async def async_key_given(self, key: DeviceKey) -> ConfigFlowResult:
        entry, _ = self.hub()
        self.waiting()
        await self.save_key(key)
        name = clean_name(self.form[CONF_NAME], self.device_id)
        written = {**self.form, CONF_AREA: self.area()}
        self.hass.config_entries.async_add_subentry(entry, device_subentry(self.device_id, key, name, written))
        return self.async_abort(
            reason="device_added", description_placeholders={"name": plain(name), "site": plain(entry.title)}
        )

    async def _step_for_key(self, source: str, waiting: Waiting) -> ConfigFlowResult:
        if source == PASTE:
            return await self.async_step_device_key()
        if source == GENERATE:
            return await self.async_step_device_key_made()
        if waiting.key is None:  # the fleet key was changed while the form was open
            return self.async_abort(reason="key_not_derived")
        return await self.async_key_given(DeviceKey(kid=waiting.kid, key=waiting.key))

    @override
    def waiting(self) -> Waiting:
        entry, hub = self.hub()
        if is_registered(entry, self.device_id):
            raise AbortFlow("already_configured")
        waiting = hub.plant.inbox.get(self.device_id)
        if waiting is None:
            raise AbortFlow("device_gone")
        return waiting

    def _approval(self, waiting: Waiting) -> probatio.Schema:
        sources = [PASTE, GENERATE] if waiting.key is None else [DERIVED, PASTE, GENERATE]
        is_new = waiting.place is not None and area_named(self.hass, waiting.place) is None
        return probatio.Schema(details(new_area=is_new) | key_source(sources))

    @override
    def proposal(self, waiting: Waiting) -> dict[str, Any]:
        proposed: dict[str, Any] = {CONF_NAME: clean_name(waiting.name, self.device_id)}
        if waiting.place:
            known = area_named(self.hass, waiting.place)
            proposed |= {CONF_NEW_AREA: waiting.place} if known is None else {CONF_AREA: known}
        return proposed

    async def _words(self, waiting: Waiting) -> str:
        """Say how far the device has shown who it is, in the language of the house."""
        trust, reasons = await async_words(self.hass, "trust"), await async_words(self.hass, "waiting_reason")
        return f"{trust.get(waiting.trust, '')} {reasons.get(waiting.reason, '')}".strip()

    @override
    def area(self) -> str | None:
        chosen: str | None = self.form.get(CONF_AREA)
        new = self.form.get(CONF_NEW_AREA, "").strip()
        if chosen or not new:
            return chosen
        return ar.async_get(self.hass).async_get_or_create(new).id


class IiotConfigFlow(BrokerSteps, RetireSteps, DeviceDiscovery, domain=DOMAIN):
    """Sets a hub up, changes it, and offers the devices that call it."""

    VERSION = ENTRY_VERSION
    MINOR_VERSION = ENTRY_MINOR_VERSION

    def __init__(self) -> None:
        super().__init__()
        self._form: dict[str, Any] = {}
        self.fleet_key: bytes | None = None

    @classmethod
    @callback
    @override
    def async_get_supported_subentry_types(cls, config_entry: ConfigEntry) -> dict[str, type[ConfigSubentryFlow]]:
        """Devices are subentries."""
        return dict(FLOWS)

    @staticmethod
    @callback
    @override
    def async_get_options_flow(config_entry: ConfigEntry) -> OptionsFlow:
        """Give the form for the hub's preferences."""
        return HubOptionsFlow()

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask over which connection the hub hears its devices."""
        del user_input
        return self.async_show_menu(step_id="user", menu_options=["home_assistant", "own_broker"])

    async def async_step_home_assistant(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Use the connection that Home Assistant's MQTT integration has."""
        del user_input
        if not self.hass.config_entries.async_entries(_MQTT, include_ignore=False, include_disabled=False):
            return self.async_abort(reason="mqtt_missing")
        return await self.async_broker_given()

    @override
    async def async_broker_given(self) -> ConfigFlowResult:
        entry = self.changed_entry
        if entry is None:
            return await self.async_step_site()
        data = {name: value for name, value in entry.data.items() if name != CONF_BROKER} | self._broker()
        if self._is_taken(data):
            return self.async_abort(reason="prefix_taken")
        await self.async_keep_client(entry.entry_id)
        return self.async_update_reload_and_abort(entry, data=data)

    async def async_step_site(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the site, its topics, and how devices join."""
        errors: dict[str, str] = {}
        if user_input is not None:
            self._form = _trimmed(user_input)
            errors = self._check_form()
            if not errors and self.access is not None:
                errors = await self.async_try(self.access, self._form[CONF_PREFIX])
            elif self.access is None and not mqtt.is_connected(self.hass):
                errors["base"] = "mqtt_not_connected"
            if not errors:
                return await self._step_for_fleet_key()
        return self.async_show_form(
            step_id="site",
            data_schema=self.add_suggested_values_to_schema(_NEW_HUB, user_input),
            errors=errors,
        )

    async def async_step_reconfigure(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask what is to be changed."""
        del user_input
        return self.async_show_menu(step_id="reconfigure", menu_options=["change_site", "home_assistant", "own_broker"])

    async def async_step_change_site(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
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
                probatio.Required(CONF_NAME): TEXT,
                probatio.Required(CONF_PREFIX): TEXT,
                probatio.Required(CONF_FLEET_KEY, default=KEEP): choice(choices, CONF_FLEET_KEY),
            }
        )
        shown = user_input or {CONF_NAME: entry.title, CONF_PREFIX: entry.data[CONF_PREFIX]}
        return self.async_show_form(
            step_id="change_site",
            data_schema=self.add_suggested_values_to_schema(schema, shown),
            errors=errors,
        )

    async def async_step_fleet_key(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Take a fleet key that already exists."""
        errors: dict[str, str] = {}
        if user_input is not None:
            try:
                self.fleet_key = signing.parse_key(user_input[CONF_KEY])
            except KeyFormError as err:
                errors[CONF_KEY] = err.code
            else:
                return await self.finish()
        return self.async_show_form(step_id="fleet_key", data_schema=_PASTED_KEY, errors=errors)

    async def async_step_fleet_key_made(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show a new fleet key, this once."""
        if self.fleet_key is None:
            self.fleet_key = secrets.token_bytes(signing.KEY_BYTES)
        if user_input is not None:
            return await self.finish()
        text = self.fleet_key.hex()
        return self.async_show_form(
            step_id="fleet_key_made",
            data_schema=probatio.Schema({probatio.Optional(CONF_QR): qr_code(text)}),
            description_placeholders={"key": text},
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
        entry = self.changed_entry
        return self._is_taken(({**entry.data} if entry else self._broker()) | {CONF_PREFIX: self._form[CONF_PREFIX]})

    def _is_taken(self, data: dict[str, Any]) -> bool:
        """Two hubs that hear the same devices would both answer them."""
        own, place = self.context.get("entry_id"), self._place(data)
        return any(
            self._place(entry.data) == place
            for entry in self._async_current_entries(include_ignore=False)
            if entry.entry_id != own
        )

    def _place(self, data: Mapping[str, Any]) -> tuple[str, int, str]:
        broker = broker_of(self.hass, data)
        return broker.host, broker.port, data[CONF_PREFIX]

    def _broker(self) -> dict[str, Any]:
        return {} if self.access is None else {CONF_BROKER: self.access.written()}

    async def _step_for_fleet_key(self) -> ConfigFlowResult:
        match self._form[CONF_FLEET_KEY]:
            case "generate":
                return await self.async_step_fleet_key_made()
            case "paste":
                return await self.async_step_fleet_key()
            case "retire":
                return await self.async_step_retire_fleet_key()
            case _:
                return await self.finish()

    @override
    async def finish(self) -> ConfigFlowResult:
        if self._prefix_is_taken():
            return self.async_abort(reason="prefix_taken")
        if self.source == SOURCE_RECONFIGURE:
            return await self._change_hub()
        unique_id = uuid4().hex
        await self.async_set_unique_id(unique_id)
        remember_fleet_key(self.hass, unique_id, self.fleet_key)
        self.remember_client(unique_id)
        return self.async_create_entry(
            title=self._form[CONF_NAME],
            data={CONF_PREFIX: self._form[CONF_PREFIX], **self._broker()},
            options={CONF_DISCOVERY: self._form[CONF_DISCOVERY]},
        )

    async def _change_hub(self) -> ConfigFlowResult:
        entry = self._get_reconfigure_entry()
        if self._form[CONF_FLEET_KEY] != KEEP:
            _, hub = running_hub(self.hass, entry.entry_id)
            try:
                await self.hass.async_add_executor_job(hub.keys.set_fleet_key, self.fleet_key)
            except StoreError as err:
                raise AbortFlow("key_not_saved") from err
        return self.async_update_reload_and_abort(
            entry, title=self._form[CONF_NAME], data_updates={CONF_PREFIX: self._form[CONF_PREFIX]}
        )


def _trimmed(user_input: dict[str, Any]) -> dict[str, Any]:
    trimmed = {name: value.strip() if isinstance(value, str) else value for name, value in user_input.items()}
    return {**trimmed, CONF_NAME: clean_name(trimmed[CONF_NAME], "")}
