"""An adopted entity that got another id in Home Assistant stays the channel that it was."""

from dataclasses import replace
from typing import TYPE_CHECKING

from homeassistant.core import CALLBACK_TYPE, Event, callback
from homeassistant.helpers import entity_registry as er

from .enrolment import policy_of
from .policies import write_policy
from .stations import subentry_of

if TYPE_CHECKING:
    from .hub import Hub


@callback
def watch(hub: Hub) -> CALLBACK_TYPE:
    """Follow entities that are renamed, until the answer is called."""

    @callback
    def changed(event: Event[er.EventEntityRegistryUpdatedData]) -> None:
        data = event.data
        if data["action"] == "update" and "old_entity_id" in data:
            _follow(hub, data["old_entity_id"], data["entity_id"])

    return hub.hass.bus.async_listen(er.EVENT_ENTITY_REGISTRY_UPDATED, changed)


def _follow(hub: Hub, before: str, after: str) -> None:
    for device_id in hub.plant.adopted.get(before, ()):
        subentry = subentry_of(hub.entry, device_id)
        if subentry is None:
            continue
        policy = policy_of(subentry)
        if any(one.entity_id == after for one in policy.entities):
            continue  # it has been chosen under its new id already
        entities = (replace(one, entity_id=after) if one.entity_id == before else one for one in policy.entities)
        write_policy(hub, subentry, replace(policy, entities=tuple(entities)))
