"""The fields that several forms share."""

from typing import Any, Final, Literal

import probatio
from homeassistant.const import CONF_NAME
from homeassistant.helpers import selector

from ..const import CONF_AREA, CONF_DESCRIPTION, CONF_KEY_SOURCE

DERIVED: Final = "derived"
PASTE: Final = "paste"
GENERATE: Final = "generate"
KEEP: Final = "keep"
KEPT: Final = "kept"
"""The key under which the device was known here before."""

CONF_NEW_AREA: Final = "new_area"
TEXT: Final = selector.TextSelector()
LONG_TEXT: Final = selector.TextSelector({"multiline": True})


def number(
    low: float | None, high: float | None, step: float | Literal["any"], unit: str | None = None
) -> selector.NumberSelector:
    """Ask for a number; None: open at that end."""
    config = selector.NumberSelectorConfig(step=step, mode=selector.NumberSelectorMode.BOX)
    if low is not None:
        config["min"] = low
    if high is not None:
        config["max"] = high
    if unit is not None:
        config["unit_of_measurement"] = unit
    return selector.NumberSelector(config)


def per_second(unit: str | None) -> str | None:
    """Give the unit of a change of something that has `unit`."""
    return None if unit is None else f"{unit}/s"


def qr_code(text: str) -> selector.QrCodeSelector:
    """Draw `text` for a device's camera or a phone."""
    return selector.QrCodeSelector(
        {"data": text, "scale": 4, "error_correction_level": selector.QrErrorCorrectionLevel.LOW}
    )


def choice(options: list[str], translation_key: str) -> selector.SelectSelector:
    """Offer options one below the other, in translated words."""
    return selector.SelectSelector(
        {"options": options, "translation_key": translation_key, "mode": selector.SelectSelectorMode.LIST}
    )


def key_source(options: list[str]) -> dict[probatio.Marker, Any]:
    """Ask where the key comes from; the first option is proposed."""
    return {probatio.Required(CONF_KEY_SOURCE, default=options[0]): choice(options, CONF_KEY_SOURCE)}


def details(*, new_area: bool = False) -> dict[probatio.Marker, Any]:
    """Ask what people know of a device; `new_area` lets them take over the name of a place."""
    proposal: dict[probatio.Marker, Any] = {probatio.Optional(CONF_NEW_AREA): TEXT} if new_area else {}
    return {
        probatio.Required(CONF_NAME): TEXT,
        probatio.Optional(CONF_AREA): selector.AreaSelector(),
        **proposal,
        probatio.Optional(CONF_DESCRIPTION): LONG_TEXT,
    }
