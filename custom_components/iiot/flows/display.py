"""What a device's channels are called, and their units where the device names none."""

from dataclasses import replace
from typing import Any, Final

import probatio
from homeassistant.config_entries import SubentryFlowResult
from homeassistant.const import CONF_NAME

from ..bridge.enrolment import plain
from ..engine import records
from ..engine.devices.display import MAX_PRECISION, Display
from ..engine.devices.manifest import Channel
from ..engine.errors import RecordError
from ..engine.values import Kind
from .forms import TEXT, number
from .pages import CONF_CHANNEL, PageSteps, chooser, label

CONF_UNIT: Final = "unit"
CONF_PRECISION: Final = "precision"
_NUMBERS: Final = (Kind.FLOAT, Kind.INT)


class DisplaySteps(PageSteps):
    """The pages on how channels are shown."""

    _displayed: Channel

    async def async_step_display(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask for the channel."""
        channels = self.channels()
        if not channels:
            return self.async_abort(reason="no_channels")
        if user_input is not None:
            self._displayed = channels[user_input[CONF_CHANNEL]]
            return await self.async_step_displayed()
        return self.async_show_form(
            step_id="display",
            data_schema=probatio.Schema({probatio.Required(CONF_CHANNEL): chooser(channels)}),
            description_placeholders={"name": plain(self._get_reconfigure_subentry().title)},
        )

    async def async_step_displayed(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask how the channel is shown; a form without any answer shows it as the device says."""
        channel, policy = self._displayed, self.policy()
        errors: dict[str, str] = {}
        if user_input is not None:
            try:
                display = records.read(Display, _written(user_input))
            except RecordError as err:
                errors[err.path] = "invalid_display"
            else:
                others = {key: kept for key, kept in policy.display.items() if key != channel.key}
                own = {} if display == Display() else {channel.key: display}
                return self.keep(replace(policy, display=others | own))
        present = records.write(policy.display.get(channel.key, Display()))
        return self.async_show_form(
            step_id="displayed",
            data_schema=self.add_suggested_values_to_schema(
                probatio.Schema(_fields(channel)), present if user_input is None else user_input
            ),
            errors=errors,
            description_placeholders={"channel": plain(label(channel)), "unit": plain(channel.unit or "-")},
        )


def _fields(channel: Channel) -> dict[probatio.Marker, Any]:
    """Give the fields that a channel of this kind can have; a unit only where the device names none."""
    fields: dict[probatio.Marker, Any] = {probatio.Optional(CONF_NAME): TEXT}
    if channel.kind in _NUMBERS:
        if not channel.unit:
            fields[probatio.Optional(CONF_UNIT)] = TEXT
        fields[probatio.Optional(CONF_PRECISION)] = number(0, MAX_PRECISION, 1)
    return fields


def _written(user_input: dict[str, Any]) -> dict[str, Any]:
    said = {name: value.strip() for name, value in user_input.items() if isinstance(value, str) and value.strip()}
    precision = user_input.get(CONF_PRECISION)
    return said if precision is None else {**said, CONF_PRECISION: int(precision)}
