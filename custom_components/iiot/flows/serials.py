"""The list of devices that are going to join: handed in, checked as a whole, brought in; and who is still to come."""

from typing import Any, Final

import probatio
from homeassistant.components.file_upload import process_uploaded_file
from homeassistant.config_entries import ConfigFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import AbortFlow
from homeassistant.helpers import selector

from ..bridge import serials
from ..bridge.enrolment import listed
from ..bridge.hub import Hub
from ..bridge.marked_yaml import Flaw, FlawsError
from ..bridge.serials import ListPlan, SerialList
from ..engine.devices.serials import MAX_BYTES, text_of
from ..engine.errors import StoreError
from .forms import LONG_TEXT
from .pages import HubPageSteps

CONF_DEVICES: Final = "devices"
CONF_FILE: Final = "file"
CONF_PROFILES: Final = "profiles"
CONF_REPLACE: Final = "replace"
CONF_TEXT: Final = "text"
MOST_FLAWS: Final = 20
"""Errors in the form; the action returns a hundred."""

_FORM: Final = probatio.Schema(
    {
        probatio.Optional(CONF_FILE): selector.FileSelector({"accept": ".csv,.txt,text/csv,text/plain"}),
        probatio.Optional(CONF_TEXT): LONG_TEXT,
        probatio.Optional(CONF_PROFILES): selector.FileSelector({"accept": ".yaml,.yml"}),
        probatio.Required(CONF_REPLACE, default=False): selector.BooleanSelector(),
    }
)


class SerialSteps(HubPageSteps):
    """A list is checked before anything of it counts."""

    _list: SerialList
    _instead: bool

    async def async_step_serials(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Take a list, as a file or as text, and check all of it."""
        hub = self.hub()
        errors: dict[str, str] = {}
        flaws: list[Flaw] = []
        if user_input is not None:
            try:
                self._instead = user_input[CONF_REPLACE]
                self._list = await self.hass.async_add_executor_job(_read, self.hass, user_input)
                serials.plan_list(hub, self._list, instead=self._instead)
                return await self.async_step_serials_check()
            except FlawsError as err:
                errors["base"] = "serials_flawed"
                flaws = err.flaws
            except LookupError:
                errors["base"] = "serials_missing"
        left = {name: value for name, value in (user_input or {}).items() if name in (CONF_TEXT, CONF_REPLACE)}
        return self.async_show_form(
            step_id="serials",
            data_schema=self.add_suggested_values_to_schema(_FORM, left),
            errors=errors,
            description_placeholders={"flaws": _told(flaws)},
        )

    async def async_step_serials_check(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Say what the list would change, and bring it in when the person agrees."""
        hub = self.hub()
        try:
            plan = serials.plan_list(hub, self._list, instead=self._instead)
        except FlawsError as err:  # somebody has changed areas or keys meanwhile
            return self.async_abort(reason="serials_outdated", description_placeholders={"flaws": _told(err.flaws)})
        if user_input is None:
            return self.async_show_form(
                step_id="serials_check", data_schema=probatio.Schema({}), description_placeholders=_facts(plan)
            )
        await self._keep(hub, plan)
        facts = {"added": str(len(plan.devices)), "expected": str(len(hub.keys.expected))}
        return self.async_abort(reason="serials_imported", description_placeholders=facts)

    async def async_step_expected_devices(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show who is still to come, and take off the list whoever is chosen."""
        hub = self.hub()
        expected = hub.keys.expected
        if not expected:
            return self.async_abort(reason="nobody_expected")
        errors: dict[str, str] = {}
        if user_input is not None:
            chosen = [device_id for device_id in user_input[CONF_DEVICES] if device_id in expected]
            if chosen:
                await self._keep(hub, ListPlan(dropped=chosen))
                told = {"count": str(len(chosen)), "devices": listed(chosen)}
                return self.async_abort(reason="expected_dropped", description_placeholders=told)
            errors[CONF_DEVICES] = "none_chosen"
        options = [
            selector.SelectOptionDict(
                value=device_id, label=f"{name} ({device_id})" if (name := one.record.get("name")) else device_id
            )
            for device_id, one in sorted(expected.items())
        ]
        field = selector.SelectSelector(
            {"options": options, "multiple": True, "mode": selector.SelectSelectorMode.DROPDOWN}
        )
        return self.async_show_form(
            step_id="expected_devices",
            data_schema=probatio.Schema({probatio.Required(CONF_DEVICES, default=[]): field}),
            errors=errors,
            description_placeholders={"count": str(len(expected))},
        )

    async def _keep(self, hub: Hub, plan: ListPlan) -> None:
        try:
            await serials.async_expect(hub, plan, None)
        except StoreError as err:
            raise AbortFlow("key_not_saved") from err


def _read(hass: HomeAssistant, user_input: dict[str, Any]) -> SerialList:
    """Read what was handed in; raises `FlawsError`, and `LookupError` when nothing was."""
    text = _uploaded(hass, user_input[CONF_FILE]) if CONF_FILE in user_input else user_input.get(CONF_TEXT, "")
    if not text.strip():
        raise LookupError
    return serials.read_list(text, _uploaded(hass, user_input[CONF_PROFILES]) if CONF_PROFILES in user_input else "")


def _uploaded(hass: HomeAssistant, file_id: str) -> str:
    """Read an uploaded file, which is gone then; raises `LookupError`."""
    try:
        with process_uploaded_file(hass, file_id) as path, path.open("rb") as file:
            return text_of(file.read(MAX_BYTES + 1))
    except ValueError as err:
        raise LookupError from err


def _told(flaws: list[Flaw]) -> str:
    return listed([" ".join(f"{flaw.line}: {flaw.path} {flaw.reason}".split()) for flaw in flaws], MOST_FLAWS) + "\n"


def _facts(plan: ListPlan) -> dict[str, str]:
    groups = {"added": plan.added, "changed": plan.changed, "joined": plan.joined, "dropped": plan.dropped}
    counts = {f"{name}_count": str(len(group)) for name, group in groups.items()}
    return {**{name: listed(group) for name, group in groups.items()}, **counts, "unchanged": str(len(plan.unchanged))}
