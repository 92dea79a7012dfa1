"""A device's provisioning text: shown once more to an administrator who insists, and taken when a device is added."""

from typing import Any, Final

import probatio
from homeassistant.config_entries import ConfigSubentryFlow, SubentryFlowResult
from homeassistant.helpers import selector

from ..bridge.enrolment import DeviceKey, plain, provisioning_text, running_hub
from ..bridge.events import KEY_SHOWN
from ..const import CONF_DEVICE_ID
from ..engine.errors import KeyFormError
from ..engine.wire.provision import Credential, read_qr_text
from .forms import LONG_TEXT, qr_code

CONF_PROVISIONING: Final = "provisioning"
CONF_QR: Final = "qr"
CONF_SURE: Final = "sure"


class ShowKeySteps(ConfigSubentryFlow):
    """Two steps: are you sure, and the QR code. Home Assistant gives such forms to administrators only."""

    async def async_step_show_key(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask whether the person knows what they do."""
        subentry = self._get_reconfigure_subentry()
        errors: dict[str, str] = {}
        if user_input is not None:
            if user_input[CONF_SURE]:
                return await self.async_step_key_shown()
            errors[CONF_SURE] = "not_sure"
        return self.async_show_form(
            step_id="show_key",
            data_schema=probatio.Schema({probatio.Required(CONF_SURE, default=False): selector.BooleanSelector()}),
            errors=errors,
            description_placeholders={"name": plain(subentry.title)},
        )

    async def async_step_key_shown(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Show the key that counts now, with all else that the device has to be told; the logbook says that it was."""
        if user_input is not None:
            return self.async_abort(reason="key_was_shown")
        _, hub = running_hub(self.hass, self._entry_id)
        device_id = self._get_reconfigure_subentry().data[CONF_DEVICE_ID]
        member = hub.plant.members.get(device_id)
        if member is None or not member.device.keys:
            return self.async_abort(reason="key_not_known")
        kid, key = member.device.keys.current
        shown = DeviceKey(kid=kid, key=key)
        text = provisioning_text(self.hass, hub, device_id, shown)
        hub.effects.events.decided(KEY_SHOWN, {"fingerprint": shown.fingerprint}, None, device_id)
        return self.async_show_form(
            step_id="key_shown",
            data_schema=probatio.Schema(
                {
                    probatio.Optional(CONF_PROVISIONING, description={"suggested_value": text}): LONG_TEXT,
                    probatio.Optional(CONF_QR): qr_code(text),
                }
            ),
            description_placeholders={"device_id": device_id, "fingerprint": shown.fingerprint},
        )


def scanned(user_input: dict[str, Any]) -> Credential | None:
    """Read the text of a QR code that a form was given; None: it was given none. Raises `KeyFormError`."""
    text = user_input.get(CONF_PROVISIONING, "").strip()
    if not text:
        return None
    found = read_qr_text(text)
    written = user_input.get(CONF_DEVICE_ID, "").strip()
    if written and written != found.device_id:
        raise KeyFormError
    return found
