"""Repairs that a person can settle: who holds a device's key and commands it, what it says, what was lost."""

from typing import Any, ClassVar, Final, override

import probatio
from homeassistant.components.repairs import RepairsFlow, RepairsFlowResult
from homeassistant.components.repairs.const import FlowType
from homeassistant.config_entries import SOURCE_RECONFIGURE
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import issue_registry as ir

from .bridge.budget import busiest, diagnostic_entities, disable
from .bridge.enrolment import listed, running_hub
from .bridge.hub import Hub
from .bridge.notices import (
    CHANNEL_CHATTERS,
    CHANNELS_LACKING,
    DATA_DEVICE_ID,
    DATA_ENTRY_ID,
    DATA_KIND,
    ENTITY_BUDGET,
    JOURNAL_BEGAN_ANEW,
    JOURNAL_OVERRUN,
)
from .bridge.revocation import set_standing_back
from .bridge.stations import subentry_of
from .const import CONF_LISTEN_ONLY, CONF_REPLACED, DOMAIN
from .engine.plant import notices
from .runtime import IiotConfigEntry


class NoticeFlow(RepairsFlow):
    """What all repairs share: one question, and the hub that it is about."""

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Start with the question; what comes in here is not an answer yet."""
        del user_input
        return await self.async_step_confirm()

    async def async_step_confirm(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Say what it means, then do it."""
        if user_input is not None:
            return await self.async_settle()
        return self.async_show_form(
            step_id="confirm", data_schema=probatio.Schema({}), description_placeholders=self.words()
        )

    async def async_settle(self) -> RepairsFlowResult:
        """A person has read it: that is all there is to do."""
        return self.async_create_entry(data={})

    def hub(self) -> tuple[IiotConfigEntry, Hub]:
        """Give the hub; aborts when it does not run."""
        return running_hub(self.hass, str(self._facts[DATA_ENTRY_ID]))

    @property
    def device_id(self) -> str:
        """The device that it is about."""
        return str(self._facts[DATA_DEVICE_ID])

    def words(self) -> dict[str, str]:
        """Give the placeholders of the notice."""
        issue = ir.async_get(self.hass).async_get_issue(DOMAIN, self.issue_id)
        return dict(issue.translation_placeholders or {}) if issue else {}

    def go_on(self) -> RepairsFlowResult:
        """Forget the notice; what still holds is found, and said, again."""
        _, hub = self.hub()
        hub.settle(self.device_id, str(self._facts[DATA_KIND]))
        return self.async_create_entry(data={})

    async def change_device(self, page: str = "details") -> RepairsFlowResult:
        """Go on in a form of the device, where it gets a key, for one. The notice goes when that is done."""
        entry, _ = self.hub()
        subentry = subentry_of(entry, self.device_id)
        if subentry is None:
            return self.async_abort(reason="device_gone")
        flows = self.hass.config_entries.subentries
        menu = await flows.async_init(
            (entry.entry_id, subentry.subentry_type),
            context={"source": SOURCE_RECONFIGURE, "subentry_id": subentry.subentry_id},
        )
        form = menu
        if menu["type"] is FlowResultType.MENU:  # who has one page only is there already
            form = await flows.async_configure(menu["flow_id"], {"next_step_id": page})
        return self.async_abort(reason="change_device", next_flow=(FlowType.CONFIG_SUBENTRIES_FLOW, form["flow_id"]))

    @property
    def _facts(self) -> dict[str, str | int | float | None]:
        return self.data or {}


class HolderFlow(NoticeFlow):
    """Two devices hold one key, or two hubs: a person says who goes on."""

    ways: ClassVar = ["go_on", "new_key"]

    @override
    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        return await self.async_step_decide()

    async def async_step_decide(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Say what it means, and what can be done."""
        del user_input
        return self.async_show_menu(step_id="decide", menu_options=self.ways, description_placeholders=self.words())

    async def async_step_go_on(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """The hub speaks to the device again."""
        del user_input
        return self.go_on()

    async def async_step_new_key(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """The device gets a key that nobody else has."""
        del user_input
        return await self.change_device()


class CommanderFlow(HolderFlow):
    """Another hub commands the device: this one takes over, or stands back."""

    ways: ClassVar = ["go_on", "new_key", "stand_back"]

    async def async_step_stand_back(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """This hub only listens to the device from now on."""
        del user_input
        entry, _ = self.hub()
        subentry = subentry_of(entry, self.device_id)
        if subentry is None:
            return self.async_abort(reason="device_gone")
        set_standing_back(self.hass, entry, subentry, back=True)
        return self.go_on()


class KeyFlow(NoticeFlow):
    """A device speaks under a key that the hub does not hold: a person enters it, or makes a new one."""

    @override
    async def async_settle(self) -> RepairsFlowResult:
        return await self.change_device()


class ChannelsFlow(NoticeFlow):
    """A bare device speaks, and nobody has said what its values are: a person names them."""

    @override
    async def async_settle(self) -> RepairsFlowResult:
        return await self.change_device("channels")


class ChatterFlow(NoticeFlow):
    """A channel changes too often: a person sets how small a change and how short a time is shown."""

    @override
    async def async_settle(self) -> RepairsFlowResult:
        return await self.change_device("gates")


class AskFlow(NoticeFlow):
    """A device said something that cannot be used: it is asked again."""

    @override
    async def async_settle(self) -> RepairsFlowResult:
        entry, hub = self.hub()
        if entry.options.get(CONF_LISTEN_ONLY):
            return self.async_abort(reason="listen_only")
        hub.ask(self.device_id)
        return self.go_on()


class BudgetFlow(NoticeFlow):
    """A site has nearly as many entities as Home Assistant takes: those that only engineers need are disabled."""

    @override
    async def async_settle(self) -> RepairsFlowResult:
        entry, _ = self.hub()
        found = diagnostic_entities(self.hass, entry)
        if not found:
            return self.async_abort(reason="nothing_to_disable")
        disable(self.hass, found)
        return self.async_create_entry(data={})

    @override
    def words(self) -> dict[str, str]:
        entry, _ = self.hub()
        names = [f"{name}: {count}" for name, count in busiest(self.hass, entry)]
        count = len(diagnostic_entities(self.hass, entry))
        return {**super().words(), "diagnostic": str(count), "devices": listed(names)}


class LackingFlow(NoticeFlow):
    """New hardware lacks channels of the old one: their entities are removed, or stay until it has them."""

    @override
    async def async_settle(self) -> RepairsFlowResult:
        entry, _ = self.hub()
        subentry = subentry_of(entry, self.device_id)
        if subentry is None:
            return self.async_abort(reason="device_gone")
        data = {name: value for name, value in subentry.data.items() if name != CONF_REPLACED}
        self.hass.config_entries.async_update_subentry(entry, subentry, data=data)
        return self.async_create_entry(data={})


_FLOWS: Final[dict[str, type[NoticeFlow]]] = {
    notices.TWIN: HolderFlow,
    notices.FOREIGN: CommanderFlow,
    notices.KEY: KeyFlow,
    notices.CLOCK: AskFlow,
    notices.MANIFEST: AskFlow,
    notices.CHANNELS: ChannelsFlow,
    JOURNAL_OVERRUN: NoticeFlow,
    JOURNAL_BEGAN_ANEW: NoticeFlow,
    ENTITY_BUDGET: BudgetFlow,
    CHANNEL_CHATTERS: ChatterFlow,
    CHANNELS_LACKING: LackingFlow,
}


async def async_create_fix_flow(
    hass: HomeAssistant, issue_id: str, data: dict[str, str | int | float | None] | None
) -> RepairsFlow:
    """Only notices of `notices.FIXABLE` get here."""
    del hass, issue_id
    return _FLOWS[str((data or {})[DATA_KIND])]()
