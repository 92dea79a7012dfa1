"""Repairs that a person decides: who holds a device's key, and who commands it."""

from typing import Any

import probatio
from homeassistant.components.repairs import RepairsFlow, RepairsFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir

from .bridge.enrolment import running_hub
from .bridge.notices import DATA_DEVICE_ID, DATA_ENTRY_ID, DATA_KIND
from .const import DOMAIN


class SettleFlow(RepairsFlow):
    """The hub goes on with the device, because a person says so."""

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Start with the question; what comes in here is not an answer yet."""
        del user_input
        return await self.async_step_confirm()

    async def async_step_confirm(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Say what it means, then do it."""
        facts = self.data or {}
        if user_input is not None:
            _, hub = running_hub(self.hass, str(facts[DATA_ENTRY_ID]))
            await hub.async_settle(str(facts[DATA_DEVICE_ID]), str(facts[DATA_KIND]))
            return self.async_create_entry(data={})
        issue = ir.async_get(self.hass).async_get_issue(DOMAIN, self.issue_id)
        return self.async_show_form(
            step_id="confirm",
            data_schema=probatio.Schema({}),
            description_placeholders=issue.translation_placeholders if issue else None,
        )


async def async_create_fix_flow(
    hass: HomeAssistant, issue_id: str, data: dict[str, str | int | float | None] | None
) -> RepairsFlow:
    """Only notices of `notices.FIXABLE` get here."""
    del hass, issue_id, data
    return SettleFlow()
