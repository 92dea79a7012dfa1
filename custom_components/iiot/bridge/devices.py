"""Subentries come, change and go: the hub, the entities and the device registry follow, without a reload."""

import asyncio
import logging
import re
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from homeassistant.config_entries import SIGNAL_CONFIG_ENTRY_CHANGED, ConfigEntry, ConfigEntryChange, ConfigSubentry
from homeassistant.core import CALLBACK_TYPE, Event, callback
from homeassistant.helpers import area_registry as ar
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.typing import UNDEFINED

from ..const import CONF_AREA, SUBENTRY_ADOPTED
from ..engine.devices.assets import part_of
from ..engine.errors import StoreError
from ..engine.values import Happening
from . import removal, renamed
from .assets import follow_replaced
from .enrolment import key_turn, policy_of
from .mapping import clean_name
from .relations import hangs_on, parent_of
from .sampling import SampleIntervals
from .stations import device_identifier, hub_identifier

if TYPE_CHECKING:
    from .hub import Hub
    from .points import Points

_LOGGER = logging.getLogger(__name__)

_MAC: Final = re.compile(r"([0-9a-f]{2}:){5}[0-9a-f]{2}")

type Facts = tuple[str | None, str | None, str | None, str | None]
"""Model, firmware, MAC address; subentry of the relay, none while it has not joined, or page of what it is part of."""


class Devices:
    """Keeps three things in step with the entry's subentries."""

    def __init__(self, hub: Hub, points: Points) -> None:
        self._hub: Final = hub
        self._points: Final = points
        self._entry: Final = hub.entry
        self._registry: Final = dr.async_get(hub.hass)
        self._known: Final[dict[str, ConfigSubentry]] = {}
        self._by_device: Final[dict[str, str]] = {}
        self._facts: Final[dict[str, Facts]] = {}
        self._sampling: Final = SampleIntervals(hub)
        self._turn: Final = asyncio.Lock()
        self._is_due = False
        """Somebody waits for the turn, and will see whatever has changed by then."""

    @callback
    def start(self) -> CALLBACK_TYPE:
        """Register the hub and the devices that it has, and follow what changes."""
        self._register_hub()
        members = self._hub.plant.members
        for subentry in self._subentries().values():
            if subentry.unique_id in members:
                self._hub.set_policy(subentry)
                self._register(subentry, area_before=subentry.data.get(CONF_AREA))
                self._hub.assets.known(subentry)
                self._points.add_device(subentry)
        for device_id in self._by_device:
            self._follow_page(device_id)
            self._refresh(device_id)
        if self._differs() or members.keys() - self._by_device.keys():  # somebody came or went while it was built
            self._follow_soon()
        releases = [
            async_dispatcher_connect(self._hub.hass, SIGNAL_CONFIG_ENTRY_CHANGED, self._entry_changed),
            self._hub.on_health(self._refresh),
            self._sampling.start(),
            renamed.watch(self._hub),
            self._hub.hass.bus.async_listen(dr.EVENT_DEVICE_REGISTRY_UPDATED, self._page_changed),
        ]

        @callback
        def stop() -> None:
            while releases:
                releases.pop()()

        return stop

    @callback
    def _entry_changed(self, change: ConfigEntryChange, entry: ConfigEntry[Any]) -> None:
        if change is not ConfigEntryChange.UPDATED or entry is not self._entry:
            return
        self._register_hub()
        if not self._is_due and self._differs():
            self._follow_soon()

    def _follow_soon(self) -> None:
        """Follow once for everything that changes until it is this one's turn."""
        self._is_due = True
        self._entry.async_create_task(self._hub.hass, self._async_follow(), "iiot devices")

    def _subentries(self) -> dict[str, ConfigSubentry]:
        return dict(self._entry.subentries)

    def _differs(self) -> bool:
        return self._subentries() != self._known

    async def _async_follow(self) -> None:
        async with self._turn:
            self._is_due = False
            present = self._subentries()
            registered = {found.unique_id for found in (*present.values(), *self._known.values())}
            for device_id in self._hub.plant.members.keys() - registered:
                self._hub.drop(device_id)
                await self._async_write(device_id, partial(self._hub.keys.remove_device, device_id))
            for subentry_id in self._known.keys() - present.keys():
                await self._async_leave(self._known[subentry_id])
            for subentry_id, subentry in present.items():
                before = self._known.get(subentry_id)
                if before is None:
                    await self._async_join(subentry)
                elif before != subentry:
                    await self._async_change(before, subentry)
            self._refresh_parts()

    async def _async_join(self, subentry: ConfigSubentry) -> None:
        self._register(subentry, area_before=None)
        await self._hub.async_adopt(subentry)
        self._hub.set_policy(subentry)
        self._hub.assets.joined(subentry)
        self._points.add_device(subentry)
        self._follow_page(str(subentry.unique_id))
        self._refresh(str(subentry.unique_id))

    async def _async_leave(self, subentry: ConfigSubentry) -> None:
        """Take a device out. It can come back for a while, so its keys are set aside before it is told to forget."""
        device_id = str(subentry.unique_id)
        del self._known[subentry.subentry_id]
        self._forget(device_id)
        self._points.remove_device(subentry.subentry_id)
        await self._async_keep(device_id, removal.record_of(subentry))
        if await removal.async_forget(self._hub, device_id):
            await self._async_write(device_id, partial(self._hub.keys.note_removed, device_id, forgot=True))
        self._hub.drop(device_id)

    async def _async_change(self, before: ConfigSubentry, subentry: ConfigSubentry) -> None:
        self._register(subentry, area_before=before.data.get(CONF_AREA))
        device_id = str(subentry.unique_id)
        if before.unique_id != subentry.unique_id:
            await self._async_replace(str(before.unique_id))
        if before.unique_id != subentry.unique_id or _key_facts(before) != _key_facts(subentry):
            await self._hub.async_adopt(subentry)
        self._hub.set_policy(subentry)
        self._sampling.look(device_id)
        if before.unique_id == subentry.unique_id:
            self._hub.assets.look(device_id)
        else:
            self._hub.assets.known(subentry)
            follow_replaced(self._hub, str(before.unique_id), device_id)
        await self._points.async_update_device(subentry)
        self._follow_page(device_id)
        self._refresh(device_id)
        if before.unique_id != subentry.unique_id:
            self._hub.tell(device_id, Happening.REPLACED)

    async def _async_replace(self, device_id: str) -> None:
        """Other hardware takes the place of this one, whose keys are kept for the case that it comes back."""
        self._forget(device_id)
        self._hub.drop(device_id)
        await self._async_keep(device_id, None)

    async def _async_keep(self, device_id: str, record: dict[str, Any] | None) -> None:
        now_s = round(time.time())
        await self._async_write(device_id, partial(self._hub.keys.set_aside, device_id, now_s, record))

    async def _async_write(self, device_id: str, write: Callable[[], None]) -> None:
        """Write keys. A disk that refuses must not keep others from coming or going."""
        async with key_turn(self._hub.hass):
            try:
                await self._hub.hass.async_add_executor_job(write)
            except StoreError as err:
                _LOGGER.error("%s: the key of %s stays on disk: %s", self._entry.title, device_id, err.reason)  # noqa: TRY400 - the reason says it all

    # --- the registry ------------------------------------------------------------------------

    def _register_hub(self) -> None:
        self._registry.async_get_or_create(
            config_entry_id=self._entry.entry_id,
            identifiers={hub_identifier(self._entry.entry_id)},
            entry_type=dr.DeviceEntryType.SERVICE,
            name=self._entry.title,
            model="Hub",
        )

    def _register(self, subentry: ConfigSubentry, *, area_before: str | None) -> None:
        """Make or update the device; its name is the subentry's, and a person's own name for it wins."""
        device_id = str(subentry.unique_id)
        self._known[subentry.subentry_id] = replace(subentry)  # Home Assistant changes its own in place
        self._by_device[device_id] = subentry.subentry_id
        identifier = device_identifier(self._entry.entry_id, subentry.subentry_id)
        hub = self._find(hub_identifier(self._entry.entry_id))
        is_new = self._find(identifier) is None
        device = self._registry.async_get_or_create(
            config_entry_id=self._entry.entry_id,
            config_subentry_id=subentry.subentry_id,
            identifiers={identifier},
            name=clean_name(subentry.title, device_id),
            serial_number=None if subentry.subentry_type == SUBENTRY_ADOPTED else device_id,
            via_device_id=hub.id if is_new and hub else UNDEFINED,
        )
        area_id = subentry.data.get(CONF_AREA)
        is_moved = (is_new and device.area_id is None) or (area_id != area_before and area_before == device.area_id)
        if is_moved and (area_id is None or ar.async_get(self._hub.hass).async_get_area(area_id)):
            self._registry.async_update_device(device.id, area_id=area_id)

    @callback
    def _page_changed(self, event: Event[dr.EventDeviceRegistryUpdatedData]) -> None:
        if event.data["action"] != "update" or not event.data["changes"].keys() & {"disabled_by", "area_id"}:
            return
        page = self._registry.async_get(event.data["device_id"])
        subentry = None if page is None else self._known.get(page.config_subentry_id or "")
        if subentry is not None:
            self._follow_page(str(subentry.unique_id))
            self._hub.assets.look(str(subentry.unique_id))

    def _follow_page(self, device_id: str) -> None:
        """Ask a device for nothing whose page a person disabled."""
        page = self._find(device_identifier(self._entry.entry_id, self._by_device[device_id]))
        if device_id in self._hub.plant.members:
            self._hub.set_disabled(device_id, page is not None and page.disabled_by is not None)

    @callback
    def _refresh(self, device_id: str) -> None:
        """Take over what a new heartbeat says of the hardware, and what people say it is part of."""
        subentry_id, member = self._by_device.get(device_id), self._hub.plant.members.get(device_id)
        if subentry_id is None or member is None:
            return
        device = self._find(device_identifier(self._entry.entry_id, subentry_id))
        if device is None:
            return
        beat, parent = member.device.heartbeat, parent_of(self._hub, device_id)
        if beat is None:
            self._hang(device_id, device, parent)
            return
        via = beat.net.via
        relay = self._by_device.get(via or "") if parent is None else self._relay(device, parent, via)
        facts = (beat.model or None, beat.fw or None, beat.net.mac, relay)
        if self._facts.get(device_id) == facts:
            return
        self._facts[device_id] = facts
        self._registry.async_update_device(
            device.id,
            model=clean_name(beat.model, "") or None,
            sw_version=clean_name(beat.fw, "") or None,
            via_device_id=self._relay(device, parent, via),
            new_connections=self._connections(device, beat.net.mac),
        )

    def _refresh_parts(self) -> None:
        """Connect devices by way of what they are part of: a change elsewhere may have opened a ring."""
        members = self._hub.plant.members
        for device_id in self._by_device:
            if device_id in members and part_of(members[device_id].policy.relations) is not None:
                self._refresh(device_id)

    def _hang(self, device_id: str, device: dr.DeviceEntry, parent: dr.DeviceEntry | None) -> None:
        """Connect a device that sends no heartbeat, or none yet, by way of what it is part of."""
        if parent is None and device_id not in self._facts:
            return  # what it hangs on since before the start, its heartbeat will say again
        via_device_id = self._relay(device, parent, None)
        self._facts[device_id] = (None, None, None, via_device_id)
        if device.via_device_id != via_device_id:
            self._registry.async_update_device(device.id, via_device_id=via_device_id)

    def _relay(self, device: dr.DeviceEntry, parent: dr.DeviceEntry | None, via: str | None) -> str | None:
        """Registry id of what the device hangs on: what people say it is part of, the relay that it names, or the hub.

        A ring is none of Home Assistant's: whatever hangs on the device itself does not count.
        """
        subentry_id = self._by_device.get(via or "")
        relay = self._find(device_identifier(self._entry.entry_id, subentry_id)) if subentry_id else None
        fits = (page for page in (parent, relay) if page is not None and not hangs_on(self._registry, page, device.id))
        found = next(fits, None) or self._find(hub_identifier(self._entry.entry_id))
        return None if found is None else found.id

    def _connections(self, device: dr.DeviceEntry, mac: str | None) -> set[tuple[str, str]]:
        """Its MAC address, unless it is none or another device of this hub has it."""
        address = dr.format_mac(mac or "").lower()
        if not _MAC.fullmatch(address):
            return set()
        connection = (dr.CONNECTION_NETWORK_MAC, address)
        for other in dr.async_entries_for_config_entry(self._registry, self._entry.entry_id):
            if other.id != device.id and connection in other.connections:
                return set()
        return {connection}

    def _find(self, identifier: tuple[str, str]) -> dr.DeviceEntry | None:
        return self._registry.async_get_device_by_identifier(identifier, self._entry.entry_id)

    def _forget(self, device_id: str) -> None:
        self._by_device.pop(device_id, None)
        self._facts.pop(device_id, None)
        self._hub.assets.left(device_id)


def _key_facts(subentry: ConfigSubentry) -> tuple[Any, ...]:
    """Which keys it has: one, or one for each of its topics and one for commands."""
    return subentry.data.get("kid"), subentry.data.get("fingerprint"), policy_of(subentry).kids
