"""Where the devices of a site stand: the ISA-95 path site / area / line / cell.

Area and floor are Home Assistant's and read there each time; line and cell stand in the device's policy. So a device
that is moved in Home Assistant stands elsewhere at once, and nothing is kept twice.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from homeassistant.helpers import area_registry as ar
from homeassistant.helpers import floor_registry as fr

from ..engine.actuation.roles import Level, Node, cell_node, line_node, way_to
from ..engine.devices.assets import Asset
from .stations import page_of, subentry_of

if TYPE_CHECKING:
    from homeassistant.config_entries import ConfigSubentry
    from homeassistant.core import HomeAssistant

    from .hub import Hub

BETWEEN = " / "
"""Between the names of a path."""


class Place(NamedTuple):
    """Where a device stands at its site."""

    area_id: str | None = None
    line: str | None = None
    cell: str | None = None

    @property
    def is_given(self) -> bool:
        """Whether somebody has said where it is."""
        return self.area_id is not None or self.line is not None

    @property
    def asset(self) -> Asset:
        """Give the part that is ours."""
        return Asset(line=self.line, cell=self.cell)


def place_of(hub: Hub, subentry: ConfigSubentry) -> Place:
    """Say where a device stands now."""
    page = page_of(hub.hass, hub.entry.entry_id, subentry.subentry_id)
    member = hub.plant.members.get(str(subentry.unique_id))
    asset = Asset() if member is None else member.policy.asset
    return Place(None if page is None else page.area_id, asset.line, asset.cell)


def place_of_device(hub: Hub, device_id: str) -> Place:
    """Say where a device stands now; one that is not registered stands nowhere."""
    subentry = subentry_of(hub.entry, device_id)
    return Place() if subentry is None else place_of(hub, subentry)


def nodes_of(hass: HomeAssistant, place: Place) -> tuple[Node, ...]:
    """Give what lies between the site and whatever stands in a place, from the top."""
    area = None if place.area_id is None else ar.async_get(hass).async_get_area(place.area_id)
    found = []
    if area is not None:
        if area.floor_id is not None:
            found.append(Node(level=Level.FLOOR, id=area.floor_id))
        found.append(Node(level=Level.AREA, id=area.id))
    if place.line is not None:
        found.append(line_node(place.area_id, place.line))
        if place.cell is not None:
            found.append(cell_node(place.area_id, place.line, place.cell))
    return tuple(found)


def names_of(hass: HomeAssistant, place: Place) -> list[str]:
    """Give the names of area, line and cell, as far as there are any."""
    area = None if place.area_id is None else ar.async_get(hass).async_get_area(place.area_id)
    return [name for name in (None if area is None else area.name, place.line, place.cell) if name is not None]


def path_of(hub: Hub, place: Place) -> str:
    """Write a place as a path, with the site first."""
    return BETWEEN.join((hub.entry.title, *names_of(hub.hass, place)))


def path_shown(hub: Hub, subentry_id: str | None) -> str | None:
    """Write where a device stands; None: nobody has said it."""
    subentry = hub.entry.subentries.get(subentry_id or "")
    place = Place() if subentry is None else place_of(hub, subentry)
    return path_of(hub, place) if place.is_given else None


def floor_of(hass: HomeAssistant, place: Place) -> str | None:
    """Give the name of the floor on which a place is."""
    area = None if place.area_id is None else ar.async_get(hass).async_get_area(place.area_id)
    floor = None if area is None or area.floor_id is None else fr.async_get(hass).async_get_floor(area.floor_id)
    return None if floor is None else floor.name


def places(hub: Hub) -> list[Place]:
    """Give the places of all devices of a site."""
    return [place_of(hub, subentry) for subentry in hub.entry.subentries.values()]


def place_of_node(hub: Hub, node: Node) -> Place | None:
    """Give the place of a line or a cell, written as the first device there has it; None: no device stands there."""
    area_id, line, cell = way_to(node)
    wanted = (area_id, line, cell)
    for found in places(hub):
        if found.line is None:
            continue
        of_line = (found.area_id, found.line.casefold(), None)
        of_cell = (*of_line[:2], None if found.cell is None else found.cell.casefold())
        if wanted == of_line:
            return Place(found.area_id, found.line)
        if wanted == of_cell:
            return found
    return None


def spelled(known: Iterable[Place], place: Place) -> Place:
    """Write line and cell of a place as devices that stand there already have them."""
    line, cell = place.line, place.cell
    if line is None:
        return place
    there = [one for one in known if one.area_id == place.area_id and _fits(one.line, line)]
    line = next((one.line for one in there), line)
    cell = next((one.cell for one in there if _fits(one.cell, cell)), cell)
    return Place(place.area_id, line, cell)


def _fits(name: str | None, other: str | None) -> bool:
    return name is not None and other is not None and name.casefold() == other.casefold()
