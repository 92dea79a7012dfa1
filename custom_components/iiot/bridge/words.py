"""Words for texts that Home Assistant does not put together itself, in the language of the house."""

from typing import Final

from homeassistant.core import HomeAssistant
from homeassistant.helpers.translation import async_get_translations

from ..const import DOMAIN

_CATEGORY: Final = "selector"
"""The one part of the translations that may hold words of any kind."""


async def async_words(hass: HomeAssistant, bank: str) -> dict[str, str]:
    """Give the words of one bank by key."""
    found = await async_get_translations(hass, hass.config.language, _CATEGORY, {DOMAIN})
    start = f"component.{DOMAIN}.{_CATEGORY}.{bank}.options."
    return {name.removeprefix(start): word for name, word in found.items() if name.startswith(start)}
