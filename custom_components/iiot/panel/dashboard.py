"""One dashboard per site in the sidebar, generated anew whenever it is opened and whenever devices come or go.

It belongs to nobody until a person edits it: what they save is kept and shown from then on, unchanged. Deleting all of
it (raw configuration editor, empty text) gives the generated one back.
"""

from datetime import datetime
from typing import Any, Final, override

from homeassistant.components import frontend
from homeassistant.components.lovelace.const import DOMAIN as LOVELACE
from homeassistant.components.lovelace.const import LOVELACE_DATA, MODE_AUTO, MODE_STORAGE
from homeassistant.components.lovelace.dashboard import LovelaceConfig
from homeassistant.config_entries import SIGNAL_CONFIG_ENTRY_CHANGED, ConfigEntry, ConfigEntryChange
from homeassistant.core import CALLBACK_TYPE, Event, HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.event import async_call_later
from homeassistant.helpers.json import cached_json_fragment, json_fragment
from homeassistant.helpers.storage import Store
from homeassistant.util import slugify

from ..bridge.words import async_words
from ..const import CONF_DASHBOARD, DOMAIN
from ..runtime import IiotConfigEntry
from .site import read_site
from .views import build

ICON: Final = "mdi:factory"
VERSION: Final = 1
REFRESH_AFTER_S: Final = 2.0
"""Devices that come together cause one refresh of open screens."""


class SiteDashboard(LovelaceConfig):
    """The dashboard of one site."""

    def __init__(self, hass: HomeAssistant, entry: IiotConfigEntry, url_path: str) -> None:
        super().__init__(hass, url_path, None)
        self._entry: Final = entry
        self._path: Final = url_path
        self._store: Final = _store(hass, entry.entry_id)
        self._own: dict[str, Any] | None = None
        """What a person made of it."""
        self._refreshing: CALLBACK_TYPE | None = None
        self._title: str | None = None
        """As it stands in the sidebar."""

    @property
    @override
    def url_path(self) -> str:
        return self._path

    @property
    @override
    def mode(self) -> str:
        return MODE_STORAGE

    async def async_restore(self) -> None:
        """Take up what a person made of it."""
        self._own = await self._store.async_load()

    @override
    async def async_get_info(self) -> dict[str, Any]:
        if self._own is None:
            return {"mode": MODE_AUTO}
        return {"mode": self.mode, "views": len(self._own.get("views", []))}

    @override
    async def async_load(self, force: bool) -> dict[str, Any]:
        if self._own is not None:
            return self._own
        words = await async_words(self.hass, "dashboard")
        return build(read_site(self.hass, self._entry), self._path, words)

    @override
    async def async_json(self, force: bool) -> json_fragment:
        return cached_json_fragment(await self.async_load(force))

    @override
    async def async_save(self, config: dict[str, Any]) -> None:
        self._own = config
        self._config_updated()
        await self._store.async_save(config)

    @override
    async def async_delete(self) -> None:
        self._own = None
        self._config_updated()
        await self._store.async_remove()

    @callback
    def refresh_soon(self) -> None:
        """Let open screens fetch the dashboard again."""
        if self._own is None and self._refreshing is None:
            self._refreshing = async_call_later(self.hass, REFRESH_AFTER_S, self._refresh)

    @callback
    def device_changed(self, event: Event[dr.EventDeviceRegistryUpdatedData]) -> None:
        """A device got another name or area."""
        device = dr.async_get(self.hass).async_get(event.data["device_id"])
        if device is not None and device.config_entry_id == self._entry.entry_id:
            self.refresh_soon()

    @callback
    def entry_changed(self, change: ConfigEntryChange, entry: ConfigEntry[Any]) -> None:
        """The site may have another name."""
        if change is ConfigEntryChange.UPDATED and entry is self._entry and entry.title != self._title:
            self.name_panel()
            self.refresh_soon()

    @callback
    def name_panel(self) -> None:
        """Stand in the sidebar under the site's name."""
        is_renamed, self._title = self._title is not None, self._entry.title
        frontend.async_register_built_in_panel(
            self.hass,
            LOVELACE,
            sidebar_title=self._title,
            sidebar_icon=ICON,
            frontend_url_path=self._path,
            config={"mode": self.mode},
            update=is_renamed,
        )

    @callback
    def stop(self) -> None:
        """Refresh nothing any more."""
        if self._refreshing is not None:
            self._refreshing()
            self._refreshing = None

    @callback
    def _refresh(self, _: datetime) -> None:
        self._refreshing = None
        self._config_updated()


async def async_show(hass: HomeAssistant, entry: IiotConfigEntry) -> CALLBACK_TYPE:
    """Put the site's dashboard into the sidebar; call what comes back to take it away."""
    if LOVELACE_DATA not in hass.data:
        return lambda: None
    dashboards = hass.data[LOVELACE_DATA].dashboards
    url_path = _path_of(hass, entry)
    dashboard = SiteDashboard(hass, entry, url_path)
    await dashboard.async_restore()
    dashboards[url_path] = dashboard
    dashboard.name_panel()
    releases = [
        entry.runtime_data.points.on_change(dashboard.refresh_soon),
        async_dispatcher_connect(hass, SIGNAL_CONFIG_ENTRY_CHANGED, dashboard.entry_changed),
        hass.bus.async_listen(dr.EVENT_DEVICE_REGISTRY_UPDATED, dashboard.device_changed),
    ]

    @callback
    def remove() -> None:
        for release in releases:
            release()
        dashboard.stop()
        frontend.async_remove_panel(hass, url_path)
        dashboards.pop(url_path, None)

    return remove


async def async_forget(hass: HomeAssistant, entry_id: str) -> None:
    """Remove what a person made of the dashboard, with the hub itself."""
    await _store(hass, entry_id).async_remove()


def _store(hass: HomeAssistant, entry_id: str) -> Store[dict[str, Any]]:
    return Store(hass, VERSION, f"{DOMAIN}.dashboard.{entry_id}")


def _path_of(hass: HomeAssistant, entry: IiotConfigEntry) -> str:
    """Give the address that the dashboard has had since its first day, whatever the site is called now."""
    kept: str | None = entry.data.get(CONF_DASHBOARD)
    path = _free_path(hass, kept or f"{DOMAIN}-{slugify(entry.title, separator='-')}")
    if path != kept:
        hass.config_entries.async_update_entry(entry, data={**entry.data, CONF_DASHBOARD: path})
    return path


def _free_path(hass: HomeAssistant, wanted: str) -> str:
    path, number = wanted, 1
    while frontend.async_panel_exists(hass, path):
        number += 1
        path = f"{wanted}-{number}"
    return path
