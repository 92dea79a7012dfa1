"""Views of a site's dashboard: the fleet's health first, then the areas. Sections fold to one column on a phone."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from .site import Site, SiteArea, SiteDevice, SitePoint

MAX_POINTS: Final = 12
"""Of one device; the device's own page shows the rest."""
MAX_GRAPHS: Final = 3
"""Of one device: each graph reads the history."""
MAX_DEVICES: Final = 48
"""Of one area: a browser draws about 500 cards before it stutters."""
MAX_LEADERS: Final = 6
"""Readings of an area on the first view."""
LOW_BATTERY: Final = 20
HOURS: Final = 1

type Card = dict[str, Any]
type Words = Mapping[str, str]

WORDS: Final = MappingProxyType(
    {
        "fleet": "Fleet",
        "live": "Live",
        "late": "Late",
        "asleep": "Asleep",
        "lost": "Lost",
        "waiting": "Waiting",
        "refused": "Refused",
        "late_or_lost": "Late or lost",
        "battery_low": "Battery below",
        "map": "Map",
        "no_area": "No area",
        "unsigned": "unsigned",
    }
)
"""What the translations say in other languages, in the bank `dashboard`."""

_FLEET: Final = (
    ("fleet.live", "live", "green"),
    ("fleet.late", "late", "amber"),
    ("fleet.asleep", "asleep", "blue"),
    ("fleet.lost", "lost", "red"),
    ("fleet.inbox", "waiting", "purple"),
    ("fleet.refused_messages", "refused", "deep-orange"),
)
_ALARMING: Final = ("fleet.late", "fleet.lost", "fleet.refused_messages")
"""Shown only above 0: a tile has its colour at every number."""
_INTEGRATION: Final = {"action": "navigate", "navigation_path": "/config/integrations/integration/iiot"}


def build(site: Site, url_path: str, words: Words = WORDS) -> dict[str, Any]:
    """Build the whole dashboard; what `words` lacks is said in English."""
    said = {**WORDS, **words}
    return {
        "title": site.title,
        "views": [_first_view(site, url_path, said), *(_area_view(area, said) for area in site.areas)],
    }


def _first_view(site: Site, url_path: str, words: Words) -> Card:
    devices = [device for area in site.areas for device in area.devices]
    sections = [
        _section([_heading(words["fleet"], "mdi:lan"), *_fleet_tiles(site, words)]),
        *_attention(devices, words),
        *(_summary(area, url_path, words) for area in site.areas),
        *_map(devices, words),
    ]
    return {
        "title": words["fleet"],
        "path": "fleet",
        "icon": "mdi:lan",
        "type": "sections",
        "max_columns": 4,
        "sections": sections,
    }


def _fleet_tiles(site: Site, words: Words) -> Iterable[Card]:
    for key, name, color in _FLEET:
        entity_id = site.fleet.get(key)
        if entity_id is not None:
            tile = _tile(entity_id, words[name]) | {"color": color}
            if key in _ALARMING:
                tile["visibility"] = [{"condition": "numeric_state", "entity": entity_id, "above": 0}]
            yield tile | {"tap_action": _INTEGRATION} if key == "fleet.inbox" else tile


def _attention(devices: list[SiteDevice], words: Words) -> list[Card]:
    """What a person should look at. Each card is there only while it has something to say."""
    connections = [
        {"entity": device.connection, "name": _name(device, words)} for device in devices if device.connection
    ]
    batteries = [{"entity": device.battery, "name": device.name} for device in devices if device.battery]
    cards = []
    if connections:
        cards.append(
            _filtered(
                words["late_or_lost"], connections, {"condition": "state", "state": ["late", "lost", "unavailable"]}
            )
        )
    if batteries:
        cards.append(
            _filtered(
                f"{words['battery_low']} {LOW_BATTERY} %",
                batteries,
                {"condition": "numeric_state", "below": LOW_BATTERY},
            )
        )
    return [_section(cards)] if cards else []


def _filtered(title: str, entities: list[dict[str, str]], condition: Card) -> Card:
    return {
        "type": "entity-filter",
        "entities": entities,
        "conditions": [condition],
        "show_empty": False,
        "card": {"type": "entities", "title": title, "state_color": True},
        "grid_options": {"columns": "full"},
    }


def _summary(area: SiteArea, url_path: str, words: Words) -> Card:
    action = {"action": "navigate", "navigation_path": f"/{url_path}/{_path(area)}"}
    leaders = [
        _tile(point.entity_id, _name(device, words)) | _graph(point)
        for device in area.devices
        for point in device.points[:1]
        if point.has_graph
    ]
    return _section(
        [
            _heading(area.name or words["no_area"], area.icon or "mdi:floor-plan") | {"tap_action": action},
            *leaders[:MAX_LEADERS],
        ]
    )


def _map(devices: list[SiteDevice], words: Words) -> list[Card]:
    positions = [{"entity": device.position, "name": device.name} for device in devices if device.position]
    if not positions:
        return []
    card = {"type": "map", "entities": positions, "grid_options": {"columns": "full", "rows": 6}}
    return [_section([_heading(words["map"], "mdi:map"), card])]


def _area_view(area: SiteArea, words: Words) -> Card:
    sections = [_device_section(device, words) for device in area.devices[:MAX_DEVICES]]
    return _view(area.name or words["no_area"], _path(area), area.icon, sections)


def _name(device: SiteDevice, words: Words) -> str:
    """What nobody signs is marked wherever it stands."""
    return device.name if device.is_signed else f"{device.name} ({words['unsigned']})"


def _device_section(device: SiteDevice, words: Words) -> Card:
    badges = [
        {"type": "entity", "entity": entity_id, "show_state": True, "show_icon": True}
        for entity_id in (device.connection, device.battery)
        if entity_id
    ]
    graphs = 0
    cards = []
    for point in device.points[:MAX_POINTS]:
        graphs += point.has_graph
        tile = _tile(point.entity_id, point.name)
        cards.append(tile | _graph(point) if graphs <= MAX_GRAPHS else tile)
    return _section([_heading(_name(device, words), None) | {"badges": badges}, *cards])


def _view(title: str, path: str, icon: str | None, sections: list[Card]) -> Card:
    """A tab with an icon hides its title: it has one only where a person chose it."""
    view = {"title": title, "path": path, "type": "sections", "max_columns": 4, "sections": sections}
    return view | {"icon": icon} if icon else view


def _section(cards: list[Card]) -> Card:
    return {"type": "grid", "cards": cards}


def _heading(text: str, icon: str | None) -> Card:
    heading = {"type": "heading", "heading": text, "heading_style": "title"}
    return heading | {"icon": icon} if icon else heading


def _tile(entity_id: str, name: str) -> Card:
    return {"type": "tile", "entity": entity_id, "name": name}


def _graph(point: SitePoint) -> Card:
    if not point.has_graph:
        return {}
    return {"features": [{"type": "trend-graph", "hours_to_show": HOURS}]}


def _path(area: SiteArea) -> str:
    return f"area-{area.id}" if area.id else "no-area"
