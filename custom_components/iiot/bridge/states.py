"""States of Home Assistant's entities, as far as they say something."""

from homeassistant.const import STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import HomeAssistant


def known_state(hass: HomeAssistant, entity_id: str) -> str | None:
    """Give the state of an entity; None when there is no such entity, or it says nothing at the moment."""
    found = hass.states.get(entity_id)
    return None if found is None or found.state in (STATE_UNAVAILABLE, STATE_UNKNOWN) else found.state
