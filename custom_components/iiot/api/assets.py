"""Assets: where devices stand and what they are to others; assigned by those whose role allows it."""

from typing import Any, Final

import probatio
from homeassistant.components.websocket_api.connection import ActiveConnection
from homeassistant.const import ATTR_CONFIG_ENTRY_ID, ATTR_DEVICE_ID
from homeassistant.core import Context, HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import area_registry as ar
from homeassistant.helpers import config_validation as cv

from ..bridge.assets import assign, described
from ..bridge.places import Place, place_of
from ..bridge.targets import TARGET_FIELDS, Target, devices_of
from ..const import DOMAIN
from ..engine import records
from ..engine.actuation.roles import Role
from ..engine.devices.assets import Asset
from ..engine.errors import RecordError
from .handling import Message, command, hub_of, in_words, not_changed
from .shapes import AssetsShape, PlaceShape

ATTR_TO_AREA: Final = "to_area"
ATTR_TO_LINE: Final = "to_line"
ATTR_TO_CELL: Final = "to_cell"
_TO: Final = (ATTR_TO_AREA, ATTR_TO_LINE, ATTR_TO_CELL)
"""Each level that is named says all below it anew."""
_ASSIGN: Final = probatio.All(
    probatio.Schema({**TARGET_FIELDS, **{probatio.Optional(name): cv.string for name in _TO}}),
    cv.has_at_least_one_key(*_TO),
)


@callback
def register(hass: HomeAssistant) -> None:
    """Register commands and actions of this noun."""
    ws_list(hass)
    ws_assign(hass)

    async def assign_asset(call: ServiceCall) -> ServiceResponse:
        targets = devices_of(hass, call.data, call.data.get(ATTR_CONFIG_ENTRY_ID))
        told: dict[str, Any] = {}
        failed: list[str] = []
        for target in targets:
            try:
                told[target.registry_id] = await _async_assign(hass, target, call.data, call.context)
            except HomeAssistantError as err:
                told[target.registry_id] = {"name": target.name, "reason": str(err)}
                failed.append(f"{target.name}: {err}")
        if failed and not call.return_response:
            raise not_changed(failed, len(targets))
        return {"devices": told} if call.return_response else None

    hass.services.async_register(
        DOMAIN, "assign_asset", assign_asset, schema=_ASSIGN, supports_response=SupportsResponse.OPTIONAL
    )


@command("iiot/assets/list", {probatio.Required(ATTR_CONFIG_ENTRY_ID): str})
async def ws_list(hass: HomeAssistant, connection: ActiveConnection, msg: Message) -> AssetsShape:
    """Say of each device of a site where it stands and what it is to others; whoever may log in may read that."""
    del connection
    hub = hub_of(hass, msg[ATTR_CONFIG_ENTRY_ID])
    devices = [found for one in hub.entry.subentries.values() if (found := described(hub, one)) is not None]
    return {"config_entry_id": hub.entry.entry_id, "site": hub.entry.title, "devices": devices}


@command(
    "iiot/assets/assign", {probatio.Required(ATTR_DEVICE_ID): str, **{probatio.Optional(name): str for name in _TO}}
)
async def ws_assign(hass: HomeAssistant, connection: ActiveConnection, msg: Message) -> PlaceShape:
    """Let a device stand elsewhere; says where it stands then."""
    (target,) = devices_of(hass, {ATTR_DEVICE_ID: [msg[ATTR_DEVICE_ID]]}, None)
    return await _async_assign(hass, target, msg, connection.context(msg))


async def _async_assign(hass: HomeAssistant, target: Target, fields: dict[str, Any], context: Context) -> PlaceShape:
    """Move a device, when whoever asks may do so at both ends; raises in words."""
    hub = target.hub
    await target.async_permit(context.user_id, Role.ENGINEER)
    place = _place(place_of(hub, target.subentry), fields)
    if place.area_id is not None and ar.async_get(hass).async_get_area(place.area_id) is None:
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="no_node")
    await hub.roles.async_permit(context.user_id, hub.roles.at(place), Role.ENGINEER)
    target.check_there()
    place = assign(hub, target.subentry, place, context)
    return {"name": target.name, "area_id": place.area_id, "line": place.line, "cell": place.cell}


def _place(present: Place, fields: dict[str, Any]) -> Place:
    found: list[str | None] = []
    is_said = False
    for name, before in zip(_TO, present, strict=True):
        is_said = is_said or name in fields
        found.append((fields.get(name, "").strip() or None) if is_said else before)
    area_id, line, cell = found
    try:
        asset = records.read(Asset, {"line": line, "cell": cell})
    except RecordError as err:
        raise in_words(err) from err
    return Place(area_id, asset.line, asset.cell)
