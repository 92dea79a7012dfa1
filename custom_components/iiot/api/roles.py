"""Roles: who has which where, and who grants them."""

from typing import Any, Final

import probatio
from homeassistant.auth.models import User
from homeassistant.components.websocket_api.connection import ActiveConnection
from homeassistant.const import ATTR_AREA_ID, ATTR_CONFIG_ENTRY_ID, ATTR_DEVICE_ID, ATTR_FLOOR_ID
from homeassistant.core import HomeAssistant, ServiceCall, callback
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import config_validation as cv

from ..bridge.hub import Hub
from ..bridge.targets import devices_of
from ..const import DOMAIN
from ..engine.actuation.roles import Grant, Level, Node, Person, Role, cell_node, line_node
from .handling import Message, command, hub_of
from .shapes import GrantShape, NodeShape, RolesShape

ATTR_USER: Final = "user"
ATTR_ROLE: Final = "role"
ATTR_LINE: Final = "line"
ATTR_CELL: Final = "cell"
NO_ROLE: Final = "none"
_ENTRY: Final = {probatio.Required(ATTR_CONFIG_ENTRY_ID): str}
_PLACES: Final = {ATTR_FLOOR_ID: Level.FLOOR, ATTR_AREA_ID: Level.AREA, ATTR_DEVICE_ID: Level.DEVICE}


def _one_node(fields: dict[str, Any]) -> dict[str, Any]:
    """Take a line with or without its area, and a cell with its line."""
    if ATTR_CELL in fields and ATTR_LINE not in fields:
        raise probatio.Invalid("a cell needs its line")
    if ATTR_LINE in fields and (ATTR_FLOOR_ID in fields or ATTR_DEVICE_ID in fields):
        raise probatio.Invalid("a line goes with its area only")
    return fields


_SET_ROLE: Final = probatio.All(
    probatio.Schema(
        {
            probatio.Required(ATTR_CONFIG_ENTRY_ID): cv.string,
            probatio.Required(ATTR_USER): cv.string,
            probatio.Required(ATTR_ROLE): probatio.In([*Role, NO_ROLE]),
            **{probatio.Exclusive(name, "node"): cv.string for name in _PLACES},
            probatio.Optional(ATTR_LINE): cv.string,
            probatio.Optional(ATTR_CELL): cv.string,
        }
    ),
    _one_node,
)


@callback
def register(hass: HomeAssistant) -> None:
    """Register commands and actions of this noun."""
    ws_list(hass)
    ws_set(hass)

    async def set_role(call: ServiceCall) -> None:
        hub = hub_of(hass, call.data[ATTR_CONFIG_ENTRY_ID])
        user = await _async_user(hass, call.data[ATTR_USER])
        role = None if call.data[ATTR_ROLE] == NO_ROLE else Role(call.data[ATTR_ROLE])
        await hub.roles.async_set(call.context, user.id, _node(hass, hub, call.data), role)

    hass.services.async_register(DOMAIN, "set_role", set_role, schema=_SET_ROLE)


@command("iiot/roles/list", _ENTRY)
async def ws_list(hass: HomeAssistant, connection: ActiveConnection, msg: Message) -> RolesShape:
    """Give the own grants, and those on nodes of which whoever asks is engineer."""
    return await _async_roles(hass, connection, hub_of(hass, msg[ATTR_CONFIG_ENTRY_ID]))


@command(
    "iiot/roles/set",
    {
        **_ENTRY,
        probatio.Required("user_id"): str,
        probatio.Required("node"): {probatio.Required("level"): probatio.In(list(Level)), probatio.Required("id"): str},
        probatio.Required(ATTR_ROLE): probatio.Any(None, probatio.In(list(Role))),
    },
)
async def ws_set(hass: HomeAssistant, connection: ActiveConnection, msg: Message) -> RolesShape:
    """Grant a role on a node, or take it away; gives what there is then."""
    hub = hub_of(hass, msg[ATTR_CONFIG_ENTRY_ID])
    node = Node(level=Level(msg["node"]["level"]), id=msg["node"]["id"])
    role = None if msg[ATTR_ROLE] is None else Role(msg[ATTR_ROLE])
    await hub.roles.async_set(connection.context(msg), msg["user_id"], node, role)
    return await _async_roles(hass, connection, hub)


async def _async_roles(hass: HomeAssistant, connection: ActiveConnection, hub: Hub) -> RolesShape:
    roles = hub.roles
    person = Person(connection.user.id, is_admin=connection.user.is_admin)
    own = roles.role_of(person, roles.site)
    shown = [
        grant
        for grant in roles.grants
        if grant.user_id == person.user_id or roles.role_of(person, grant.node) is Role.ENGINEER
    ]
    names = {user.id: user.name or user.id for user in await hass.auth.async_get_users()}
    return {
        "config_entry_id": hub.entry.entry_id,
        "own": None if own is None else own.value,
        "grants": [_shape(hub, grant, names) for grant in shown],
    }


def _shape(hub: Hub, grant: Grant, names: dict[str, str]) -> GrantShape:
    node: NodeShape = {"level": grant.node.level.value, "id": grant.node.id, "name": hub.roles.name_of(grant.node)}
    name = names.get(grant.user_id, grant.user_id)
    return {"user_id": grant.user_id, "user": name, "node": node, "role": grant.role.value}


async def _async_user(hass: HomeAssistant, named: str) -> User:
    """Find a user by id, or by the one name that he alone has; raises in words."""
    users = [user for user in await hass.auth.async_get_users() if not user.system_generated]
    found = [user for user in users if user.id == named] or [
        user for user in users if (user.name or "").casefold() == named.casefold()
    ]
    if len(found) != 1:
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="no_user")
    return found[0]


def _node(hass: HomeAssistant, hub: Hub, fields: dict[str, Any]) -> Node:
    if ATTR_LINE in fields:
        area_id, line = fields.get(ATTR_AREA_ID), fields[ATTR_LINE]
        return cell_node(area_id, line, fields[ATTR_CELL]) if ATTR_CELL in fields else line_node(area_id, line)
    named = next((name for name in _PLACES if name in fields), None)
    if named is None:
        return hub.roles.site
    if named != ATTR_DEVICE_ID:
        return Node(level=_PLACES[named], id=fields[named])
    (target,) = devices_of(hass, {ATTR_DEVICE_ID: [fields[named]]}, None)
    return hub.roles.device(target.device_id)
