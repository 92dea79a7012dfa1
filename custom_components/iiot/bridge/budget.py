"""Home Assistant takes a limited number of enabled entities from an entry: who has them, and which can be spared."""

from collections import Counter
from typing import TYPE_CHECKING, Final

from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er

if TYPE_CHECKING:
    from ..runtime import IiotConfigEntry

MOST_NAMES: Final = 10


def enabled_entities(hass: HomeAssistant, entry: IiotConfigEntry) -> list[er.RegistryEntry]:
    """Entities of the hub and its devices that count against the limit."""
    found = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    return [entity for entity in found if entity.disabled_by is None]


def diagnostic_entities(hass: HomeAssistant, entry: IiotConfigEntry) -> list[str]:
    """Entity ids of what only tells how devices are, but for the hub's own figures."""
    return [
        entity.entity_id
        for entity in enabled_entities(hass, entry)
        if entity.entity_category is EntityCategory.DIAGNOSTIC and entity.config_subentry_id is not None
    ]


def busiest(hass: HomeAssistant, entry: IiotConfigEntry) -> list[tuple[str, int]]:
    """Names of the devices with the most enabled entities, and how many."""
    counts = Counter(entity.config_subentry_id for entity in enabled_entities(hass, entry))
    titles = {subentry_id: subentry.title for subentry_id, subentry in entry.subentries.items()}
    named = ((titles.get(found or ""), count) for found, count in counts.most_common())
    return [(title, count) for title, count in named if title is not None][:MOST_NAMES]


@callback
def disable(hass: HomeAssistant, entity_ids: list[str]) -> None:
    """Disable entities as their owner would on their pages, where each can be enabled again."""
    registry = er.async_get(hass)
    for entity_id in entity_ids:
        registry.async_update_entity(entity_id, disabled_by=er.RegistryEntryDisabler.USER)
