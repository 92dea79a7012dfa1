"""A person revokes a device or lets it in again, leaves it to another hub or takes it over: kept with the subentry."""

from typing import TYPE_CHECKING

from homeassistant.core import HomeAssistant, callback

from ..const import CONF_REVOKED, CONF_STANDS_BACK

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


@callback
def set_standing_back(hass: HomeAssistant, entry: IiotConfigEntry, subentry: ConfigSubentry, *, back: bool) -> None:
    """Leave a device to another hub, or speak to it again."""
    data = {name: value for name, value in subentry.data.items() if name != CONF_STANDS_BACK}
    if back:
        data[CONF_STANDS_BACK] = True
    hass.config_entries.async_update_subentry(entry, subentry, data=data)
