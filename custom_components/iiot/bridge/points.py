"""All entities of one hub: made when a device joins or says what it measures, changed and removed as that changes.

Platforms hand in how entities are added and made; nothing here knows their classes.
"""

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Protocol

from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import Platform
from homeassistant.core import CALLBACK_TYPE, callback
from homeassistant.helpers.entity import Entity
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.event import async_call_later, async_track_time_interval

from ..const import CONF_STATE_INTERVAL, DEFAULT_STATE_INTERVAL_S
from ..engine.devices.display import displayed
from ..engine.effects import Notice
from ..engine.values import Connection
from . import leftovers
from .actuators import PREFIX, ActuatorDescription, offer
from .budget import enabled_entities
from .chatter import Chatter
from .health import (
    CONNECTION,
    FLEET,
    FLEET_KEYS,
    HEALTH,
    HEALTH_KEYS,
    JOIN_WINDOW,
    LOG,
    MAINTENANCE,
    POSITION,
    POSITION_KEY,
    ZERO_COUNTERS,
    reported,
)
from .mapping import PointDescription, describe
from .notices import ENTITY_BUDGET, show_notice
from .pacing import Pacer
from .stations import Described, Station

if TYPE_CHECKING:
    from .hub import Hub

PROMPT_S: Final = 0.1
"""Contacts, states and texts: ten writes a second."""
FLEET_EVERY: Final = timedelta(seconds=30)
"""Refusals of strangers come without any other sign."""
CHATTER_EVERY: Final = timedelta(minutes=1)
BUDGET: Final = 8_000
"""Enabled entities at which a person is warned: Home Assistant takes 10,000 an entry."""
BUDGET_DELAY_S: Final = 5.0

type Make = Callable[[Points, Station, Described], Entity]


class Shows(Protocol):
    """What an entity has to offer to be told of changes."""

    @property
    def description(self) -> Described:
        """Row of the table that it was made from."""
        ...

    def show(self) -> None:
        """Read the plant, and write the state when it differs."""
        ...


class Points:
    """Makes entities, and tells them when to look."""

    def __init__(self, hub: Hub) -> None:
        self.hub: Final = hub
        self._entry: Final = hub.entry
        self._hass: Final = hub.hass
        self._pacer: Final = Pacer(hub.hass.loop)
        self._chatter: Final = Chatter(hub, self._pacer, self._row)
        self._interval_s: Final = float(hub.entry.options.get(CONF_STATE_INTERVAL, DEFAULT_STATE_INTERVAL_S))
        self._platforms: Final[dict[Platform, tuple[AddConfigEntryEntitiesCallback, Make]]] = {}
        self._fleet: Final = Station.of_hub(hub.entry, hub.plant)
        self._stations: Final[dict[str, Station]] = {}
        self._by_device: Final[dict[str, Station]] = {}
        self._reports: Final[dict[str, dict[str, str]]] = {}
        """Device → channel that reports an actuator → key of the actuator's entity."""
        self._loggers: Final[dict[str, Callable[[str, str, str], None]]] = {}
        self._connections: Final[dict[str, Connection]] = {}
        self._positions: Final[dict[str, tuple[float, ...] | None]] = {}
        self._listeners: Final[list[Callable[[], None]]] = []
        self._turn: Final = asyncio.Lock()
        self._releases: Final[list[Callable[[], None]]] = []
        self._is_started = False
        self._weighing: CALLBACK_TYPE | None = None

    # --- life --------------------------------------------------------------------------------

    @callback
    def attach(self, platform: Platform, add: AddConfigEntryEntitiesCallback, make: Make) -> None:
        """A platform is ready to take entities."""
        self._platforms[platform] = (add, make)

    @callback
    def start(self) -> None:
        """Begin, with all platforms attached: everything that is known is shown.

        Entities are made in the loop's next turn: the hub starts in this one, and only a plant that has started knows
        who is live. A device must not be shown as lost for a moment after each restart.
        """
        hub = self.hub
        self._releases.extend(
            (
                hub.on_values(self._values_changed),
                hub.on_health(self._health_changed),
                hub.on_manifest(self._manifest_changed),
                hub.on_log(self._logged),
                hub.on_inbox(self._inbox_changed),
                hub.on_command(self._command_changed),
                async_track_time_interval(self._hass, self._fleet_ticks, FLEET_EVERY),
                async_track_time_interval(self._hass, self._chatter.sweep, CHATTER_EVERY),
            )
        )
        self._releases.append(self._hass.loop.call_soon(self._begin).cancel)

    @callback
    def stop(self) -> None:
        """Make no entities any more, and let none write. Idempotent."""
        self._is_started = False
        while self._releases:
            self._releases.pop()()
        self._chatter.stop()
        self._pacer.stop()
        if self._weighing is not None:
            self._weighing()
            self._weighing = None

    @callback
    def _begin(self) -> None:
        self._is_started = True
        self._add(self._fleet, (*FLEET, JOIN_WINDOW))
        for station in self._stations.values():
            self._reconcile_soon(station)

    @property
    def stations(self) -> list[Station]:
        """Every device's station."""
        return list(self._stations.values())

    @callback
    def on_change(self, listener: Callable[[], None]) -> CALLBACK_TYPE:
        """Call `listener` when entities were added or removed; call what comes back to end it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    @callback
    def add_device(self, subentry: ConfigSubentry) -> None:
        """A device joined."""
        station = Station.of_device(self._entry, subentry, self.hub.plant)
        self._stations[station.id] = self._by_device[station.device_id] = station
        if self._is_started:
            self._reconcile_soon(station)
            self._pacer.changed("", FLEET_KEYS)

    @callback
    def remove_device(self, subentry_id: str) -> None:
        """A device left; Home Assistant has removed its entities, or does so with the subentry."""
        station = self._stations.pop(subentry_id, None)
        if station is None:
            return
        self._forget(station)
        self._pacer.changed("", FLEET_KEYS)
        self._tell()

    async def async_update_device(self, subentry: ConfigSubentry) -> None:
        """A person changed a device's details, or put other hardware in its place."""
        station = self._stations.get(subentry.subentry_id)
        if station is None:
            return
        kept = station.kept
        station.follow(subentry)
        if station.device_id == subentry.unique_id:
            for key, turn in self._pacer.turns_of(station.device_id):
                turn.pace_s = self._pace_s(station, station.known[key]) if key in station.known else turn.pace_s
            if station.kept != kept:
                self._sweep(station, _wanted(station))
            self._pacer.all_changed(station.device_id)
            for entity in station.entities.values():
                entity.async_write_ha_state()  # a channel's description is none of the plant's values
            self._reconcile_soon(station)
            return
        async with self._turn:
            self._forget(station)
            for entity in list(station.entities.values()):
                await entity.async_remove()
            station.known.clear()
            station.device_id = str(subentry.unique_id)
            self._by_device[station.device_id] = station
        self._reconcile_soon(station)

    # --- what entities ask for ---------------------------------------------------------------

    @callback
    def watch(self, station: Station, entity: Shows) -> CALLBACK_TYPE:
        """Tell an entity when to look; call what comes back to end it."""
        description = entity.description
        return self._pacer.watch(station.device_id, description.key, entity.show, self._pace_s(station, description))

    @callback
    def listen_log(self, station: Station, listener: Callable[[str, str, str], None]) -> CALLBACK_TYPE:
        """Call `listener(level, logger, msg)` for each line of the device's log; call what comes back to end it."""
        device_id = station.device_id
        self._loggers[device_id] = listener

        @callback
        def release() -> None:
            self._loggers.pop(device_id, None)

        return release

    def _pace_s(self, station: Station, description: Described) -> float:
        if isinstance(description, PointDescription):
            checks = station.member.policy.channels.get(description.key) if station.member else None
            usual_s = min(PROMPT_S, self._interval_s) if description.is_prompt else self._interval_s
            return max(usual_s, checks.interval_s) if checks else usual_s
        pace_s = getattr(description, "pace_s", None)
        return self._interval_s if pace_s is None else pace_s

    # --- what the hub tells ------------------------------------------------------------------

    @callback
    def _values_changed(self, device_id: str, channels: list[str]) -> None:
        self._pacer.changed(device_id, channels)
        reports = self._reports.get(device_id)
        if reports is not None:
            self._pacer.changed(device_id, [reports[channel] for channel in channels if channel in reports])
        if device_id in self._positions:
            self._position_changed(device_id)

    @callback
    def _health_changed(self, device_id: str) -> None:
        station = self._by_device.get(device_id)
        member = station.member if station else None
        if station is None or member is None:
            return
        if self._connections.get(device_id) is not member.connection:
            self._connections[device_id] = member.connection
            self._pacer.all_changed(device_id)
            self._pacer.changed("", FLEET_KEYS)
        else:
            self._pacer.changed(device_id, HEALTH_KEYS)
        if not reported(member) <= station.known.keys():
            self._reconcile_soon(station)
        elif device_id in self._positions:
            self._position_changed(device_id)

    def _row(self, device_id: str, key: str) -> Described | None:
        station = self._by_device.get(device_id)
        return None if station is None else station.known.get(key)

    def _position_changed(self, device_id: str) -> None:
        member = self.hub.plant.members.get(device_id)
        position = member.board.position if member else None
        if position != self._positions[device_id]:
            self._positions[device_id] = position
            self._pacer.changed(device_id, (POSITION_KEY,))

    @callback
    def _manifest_changed(self, device_id: str) -> None:
        station = self._by_device.get(device_id)
        if station is not None:
            self._reconcile_soon(station)

    @callback
    def _command_changed(self, device_id: str, cid: str) -> None:
        command = self.hub.plant.command_of(device_id, cid)
        if command is not None and "key" in command.args:
            self._pacer.changed(device_id, (f"{PREFIX}{command.args['key']}",))

    @callback
    def _logged(self, device_id: str, level: str, logger: str, msg: str) -> None:
        listener = self._loggers.get(device_id)
        if listener is not None:
            listener(level, logger, msg)

    @callback
    def _inbox_changed(self, _: str) -> None:
        self._pacer.changed("", FLEET_KEYS)

    @callback
    def _fleet_ticks(self, _: datetime) -> None:
        self._pacer.changed("", FLEET_KEYS)

    # --- which entities there are ------------------------------------------------------------

    def _reconcile_soon(self, station: Station) -> None:
        self._entry.async_create_task(self._hass, self._async_reconcile(station), f"iiot entities {station.id}")

    async def _async_reconcile(self, station: Station) -> None:
        async with self._turn:
            if not self._is_started or self._stations.get(station.id) is not station:
                return
            wanted = _wanted(station)
            known = station.known
            changed = [row for key, row in wanted.items() if known.get(key) != row]
            gone = [row for key, row in known.items() if key not in wanted or wanted[key].platform is not row.platform]
            if not changed and not gone:
                return
            for row in gone:
                del station.known[row.key]
            self._sweep(station, wanted)
            for row in changed:
                entity = station.entities.get(row.key)
                if entity is not None:
                    await entity.async_remove()
            self._add(station, changed)
        self._tell()

    def _add(self, station: Station, rows: Iterable[Described]) -> None:
        batches: dict[Platform, list[Entity]] = {}
        for row in rows:
            if row.platform in self._platforms:
                make = self._platforms[row.platform][1]
                batches.setdefault(row.platform, []).append(make(self, station, row))
            station.known[row.key] = row
        if POSITION_KEY in station.known:
            self._positions[station.device_id] = None
        actuators = [row for row in station.known.values() if isinstance(row, ActuatorDescription)]
        reports = {row.channel: row.key for row in actuators if row.channel is not None}
        if reports:
            self._reports[station.device_id] = reports
        for platform, entities in batches.items():
            self._platforms[platform][0](entities, config_subentry_id=station.subentry_id)

    def _sweep(self, station: Station, wanted: dict[str, Described]) -> None:
        leftovers.remove(self._hass, self._entry, station, wanted, self._platforms)
        leftovers.tell(self._hass, self._entry, station, wanted)

    def _forget(self, station: Station) -> None:
        if self._by_device.get(station.device_id) is station:
            del self._by_device[station.device_id]
        leftovers.untell(self._hass, self._entry, station)
        self._connections.pop(station.device_id, None)
        self._positions.pop(station.device_id, None)
        self._reports.pop(station.device_id, None)

    def _tell(self) -> None:
        for listener in list(self._listeners):
            listener()
        if self._weighing is None and self._is_started:
            self._weighing = async_call_later(self._hass, BUDGET_DELAY_S, self._weigh)

    @callback
    def _weigh(self, _: datetime) -> None:
        self._weighing = None
        enabled = len(enabled_entities(self._hass, self._entry))
        notice = Notice(ENTITY_BUDGET, None, enabled >= BUDGET, {"enabled": enabled})
        show_notice(self._hass, self._entry, notice)


def _wanted(station: Station) -> dict[str, Described]:
    """Everything that the station should show; before its first manifest, what it has shown so far."""
    member = station.member
    if member is not None and member.policy.entities:
        return {CONNECTION.key: CONNECTION}  # its channels are entities already: of somebody else
    there = reported(member)
    rows: list[Described] = [
        row for row in HEALTH if not row.is_optional or row.key in there or row.key in station.known
    ]
    rows += [LOG, MAINTENANCE, ZERO_COUNTERS]
    if POSITION_KEY in there or POSITION_KEY in station.known:
        rows.append(POSITION)
    manifest = member.device.manifest if member else None
    if manifest is None:
        rows += [row for row in station.known.values() if isinstance(row, PointDescription | ActuatorDescription)]
    else:
        locks = member.policy.interlocks if member else {}
        rows += [offer(actuator, locks.get(key)) for key, actuator in manifest.actuators.items()]
        waves = member.board.waves if member else ()
        display = member.policy.display if member else {}
        shown = [one for one in manifest.channels.values() if one.key not in waves]
        rows += [describe(displayed(channel, display.get(channel.key))) for channel in shown]
        rows += [describe(channel) for channel in member.board.calculated] if member else []
    return {row.key: row for row in rows}
