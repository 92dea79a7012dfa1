"""Adopted entities of Home Assistant: each change of their states goes into the plant."""

from typing import TYPE_CHECKING, Final

from homeassistant.const import STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import CALLBACK_TYPE, Event, EventStateChangedData, HomeAssistant, State, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.event import async_track_state_change_event

from ..const import DOMAIN
from ..engine.devices.adopted import AdoptedEntity, value_of

if TYPE_CHECKING:
    from .hub import Hub

FLAWS: Final = {
    "own_entity": "belongs to this integration: what it says is kept already",
    "no_value": "has a state that is no value of its kind",
}
"""What keeps an entity from being a channel → in plain words."""
_UNKNOWN: Final = frozenset({STATE_UNKNOWN, STATE_UNAVAILABLE})


def entity_flaw(hass: HomeAssistant, entity: AdoptedEntity) -> str | None:
    """Say what keeps an entity from being a channel. Of one that says nothing now, nobody can tell."""
    registered = er.async_get(hass).async_get(entity.entity_id)
    if registered is not None and registered.platform == DOMAIN:
        return "own_entity"
    state = hass.states.get(entity.entity_id)
    if state is None or state.state in _UNKNOWN or value_of(entity, state.state) is not None:
        return None
    return "no_value"


class Adopted:
    """Follows the entities that people have adopted."""

    def __init__(self, hub: Hub) -> None:
        self._hub: Final = hub
        self._followed: dict[str, list[str]] = {}
        """Entity → devices whose channel it is."""
        self._release: CALLBACK_TYPE | None = None

    @callback
    def follow(self) -> None:
        """Follow those that are registered now, and take in what they say now."""
        wanted = self._hub.plant.adopted
        if wanted == self._followed:
            return
        self.stop()
        self._followed = wanted
        self._release = async_track_state_change_event(self._hub.hass, list(wanted), self._changed)
        for state in filter(None, map(self._hub.hass.states.get, wanted)):
            self._take(state)

    @callback
    def stop(self) -> None:
        """Follow none any more."""
        self._followed = {}
        if self._release is not None:
            self._release()
            self._release = None

    @callback
    def _changed(self, event: Event[EventStateChangedData]) -> None:
        state = event.data["new_state"]
        if state is not None:
            self._take(state)

    def _take(self, state: State) -> None:
        for device_id in self._followed.get(state.entity_id, ()):
            self._hub.take_state(device_id, state)
