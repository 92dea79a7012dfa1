"""Policies: what people decided about devices, read and changed by those whose role allows it."""

from typing import Any, Final

import probatio
from homeassistant.components.websocket_api.connection import ActiveConnection
from homeassistant.const import ATTR_CONFIG_ENTRY_ID, ATTR_DEVICE_ID
from homeassistant.core import Context, HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import config_validation as cv

from ..bridge.places import place_of
from ..bridge.policies import changed_policy, changed_sections, check_policy, write_policy
from ..bridge.targets import TARGET_FIELDS, Target, devices_of
from ..const import CONF_POLICY, DOMAIN
from ..engine import records
from ..engine.actuation.roles import Role
from ..engine.errors import RecordError
from .handling import Message, command, in_words, not_changed
from .shapes import PolicyChangeShape, PolicyShape

ATTR_POLICY: Final = "policy"
ATTR_DRY_RUN: Final = "dry_run"
_SET_POLICY: Final = probatio.Schema(
    {
        **TARGET_FIELDS,
        probatio.Required(ATTR_POLICY): dict,
        probatio.Optional(ATTR_DRY_RUN, default=False): cv.boolean,
    }
)


@callback
def register(hass: HomeAssistant) -> None:
    """Register commands and actions of this noun."""
    ws_get(hass)
    ws_set(hass)

    async def set_policy(call: ServiceCall) -> ServiceResponse:
        targets = devices_of(hass, call.data, call.data.get(ATTR_CONFIG_ENTRY_ID))
        told: dict[str, Any] = {}
        failed: list[str] = []
        for target in targets:
            try:
                told[target.registry_id] = await _async_change(target, call.data, call.context)
            except HomeAssistantError as err:
                told[target.registry_id] = {"name": target.name, "changed": [], "reason": str(err)}
                failed.append(f"{target.name}: {err}")
        if failed and not call.return_response:
            raise not_changed(failed, len(targets))
        return {"devices": told} if call.return_response else None

    hass.services.async_register(
        DOMAIN, "set_policy", set_policy, schema=_SET_POLICY, supports_response=SupportsResponse.OPTIONAL
    )


@command("iiot/policy/get", {probatio.Required(ATTR_DEVICE_ID): str})
async def ws_get(hass: HomeAssistant, connection: ActiveConnection, msg: Message) -> PolicyShape:
    """Give what people decided about a device, by its id in Home Assistant."""
    (target,) = devices_of(hass, {ATTR_DEVICE_ID: [msg[ATTR_DEVICE_ID]]}, None)
    await target.async_permit(connection.user.id, Role.VIEWER)
    return {"device_id": target.registry_id, "policy": dict(target.subentry.data.get(CONF_POLICY, {}))}


@command(
    "iiot/policy/set",
    {
        probatio.Required(ATTR_DEVICE_ID): str,
        probatio.Required(ATTR_POLICY): dict,
        probatio.Optional(ATTR_DRY_RUN, default=False): bool,
    },
)
async def ws_set(hass: HomeAssistant, connection: ActiveConnection, msg: Message) -> PolicyChangeShape:
    """Replace sections of what people decided about a device."""
    (target,) = devices_of(hass, {ATTR_DEVICE_ID: [msg[ATTR_DEVICE_ID]]}, None)
    return await _async_change(target, msg, connection.context(msg))


async def _async_change(target: Target, fields: dict[str, Any], context: Context) -> PolicyChangeShape:
    hub, subentry = target.hub, target.subentry
    await target.async_permit(context.user_id, Role.ENGINEER)
    try:
        policy = changed_policy(subentry, fields[ATTR_POLICY])
        check_policy(hub, subentry, policy)
    except RecordError as err:
        raise in_words(err) from err
    changed = changed_sections(subentry, policy)
    if "asset" in changed:
        place = place_of(hub, subentry)._replace(line=policy.asset.line, cell=policy.asset.cell)
        await hub.roles.async_permit(context.user_id, hub.roles.at(place), Role.ENGINEER)
    if not fields[ATTR_DRY_RUN]:
        write_policy(hub, subentry, policy, context)
    return {
        "device_id": target.registry_id,
        "name": target.name,
        "policy": records.write(policy),
        "changed": changed,
        "dry_run": fields[ATTR_DRY_RUN],
    }
