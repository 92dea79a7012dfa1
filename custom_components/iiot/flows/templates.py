"""Templates of topics: which a site listens to, each with the key of the devices that follow it."""

import secrets
from typing import Any, Final

import probatio
from homeassistant.config_entries import ConfigFlowResult, OptionsFlow
from homeassistant.data_entry_flow import AbortFlow
from homeassistant.helpers import selector

from ..bridge.enrolment import DeviceKey, async_put_key, key_turn, listed, running_hub
from ..bridge.events import TEMPLATE_SET
from ..bridge.hub import Hub
from ..bridge.templates import TEMPLATES_ID, templates_of
from ..const import CONF_KEY, CONF_KEY_SOURCE, CONF_TEMPLATES
from ..engine.devices.templates import MAX_TEMPLATES
from ..engine.errors import KeyFormError, StoreError, TemplateError
from ..engine.wire import signing
from ..engine.wire.templates import AREA, CHANNEL, DEVICE
from .forms import GENERATE, PASTE, TEXT, key_source

CONF_TEMPLATE: Final = "template"
CONF_REMOVE: Final = "remove_template"


class TemplateSteps(OptionsFlow):
    """A template is registered with its key, or taken away."""

    _template: str
    _template_key: bytes | None = None

    async def async_step_templates(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show the templates; take one more, or take one away."""
        present = templates_of(self.config_entry.options)
        errors: dict[str, str] = {}
        other = "-"
        if user_input is not None:
            if (removed := user_input.get(CONF_REMOVE)) is not None:
                return await self._remove_template(removed)
            self._template = user_input.get(CONF_TEMPLATE, "").strip()
            try:
                self._check_template()
            except TemplateError as err:
                errors, other = {CONF_TEMPLATE: err.code}, str(err.facts.get("other", other))
            else:
                return await self._step_for_template_key(user_input[CONF_KEY_SOURCE])
        fields: dict[probatio.Marker, Any] = {probatio.Optional(CONF_TEMPLATE): TEXT}
        fields |= key_source([PASTE, GENERATE])
        if present:
            fields[probatio.Optional(CONF_REMOVE)] = selector.SelectSelector(
                {"options": [one.template for one in present], "mode": selector.SelectSelectorMode.DROPDOWN}
            )
        return self.async_show_form(
            step_id="templates",
            data_schema=self.add_suggested_values_to_schema(probatio.Schema(fields), user_input),
            errors=errors,
            description_placeholders={
                "templates": listed([one.template for one in present], most=MAX_TEMPLATES),
                "other": other,
                "example": f"plant/{AREA}/{DEVICE}/{CHANNEL}",
                "device": DEVICE,
                "area": AREA,
                "channel": CHANNEL,
            },
        )

    async def async_step_template_key(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Take the key that is on the devices."""
        errors: dict[str, str] = {}
        if user_input is not None:
            try:
                key = signing.parse_text_key(user_input[CONF_KEY])
            except KeyFormError:
                errors[CONF_KEY] = "invalid_text_key"
            else:
                return await self._take_template_key(key)
        return self._show_template("template_key", {probatio.Required(CONF_KEY): TEXT}, errors)

    async def async_step_template_key_made(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show a new key, this once."""
        if self._template_key is None:
            self._template_key = secrets.token_bytes(signing.KEY_BYTES)
        if user_input is not None:
            return await self._take_template_key(self._template_key)
        field = probatio.Optional(CONF_KEY, description={"suggested_value": self._template_key.hex()})
        return self._show_template(
            "template_key_made", {field: TEXT}, {}, fingerprint=signing.fingerprint(self._template_key)
        )

    async def async_step_template_key_shared(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Say what it means that somebody else has this key, too."""
        if user_input is not None and self._template_key is not None:
            return await self._add_template(self._template_key)
        return self._show_template("template_key_shared", {}, {})

    def _check_template(self) -> None:
        """Raise `TemplateError` when the template cannot be registered."""
        _, hub = running_hub(self.hass, self.config_entry.entry_id)
        if len(templates_of(self.config_entry.options)) >= MAX_TEMPLATES:
            raise TemplateError("too_many_templates")
        hub.plant.check_template(self._template)

    async def _step_for_template_key(self, source: str) -> ConfigFlowResult:
        return await (self.async_step_template_key() if source == PASTE else self.async_step_template_key_made())

    async def _take_template_key(self, key: bytes) -> ConfigFlowResult:
        _, hub = running_hub(self.hass, self.config_entry.entry_id)
        self._template_key = key
        return await (self.async_step_template_key_shared() if hub.keys.holders(key) else self._add_template(key))

    async def _add_template(self, key: bytes) -> ConfigFlowResult:
        _, hub = running_hub(self.hass, self.config_entry.entry_id)
        try:
            self._check_template()  # another form may have taken it meanwhile
        except TemplateError as err:
            raise AbortFlow("template_not_free") from err
        kid = max(hub.keys.device_keys(TEMPLATES_ID), default=0) + 1
        try:
            await async_put_key(self.hass, hub, TEMPLATES_ID, DeviceKey(kid=kid, key=key), is_new=False, beside=True)
        except StoreError as err:
            raise AbortFlow("key_not_saved") from err
        hub.effects.events.decided(TEMPLATE_SET, {"template": self._template, "registered": True}, None)
        return self._keep_templates([*self._templates(), {"template": self._template, "kid": kid}])

    async def _remove_template(self, template: str) -> ConfigFlowResult:
        """Its devices that have joined stay; their further topics are nobody's."""
        _, hub = running_hub(self.hass, self.config_entry.entry_id)
        kept = [raw for raw in self._templates() if raw["template"] != template]
        async with key_turn(self.hass):
            try:
                await self.hass.async_add_executor_job(_forget_keys, hub, {raw["kid"] for raw in kept})
            except StoreError as err:
                raise AbortFlow("key_not_saved") from err
        hub.effects.events.decided(TEMPLATE_SET, {"template": template, "registered": False}, None)
        return self._keep_templates(kept)

    def _templates(self) -> list[dict[str, Any]]:
        return list(self.config_entry.options.get(CONF_TEMPLATES, ()))

    def _keep_templates(self, templates: list[dict[str, Any]]) -> ConfigFlowResult:
        return self.async_create_entry(data={**self.config_entry.options, CONF_TEMPLATES: templates})

    def _show_template(
        self, step: str, fields: dict[probatio.Marker, Any], errors: dict[str, str], **placeholders: str
    ) -> ConfigFlowResult:
        return self.async_show_form(
            step_id=step,
            data_schema=probatio.Schema(fields),
            errors=errors,
            description_placeholders={"template": self._template.replace("`", "'"), **placeholders},
        )


def _forget_keys(hub: Hub, kids: set[int]) -> None:
    """Keep no other keys of templates than these."""
    if kids:
        hub.keys.retain_keys(TEMPLATES_ID, kids)
    else:
        hub.keys.remove_device(TEMPLATES_ID)
