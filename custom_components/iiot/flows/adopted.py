"""Entities of Home Assistant become channels: of a Shelly, a Modbus meter, a Zigbee contact."""

import re
from dataclasses import replace
from typing import Any, Final

import probatio
from homeassistant.config_entries import ConfigSubentryFlow, SubentryFlowResult
from homeassistant.const import CONF_NAME
from homeassistant.core import State
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import selector
from homeassistant.util.ulid import ulid_now

from ..bridge.adopted import entity_flaw
from ..bridge.enrolment import plain, policy_of, running_hub
from ..bridge.mapping import clean_name
from ..bridge.stations import move, page_of
from ..const import (
    CONF_AREA,
    CONF_CHANNEL_DESCRIPTIONS,
    CONF_DESCRIPTION,
    CONF_DEVICE_ID,
    CONF_FINGERPRINT,
    CONF_KID,
    CONF_POLICY,
)
from ..engine import records
from ..engine.devices.adopted import BINARY, ID_PREFIX, AdoptedEntity, check_entities
from ..engine.errors import RecordError
from ..engine.plant.policy import Policy
from .forms import details

CONF_ENTITIES: Final = "entities"
NUMERIC_DOMAINS: Final = ["counter", "input_number", "number", "sensor"]
BINARY_DOMAINS: Final = ["binary_sensor", "input_boolean", "switch"]
_ENTITIES: Final = selector.EntitySelector(
    {"multiple": True, "filter": [{"domain": sorted(NUMERIC_DOMAINS + BINARY_DOMAINS)}]}
)


class AdoptedFlow(ConfigSubentryFlow):
    """A person chooses entities, once or again."""

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask for the entities, and what they are together."""
        entry, _ = running_hub(self.hass, self._entry_id)
        wrong, errors = "-", dict[str, str]()
        if user_input is not None:
            wrong, errors = self._check(user_input)
            if not errors:
                device_id = ID_PREFIX + ulid_now().lower()
                return self.async_create_entry(
                    title=clean_name(user_input[CONF_NAME], device_id),
                    data={
                        CONF_DEVICE_ID: device_id,
                        CONF_KID: None,
                        CONF_FINGERPRINT: None,
                        CONF_CHANNEL_DESCRIPTIONS: {},
                        **_said(user_input, Policy(entities=self._chosen(user_input[CONF_ENTITIES], ()))),
                    },
                    unique_id=device_id,
                )
        return self._show("user", user_input, errors, site=plain(entry.title), entity=wrong)

    async def async_step_entities(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask again. A channel whose entity stays keeps its key."""
        running_hub(self.hass, self._entry_id)
        subentry = self._get_reconfigure_subentry()
        before = policy_of(subentry).entities
        wrong, errors = "-", dict[str, str]()
        page = page_of(self.hass, self._entry_id, subentry.subentry_id)
        if user_input is not None:
            wrong, errors = self._check(user_input)
            if not errors:
                return self._change(user_input, self._chosen(user_input[CONF_ENTITIES], before), page)
        present = {
            CONF_NAME: subentry.title,
            CONF_AREA: page.area_id if page else subentry.data[CONF_AREA],
            CONF_DESCRIPTION: subentry.data[CONF_DESCRIPTION],
            CONF_ENTITIES: [entity.entity_id for entity in before],
        }
        return self._show("entities", user_input or present, errors, entity=wrong)

    def _show(
        self, step: str, shown: dict[str, Any] | None, errors: dict[str, str], **placeholders: str
    ) -> SubentryFlowResult:
        schema = probatio.Schema(details() | {probatio.Required(CONF_ENTITIES): _ENTITIES})
        return self.async_show_form(
            step_id=step,
            data_schema=self.add_suggested_values_to_schema(schema, shown),
            errors=errors,
            description_placeholders=placeholders,
        )

    def _check(self, user_input: dict[str, Any]) -> tuple[str, dict[str, str]]:
        """Entity that cannot be a channel, and why."""
        chosen = user_input[CONF_ENTITIES]
        if not user_input[CONF_NAME].strip():
            return "-", {CONF_NAME: "name_missing"}
        try:
            check_entities(self._chosen(chosen, ()))
        except RecordError:  # each has a key of its own, so there are none, or too many
            return "-", {CONF_ENTITIES: "how_many_entities"}
        for entity_id in chosen:
            flaw = entity_flaw(self.hass, self._entity(entity_id, "x"))
            if flaw is not None:
                return entity_id, {CONF_ENTITIES: flaw}
        return "-", {}

    def _chosen(self, chosen: list[str], before: tuple[AdoptedEntity, ...]) -> tuple[AdoptedEntity, ...]:
        known = {entity.entity_id: entity for entity in before}
        taken = {entity.key for entity in before}
        found = []
        for entity_id in dict.fromkeys(chosen):
            kept = known.get(entity_id)
            entity = self._entity(entity_id, kept.key if kept else _free_key(entity_id, taken))
            taken.add(entity.key)
            found.append(entity if kept is None else _as_called(entity, kept))
        return tuple(found)

    def _entity(self, entity_id: str, key: str) -> AdoptedEntity:
        state = self.hass.states.get(entity_id)
        attributes: dict[str, Any] = {} if state is None else dict(state.attributes)
        is_binary = entity_id.partition(".")[0] in BINARY_DOMAINS
        return AdoptedEntity(
            entity_id=entity_id,
            key=key,
            name=_name(state, key),
            kind=BINARY if is_binary else "float",
            unit=_word(attributes.get("unit_of_measurement")),
            device_class=_word(attributes.get("device_class")),
        )

    def _change(
        self, written: dict[str, Any], entities: tuple[AdoptedEntity, ...], page: dr.DeviceEntry | None
    ) -> SubentryFlowResult:
        subentry = self._get_reconfigure_subentry()
        device_id = str(subentry.unique_id)
        move(self.hass, page, written.get(CONF_AREA))
        return self.async_update_and_abort(
            self._get_entry(),
            subentry,
            title=clean_name(written[CONF_NAME], device_id),
            data={**subentry.data, **_said(written, replace(policy_of(subentry), entities=entities))},
        )


def _said(written: dict[str, Any], policy: Policy) -> dict[str, Any]:
    """What of a subentry's data the form decides."""
    return {
        CONF_AREA: written.get(CONF_AREA),
        CONF_DESCRIPTION: written.get(CONF_DESCRIPTION, ""),
        CONF_POLICY: records.write(policy),
    }


def _as_called(entity: AdoptedEntity, kept: AdoptedEntity) -> AdoptedEntity:
    """What people call it stays; so does what is known of it while it says nothing."""
    return replace(
        entity,
        name=kept.name,
        unit=entity.unit or kept.unit,
        device_class=entity.device_class or kept.device_class,
    )


def _free_key(entity_id: str, taken: set[str]) -> str:
    key = found = re.sub(r"[^a-z0-9_]", "_", entity_id.partition(".")[2])[:50]
    number = 2
    while found in taken:
        found = f"{key}_{number}"
        number += 1
    return found


def _name(state: State | None, key: str) -> str:
    return clean_name(state.name, key)[:128] if state else key


def _word(word: Any) -> str | None:
    return clean_name(str(word), "")[:64] or None if word else None
