"""A new hub's fleet key, on its way from the form to the key file.

The form has no entry id yet, hence no folder to write to, and a key has no place in an entry's data.
"""

from typing import Final

from homeassistant.core import HomeAssistant, callback
from homeassistant.util.hass_dict import HassKey

from ..const import DOMAIN

DATA_PENDING_KEYS: Final[HassKey[dict[str, bytes | None]]] = HassKey(f"{DOMAIN}_pending_keys")


@callback
def remember_fleet_key(hass: HomeAssistant, unique_id: str, key: bytes | None) -> None:
    """Keep the fleet key (None: the hub has none) until the entry with this unique id is set up for the first time."""
    hass.data.setdefault(DATA_PENDING_KEYS, {})[unique_id] = key
