"""The page that says what a device and its channels are to other devices."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import probatio
from homeassistant.config_entries import SubentryFlowResult
from homeassistant.data_entry_flow import section
from homeassistant.helpers import selector

from ..bridge.enrolment import plain, running_hub
from ..bridge.hub import Hub
from ..bridge.relations import flaw_at_site, page_of_target, target_of
from ..engine.devices.assets import Relation, RelationKind, Relations, part_of
from .pages import PageSteps, label

CONF_PART_OF: Final = RelationKind.PART_OF.value
CONF_FEEDS: Final = RelationKind.FEEDS.value
CONF_MEASURES: Final = RelationKind.MEASURES.value
CONF_CHANNELS: Final = "measured_by_channels"
_DEVICES: Final = selector.DeviceSelector({"multiple": True})
"""A choice of one device would show no name of the field."""


class RelationSteps(PageSteps):
    """The page "Relations"."""

    async def async_step_relations(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask what the device is part of, what it feeds, and what it and its channels measure."""
        _, hub = running_hub(self.hass, self._entry_id)
        labels = {label(channel): key for key, channel in self.channels().items()}
        subentry, policy = self._get_reconfigure_subentry(), self.policy()
        errors: dict[str, str] = {}
        if user_input is not None:
            written = tuple(_written(hub, user_input, labels))
            stays = tuple(one for one in policy.relations if _stays(hub, one, labels, written))
            relations = (*written, *stays)
            flawed = flaw_at_site(hub, str(subentry.unique_id), relations)
            if flawed is None:
                return self.keep(replace(policy, relations=relations))
            errors["base"] = flawed.flaw.value
        fields: dict[probatio.Marker, Any] = {
            probatio.Optional(CONF_PART_OF): _DEVICES,
            probatio.Optional(CONF_FEEDS): _DEVICES,
            probatio.Optional(CONF_MEASURES): _DEVICES,
        }
        if labels:
            channels = probatio.Schema({probatio.Optional(name): _DEVICES for name in labels})
            fields[probatio.Required(CONF_CHANNELS)] = section(channels, {"collapsed": True})
        return self.async_show_form(
            step_id="relations",
            data_schema=self.add_suggested_values_to_schema(
                probatio.Schema(fields), user_input or self._related(hub, labels)
            ),
            errors=errors,
            description_placeholders={"name": plain(subentry.title)},
        )

    def _related(self, hub: Hub, labels: dict[str, str]) -> dict[str, Any]:
        pages: dict[tuple[str, str | None], list[str]] = {}
        for one in self.policy().relations:
            page = page_of_target(hub, one.target)
            if page is not None:
                pages.setdefault((one.kind.value, one.channel), []).append(page.id)
        shown: dict[str, Any] = {kind.value: pages.get((kind.value, None), []) for kind in RelationKind}
        measured = {name: pages.get((CONF_MEASURES, key), []) for name, key in labels.items()}
        return {**shown, CONF_CHANNELS: measured}


def _written(hub: Hub, user_input: dict[str, Any], labels: dict[str, str]) -> Iterator[Relation]:
    for kind in RelationKind:
        for page_id in dict.fromkeys(user_input.get(kind.value, ())):
            yield Relation(kind=kind, target=target_of(hub, page_id))
    for name, page_ids in user_input.get(CONF_CHANNELS, {}).items():
        for page_id in dict.fromkeys(page_ids):
            yield Relation(kind=RelationKind.MEASURES, target=target_of(hub, page_id), channel=labels[name])


def _stays(hub: Hub, one: Relation, labels: dict[str, str], written: Relations) -> bool:
    """Whether a relation stays that the page does not ask for, or whose target is gone and may come back."""
    if one.channel is not None and (one.kind is not RelationKind.MEASURES or one.channel not in labels.values()):
        return True
    is_gone = page_of_target(hub, one.target) is None
    return is_gone and (one.kind is not RelationKind.PART_OF or part_of(written) is None)
