"""The page that says where a device stands: its area in Home Assistant, and the line and the cell below it."""

from typing import Any, Final

import probatio
from homeassistant.config_entries import SubentryFlowResult
from homeassistant.helpers import area_registry as ar
from homeassistant.helpers import selector

from ..bridge.assets import assign, known_names
from ..bridge.enrolment import plain, running_hub
from ..bridge.places import Place, path_of, place_of
from ..const import CONF_AREA
from ..engine import records
from ..engine.devices.assets import Asset
from ..engine.errors import RecordError
from .pages import PageSteps

CONF_LINE: Final = "line"
CONF_CELL: Final = "cell"


class AssetSteps(PageSteps):
    """The page "Asset"."""

    async def async_step_asset(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask for area, line and cell; an empty form takes the device out of all of them."""
        _, hub = running_hub(self.hass, self._entry_id)
        subentry = self._get_reconfigure_subentry()
        errors: dict[str, str] = {}
        if user_input is not None:
            area_id = user_input.get(CONF_AREA)
            if area_id is not None and ar.async_get(self.hass).async_get_area(area_id) is None:
                errors[CONF_AREA] = "area_gone"
            written = {name: text for name in (CONF_LINE, CONF_CELL) if (text := user_input.get(name, "").strip())}
            try:
                asset = records.read(Asset, written)
            except RecordError as err:
                errors[err.path] = "invalid_place"
                if CONF_LINE not in written:
                    errors[CONF_CELL] = "line_missing"
            else:
                if not errors:
                    assign(hub, subentry, Place(area_id, asset.line, asset.cell))
                    return self.end()
        lines, cells = known_names(hub)
        schema = probatio.Schema(
            {
                probatio.Optional(CONF_AREA): selector.AreaSelector(),
                probatio.Optional(CONF_LINE): _suggestions(lines),
                probatio.Optional(CONF_CELL): _suggestions(cells),
            }
        )
        place = place_of(hub, subentry)
        present = {CONF_AREA: place.area_id, CONF_LINE: place.line, CONF_CELL: place.cell}
        return self.async_show_form(
            step_id="asset",
            data_schema=self.add_suggested_values_to_schema(schema, user_input or present),
            errors=errors,
            description_placeholders={"name": plain(subentry.title), "path": plain(path_of(hub, place))},
        )


def _suggestions(names: list[str]) -> selector.SelectSelector:
    """Offer names that exist, and room for another."""
    return selector.SelectSelector(
        {"options": names, "custom_value": True, "mode": selector.SelectSelectorMode.DROPDOWN, "sort": False}
    )
