"""Roles: an administrator says who may do what where."""

from typing import Any, Final

import probatio
from homeassistant.config_entries import ConfigFlowResult, OptionsFlow
from homeassistant.helpers import selector

from ..bridge.enrolment import listed, running_hub
from ..bridge.hub import Hub
from ..bridge.words import async_words
from ..engine.actuation.roles import Node, Role
from .forms import choice

CONF_NODE: Final = "node"
CONF_ROLE: Final = "role"
CONF_USER: Final = "user"
NO_ROLE: Final = "none"


class RoleSteps(OptionsFlow):
    """Grant a role on a node, change it, or take it away."""

    async def async_step_roles(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show the grants, and take one more."""
        _, hub = running_hub(self.hass, self.config_entry.entry_id)
        names = await self._names(hub)
        if not names:
            return self.async_abort(reason="no_users")
        nodes = {f"{node.level}:{node.id}": node for node in _nodes(hub)}
        if user_input is not None:
            user_id, node, role = user_input[CONF_USER], nodes[user_input[CONF_NODE]], user_input[CONF_ROLE]
            hub.roles.set(user_id, node, None if role == NO_ROLE else Role(role), name=names[user_id])
            return self.async_abort(reason="role_set")
        levels, roles = await async_words(self.hass, "level"), await async_words(self.hass, CONF_ROLE)
        places = [
            selector.SelectOptionDict(value=value, label=f"{levels[node.level]}: {hub.roles.name_of(node)}")
            for value, node in nodes.items()
        ]
        people = [selector.SelectOptionDict(value=user_id, label=name) for user_id, name in names.items()]
        schema = probatio.Schema(
            {
                probatio.Required(CONF_USER): _dropdown(people),
                probatio.Required(CONF_NODE, default=next(iter(nodes))): _dropdown(places),
                probatio.Required(CONF_ROLE): choice([*Role, NO_ROLE], CONF_ROLE),
            }
        )
        lines = [f"{names[one.user_id]}: {roles[one.role]}, {hub.roles.name_of(one.node)}" for one in hub.roles.grants]
        return self.async_show_form(
            step_id="roles",
            data_schema=schema,
            description_placeholders={"grants": listed(lines, most=100)},
        )

    async def _names(self, hub: Hub) -> dict[str, str]:
        """Name everybody who can have a role, and those who have one although they are gone."""
        users = [user for user in await self.hass.auth.async_get_users() if not user.system_generated]
        names = {user.id: user.name or user.id for user in users if not user.is_admin}
        return names | {one.user_id: one.user_id for one in hub.roles.grants if one.user_id not in names}


def _nodes(hub: Hub) -> list[Node]:
    """Every node, and those with a grant although they are gone."""
    return list(dict.fromkeys([*hub.roles.nodes(), *(one.node for one in hub.roles.grants)]))


def _dropdown(options: list[selector.SelectOptionDict]) -> selector.SelectSelector:
    return selector.SelectSelector({"options": options, "mode": selector.SelectSelectorMode.DROPDOWN})
