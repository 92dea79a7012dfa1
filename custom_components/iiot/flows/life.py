"""The pages of a device's life: its next key, other hardware in its place, revoked and let in again."""

from abc import abstractmethod
from typing import Any, Final

import probatio
from homeassistant.config_entries import ConfigSubentry, SubentryFlowContext, SubentryFlowResult
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import selector

from ..bridge.actors import actor_of
from ..bridge.enrolment import DeviceKey, is_registered, plain
from ..bridge.hub import Hub
from ..bridge.mapping import clean_name
from ..bridge.revocation import readmit, reason_of, revoke, set_standing_back
from ..const import (
    CONF_DEVICE_ID,
    CONF_FINGERPRINT,
    CONF_KEY_SOURCE,
    CONF_KID,
    CONF_REPLACED,
    CONF_REVOKED,
    CONF_STANDS_BACK,
)
from ..engine.actuation.command import Step
from ..engine.actuation.roles import Role
from ..engine.actuation.wish import Wish
from ..engine.errors import DeviceIdError
from ..engine.plant.rotation import REKEY
from ..engine.wire import topics
from .forms import DERIVED, GENERATE, KEPT, LONG_TEXT, PASTE, key_source
from .keys import KeySteps

CONF_REASON: Final = "reason"


class LifeSteps(KeySteps[SubentryFlowContext, SubentryFlowResult, tuple[str, str]]):
    """Pages of the device's menu that change what stands behind it, not what people wrote."""

    is_replacing: bool = False
    """The key that is asked for is that of the hardware which takes the place."""

    @abstractmethod
    def subentry(self) -> ConfigSubentry:
        """Give the subentry that is changed."""

    @abstractmethod
    def put_in_place(self, data: dict[str, Any], *, unique_id: str) -> SubentryFlowResult:
        """Write the subentry and end."""

    async def async_step_next_key(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Let the device take its next key, over the network, and say how that ended."""
        _, hub = self.hub()
        device_id = str(self.subentry().unique_id)
        if user_input is None:
            return self._confirm("next_key")
        wish = Wish(name=REKEY, args={}, actor=actor_of(None, "form"))
        try:
            command = await hub.actors.async_ask(device_id, wish, Role.ENGINEER)
            hub.actors.raise_unless_done(command)
        except HomeAssistantError as err:
            return self.async_abort(reason="key_not_changed", description_placeholders={"reason": plain(str(err))})
        if command.step is Step.DONE:
            return self.async_abort(reason="key_changed")
        return self.async_abort(reason="key_waits")

    async def async_step_revoke(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Take nothing more from the device; one that is revoked may be let in again."""
        if reason_of(self.subentry()) is not None:
            return await self.async_step_readmit()
        entry, _ = self.hub()
        if user_input is None:
            return self._confirm("revoke", {probatio.Required(CONF_REASON): LONG_TEXT})
        revoke(self.hass, entry, self.subentry(), user_input[CONF_REASON])
        return self.async_abort(reason="device_revoked")

    async def async_step_readmit(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Let a revoked device in again."""
        entry, _ = self.hub()
        if user_input is None:
            return self._confirm("readmit")
        readmit(self.hass, entry, self.subentry())
        return self.async_abort(reason="device_readmitted")

    async def async_step_commander(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask whether this hub commands the device, or leaves that to another one."""
        entry, _ = self.hub()
        subentry = self.subentry()
        if user_input is None:
            field = probatio.Required(CONF_STANDS_BACK, default=CONF_STANDS_BACK in subentry.data)
            return self._confirm("commander", {field: selector.BooleanSelector()})
        set_standing_back(self.hass, entry, subentry, back=user_input[CONF_STANDS_BACK])
        return self.async_abort(reason="commander_changed")

    async def async_step_replace(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask for the hardware that takes the place of the present one, and for its key."""
        _, hub = self.hub()
        errors: dict[str, str] = {}
        if user_input is not None:
            self.is_replacing = True
            self.device_id = user_input[CONF_DEVICE_ID].strip()
            errors = self._check_replacement()
            if not errors:
                result = await self.step_for_key(hub, user_input[CONF_KEY_SOURCE])
                if result is not None:
                    return result
                if user_input[CONF_KEY_SOURCE] == KEPT:
                    errors[CONF_KEY_SOURCE] = "key_not_kept"
                else:
                    errors[CONF_KEY_SOURCE] = "key_not_derived"
        sources = ([DERIVED] if hub.keys.fleet_key else []) + [PASTE, GENERATE] + ([KEPT] if hub.keys.removed else [])
        schema = probatio.Schema({probatio.Required(CONF_DEVICE_ID): waiting_devices(hub)} | key_source(sources))
        return self.async_show_form(
            step_id="replace",
            data_schema=self.add_suggested_values_to_schema(schema, user_input),
            errors=errors,
            description_placeholders=self._words(),
        )

    @abstractmethod
    async def step_for_key(self, hub: Hub, source: str) -> SubentryFlowResult | None:
        """Go on to the key of `device_id`; None when there is none of this source."""

    async def replace_with(self, key: DeviceKey) -> SubentryFlowResult:
        """Put the new hardware in the place of the old one, which keeps its window and can come back."""
        _, hub = self.hub()
        subentry = self.subentry()
        await self.save_key(key)
        member = hub.plant.members.get(str(subentry.unique_id))
        manifest = member.device.manifest if member else None
        had = {*subentry.data.get(CONF_REPLACED, ()), *(manifest.channels if manifest else ())}
        stays = {name: value for name, value in subentry.data.items() if name != CONF_REVOKED}
        data = {**stays, CONF_DEVICE_ID: self.device_id}
        data |= {CONF_KID: key.kid, CONF_FINGERPRINT: key.fingerprint, CONF_REPLACED: sorted(had)}
        return self.put_in_place(data, unique_id=self.device_id)

    def _check_replacement(self) -> dict[str, str]:
        entry, _ = self.hub()
        try:
            topics.check_device_id(self.device_id)
        except DeviceIdError as err:
            return {CONF_DEVICE_ID: err.code}
        return {CONF_DEVICE_ID: "already_configured"} if is_registered(entry, self.device_id) else {}

    def _confirm(self, step_id: str, fields: dict[probatio.Marker, Any] | None = None) -> SubentryFlowResult:
        return self.async_show_form(
            step_id=step_id, data_schema=probatio.Schema(fields or {}), description_placeholders=self._words()
        )

    def _words(self) -> dict[str, str]:
        subentry = self.subentry()
        return {
            "name": plain(subentry.title),
            "device_id": str(subentry.unique_id),
            "kid": str(subentry.data[CONF_KID]),
            "fingerprint": subentry.data[CONF_FINGERPRINT],
            "reason": plain(reason_of(subentry) or "-"),
        }


def waiting_devices(hub: Hub) -> selector.SelectSelector:
    """Offer the devices that wait, and room for another id."""
    waiting = [
        selector.SelectOptionDict(value=found.id, label=f"{clean_name(found.name, found.id)} ({found.id})")
        for found in reversed(hub.plant.inbox.entries())
    ]
    return selector.SelectSelector(
        {"options": waiting, "custom_value": True, "mode": selector.SelectSelectorMode.DROPDOWN}
    )
