"""A person revokes a device, or lets it in again: kept with the subentry, obeyed by the plant."""

from typing import TYPE_CHECKING

from homeassistant.core import HomeAssistant, callback

from ..const import CONF_REVOKED

if TYPE_CHECKING:
    from homeassistant.config_entries import ConfigSubentry

    from ..runtime import IiotConfigEntry


def reason_of(subentry: ConfigSubentry) -> str | None:
    """Why the device was revoked; None when it was not."""
    reason: str | None = subentry.data.get(CONF_REVOKED)
    return reason


@callback
def revoke(hass: HomeAssistant, entry: IiotConfigEntry, subentry: ConfigSubentry, reason: str) -> None:
    """Take nothing more from a device; its key stays known."""
    data = {**subentry.data, CONF_REVOKED: reason.strip()}
    hass.config_entries.async_update_subentry(entry, subentry, data=data)


@callback
def readmit(hass: HomeAssistant, entry: IiotConfigEntry, subentry: ConfigSubentry) -> None:
    """Let a revoked device in again."""
    data = {name: value for name, value in subentry.data.items() if name != CONF_REVOKED}
    hass.config_entries.async_update_subentry(entry, subentry, data=data)
