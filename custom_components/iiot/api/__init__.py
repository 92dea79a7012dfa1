"""What pages and scripts ask of hubs beside the forms: web socket commands and actions, one file a noun."""

from homeassistant.core import HomeAssistant, callback

from . import assets, joining, life, policy, registry, roles


@callback
def async_setup_api(hass: HomeAssistant) -> None:
    """Register every command and action, once for all hubs."""
    assets.register(hass)
    joining.register(hass)
    life.register(hass)
    policy.register(hass)
    registry.register(hass)
    roles.register(hass)
