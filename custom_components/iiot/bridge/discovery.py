"""Waiting devices become discovery cards, or join at once where the hub's owner said so."""

import logging
from typing import TYPE_CHECKING, Final

from homeassistant.config_entries import (
    SIGNAL_CONFIG_ENTRY_CHANGED,
    SOURCE_IGNORE,
    SOURCE_INTEGRATION_DISCOVERY,
    ConfigEntryChange,
    signal_discovered_config_entry_removed,
)
from homeassistant.core import CALLBACK_TYPE, callback
from homeassistant.data_entry_flow import AbortFlow
from homeassistant.helpers import area_registry as ar
from homeassistant.helpers import discovery_flow
from homeassistant.helpers.discovery_flow import DiscoveryKey
from homeassistant.helpers.dispatcher import async_dispatcher_connect

from ..const import CONF_AREA, CONF_CHANNEL_DESCRIPTIONS, CONF_DEVICE_ID, CONF_POLICY, DOMAIN
from ..engine import records
from ..engine.errors import StoreError
from .enrolment import DeviceKey, area_named, async_put_key, device_subentry
from .mapping import clean_name
from .templates import registration_of

if TYPE_CHECKING:
    from homeassistant.config_entries import ConfigEntry

    from ..engine.devices.inbox import Waiting
    from .hub import Hub

_LOGGER = logging.getLogger(__name__)

CONF_ENTRY_ID: Final = "entry_id"
_DISCOVERY_VERSION: Final = 1


def flow_key(hub: Hub, device_id: str) -> str:
    """Unique id of a device's discovery flow, and of the entry that ignores it."""
    return f"{hub.entry.entry_id}:{device_id}"


@callback
def offer(hub: Hub, device_id: str) -> None:
    """Show a card; the form reads everything but the id from the inbox when it is opened."""
    if is_ignored(hub, device_id):
        hub.plant.forget_card(device_id)
        return
    discovery_flow.async_create_flow(
        hub.hass,
        DOMAIN,
        context={"source": SOURCE_INTEGRATION_DISCOVERY},
        data={CONF_ENTRY_ID: hub.entry.entry_id, CONF_DEVICE_ID: device_id},
        discovery_key=DiscoveryKey(domain=DOMAIN, key=flow_key(hub, device_id), version=_DISCOVERY_VERSION),
    )


@callback
def withdraw(hub: Hub, device_id: str) -> None:
    """Take the card of a device away that joined or waits no more; one that somebody has open stays."""
    hub.hass.config_entries.flow.async_dismiss_discovery_flows(
        dict, lambda data: data == {CONF_ENTRY_ID: hub.entry.entry_id, CONF_DEVICE_ID: device_id}
    )


@callback
def withdraw_all(hub: Hub) -> None:
    """Take every card of this hub away: it stops."""
    flows = hub.hass.config_entries.flow
    entry_id = hub.entry.entry_id
    for flow in flows.async_progress_by_init_data_type(dict, lambda data: data.get(CONF_ENTRY_ID) == entry_id):
        flows.async_abort(flow["flow_id"])


def is_ignored(hub: Hub, device_id: str) -> bool:
    """Whether a person chose not to be asked about this device."""
    entries = hub.hass.config_entries
    entry = entries.async_entry_for_domain_unique_id(DOMAIN, flow_key(hub, device_id))
    return entry is not None and entry.source == SOURCE_IGNORE


def ignored(hub: Hub) -> dict[str, ConfigEntry]:
    """Give the entries that ignore devices of this hub, by device."""
    prefix = flow_key(hub, "")
    return {
        str(entry.unique_id).removeprefix(prefix): entry
        for entry in hub.hass.config_entries.async_entries(DOMAIN)
        if entry.source == SOURCE_IGNORE and str(entry.unique_id).startswith(prefix)
    }


async def async_ignore(hub: Hub, device_id: str, reason: str) -> None:
    """Ask nobody about a waiting device any more, and keep why."""
    entry = hub.plant.inbox.get(device_id)
    name = clean_name(entry.name if entry else "", device_id)
    withdraw(hub, device_id)
    title = f"{name}: {reason}" if reason else name
    await hub.hass.config_entries.flow.async_init(
        DOMAIN,
        context={
            "source": SOURCE_IGNORE,
            "discovery_key": DiscoveryKey(domain=DOMAIN, key=flow_key(hub, device_id), version=_DISCOVERY_VERSION),
        },
        data={"unique_id": flow_key(hub, device_id), "title": title},
    )


async def async_heed(hub: Hub, device_id: str) -> None:
    """Ask about an ignored device again, at its next call."""
    entry = ignored(hub).get(device_id)
    if entry is not None:
        await hub.hass.config_entries.async_remove(entry.entry_id)


@callback
def enrol(hub: Hub, device_id: str) -> None:
    """Let a verified device join under the key that it proved; one that is of another model than was said waits."""
    entry = hub.plant.inbox.get(device_id)
    if entry is None or entry.key is None or is_ignored(hub, device_id):
        return
    if not hub.joining.is_as_listed(entry):
        offer(hub, device_id)
        return
    hub.entry.async_create_background_task(
        hub.hass,
        _async_enrol(hub, entry, DeviceKey(kid=entry.kid, key=entry.key)),
        f"iiot enrol {device_id}",
    )


async def async_approve(hub: Hub, device_id: str, area: str | None) -> bool:
    """Let a waiting device join that holds a key, in `area` or where it says that it stands; whether it joined."""
    entry = hub.plant.inbox.get(device_id)
    if entry is None or entry.key is None:
        return False
    return await _async_enrol(hub, entry, DeviceKey(kid=entry.kid, key=entry.key), area)


async def _async_enrol(hub: Hub, waiting: Waiting, key: DeviceKey, area: str | None = None) -> bool:
    device_id, name, place = waiting.id, waiting.name, waiting.place
    kind, decided = registration_of(waiting)
    listed = hub.joining.listed(device_id)
    try:
        await async_put_key(hub.hass, hub, device_id, key, is_new=True)
    except AbortFlow:
        return False
    except StoreError as err:
        _LOGGER.error("%s: %s cannot join: %s", hub.entry.title, device_id, err.reason)  # noqa: TRY400 - the reason says it all
        return False
    area = area or listed.area_id
    if area is None and place:
        area = _area_of(hub, place)
    details = {
        CONF_AREA: area,
        CONF_CHANNEL_DESCRIPTIONS: listed.channel_descriptions,
        CONF_POLICY: records.write(listed.policy),
        **decided,
    }
    subentry = device_subentry(device_id, key, clean_name(listed.name or name, device_id), details, kind)
    hub.hass.config_entries.async_add_subentry(hub.entry, subentry)
    return True


def _area_of(hub: Hub, place: str) -> str:
    """Find or make the area of a place: its owner let verified devices in."""
    found = area_named(hub.hass, place)
    return found or ar.async_get(hub.hass).async_create(place).id


@callback
def watch_ignored(hub: Hub) -> CALLBACK_TYPE:
    """Give the place of an ignored card to another, and offer a device again that is not ignored any more."""
    prefix = flow_key(hub, "")

    @callback
    def changed(change: ConfigEntryChange, entry: ConfigEntry) -> None:
        ignored = change is ConfigEntryChange.ADDED and entry.domain == DOMAIN and entry.source == SOURCE_IGNORE
        if ignored and str(entry.unique_id).startswith(prefix):
            hub.plant.forget_card(str(entry.unique_id).removeprefix(prefix))

    @callback
    def released(entry: ConfigEntry) -> None:
        for keys in entry.discovery_keys.values():
            for key in keys:
                if str(key.key).startswith(prefix):
                    hub.plant.reoffer(str(key.key).removeprefix(prefix))

    releases = (
        async_dispatcher_connect(hub.hass, SIGNAL_CONFIG_ENTRY_CHANGED, changed),
        async_dispatcher_connect(hub.hass, signal_discovered_config_entry_removed(DOMAIN), released),
    )

    @callback
    def release() -> None:
        for done in releases:
            done()

    return release
