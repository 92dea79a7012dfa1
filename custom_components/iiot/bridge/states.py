"""States of Home Assistant's entities that interlocks look at."""

from typing import TYPE_CHECKING, Final

from homeassistant.const import STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import CALLBACK_TYPE, Event, EventStateChangedData, HomeAssistant, State, callback
from homeassistant.helpers.event import async_track_state_change_event

if TYPE_CHECKING:
    from ..engine.plant import Plant
    from ..engine.plant.policy import Policy


class States:
    """Tells the plant what the entities are of which its policies speak."""

    def __init__(self, hass: HomeAssistant, plant: Plant) -> None:
        self._hass: Final = hass
        self._plant: Final = plant
        self._watched: Final[dict[str, CALLBACK_TYPE]] = {}

    @callback
    def follow(self, policy: Policy) -> None:
        """Watch the entities of a policy, until the hub stops."""
        conditions = (lock.condition for lock in policy.interlocks.values())
        for entity_id in {found.entity_id for found in conditions if found is not None} - self._watched.keys():
            self._plant.see(entity_id, _known(self._hass.states.get(entity_id)))
            self._watched[entity_id] = async_track_state_change_event(self._hass, entity_id, self._changed)

    @callback
    def stop(self) -> None:
        """Watch nothing any more."""
        while self._watched:
            self._watched.popitem()[1]()

    @callback
    def _changed(self, event: Event[EventStateChangedData]) -> None:
        self._plant.see(event.data["entity_id"], _known(event.data["new_state"]))


def _known(state: State | None) -> str | None:
    return None if state is None or state.state in (STATE_UNAVAILABLE, STATE_UNKNOWN) else state.state
