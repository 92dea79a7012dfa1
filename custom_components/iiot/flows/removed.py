"""Devices that were taken out come back as they were."""

from datetime import UTC, datetime
from typing import Any, Final

import probatio
from homeassistant.config_entries import ConfigFlowResult, OptionsFlow
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import selector
from homeassistant.util import dt as dt_util

from ..bridge.enrolment import listed, plain, running_hub
from ..bridge.removal import RemovedDevice, async_restore, removed_devices
from ..bridge.words import async_words

CONF_DEVICES: Final = "devices"


class RemovedSteps(OptionsFlow):
    """One step: what was taken out in the last 30 days, and which of it is to come back."""

    async def async_step_removed_devices(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show what was taken out, and bring back what is chosen."""
        _, hub = running_hub(self.hass, self.config_entry.entry_id)
        removed = {device.device_id: device for device in removed_devices(hub)}
        if not removed:
            return self.async_abort(reason="nothing_removed")
        errors: dict[str, str] = {}
        if user_input is not None:
            chosen = [removed[found] for found in user_input[CONF_DEVICES] if found in removed]
            if chosen:
                return await self._restore(chosen)
            errors[CONF_DEVICES] = "none_chosen"
        words = await async_words(self.hass, "removed_device")
        options = [
            selector.SelectOptionDict(value=device.device_id, label=_label(device, words))
            for device in removed.values()
        ]
        field = selector.SelectSelector(
            {"options": options, "multiple": True, "mode": selector.SelectSelectorMode.LIST}
        )
        return self.async_show_form(
            step_id="removed_devices",
            data_schema=probatio.Schema({probatio.Required(CONF_DEVICES, default=[]): field}),
            errors=errors,
        )

    async def _restore(self, chosen: list[RemovedDevice]) -> ConfigFlowResult:
        _, hub = running_hub(self.hass, self.config_entry.entry_id)
        back: list[str] = []
        for device in chosen:
            try:
                await async_restore(self.hass, hub, device.device_id)
            except HomeAssistantError as err:
                return self.async_abort(
                    reason="not_restored",
                    description_placeholders={"name": plain(device.title), "reason": plain(str(err))},
                )
            back.append(device.title)
        return self.async_abort(reason="devices_restored", description_placeholders={"devices": listed(back)})


def _label(device: RemovedDevice, words: dict[str, str]) -> str:
    at = dt_util.as_local(datetime.fromtimestamp(device.at_s, UTC)).strftime("%Y-%m-%d %H:%M")
    hint = words.get("forgot" if device.forgot else "keeps_key", "")
    return f"{device.title} ({device.device_id}), {at}. {hint}".strip()
