"""Sampling: how often a device itself reads its channels."""

from dataclasses import replace
from typing import Any, Final

import probatio
from homeassistant.config_entries import SubentryFlowResult
from homeassistant.data_entry_flow import section

from ..bridge.enrolment import plain
from ..engine.devices.sampling import COMMAND, MAX_INTERVAL_S, MIN_INTERVAL_S, MOST, Sampling
from .forms import number
from .pages import PageSteps, label

CONF_INTERVAL: Final = "interval_s"
CONF_OWN: Final = "own_intervals"
_INTERVAL: Final = number(MIN_INTERVAL_S, MAX_INTERVAL_S, 0.1, "s")


class SamplingSteps(PageSteps):
    """The page that says how often the device measures."""

    async def async_step_sampling(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask for the interval of all channels, and for those with one of their own."""
        labels = {label(channel): key for key, channel in self.channels().items()}
        errors: dict[str, str] = {}
        if user_input is not None:
            own = {labels[name]: value for name, value in user_input.get(CONF_OWN, {}).items() if name in labels}
            if len(own) > MOST:
                errors["base"] = "too_many_intervals"
            elif (own or CONF_INTERVAL in user_input) and not self._obeys():
                errors["base"] = "device_sets_no_interval"
            else:
                sampling = Sampling(interval_s=user_input.get(CONF_INTERVAL), intervals=own)
                return self.keep(replace(self.policy(), sampling=sampling))
        fields: dict[probatio.Marker, Any] = {probatio.Optional(CONF_INTERVAL): _INTERVAL}
        if labels:
            schema = probatio.Schema({probatio.Optional(name): _INTERVAL for name in labels})
            fields[probatio.Required(CONF_OWN)] = section(schema, {"collapsed": True})
        return self.async_show_form(
            step_id="sampling",
            data_schema=self.add_suggested_values_to_schema(probatio.Schema(fields), user_input or self._set(labels)),
            errors=errors,
            description_placeholders={"name": plain(self._get_reconfigure_subentry().title), "most": str(MOST)},
        )

    def _obeys(self) -> bool:
        """Whether the device takes such a command: one that has not described itself yet may."""
        member = self.member()
        return member is None or member.device.manifest is None or member.device.obeys(COMMAND)

    def _set(self, labels: dict[str, str]) -> dict[str, Any]:
        sampling = self.policy().sampling
        own = {name: sampling.intervals[key] for name, key in labels.items() if key in sampling.intervals}
        return {CONF_OWN: own} | ({} if sampling.interval_s is None else {CONF_INTERVAL: sampling.interval_s})
