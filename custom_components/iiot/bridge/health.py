"""What is shown of a device's health and of the whole fleet: one row a figure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from homeassistant.components.sensor import SensorDeviceClass, SensorStateClass
from homeassistant.const import (
    SIGNAL_STRENGTH_DECIBELS_MILLIWATT,
    EntityCategory,
    Platform,
    UnitOfRatio,
    UnitOfTime,
)

from ..engine.plant import Health, Member, Plant
from ..engine.values import NS_PER_S, Connection

SEEN_EVERY_S: Final = 30.0
"""Last seen moves with each message; nobody reads it more often."""
FLEET_EVERY_S: Final = 2.0
LOG_KEY: Final = "device.log"
POSITION_KEY: Final = "device.position"

type Native = float | str | datetime | None


@dataclass(frozen=True, kw_only=True)
class FigureDescription:
    """One figure of a device or of the fleet, as a sensor. The key's last part is the translation key."""

    key: str
    platform: Platform = Platform.SENSOR
    device_class: SensorDeviceClass | None = None
    state_class: SensorStateClass | None = None
    unit: str | None = None
    options: tuple[str, ...] = ()
    precision: int | None = None
    category: EntityCategory | None = EntityCategory.DIAGNOSTIC
    is_enabled: bool = False
    pace_s: float | None = None
    """Seconds between two writes; None: as values."""

    @property
    def name(self) -> str:
        """Translation key."""
        return self.key.rpartition(".")[2]


@dataclass(frozen=True, kw_only=True)
class HealthDescription(FigureDescription):
    """One figure of a device's health."""

    read: Callable[[Health], Native]
    attributes: Callable[[Member], Mapping[str, Any]] | None = None
    is_always_available: bool = False
    is_optional: bool = False
    """Made only once the device has reported it."""
    yields_to: str | None = None
    """Enabled only where the device does not have this one: two figures a device are enough for the budget."""


@dataclass(frozen=True, kw_only=True)
class FleetDescription(FigureDescription):
    """One figure of a hub's fleet."""

    read: Callable[[Plant], Native]
    pace_s: float | None = FLEET_EVERY_S


@dataclass(frozen=True, kw_only=True)
class ExtraDescription:
    """An entity of a device that is neither channel nor figure: its log, its position."""

    key: str
    platform: Platform
    pace_s: float | None = None


JOIN_WINDOW: Final = ExtraDescription(key="fleet.join_window", platform=Platform.BINARY_SENSOR)
MAINTENANCE: Final = ExtraDescription(key="device.maintenance", platform=Platform.SWITCH, pace_s=0.0)
ZERO_COUNTERS: Final = ExtraDescription(key="device.zero_counters", platform=Platform.BUTTON)
REVOKED: Final = "revoked"
"""What stands in place of the connection of a device that a person revoked."""


def _moment(time_ns: int | None) -> datetime | None:
    return None if time_ns is None else datetime.fromtimestamp(time_ns // NS_PER_S, UTC)


def _facts(member: Member) -> Mapping[str, Any]:
    """What the connection is: of adopted entities, that nobody signs what they say."""
    if member.policy.entities:
        return {"signed": False, "entities": [entity.entity_id for entity in member.policy.entities]}
    beat = member.device.heartbeat
    if beat is None:
        return {}
    net = beat.net
    facts = {"ip_address": net.ip, "mac_address": net.mac, "via": net.via, "hops": net.hops}
    return {name: fact for name, fact in facts.items() if fact is not None}


def _standing(connection: Connection) -> Callable[[Plant], int]:
    return lambda plant: sum(
        member.connection is connection and not member.device.is_revoked for member in plant.members.values()
    )


def _refused(plant: Plant) -> int:
    return plant.refused


HEALTH: Final = (
    HealthDescription(
        key="health.connection",
        device_class=SensorDeviceClass.ENUM,
        options=(*Connection, REVOKED),
        is_enabled=True,
        is_always_available=True,
        pace_s=0.0,
        read=lambda health: REVOKED if health.is_revoked else health.connection.value,
        attributes=_facts,
    ),
    HealthDescription(
        key="health.battery",
        device_class=SensorDeviceClass.BATTERY,
        state_class=SensorStateClass.MEASUREMENT,
        unit=UnitOfRatio.PERCENTAGE,
        precision=0,
        is_enabled=True,
        is_optional=True,
        read=lambda health: health.battery,
    ),
    HealthDescription(
        key="health.ip_address",
        is_enabled=True,
        is_optional=True,
        yields_to="health.battery",
        read=lambda health: health.ip,
    ),
    HealthDescription(
        key="health.last_seen",
        device_class=SensorDeviceClass.TIMESTAMP,
        is_always_available=True,
        pace_s=SEEN_EVERY_S,
        read=lambda health: _moment(health.last_seen_ns),
    ),
    HealthDescription(
        key="health.data_lag",
        device_class=SensorDeviceClass.DURATION,
        state_class=SensorStateClass.MEASUREMENT,
        unit=UnitOfTime.SECONDS,
        precision=2,
        read=lambda health: health.lag_s,
    ),
    HealthDescription(
        key="health.signal",
        device_class=SensorDeviceClass.SIGNAL_STRENGTH,
        state_class=SensorStateClass.MEASUREMENT,
        unit=SIGNAL_STRENGTH_DECIBELS_MILLIWATT,
        read=lambda health: health.rssi_dbm,
    ),
    HealthDescription(
        key="health.started",
        device_class=SensorDeviceClass.UPTIME,
        read=lambda health: _moment(health.booted_ns),
    ),
    HealthDescription(
        key="health.refused_messages",
        state_class=SensorStateClass.TOTAL_INCREASING,
        is_always_available=True,
        read=lambda health: health.refused,
        attributes=lambda member: dict(member.device.refusals.counts),
    ),
    HealthDescription(
        key="health.clock_offset",
        device_class=SensorDeviceClass.DURATION,
        state_class=SensorStateClass.MEASUREMENT,
        unit=UnitOfTime.SECONDS,
        precision=3,
        read=lambda health: health.skew_s,
    ),
    HealthDescription(
        key="health.rows_waiting",
        state_class=SensorStateClass.MEASUREMENT,
        read=lambda health: health.buffered,
    ),
    HealthDescription(
        key="health.rows_lost",
        state_class=SensorStateClass.TOTAL_INCREASING,
        is_always_available=True,
        read=lambda health: health.lost_rows,
    ),
    HealthDescription(
        key="health.poll_timeouts",
        state_class=SensorStateClass.TOTAL_INCREASING,
        is_optional=True,
        is_always_available=True,
        read=lambda health: health.poll_timeouts,
    ),
    HealthDescription(
        key="health.poll_failures",
        state_class=SensorStateClass.TOTAL_INCREASING,
        is_optional=True,
        is_always_available=True,
        read=lambda health: health.poll_failures,
    ),
    HealthDescription(key="health.firmware", read=lambda health: health.firmware),
)
HEALTH_KEYS: Final = tuple(row.key for row in HEALTH)
CONNECTION_KEY: Final = "health.connection"
CONNECTION: Final = HEALTH[0]
BATTERY_KEY: Final = "health.battery"
LOG: Final = ExtraDescription(key=LOG_KEY, platform=Platform.EVENT)
POSITION: Final = ExtraDescription(key=POSITION_KEY, platform=Platform.DEVICE_TRACKER)

FLEET: Final = (
    *(
        FleetDescription(
            key=f"fleet.{connection.value}",
            state_class=SensorStateClass.MEASUREMENT,
            category=None,
            is_enabled=True,
            read=_standing(connection),
        )
        for connection in Connection
    ),
    FleetDescription(
        key="fleet.inbox",
        state_class=SensorStateClass.MEASUREMENT,
        category=None,
        is_enabled=True,
        read=lambda plant: plant.inbox.undecided,
    ),
    FleetDescription(
        key="fleet.refused_messages",
        state_class=SensorStateClass.MEASUREMENT,  # strangers are counted from the start, and removed devices leave
        is_enabled=True,
        read=_refused,
    ),
    FleetDescription(
        key="fleet.accepted_messages",
        state_class=SensorStateClass.TOTAL_INCREASING,
        read=lambda plant: plant.accepted,
    ),
)
FLEET_KEYS: Final = tuple(row.key for row in FLEET)


def reported(member: Member | None) -> frozenset[str]:
    """Keys of those optional entities for which the device has given something to show."""
    if member is None:
        return frozenset()
    health = member.health()
    found = {row.key for row in HEALTH if row.is_optional and row.read(health) is not None}
    if position_of(member) is not None:
        found.add(POSITION_KEY)
    return frozenset(found)


def position_of(member: Member) -> tuple[float, ...] | None:
    """Where the device says it is: with its readings, or else in its heartbeat."""
    beat = member.device.heartbeat
    return member.board.position or (beat.loc if beat else None)
