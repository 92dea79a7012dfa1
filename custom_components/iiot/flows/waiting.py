"""Devices that wait for a person: several are approved, ignored or heard again at once."""

from typing import Any, Final

import probatio
from homeassistant.config_entries import ConfigFlowResult, OptionsFlow
from homeassistant.helpers import selector

from ..bridge import discovery
from ..bridge.enrolment import listed, running_hub
from ..bridge.hub import Hub
from ..bridge.mapping import clean_name
from ..bridge.words import async_words
from ..const import CONF_AREA
from ..engine.devices.inbox import REMOVED, Trust, Waiting
from .forms import TEXT, choice

CONF_ACTION: Final = "action"
CONF_DEVICES: Final = "devices"
CONF_REASON: Final = "reason"
APPROVE: Final = "approve"
IGNORE: Final = "ignore"
HEED: Final = "heed"
MOST: Final = 200
"""Devices in the form, those that hold a key first."""
_ORDER: Final = (Trust.VERIFIED, Trust.SIGNED, Trust.UNVERIFIED)


class WaitingSteps(OptionsFlow):
    """One step: who waits, why, and what is to become of those that are chosen."""

    async def async_step_waiting_devices(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show who waits, and do with those that are chosen what is asked."""
        _, hub = running_hub(self.hass, self.config_entry.entry_id)
        found = await self._found(hub)
        if not found:
            return self.async_abort(reason="nobody_waits")
        errors: dict[str, str] = {}
        if user_input is not None:
            errors = _check(hub, user_input)
            if not errors:
                return await self._decide(hub, user_input)
        options = [selector.SelectOptionDict(value=device_id, label=label) for device_id, label in found[:MOST]]
        devices = selector.SelectSelector(
            {"options": options, "multiple": True, "mode": selector.SelectSelectorMode.LIST}
        )
        schema = probatio.Schema(
            {
                probatio.Required(CONF_DEVICES, default=[]): devices,
                probatio.Required(CONF_ACTION, default=APPROVE): choice([APPROVE, IGNORE, HEED], "waiting_action"),
                probatio.Optional(CONF_AREA): selector.AreaSelector(),
                probatio.Optional(CONF_REASON): TEXT,
            }
        )
        return self.async_show_form(
            step_id="waiting_devices",
            data_schema=self.add_suggested_values_to_schema(schema, user_input),
            errors=errors,
            description_placeholders={"count": str(len(found))},
        )

    async def _found(self, hub: Hub) -> list[tuple[str, str]]:
        """Give id and label of each device that waits or is ignored."""
        words = await async_words(self.hass, "waiting_device")
        ignored = discovery.ignored(hub)
        waiting = sorted(hub.plant.inbox.entries(), key=lambda entry: (_ORDER.index(entry.trust), -entry.last_ns))
        found = [
            (entry.id, _label(entry, words, ignored[entry.id].title if entry.id in ignored else None))
            for entry in waiting
        ]
        silent = [
            (device_id, f"{entry.title} ({device_id}): {words.get('ignored', '')}")
            for device_id, entry in ignored.items()
            if hub.plant.inbox.get(device_id) is None
        ]
        return found + silent

    async def _decide(self, hub: Hub, user_input: dict[str, Any]) -> ConfigFlowResult:
        chosen = user_input[CONF_DEVICES]
        if user_input[CONF_ACTION] == APPROVE:
            area = user_input.get(CONF_AREA)
            joined = [device_id for device_id in chosen if await discovery.async_approve(hub, device_id, area)]
            return self.async_abort(reason="waiting_approve", description_placeholders=_told(joined))
        if user_input[CONF_ACTION] == IGNORE:
            for device_id in chosen:
                await discovery.async_ignore(hub, device_id, user_input.get(CONF_REASON, "").strip())
            return self.async_abort(reason="waiting_ignore", description_placeholders=_told(chosen))
        for device_id in chosen:
            await discovery.async_heed(hub, device_id)
        return self.async_abort(reason="waiting_heed", description_placeholders=_told(chosen))


def _told(device_ids: list[str]) -> dict[str, str]:
    return {"count": str(len(device_ids)), "devices": listed(device_ids)}


def _check(hub: Hub, user_input: dict[str, Any]) -> dict[str, str]:
    chosen = user_input[CONF_DEVICES]
    if not chosen:
        return {CONF_DEVICES: "none_chosen"}
    if user_input[CONF_ACTION] == APPROVE:
        entries = [hub.plant.inbox.get(device_id) for device_id in chosen]
        if not all(entry is not None and (entry.trust is Trust.VERIFIED or entry.spoken) for entry in entries):
            return {CONF_DEVICES: "only_verified"}
    return {}


def _label(entry: Waiting, words: dict[str, str], ignored: str | None) -> str:
    facts = [words.get(entry.trust.value, ""), clean_name(entry.model, ""), clean_name(entry.place or "", "")]
    if entry.reason == REMOVED:
        facts.append(words.get("removed", ""))
    if ignored is not None:
        facts.append(f"{words.get('ignored', '')}: {ignored}")
    return f"{clean_name(entry.name, entry.id)} ({entry.id}): {', '.join(fact for fact in facts if fact)}"
