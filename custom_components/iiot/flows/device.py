"""A device is registered by hand, before it exists if need be, and changed."""

from typing import Any, Final, override

import probatio
from homeassistant.config_entries import (
    SOURCE_RECONFIGURE,
    ConfigSubentry,
    SubentryFlowResult,
)
from homeassistant.const import CONF_NAME
from homeassistant.data_entry_flow import section
from homeassistant.helpers import device_registry as dr

from ..bridge.enrolment import DeviceKey, derived_key, device_data, is_registered, kept_key, plain, running_hub
from ..bridge.hub import Hub
from ..bridge.mapping import clean_name
from ..bridge.stations import move, page_of
from ..const import (
    CONF_AREA,
    CONF_CHANNEL_DESCRIPTIONS,
    CONF_DESCRIPTION,
    CONF_DEVICE_ID,
    CONF_FINGERPRINT,
    CONF_KEY_SOURCE,
    CONF_KID,
)
from ..engine.errors import DeviceIdError, KeyFormError
from ..engine.wire import topics
from ..runtime import IiotConfigEntry
from .assets import AssetSteps
from .channels import ChannelSteps
from .display import DisplaySteps
from .forms import DERIVED, GENERATE, KEEP, KEPT, PASTE, TEXT, details, key_source
from .interlocks import InterlockSteps
from .life import LifeSteps, waiting_devices
from .polling import PollingSteps
from .provisioning import CONF_PROVISIONING, ShowKeySteps, scanned
from .relations import RelationSteps
from .sampling import SamplingSteps

PAGES: Final = [
    "details",
    "asset",
    "relations",
    "interlocks",
    "polling",
    "sampling",
    "gates",
    "calculated",
    "display",
    "next_key",
    "show_key",
    "replace",
    "revoke",
    "commander",
]
"""What can be changed of a device, each a step of its own."""


class DeviceFlow(
    LifeSteps,
    AssetSteps,
    RelationSteps,
    InterlockSteps,
    PollingSteps,
    SamplingSteps,
    ChannelSteps,
    DisplaySteps,
    ShowKeySteps,
):
    """A device is registered by hand, before or after it called; or changed."""

    _scanned: DeviceKey | None = None
    """What the QR code of the device holds."""

    def __init__(self) -> None:
        self.device_id = ""
        self.form = {}

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask for the device, its name and its key."""
        entry, hub = self.hub()
        errors: dict[str, str] = {}
        if user_input is not None:
            self.form = user_input
            errors = self._take_scan(hub) or self._check_form(entry)
            if not errors and self._scanned is not None:
                return await self.async_key_given(self._scanned)
            if not errors:
                result = await self.step_for_key(hub, user_input[CONF_KEY_SOURCE])
                if result is not None:
                    return result
                errors[CONF_KEY_SOURCE] = "key_not_derived"
        sources = [DERIVED, PASTE, GENERATE] if hub.keys.fleet_key else [PASTE, GENERATE]
        schema = probatio.Schema(
            {probatio.Optional(CONF_PROVISIONING): TEXT, probatio.Optional(CONF_DEVICE_ID): waiting_devices(hub)}
            | details()
            | key_source(sources)
        )
        return self.async_show_form(
            step_id="user",
            data_schema=self.add_suggested_values_to_schema(schema, user_input),
            errors=errors,
            description_placeholders={"site": plain(entry.title)},
        )

    async def async_step_reconfigure(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask what is to be changed of the device."""
        del user_input
        subentry = self._get_reconfigure_subentry()
        return self.async_show_menu(
            step_id="reconfigure",
            menu_options=PAGES,
            description_placeholders={"name": plain(subentry.title), "device_id": subentry.data[CONF_DEVICE_ID]},
        )

    async def async_step_details(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Change what people wrote about the device, or give it another key. The present key is never shown."""
        _, hub = self.hub()
        subentry = self._get_reconfigure_subentry()
        self.device_id = subentry.data[CONF_DEVICE_ID]
        labels = self._channel_labels(hub)
        errors: dict[str, str] = {}
        if user_input is not None:
            self._take_changes(user_input, labels)
            if user_input[CONF_NAME].strip():
                return await self._step_after_changes(user_input[CONF_KEY_SOURCE])
            errors[CONF_NAME] = "name_missing"
        fields = details() | key_source([KEEP, GENERATE, PASTE])
        if labels:
            texts = probatio.Schema({probatio.Optional(label): TEXT for label in labels})
            fields[probatio.Required(CONF_CHANNEL_DESCRIPTIONS)] = section(texts, {"collapsed": True})
        return self.async_show_form(
            step_id="details",
            data_schema=self.add_suggested_values_to_schema(
                probatio.Schema(fields), user_input or self._present(labels)
            ),
            errors=errors,
            description_placeholders={
                "device_id": self.device_id,
                "fingerprint": subentry.data[CONF_FINGERPRINT],
                "kid": str(subentry.data[CONF_KID]),
            },
        )

    @override
    def hub(self) -> tuple[IiotConfigEntry, Hub]:
        return running_hub(self.hass, self._entry_id)

    @override
    async def async_key_given(self, key: DeviceKey) -> SubentryFlowResult:
        if self.is_replacing:
            return await self.replace_with(key)
        if self.source == SOURCE_RECONFIGURE:
            await self.save_key(key, is_new=False)
            return self._change(key)
        await self.save_key(key)
        return self.async_create_entry(
            title=clean_name(self.form[CONF_NAME], self.device_id),
            data=device_data(self.device_id, key, self.form),
            unique_id=self.device_id,
        )

    @override
    def subentry(self) -> ConfigSubentry:
        return self._get_reconfigure_subentry()

    @override
    def put_in_place(self, data: dict[str, Any], *, unique_id: str) -> SubentryFlowResult:
        return self.async_update_and_abort(self._get_entry(), self.subentry(), unique_id=unique_id, data=data)

    def _take_scan(self, hub: Hub) -> dict[str, str]:
        """Take id and key from the text of a QR code, if there is one, or else the id that was written."""
        self.device_id, self._scanned = self.form.get(CONF_DEVICE_ID, "").strip(), None
        try:
            found = scanned(self.form)
        except KeyFormError:
            return {CONF_PROVISIONING: "invalid_provisioning"}
        if found is None:
            return {}
        self.device_id, self._scanned = found.device_id, DeviceKey(kid=found.kid, key=found.key)
        if hub.message_fits_key(found.device_id, found.key) is False:
            return {CONF_PROVISIONING: "wrong_key"}
        return {}

    def _check_form(self, entry: IiotConfigEntry) -> dict[str, str]:
        errors: dict[str, str] = {}
        if not self.form[CONF_NAME].strip():
            errors[CONF_NAME] = "name_missing"
        try:
            topics.check_device_id(self.device_id)
        except DeviceIdError as err:
            errors[CONF_DEVICE_ID] = err.code
            if not self.device_id:
                errors[CONF_DEVICE_ID] = "device_id_missing"
        else:
            if is_registered(entry, self.device_id):
                errors[CONF_DEVICE_ID] = "already_configured"
        return errors

    @override
    async def step_for_key(self, hub: Hub, source: str) -> SubentryFlowResult | None:
        if source == PASTE:
            return await self.async_step_device_key()
        if source == GENERATE:
            return await self.async_step_device_key_made()
        key = kept_key(hub, self.device_id) if source == KEPT else derived_key(hub, self.device_id)
        return None if key is None else await self.async_key_given(key)

    def _channel_labels(self, hub: Hub) -> dict[str, str]:
        """Field → channel key. A field is called as the device calls the channel."""
        member = hub.plant.members.get(self.device_id)
        manifest = member.device.manifest if member else None
        if manifest is None:
            return {}
        return {
            key if channel.name == key else f"{channel.name} ({key})": key for key, channel in manifest.channels.items()
        }

    def _present(self, labels: dict[str, str]) -> dict[str, Any]:
        subentry = self._get_reconfigure_subentry()
        texts = subentry.data[CONF_CHANNEL_DESCRIPTIONS]
        return {
            CONF_NAME: subentry.title,
            CONF_AREA: device.area_id if (device := self._registered()) else subentry.data[CONF_AREA],
            CONF_DESCRIPTION: subentry.data[CONF_DESCRIPTION],
            CONF_CHANNEL_DESCRIPTIONS: {label: texts[key] for label, key in labels.items() if key in texts},
        }

    def _registered(self) -> dr.DeviceEntry | None:
        """Give the device's page, on which people may have moved it since."""
        return page_of(self.hass, self._entry_id, self._get_reconfigure_subentry().subentry_id)

    def _take_changes(self, user_input: dict[str, Any], labels: dict[str, str]) -> None:
        """Keep the form; descriptions of channels that the device has no more stay as they are."""
        written = user_input.get(CONF_CHANNEL_DESCRIPTIONS, {})
        texts = dict(self._get_reconfigure_subentry().data[CONF_CHANNEL_DESCRIPTIONS])
        for label, key in labels.items():
            text = written.get(label, "").strip()
            if text:
                texts[key] = text
            else:
                texts.pop(key, None)
        self.form = {**user_input, CONF_CHANNEL_DESCRIPTIONS: texts}

    async def _step_after_changes(self, source: str) -> SubentryFlowResult:
        if source == PASTE:
            self.proposed_kid = self._get_reconfigure_subentry().data[CONF_KID]
            return await self.async_step_device_key()
        if source == GENERATE:
            return await self.async_step_device_key_made()
        return self._change(None)

    def _change(self, key: DeviceKey | None) -> SubentryFlowResult:
        subentry = self._get_reconfigure_subentry()
        present = {name: subentry.data[name] for name in (CONF_KID, CONF_FINGERPRINT)}
        changed = {
            **subentry.data,
            **(present if key is None else {CONF_KID: key.kid, CONF_FINGERPRINT: key.fingerprint}),
            CONF_AREA: self.form.get(CONF_AREA),
            CONF_DESCRIPTION: self.form.get(CONF_DESCRIPTION, ""),
            CONF_CHANNEL_DESCRIPTIONS: self.form[CONF_CHANNEL_DESCRIPTIONS],
        }
        move(self.hass, self._registered(), changed[CONF_AREA])
        return self.async_update_and_abort(
            self._get_entry(), subentry, title=clean_name(self.form[CONF_NAME], self.device_id), data=changed
        )
