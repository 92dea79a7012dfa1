"""Interlocks: what must hold before an actuator of a device may be moved."""

from dataclasses import replace
from typing import Any, Final

import probatio
from homeassistant.config_entries import SubentryFlowResult
from homeassistant.helpers import selector

from ..bridge.enrolment import listed, plain
from ..bridge.mapping import clean_name
from ..engine.actuation.interlocks import FITS, MAX_CONFIRM_S, MAX_REST_S, Condition, Interlock, misfit
from ..engine.devices.manifest import Actuator
from .forms import TEXT, number, per_second
from .pages import PageSteps

CONF_ACTUATOR: Final = "actuator"
CONF_CONDITION_ENTITY: Final = "condition_entity"
CONF_CONDITION_STATE: Final = "condition_state"


def _fields(unit: str | None) -> dict[str, Any]:
    """Field of an interlock → field of the form; the condition has two. `unit` is that of the actuator."""
    return {
        "read_only": selector.BooleanSelector(),
        "minimum": number(None, None, "any", unit),
        "maximum": number(None, None, "any", unit),
        "slew_per_s": number(0, None, "any", per_second(unit)),
        "minimum_on_s": number(0, MAX_REST_S, 0.1, "s"),
        "minimum_off_s": number(0, MAX_REST_S, 0.1, "s"),
        "confirm_within_s": number(0, MAX_CONFIRM_S, 1, "s"),
    }


_NAMES: Final = tuple(_fields(None))
_BOUNDS: Final = ("minimum", "maximum")
"""A zero in these is a bound; in the others it asks for nothing, as an empty field does."""


class InterlockSteps(PageSteps):
    """Choose an actuator, then say what must hold for it."""

    _actuator: Actuator

    async def async_step_interlocks(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask for the actuator."""
        actuators = self._actuators()
        if not actuators:
            return self.async_abort(reason="no_actuators")
        if user_input is not None:
            self._actuator = actuators[user_input[CONF_ACTUATOR]]
            return await self.async_step_interlock()
        subentry = self._get_reconfigure_subentry()
        locked = self.policy().interlocks
        options = [selector.SelectOptionDict(value=key, label=_label(actuator)) for key, actuator in actuators.items()]
        chooser = selector.SelectSelector({"options": options, "mode": selector.SelectSelectorMode.LIST})
        return self.async_show_form(
            step_id="interlocks",
            data_schema=probatio.Schema({probatio.Required(CONF_ACTUATOR): chooser}),
            description_placeholders={
                "name": plain(subentry.title),
                "locked": listed(sorted(_label(actuators[key]) if key in actuators else key for key in locked)),
            },
        )

    async def async_step_interlock(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask what must hold; a form without any answer takes the interlocks away."""
        subentry, actuator = self._get_reconfigure_subentry(), self._actuator
        errors: dict[str, str] = {}
        if user_input is not None:
            lock = _lock(user_input)
            errors = self._errors(user_input, lock)
            if not errors:
                return self._keep(lock)
        present = self.policy().interlocks.get(actuator.key, Interlock())
        return self.async_show_form(
            step_id="interlock",
            data_schema=self.add_suggested_values_to_schema(_form(actuator), user_input or _shown(present)),
            errors=errors,
            description_placeholders={"actuator": plain(_label(actuator)), "name": plain(subentry.title)},
        )

    def _actuators(self) -> dict[str, Actuator]:
        member = self.member()
        manifest = member.device.manifest if member else None
        return {} if manifest is None else manifest.actuators

    def _errors(self, user_input: dict[str, Any], lock: Interlock) -> dict[str, str]:
        errors: dict[str, str] = {}
        entity, state = user_input.get(CONF_CONDITION_ENTITY), user_input.get(CONF_CONDITION_STATE, "").strip()
        if entity and not state:
            errors[CONF_CONDITION_STATE] = "state_missing"
        elif state and not entity:
            errors[CONF_CONDITION_ENTITY] = "entity_missing"
        if lock.flaw() is not None:
            errors["minimum"] = "minimum_above_maximum"
        elif (flaw := misfit(lock, self._actuator)) is not None:
            field, _ = flaw
            errors[field] = "nothing_left"
        return errors

    def _keep(self, lock: Interlock) -> SubentryFlowResult:
        policy = self.policy()
        others = {key: kept for key, kept in policy.interlocks.items() if key != self._actuator.key}
        own = {} if lock == Interlock() else {self._actuator.key: lock}
        self.write(replace(policy, interlocks=others | own))
        return self.async_abort(reason="interlocks_kept")


def _label(actuator: Actuator) -> str:
    return clean_name(actuator.name, actuator.key)


def _form(actuator: Actuator) -> probatio.Schema:
    unit = clean_name(actuator.unit or "", "") or None
    fields: dict[probatio.Marker, Any] = {
        probatio.Optional(name): field for name, field in _fields(unit).items() if name in FITS[actuator.kind]
    }
    fields[probatio.Optional(CONF_CONDITION_ENTITY)] = selector.EntitySelector()
    fields[probatio.Optional(CONF_CONDITION_STATE)] = TEXT
    return probatio.Schema(fields)


def _shown(lock: Interlock) -> dict[str, Any]:
    """What a form is filled with: only what is in force."""
    plain_lock = Interlock()
    shown = {name: value for name in _NAMES if (value := getattr(lock, name)) != getattr(plain_lock, name)}
    if lock.condition is not None:
        shown |= {CONF_CONDITION_ENTITY: lock.condition.entity_id, CONF_CONDITION_STATE: lock.condition.state}
    return shown


def _lock(user_input: dict[str, Any]) -> Interlock:
    entity, state = user_input.get(CONF_CONDITION_ENTITY), user_input.get(CONF_CONDITION_STATE, "").strip()
    given = {
        name: user_input[name] for name in _NAMES if user_input.get(name) or (name in _BOUNDS and name in user_input)
    }
    return Interlock(**given, condition=Condition(entity_id=entity, state=state) if entity and state else None)
