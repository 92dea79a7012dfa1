"""Polling: when a device is asked for its readings."""

from dataclasses import replace
from typing import Any, Final

import probatio
from homeassistant.config_entries import SubentryFlowResult
from homeassistant.data_entry_flow import section

from ..bridge.enrolment import plain
from ..engine.plant.polls import CAPABILITY
from ..engine.polling.plan import MAX_INTERVAL_S, MAX_TIMEOUT_S, MIN_INTERVAL_S, MIN_TIMEOUT_S, Polling
from .forms import number
from .pages import PageSteps, chooser, label

CONF_INTERVAL: Final = "interval_s"
CONF_CHANNELS: Final = "channels"
CONF_TIMEOUT: Final = "timeout_s"
CONF_OWN: Final = "own_intervals"
_INTERVAL: Final = number(MIN_INTERVAL_S, MAX_INTERVAL_S, 0.1, "s")


class PollingSteps(PageSteps):
    """The page that says how often which channels are asked for."""

    async def async_step_polling(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask for interval, channels and patience; a form without any interval ends the polling."""
        channels = self.channels()
        labels = {label(channel): key for key, channel in channels.items()}
        errors: dict[str, str] = {}
        if user_input is not None:
            polling = _polling(user_input, labels)
            if polling == Polling() or self._answers():
                return self.keep(replace(self.policy(), polling=polling))
            errors["base"] = "device_answers_nothing"
        fields: dict[probatio.Marker, Any] = {probatio.Optional(CONF_INTERVAL): _INTERVAL}
        if channels:
            fields[probatio.Optional(CONF_CHANNELS)] = chooser(channels, many=True)
        fields[probatio.Required(CONF_TIMEOUT)] = number(MIN_TIMEOUT_S, MAX_TIMEOUT_S, 0.5, "s")
        if channels:
            own = probatio.Schema({probatio.Optional(name): _INTERVAL for name in labels})
            fields[probatio.Required(CONF_OWN)] = section(own, {"collapsed": True})
        return self.async_show_form(
            step_id="polling",
            data_schema=self.add_suggested_values_to_schema(probatio.Schema(fields), user_input or self._shown(labels)),
            errors=errors,
            description_placeholders={"name": plain(self._get_reconfigure_subentry().title)},
        )

    def _answers(self) -> bool:
        """Whether the device may answer: one that has not called yet may."""
        member = self.member()
        beat = member.device.heartbeat if member else None
        return beat is None or CAPABILITY in beat.caps

    def _shown(self, labels: dict[str, str]) -> dict[str, Any]:
        polling, channels = self.policy().polling, self.channels()
        waiting = [key for key, channel in channels.items() if channel.polled]
        chosen = [key for key in polling.channels if key in channels] or waiting
        shown: dict[str, Any] = {CONF_TIMEOUT: polling.timeout_s, CONF_CHANNELS: chosen}
        if polling.interval_s is not None:
            shown[CONF_INTERVAL] = polling.interval_s
        own = polling.intervals
        return shown | {CONF_OWN: {name: own[key] for name, key in labels.items() if key in own}}


def _polling(user_input: dict[str, Any], labels: dict[str, str]) -> Polling:
    interval_s, own = user_input.get(CONF_INTERVAL), user_input.get(CONF_OWN, {})
    if interval_s is None and not own:
        return Polling()
    return Polling(
        interval_s=interval_s,
        channels=tuple(user_input.get(CONF_CHANNELS, ())),
        intervals={labels[name]: interval for name, interval in own.items() if name in labels},
        timeout_s=user_input[CONF_TIMEOUT],
    )
