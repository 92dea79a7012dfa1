"""The hub's options: a menu of preferences and of what helps to set devices up."""

from typing import Any, Final

import probatio
from homeassistant.config_entries import ConfigFlowResult, OptionsFlowWithReload
from homeassistant.data_entry_flow import section
from homeassistant.helpers import selector

from ..const import (
    CONF_DELAY_LIMIT,
    CONF_DISCOVERY,
    CONF_LATE_FACTOR,
    CONF_LISTEN_ONLY,
    CONF_LOST_FACTOR,
    CONF_POLLS_AT_ONCE,
    CONF_SKEW_LIMIT,
    CONF_SLEEP_UNASSIGNED,
    CONF_STATE_INTERVAL,
    CONF_STRICT,
    DEFAULT_STATE_INTERVAL_S,
)
from ..engine.values import Discovery, Settings
from .connectivity import ConnectivitySteps
from .forms import choice, number
from .joining import JoiningSteps
from .removed import RemovedSteps
from .roles import RoleSteps
from .serials import SerialSteps
from .templates import TemplateSteps
from .waiting import WaitingSteps

_DEFAULTS: Final = Settings()


_SECTIONS: Final[dict[str, dict[str, tuple[Any, Any]]]] = {
    "joining": {
        CONF_DISCOVERY: (
            _DEFAULTS.discovery.value,
            choice([answer.value for answer in Discovery], CONF_DISCOVERY),
        ),
        CONF_SLEEP_UNASSIGNED: (False, selector.BooleanSelector()),
    },
    "time": {
        CONF_DELAY_LIMIT: (_DEFAULTS.delay_limit_s, number(5, 86_400, 1, "s")),
        CONF_SKEW_LIMIT: (_DEFAULTS.skew_limit_s, number(2, 86_400, 1, "s")),
        CONF_STRICT: (_DEFAULTS.strict, selector.BooleanSelector()),
    },
    "liveness": {
        CONF_LATE_FACTOR: (_DEFAULTS.late_factor, number(1.1, 50, 0.1)),
        CONF_LOST_FACTOR: (_DEFAULTS.lost_factor, number(1.2, 100, 0.1)),
    },
    "traffic": {
        CONF_STATE_INTERVAL: (DEFAULT_STATE_INTERVAL_S, number(0, 3600, 0.1, "s")),
        CONF_POLLS_AT_ONCE: (_DEFAULTS.polls_at_once, number(1, 500, 1)),
        CONF_LISTEN_ONLY: (_DEFAULTS.listen_only, selector.BooleanSelector()),
    },
}
"""Section → option → default and field."""


MENU: Final = [
    "preferences",
    "roles",
    "check_connectivity",
    "commissioning",
    "templates",
    "waiting_devices",
    "removed_devices",
]


class HubOptionsFlow(
    ConnectivitySteps,
    JoiningSteps,
    SerialSteps,
    RoleSteps,
    TemplateSteps,
    WaitingSteps,
    RemovedSteps,
    OptionsFlowWithReload,
):
    """What a person can do with a hub that runs: set its preferences, and see whether devices reach it."""

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Offer what there is to do."""
        del user_input
        return self.async_show_menu(step_id="init", menu_options=MENU)

    async def async_step_preferences(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show the preferences and take them; the hub starts anew with what they say."""
        errors: dict[str, str] = {}
        if user_input is not None:
            chosen = {name: value for fields in user_input.values() for name, value in fields.items()}
            if chosen[CONF_LOST_FACTOR] > chosen[CONF_LATE_FACTOR]:
                return self.async_create_entry(data={**self.config_entry.options, **chosen})
            errors["base"] = "lost_before_late"
        return self.async_show_form(
            step_id="preferences",
            data_schema=self.add_suggested_values_to_schema(_form(), user_input or self._present()),
            errors=errors,
        )

    def _present(self) -> dict[str, dict[str, Any]]:
        options = self.config_entry.options
        return {
            name: {option: options.get(option, default) for option, (default, _) in fields.items()}
            for name, fields in _SECTIONS.items()
        }


def _form() -> probatio.Schema:
    return probatio.Schema(
        {
            probatio.Required(name): section(
                probatio.Schema({probatio.Required(option): field for option, (_, field) in fields.items()}),
                {"collapsed": name != "joining"},
            )
            for name, fields in _SECTIONS.items()
        }
    )
