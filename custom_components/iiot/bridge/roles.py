"""Roles of Home Assistant's users at one site: kept in the entry's options, asked for at each wish."""

from typing import TYPE_CHECKING, Any, Final

from homeassistant.core import Context, callback
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import area_registry as ar
from homeassistant.helpers import floor_registry as fr

from ..const import CONF_GRANTS, DOMAIN
from ..engine import records
from ..engine.actuation.roles import Grant, Grants, Level, Node, Path, Person, Role, may, may_grant, role_of, way_to
from .places import BETWEEN, Place, names_of, nodes_of, place_of, place_of_node
from .stations import subentry_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from homeassistant.auth.models import User
    from homeassistant.config_entries import ConfigSubentry

    from .hub import Hub

NOBODY: Final = ""
"""Id of whoever has no account, or a locked one: nothing is granted to it."""


def grants_of(options: Mapping[str, Any]) -> Grants:
    """Read the grants of an entry; raises `RecordError`."""
    return records.read(Grants, {"grants": options.get(CONF_GRANTS, [])})


class Roles:
    """Says who may do what at one site, and changes it."""

    def __init__(self, hub: Hub) -> None:
        self._hub: Final = hub
        self._raw: Any = None
        self._grants = Grants()

    @property
    def grants(self) -> tuple[Grant, ...]:
        """Every grant of the site."""
        raw = self._hub.entry.options.get(CONF_GRANTS)
        if raw is not self._raw:
            self._grants, self._raw = grants_of(self._hub.entry.options), raw
        return self._grants.grants

    @property
    def site(self) -> Node:
        """The top of every path."""
        return Node(level=Level.SITE, id=self._hub.entry.entry_id)

    def device(self, device_id: str) -> Node:
        """The node of a device; one that is not registered is under the site, and nobody has a role on it."""
        found = subentry_of(self._hub.entry, device_id)
        return Node(level=Level.DEVICE, id="" if found is None else found.subentry_id)

    def at(self, place: Place) -> Node:
        """The lowest node of a place; the site, where there is none."""
        return (self.site, *nodes_of(self._hub.hass, place))[-1]

    def nodes(self) -> list[Node]:
        """Every node on which a role can be granted: the site, the places of its devices, the devices."""
        paths = [self.path_of(Node(level=Level.DEVICE, id=one)) for one in self._hub.entry.subentries]
        found = {node for path in paths for node in path} | {self.site}
        levels = list(Level)
        return sorted(found, key=lambda node: (levels.index(node.level), self.name_of(node).casefold(), node.id))

    def path_of(self, node: Node) -> Path:
        """The way from the site down to a node; one that is gone has no place between."""
        if node.level is Level.SITE:
            return (self.site,)
        above = nodes_of(self._hub.hass, self._place(node))
        return (self.site, *(one for one in above if one != node), node)

    def name_of(self, node: Node) -> str:
        """What people call a node; its id when it is gone."""
        hass, found = self._hub.hass, None
        match node.level:
            case Level.SITE:
                return self._hub.entry.title
            case Level.FLOOR:
                floor = fr.async_get(hass).async_get_floor(node.id)
                found = None if floor is None else floor.name
            case Level.AREA:
                area = ar.async_get(hass).async_get_area(node.id)
                found = None if area is None else area.name
            case Level.LINE | Level.CELL:
                place = place_of_node(self._hub, node)
                found = None if place is None else BETWEEN.join(names_of(hass, place))
            case Level.DEVICE:
                subentry = self._subentry(node)
                found = None if subentry is None else subentry.title
        return found or node.id

    def exists(self, node: Node) -> bool:
        """Whether there is such a node at this site."""
        hass = self._hub.hass
        match node.level:
            case Level.SITE:
                return node == self.site
            case Level.FLOOR:
                return fr.async_get(hass).async_get_floor(node.id) is not None
            case Level.AREA:
                return ar.async_get(hass).async_get_area(node.id) is not None
            case Level.LINE | Level.CELL:
                return place_of_node(self._hub, node) is not None
            case Level.DEVICE:
                return self._subentry(node) is not None

    # --- asking --------------------------------------------------------------------------

    async def async_person(self, user_id: str | None) -> Person:
        """Who stands behind a user id; one that Home Assistant does not know, or has locked, was granted nothing."""
        if user_id is None:
            return Person(None)
        user = await self._hub.hass.auth.async_get_user(user_id)
        return Person(NOBODY) if user is None or not user.is_active else Person(user_id, is_admin=user.is_admin)

    def role_of(self, person: Person, node: Node) -> Role | None:
        """The role of a person on a node; None: roles are not in use at this site."""
        return role_of(person, self.path_of(node), self.grants)

    async def async_permit(self, user_id: str | None, node: Node, need: Role, *, is_control: bool = False) -> None:
        """Raise in words when somebody may not do on a node what takes a role."""
        person = await self.async_person(user_id)
        if not may(person, self.path_of(node), self.grants, need, is_control=is_control):
            raise await self._not_permitted(person, node, need)

    # --- granting ------------------------------------------------------------------------

    async def async_set(self, context: Context, user_id: str, node: Node, role: Role | None) -> None:
        """Grant a role, or take away the one that was granted there (None); raises in words."""
        person = await self.async_person(context.user_id)
        user = await self._hub.hass.auth.async_get_user(user_id)
        if user is None and role is not None:
            raise ServiceValidationError(translation_domain=DOMAIN, translation_key="no_user")
        if not self.exists(node) and role is not None:
            raise ServiceValidationError(translation_domain=DOMAIN, translation_key="no_node")
        if not may_grant(person, self.path_of(node), self.grants):
            raise await self._not_permitted(person, node, Role.ENGINEER, key="needs_engineer_above")
        self.set(user_id, node, role, name=_name(user), context=context)

    @callback
    def set(self, user_id: str, node: Node, role: Role | None, *, name: str, context: Context | None = None) -> None:
        """Grant a role, or take it away, whoever asked for it."""
        entry = self._hub.entry
        changed = Grants(grants=self.grants).with_role(user_id, node, role)
        options = {**entry.options, CONF_GRANTS: records.write(changed.grants)}
        self._hub.hass.config_entries.async_update_entry(entry, options=options)
        device = self._subentry(node) if node.level is Level.DEVICE else None
        self._hub.effects.events.role_set(
            "" if device is None else str(device.unique_id),
            {"person": name, "node": self.name_of(node), "role": "" if role is None else role.value},
            context,
        )

    async def _not_permitted(
        self, person: Person, node: Node, need: Role, key: str | None = None
    ) -> ServiceValidationError:
        user = await self._hub.hass.auth.async_get_user(person.user_id or "")
        if not self.grants:
            key = "needs_admin"
        return ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key=key or f"needs_{need}",
            translation_placeholders={"person": _name(user), "node": self.name_of(node)},
        )

    def _subentry(self, node: Node) -> ConfigSubentry | None:
        return self._hub.entry.subentries.get(node.id)

    def _place(self, node: Node) -> Place:
        """Where a node is; a floor is in no area."""
        match node.level:
            case Level.AREA:
                return Place(node.id)
            case Level.LINE | Level.CELL:
                return Place(*way_to(node))
            case Level.DEVICE if (subentry := self._subentry(node)) is not None:
                return place_of(self._hub, subentry)
            case _:
                return Place()


def _name(user: User | None) -> str:
    return (user.name if user is not None else None) or "?"
