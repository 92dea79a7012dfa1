"""The pages of adopted entities: which they are, what they are called, their gates."""

from dataclasses import replace
from typing import Any, Final

import probatio
from homeassistant.config_entries import SubentryFlowResult
from homeassistant.const import CONF_NAME

from ..bridge.enrolment import plain
from ..bridge.mapping import clean_name
from .adopted import AdoptedFlow
from .channels import ChannelSteps
from .forms import TEXT
from .pages import CONF_CHANNEL, chooser, label

PAGES: Final = ["entities", "gates", "rename"]


class AdoptedPagesFlow(ChannelSteps, AdoptedFlow):
    """Entities are adopted, and changed afterwards."""

    async def async_step_reconfigure(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask what is to be changed."""
        del user_input
        name = plain(self._get_reconfigure_subentry().title)
        return self.async_show_menu(step_id="reconfigure", menu_options=PAGES, description_placeholders={"name": name})

    async def async_step_rename(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask which channel is to be called otherwise."""
        channels = self.channels()
        if not channels:
            return self.async_abort(reason="no_channels")
        if user_input is not None:
            self._channel = channels[user_input[CONF_CHANNEL]]
            return await self.async_step_channel_name()
        return self.async_show_form(
            step_id="rename",
            data_schema=probatio.Schema({probatio.Required(CONF_CHANNEL): chooser(channels)}),
            description_placeholders={"name": plain(self._get_reconfigure_subentry().title)},
        )

    async def async_step_channel_name(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask how people call it."""
        channel, policy = self._channel, self.policy()
        errors: dict[str, str] = {}
        if user_input is not None:
            name = clean_name(user_input[CONF_NAME], "")
            if name:
                renamed = (replace(one, name=name) if one.key == channel.key else one for one in policy.entities)
                return self.keep(replace(policy, entities=tuple(renamed)))
            errors[CONF_NAME] = "name_missing"
        return self.async_show_form(
            step_id="channel_name",
            data_schema=self.add_suggested_values_to_schema(
                probatio.Schema({probatio.Required(CONF_NAME): TEXT}), {CONF_NAME: channel.name}
            ),
            errors=errors,
            description_placeholders={"channel": plain(label(channel)), "entity": plain(channel.source or "-")},
        )
