"""One look at all hubs, on the page where Home Assistant says how it is."""

import time
from collections import Counter
from typing import Any

from homeassistant.components.system_health import SystemHealthRegistration
from homeassistant.core import HomeAssistant, callback
from homeassistant.loader import async_get_integration

from .const import DOMAIN
from .engine.ports import Extent
from .engine.values import NS_PER_S, Connection
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
    journals = [reach for hub in hubs if isinstance(reach := await hub.async_journal(), Extent)]
    refused = sum((Counter(hub.plant.refused_by_code) for hub in hubs), Counter[str]())
    members = [member for hub in hubs for member in hub.plant.members.values()]
    return {
        "version": str((await async_get_integration(hass, DOMAIN)).version),
        "hubs": len(hubs),
        "devices": len(members),
        "devices_live": sum(member.connection is Connection.LIVE for member in members),
        "devices_waiting": sum(hub.plant.inbox.undecided for hub in hubs),
        "refused": ", ".join(f"{code} {count}" for code, count in sorted(refused.items())) or "0",
        "broker_connected": f"{sum(hub.link.is_connected for hub in hubs)} / {len(hubs)}",
        "clock_in_doubt": any(hub.plant.doubts_clock for hub in hubs),
        "journal_size": f"{sum(reach.size_bytes for reach in journals) / 1024**2:.1f} MiB",
        "journal_age": _age(journals),
        "journals_readable": len(journals) == len(hubs),
    }


def _age(journals: list[Extent]) -> str:
    """How far back the oldest row lies."""
    oldest_ns = min((reach.first_ns for reach in journals if reach.first_ns is not None), default=None)
    return "-" if oldest_ns is None else f"{(time.time_ns() - oldest_ns) / NS_PER_S / 86_400:.1f} d"
