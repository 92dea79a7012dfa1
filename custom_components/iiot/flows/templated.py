"""A device that follows a template, and signs on its topics, is approved."""

from abc import abstractmethod
from typing import Any, Final

import probatio
from homeassistant.config_entries import ConfigFlow, ConfigFlowResult
from homeassistant.const import CONF_NAME
from homeassistant.data_entry_flow import AbortFlow

from ..bridge.enrolment import DeviceKey, area_named, async_put_key, device_subentry, listed, plain, running_hub
from ..bridge.mapping import clean_name
from ..bridge.templates import registration_of
from ..const import CONF_AREA
from ..engine.devices.bare import BareTopic
from ..engine.devices.inbox import Waiting
from ..engine.devices.templates import Spoken
from ..engine.errors import StoreError
from ..engine.wire import signing
from .bare import CONF_INTERVAL, interval_field
from .forms import details

MOST_LISTED: Final = 40


class TemplatedSteps(ConfigFlow):
    """One step: what the device has said so far, and how people call it."""

    _entry_id: str
    device_id: str
    form: dict[str, Any]

    @abstractmethod
    def waiting(self) -> Waiting:
        """Give the device that waits; aborts when it waits no more."""

    @abstractmethod
    def proposal(self, waiting: Waiting) -> dict[str, Any]:
        """Name and area of the device, as it says."""

    @abstractmethod
    def area(self) -> str | None:
        """Give the area that people chose, or let be made."""

    async def async_step_confirm_topics(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show who speaks, on which topics, and what the values may be; let a person approve it."""
        entry, _ = running_hub(self.hass, self._entry_id)
        waiting = self.waiting()
        spoken, key = waiting.spoken, waiting.key
        if spoken is None or key is None:
            return self.async_abort(reason="device_gone")
        errors: dict[str, str] = {}
        if user_input is not None:
            self.form = user_input
            if user_input[CONF_NAME].strip():
                return await self._join(waiting, DeviceKey(kid=waiting.kid, key=key))
            errors[CONF_NAME] = "name_missing"
        is_new = waiting.place is not None and area_named(self.hass, waiting.place) is None
        schema = probatio.Schema(details(new_area=is_new) | interval_field())
        return self.async_show_form(
            step_id="confirm_topics",
            data_schema=self.add_suggested_values_to_schema(schema, user_input or self.proposal(waiting)),
            errors=errors,
            description_placeholders={
                "site": plain(entry.title),
                "name": plain(clean_name(waiting.name, self.device_id)),
                "template": spoken.template.replace("`", "'"),
                "root": spoken.root.replace("`", "'"),
                "fingerprint": signing.fingerprint(key),
                "channels": listed(_proposed(spoken, waiting.kid), most=MOST_LISTED),
            },
        )

    async def _join(self, waiting: Waiting, key: DeviceKey) -> ConfigFlowResult:
        entry, hub = running_hub(self.hass, self._entry_id)
        kind, decided = registration_of(waiting, float(self.form[CONF_INTERVAL]))
        try:
            await async_put_key(self.hass, hub, self.device_id, key, is_new=True)
        except StoreError as err:
            raise AbortFlow("key_not_saved") from err
        name = clean_name(self.form[CONF_NAME], self.device_id)
        written = {**self.form, CONF_AREA: self.area(), **decided}
        subentry = device_subentry(self.device_id, key, name, written, kind)
        self.hass.config_entries.async_add_subentry(entry, subentry)
        return self.async_abort(
            reason="device_added", description_placeholders={"name": plain(name), "site": plain(entry.title)}
        )


def _proposed(spoken: Spoken, kid: int) -> list[str]:
    """Name each topic with the channels that its values may be."""
    return [f"{topic.topic}: {_named(topic)}" for topic in spoken.topics(kid)]


def _named(topic: BareTopic) -> str:
    return ", ".join(f"{one.name} ({one.unit})" if one.unit else one.name for one in topic.channels) or "-"
