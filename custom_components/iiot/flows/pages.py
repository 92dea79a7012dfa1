"""What the pages of a device share: its hub, its channels, and where what people decide is kept."""

from typing import Final

from homeassistant.config_entries import ConfigSubentryFlow, OptionsFlow, SubentryFlowResult
from homeassistant.helpers import selector

from ..bridge.enrolment import policy_of, running_hub
from ..bridge.hub import Hub
from ..bridge.mapping import clean_name
from ..bridge.policies import write_policy
from ..const import CONF_DEVICE_ID
from ..engine.devices.manifest import Channel
from ..engine.plant import Member
from ..engine.plant.policy import Policy

CONF_CHANNEL: Final = "channel"


class HubPageSteps(OptionsFlow):
    """A page of the options of a site."""

    def hub(self) -> Hub:
        """Give the hub at work; aborts when it does not run."""
        return running_hub(self.hass, self.config_entry.entry_id)[1]


class PageSteps(ConfigSubentryFlow):
    """A page that changes a section of a device's policy."""

    def member(self) -> Member | None:
        """Give the device at work; aborts when its hub does not run."""
        _, hub = running_hub(self.hass, self._entry_id)
        return hub.plant.members.get(self._get_reconfigure_subentry().data[CONF_DEVICE_ID])

    def channels(self) -> dict[str, Channel]:
        """Give the channels of the device that have values."""
        member = self.member()
        manifest = member.device.manifest if member else None
        if member is None or manifest is None:
            return {}
        return {key: channel for key, channel in manifest.channels.items() if key not in member.board.waves}

    def policy(self) -> Policy:
        """Give what people have decided so far."""
        return policy_of(self._get_reconfigure_subentry())

    def keep(self, policy: Policy) -> SubentryFlowResult:
        """Keep what they decide now, and end."""
        self.write(policy)
        return self.end()

    def write(self, policy: Policy) -> None:
        """Keep what they decide now; aborts when the hub does not run."""
        _, hub = running_hub(self.hass, self._entry_id)
        write_policy(hub, self._get_reconfigure_subentry(), policy)

    def end(self) -> SubentryFlowResult:
        """What they decided is kept."""
        return self.async_abort(reason="reconfigure_successful")


def label(channel: Channel) -> str:
    """A channel as people choose it: as the device calls it, and its key."""
    name = clean_name(channel.name, channel.key)
    return channel.key if name == channel.key else f"{name} ({channel.key})"


def chooser(channels: dict[str, Channel], *, many: bool = False) -> selector.SelectSelector:
    """Offer channels."""
    options = [selector.SelectOptionDict(value=key, label=label(channel)) for key, channel in channels.items()]
    return selector.SelectSelector({"options": options, "multiple": many, "mode": selector.SelectSelectorMode.DROPDOWN})
