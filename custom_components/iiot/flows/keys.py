"""The steps in which a device gets its key."""

from abc import abstractmethod
from typing import Any, Final

import probatio
from homeassistant.data_entry_flow import AbortFlow, FlowContext, FlowHandler, FlowResult
from homeassistant.helpers import selector

from ..bridge.enrolment import (
    MOST_KID,
    DeviceKey,
    async_put_key,
    make_key,
    named_by_device,
    provisioning_text,
    read_key,
)
from ..bridge.hub import Hub
from ..const import CONF_KEY, CONF_KID
from ..engine.errors import KeyFormError, StoreError
from ..runtime import IiotConfigEntry
from .forms import LONG_TEXT, TEXT, qr_code

CONF_PROVISIONING: Final = "provisioning"
CONF_QR: Final = "qr"
_KID: Final = selector.NumberSelector({"min": 1, "max": MOST_KID, "step": 1, "mode": selector.NumberSelectorMode.BOX})


class KeySteps[ContextT: FlowContext, ResultT: FlowResult[Any, Any], HandlerT](
    FlowHandler[ContextT, ResultT, HandlerT]
):
    """The steps in which a device gets a key; what follows is the flow's own."""

    device_id: str
    form: dict[str, Any]
    """What the person filled in about the device."""
    proposed_kid: int = 1
    _made: DeviceKey | None = None
    _doubted: DeviceKey | None = None
    """A pasted key that made no message of the device; pasted once more it is taken all the same."""

    @abstractmethod
    def hub(self) -> tuple[IiotConfigEntry, Hub]:
        """Give the hub that the device joins; aborts when it does not run."""

    @abstractmethod
    async def async_key_given(self, key: DeviceKey) -> ResultT:
        """Go on with the key that was pasted, derived or made."""

    async def async_step_device_key(self, user_input: dict[str, Any] | None = None) -> ResultT:
        """Take the key that is on the device already. What the device signed with it says its number."""
        _, hub = self.hub()
        errors: dict[str, str] = {}
        if user_input is not None:
            try:
                key = read_key(user_input[CONF_KEY], self.device_id, int(user_input.get(CONF_KID, self.proposed_kid)))
            except KeyFormError as err:
                errors[CONF_KEY] = err.code
            else:
                doubted, self._doubted = self._doubted, key
                is_sure = doubted is not None and doubted.key == key.key
                if is_sure or hub.message_fits_key(self.device_id, key.key) is not False:
                    return await self.async_key_given(named_by_device(hub, self.device_id, key))
                errors[CONF_KEY] = "wrong_key"
        schema: dict[probatio.Marker, Any] = {probatio.Required(CONF_KEY): TEXT}
        if errors or hub.plant.inbox.get(self.device_id) is None:
            schema[probatio.Required(CONF_KID, default=self.proposed_kid)] = _KID
        return self.async_show_form(
            step_id="device_key",
            data_schema=self.add_suggested_values_to_schema(probatio.Schema(schema), user_input),
            errors=errors,
            description_placeholders={"device_id": self.device_id},
        )

    async def async_step_device_key_made(self, user_input: dict[str, Any] | None = None) -> ResultT:
        """Show a new key, with all else that the device has to be told, this once."""
        _, hub = self.hub()
        if self._made is None:
            self._made = make_key(hub, self.device_id)
        if user_input is not None:
            return await self.async_key_given(self._made)
        text = provisioning_text(self.hass, hub, self.device_id, self._made)
        return self.async_show_form(
            step_id="device_key_made",
            data_schema=probatio.Schema(
                {
                    probatio.Optional(CONF_PROVISIONING, description={"suggested_value": text}): LONG_TEXT,
                    probatio.Optional(CONF_QR): qr_code(text),
                }
            ),
            description_placeholders={"device_id": self.device_id, "fingerprint": self._made.fingerprint},
        )

    async def save_key(self, key: DeviceKey, *, is_new: bool = True) -> None:
        """Write the key; aborts when it cannot be kept."""
        _, hub = self.hub()
        try:
            await async_put_key(self.hass, hub, self.device_id, key, is_new=is_new)
        except StoreError as err:
            raise AbortFlow("key_not_saved") from err
