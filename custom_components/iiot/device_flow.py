"""A device gets its key; it is registered by hand, before it exists if need be, and changed."""

from abc import abstractmethod
from typing import Any, Final, override

import probatio
from homeassistant.config_entries import (
    SOURCE_RECONFIGURE,
    ConfigSubentryFlow,
    SubentryFlowContext,
    SubentryFlowResult,
)
from homeassistant.const import CONF_NAME
from homeassistant.data_entry_flow import AbortFlow, FlowContext, FlowHandler, FlowResult, section
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import selector

from .bridge.enrolment import (
    MOST_KID,
    DeviceKey,
    async_put_key,
    derived_key,
    device_data,
    is_registered,
    make_key,
    named_by_device,
    plain,
    provisioning_text,
    read_key,
    running_hub,
)
from .bridge.hub import Hub
from .bridge.mapping import clean_name
from .bridge.stations import device_identifier
from .const import (
    CONF_AREA,
    CONF_CHANNEL_DESCRIPTIONS,
    CONF_DESCRIPTION,
    CONF_DEVICE_ID,
    CONF_FINGERPRINT,
    CONF_KEY,
    CONF_KEY_SOURCE,
    CONF_KID,
)
from .engine.errors import DeviceIdError, KeyFormError, StoreError
from .engine.wire import topics
from .runtime import IiotConfigEntry

DERIVED: Final = "derived"
PASTE: Final = "paste"
GENERATE: Final = "generate"
KEEP: Final = "keep"

CONF_NEW_AREA: Final = "new_area"
CONF_PROVISIONING: Final = "provisioning"
CONF_QR: Final = "qr"
TEXT: Final = selector.TextSelector()
_LONG_TEXT: Final = selector.TextSelector({"multiline": True})

_KID: Final = selector.NumberSelector({"min": 1, "max": MOST_KID, "step": 1, "mode": selector.NumberSelectorMode.BOX})


def qr_code(text: str) -> selector.QrCodeSelector:
    """Draw `text` for a device's camera or a phone."""
    return selector.QrCodeSelector(
        {"data": text, "scale": 4, "error_correction_level": selector.QrErrorCorrectionLevel.LOW}
    )


def choice(options: list[str], translation_key: str) -> selector.SelectSelector:
    """Offer options one below the other, in translated words."""
    return selector.SelectSelector(
        {"options": options, "translation_key": translation_key, "mode": selector.SelectSelectorMode.LIST}
    )


def key_source(options: list[str]) -> dict[probatio.Marker, Any]:
    """Ask where the key comes from; the first option is proposed."""
    return {probatio.Required(CONF_KEY_SOURCE, default=options[0]): choice(options, CONF_KEY_SOURCE)}


def details(*, new_area: bool = False) -> dict[probatio.Marker, Any]:
    """Ask what people know of a device; `new_area` lets them take over the name of a place."""
    proposal: dict[probatio.Marker, Any] = {probatio.Optional(CONF_NEW_AREA): TEXT} if new_area else {}
    return {
        probatio.Required(CONF_NAME): TEXT,
        probatio.Optional(CONF_AREA): selector.AreaSelector(),
        **proposal,
        probatio.Optional(CONF_DESCRIPTION): _LONG_TEXT,
    }


class KeySteps[ContextT: FlowContext, ResultT: FlowResult[Any, Any], HandlerT](
    FlowHandler[ContextT, ResultT, HandlerT]
):
    """The steps in which a device gets a key; what follows is the flow's own."""

    device_id: str
    form: dict[str, Any]
    """What the person filled in about the device."""
    proposed_kid: int = 1
    _made: DeviceKey | None = None
    _doubted: DeviceKey | None = None
    """A pasted key that made no message of the device; pasted once more it is taken all the same."""

    @abstractmethod
    def hub(self) -> tuple[IiotConfigEntry, Hub]:
        """Give the hub that the device joins; aborts when it does not run."""

    @abstractmethod
    async def async_key_given(self, key: DeviceKey) -> ResultT:
        """Go on with the key that was pasted, derived or made."""

    async def async_step_device_key(self, user_input: dict[str, Any] | None = None) -> ResultT:
        """Take the key that is on the device already. What the device signed with it says its number."""
        _, hub = self.hub()
        errors: dict[str, str] = {}
        if user_input is not None:
            try:
                key = read_key(user_input[CONF_KEY], self.device_id, int(user_input.get(CONF_KID, self.proposed_kid)))
            except KeyFormError as err:
                errors[CONF_KEY] = err.code
            else:
                doubted, self._doubted = self._doubted, key
                is_sure = doubted is not None and doubted.key == key.key
                if is_sure or hub.message_fits_key(self.device_id, key.key) is not False:
                    return await self.async_key_given(named_by_device(hub, self.device_id, key))
                errors[CONF_KEY] = "wrong_key"
        schema: dict[probatio.Marker, Any] = {probatio.Required(CONF_KEY): TEXT}
        if errors or hub.plant.inbox.get(self.device_id) is None:
            schema[probatio.Required(CONF_KID, default=self.proposed_kid)] = _KID
        return self.async_show_form(
            step_id="device_key",
            data_schema=self.add_suggested_values_to_schema(probatio.Schema(schema), user_input),
            errors=errors,
            description_placeholders={"device_id": self.device_id},
        )

    async def async_step_device_key_made(self, user_input: dict[str, Any] | None = None) -> ResultT:
        """Show a new key, with all else that the device has to be told, this once."""
        _, hub = self.hub()
        if self._made is None:
            self._made = make_key(hub, self.device_id)
        if user_input is not None:
            return await self.async_key_given(self._made)
        text = provisioning_text(self.hass, hub, self.device_id, self._made)
        return self.async_show_form(
            step_id="device_key_made",
            data_schema=probatio.Schema(
                {
                    probatio.Optional(CONF_PROVISIONING, description={"suggested_value": text}): _LONG_TEXT,
                    probatio.Optional(CONF_QR): qr_code(text),
                }
            ),
            description_placeholders={"device_id": self.device_id, "fingerprint": self._made.fingerprint},
        )

    async def save_key(self, key: DeviceKey, *, is_new: bool = True) -> None:
        """Write the key; aborts when it cannot be kept."""
        _, hub = self.hub()
        try:
            await async_put_key(self.hass, hub, self.device_id, key, is_new=is_new)
        except StoreError as err:
            raise AbortFlow("key_not_saved") from err


class DeviceFlow(KeySteps[SubentryFlowContext, SubentryFlowResult, tuple[str, str]], ConfigSubentryFlow):
    """A device is registered by hand, before or after it called; or changed."""

    def __init__(self) -> None:
        self.device_id = ""
        self.form = {}

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask for the device, its name and its key."""
        entry, hub = self.hub()
        errors: dict[str, str] = {}
        if user_input is not None:
            self.form = user_input
            self.device_id = user_input[CONF_DEVICE_ID].strip()
            errors = self._check_form(entry)
            if not errors:
                result = await self._step_for_key(hub, user_input[CONF_KEY_SOURCE])
                if result is not None:
                    return result
                errors[CONF_KEY_SOURCE] = "key_not_derived"
        waiting = [
            selector.SelectOptionDict(value=found.id, label=f"{clean_name(found.name, found.id)} ({found.id})")
            for found in reversed(hub.plant.inbox.entries())
        ]
        device_ids = selector.SelectSelector(
            {"options": waiting, "custom_value": True, "mode": selector.SelectSelectorMode.DROPDOWN}
        )
        sources = [DERIVED, PASTE, GENERATE] if hub.keys.fleet_key else [PASTE, GENERATE]
        schema = probatio.Schema({probatio.Required(CONF_DEVICE_ID): device_ids} | details() | key_source(sources))
        return self.async_show_form(
            step_id="user",
            data_schema=self.add_suggested_values_to_schema(schema, user_input),
            errors=errors,
            description_placeholders={"site": plain(entry.title)},
        )

    async def async_step_reconfigure(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
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
            step_id="reconfigure",
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
        if self.source == SOURCE_RECONFIGURE:
            await self.save_key(key, is_new=False)
            return self._change(key)
        await self.save_key(key)
        return self.async_create_entry(
            title=clean_name(self.form[CONF_NAME], self.device_id),
            data=device_data(self.device_id, key, self.form),
            unique_id=self.device_id,
        )

    def _check_form(self, entry: IiotConfigEntry) -> dict[str, str]:
        errors: dict[str, str] = {}
        if not self.form[CONF_NAME].strip():
            errors[CONF_NAME] = "name_missing"
        try:
            topics.check_device_id(self.device_id)
        except DeviceIdError as err:
            errors[CONF_DEVICE_ID] = err.code
        else:
            if is_registered(entry, self.device_id):
                errors[CONF_DEVICE_ID] = "already_configured"
        return errors

    async def _step_for_key(self, hub: Hub, source: str) -> SubentryFlowResult | None:
        """Go on to the key; None when there is no fleet key any more."""
        if source == PASTE:
            return await self.async_step_device_key()
        if source == GENERATE:
            return await self.async_step_device_key_made()
        key = derived_key(hub, self.device_id)
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
        identifier = device_identifier(self._entry_id, self._get_reconfigure_subentry().subentry_id)
        return dr.async_get(self.hass).async_get_device_by_identifier(identifier, self._entry_id)

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
            CONF_DEVICE_ID: self.device_id,
            **(present if key is None else {CONF_KID: key.kid, CONF_FINGERPRINT: key.fingerprint}),
            CONF_AREA: self.form.get(CONF_AREA),
            CONF_DESCRIPTION: self.form.get(CONF_DESCRIPTION, ""),
            CONF_CHANNEL_DESCRIPTIONS: self.form[CONF_CHANNEL_DESCRIPTIONS],
        }
        device = self._registered()
        if device is not None and device.area_id != changed[CONF_AREA]:
            dr.async_get(self.hass).async_update_device(device.id, area_id=changed[CONF_AREA])
        return self.async_update_and_abort(
            self._get_entry(), subentry, title=clean_name(self.form[CONF_NAME], self.device_id), data=changed
        )
