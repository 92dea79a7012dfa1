"""The fleet key goes: no device joins by it any more."""

from abc import abstractmethod
from typing import Any, Final

import probatio
from homeassistant.config_entries import ConfigFlow, ConfigFlowResult
from homeassistant.helpers import selector

from ..bridge.enrolment import devices_on_fleet_key, listed, running_hub
from ..bridge.rotation import async_next_keys

CONF_NEXT_KEYS: Final = "next_keys"


class RetireSteps(ConfigFlow):
    """One step: which devices still rest on the fleet key, and whether they are to take their next key before."""

    fleet_key: bytes | None = None
    """What the hub's fleet key will be; None: it has none."""

    @abstractmethod
    async def finish(self) -> ConfigFlowResult:
        """Write what was chosen, and end."""

    async def async_step_retire_fleet_key(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Say which devices are still on the fleet key before it goes."""
        _, hub = running_hub(self.hass, self._get_reconfigure_entry().entry_id)
        devices = devices_on_fleet_key(hub)
        if user_input is not None:
            if user_input.get(CONF_NEXT_KEYS):
                await async_next_keys(hub, devices)
            self.fleet_key = None
            return await self.finish()
        fields = {probatio.Optional(CONF_NEXT_KEYS, default=False): selector.BooleanSelector()} if devices else {}
        return self.async_show_form(
            step_id="retire_fleet_key",
            data_schema=probatio.Schema(fields),
            description_placeholders={"count": str(len(devices)), "devices": listed(sorted(devices.values()))},
        )
