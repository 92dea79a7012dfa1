"""One look at all hubs, on the page where Home Assistant says how it is."""

from typing import Any

from homeassistant.components.system_health import SystemHealthRegistration
from homeassistant.core import HomeAssistant, callback

from .bridge import mqtt
from .const import DOMAIN
from .engine.values import Connection
from .runtime import IiotConfigEntry


@callback
def async_register(hass: HomeAssistant, register: SystemHealthRegistration) -> None:
    """Offer the figures."""
    del hass
    register.async_register_info(async_figures, manage_url="/config/integrations/integration/iiot")


async def async_figures(hass: HomeAssistant) -> dict[str, Any]:
    """Count what runs; a hub that does not run counts as none."""
    entries: list[IiotConfigEntry] = hass.config_entries.async_loaded_entries(DOMAIN)
    hubs = [entry.runtime_data.hub for entry in entries]
    members = [member for hub in hubs for member in hub.plant.members.values()]
    return {
        "hubs": len(hubs),
        "devices": len(members),
        "devices_live": sum(member.connection is Connection.LIVE for member in members),
        "devices_waiting": sum(len(hub.plant.inbox) for hub in hubs),
        "broker_connected": mqtt.is_connected(hass),
        "journal_size": f"{sum([await hub.async_journal_bytes() for hub in hubs]) / 1024**2:.1f} MiB",
    }
