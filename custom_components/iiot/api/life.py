"""The life of devices: revoked, let in again, brought back after removal, by those whose role allows it."""

from typing import Final

import probatio
from homeassistant.const import ATTR_CONFIG_ENTRY_ID
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback
from homeassistant.helpers import config_validation as cv

from ..bridge.removal import async_restore
from ..bridge.revocation import readmit, revoke
from ..bridge.targets import TARGET_FIELDS, Target, devices_of
from ..const import DOMAIN
from ..engine.actuation.roles import Role
from .handling import hub_of

ATTR_DEVICE: Final = "device"
ATTR_REASON: Final = "reason"

_REVOKE: Final = probatio.Schema(TARGET_FIELDS | {probatio.Optional(ATTR_REASON, default=""): cv.string})
_RESTORE: Final = probatio.Schema(TARGET_FIELDS)
_RESTORE_DEVICE: Final = probatio.Schema(
    {probatio.Required(ATTR_CONFIG_ENTRY_ID): cv.string, probatio.Required(ATTR_DEVICE): cv.string}
)


@callback
def register(hass: HomeAssistant) -> None:
    """Register the actions of this noun."""

    async def revoke_devices(call: ServiceCall) -> ServiceResponse:
        targets = await _async_targets(hass, call)
        for target in targets:
            revoke(hass, target.hub.entry, target.subentry, call.data[ATTR_REASON])
        return _told(call, targets, "revoked")

    async def restore(call: ServiceCall) -> ServiceResponse:
        targets = await _async_targets(hass, call)
        for target in targets:
            readmit(hass, target.hub.entry, target.subentry)
        return _told(call, targets, "restored")

    async def restore_device(call: ServiceCall) -> ServiceResponse:
        hub = hub_of(hass, call.data[ATTR_CONFIG_ENTRY_ID])
        await hub.roles.async_permit(call.context.user_id, hub.roles.site, Role.ENGINEER)
        found = await async_restore(hass, hub, call.data[ATTR_DEVICE])
        return {"id": found.device_id, "name": found.title, "needs_key": found.forgot} if call.return_response else None

    for name, handler, schema in (
        ("revoke", revoke_devices, _REVOKE),
        ("restore", restore, _RESTORE),
        ("restore_device", restore_device, _RESTORE_DEVICE),
    ):
        hass.services.async_register(DOMAIN, name, handler, schema=schema, supports_response=SupportsResponse.OPTIONAL)


async def _async_targets(hass: HomeAssistant, call: ServiceCall) -> list[Target]:
    """Give the devices that are meant; raises in words when the caller may not care for one of them."""
    targets = devices_of(hass, call.data, call.data.get(ATTR_CONFIG_ENTRY_ID))
    for target in targets:
        await target.async_permit(call.context.user_id, Role.ENGINEER)
    for target in targets:
        target.check_there()
    return targets


def _told(call: ServiceCall, targets: list[Target], status: str) -> ServiceResponse:
    if not call.return_response:
        return None
    return {
        "devices": {
            target.registry_id: {"name": target.name, "id": target.device_id, "status": status} for target in targets
        }
    }
