"""What all entities of the integration have in common: a station, one point of it, and when it is available."""

import json
from collections.abc import Mapping
from typing import Any, Final, override

from homeassistant.core import callback
from homeassistant.helpers.device_registry import DeviceInfo
from homeassistant.helpers.entity import Entity

from .bridge import relations
from .bridge.actuators import ActuatorDescription
from .bridge.mapping import PointDescription
from .bridge.points import Points
from .bridge.stations import Described, Station
from .engine.actuation.command import Command
from .engine.plant import Member
from .engine.values import Connection, Quality, Scalar, Shown

_NOTHING: Final = Shown(None, Quality.BAD, 0)


class IiotEntity(Entity):
    """One point of a station. It reads the plant when it is told to, and writes only what differs."""

    _attr_has_entity_name = True
    _attr_should_poll = False

    def __init__(self, points: Points, station: Station, description: Described) -> None:
        self._points: Final = points
        self.station: Final = station
        self.description: Final = description
        self._attr_unique_id = station.unique_id(description.key)
        self._attr_device_info = DeviceInfo(identifiers={station.identifier})

    @override
    async def async_added_to_hass(self) -> None:
        await super().async_added_to_hass()
        self.station.entities[self.description.key] = self
        self.async_on_remove(self._leave)
        self.async_on_remove(self._points.watch(self.station, self))
        self._take()

    @callback
    def show(self) -> None:
        """Read the plant, and write the state when it differs."""
        if self._take():
            self.async_write_ha_state()

    def _take(self) -> bool:
        """Take over what the plant says now; whether it differs from what is shown."""
        raise NotImplementedError

    @callback
    def _leave(self) -> None:
        if self.station.entities.get(self.description.key) is self:
            del self.station.entities[self.description.key]


class ChannelEntity(IiotEntity):
    """The newest value of one channel; unavailable while the device is lost, unknown without a good value."""

    def __init__(self, points: Points, station: Station, description: PointDescription) -> None:
        super().__init__(points, station, description)
        self._key: Final = description.key
        self._convert: Final = description.convert
        self._holds_object: Final = description.holds_object
        self._fact: tuple[bool, Any, Quality, str | None, bool] | None = None
        self._attr_name = description.name
        self._attr_entity_category = description.category

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any] | None:
        """Only what is out of the ordinary, and what a person wrote: attributes are stored with each state."""
        found: dict[str, Any] = {}
        if self._fact is not None:
            _, value, quality, reason, trial = self._fact
            if quality is not Quality.GOOD and value is not None:
                found["quality"] = quality.name.lower()
            if reason is not None:
                found["reason"] = reason
            if trial:
                found = {"quality": "trial", **found, "trial": True}
            if self._holds_object and value is not None:
                found["value"] = json.loads(value)
        if text := self.station.channel_descriptions.get(self._key):
            found["description"] = text
        if member := self.station.member:
            found |= relations.shown(self._points.hub, member.policy.relations, self._key)
        return found or None

    @override
    def _take(self) -> bool:
        member = self.station.member
        is_available = member is not None and member.connection is not Connection.LOST
        shown = _NOTHING if member is None else member.board.values.get(self._key, _NOTHING)
        reason = None if member is None else member.board.reasons.get(self._key)
        fact = (is_available, shown.value, shown.quality, reason, member is not None and member.policy.trial)
        if fact == self._fact:
            return False
        self._fact = fact
        self._attr_available = is_available
        self._set(None if shown.value is None or shown.quality is Quality.BAD else self._convert(shown.value))
        return True

    def _set(self, value: Any) -> None:
        """Take over the native value; None: unknown."""
        raise NotImplementedError


class ActuatorEntity(IiotEntity):
    """What people move. It shows what the device reports, never what was wished; a wish on its way is an attribute."""

    def __init__(self, points: Points, station: Station, description: ActuatorDescription) -> None:
        super().__init__(points, station, description)
        self._actuator: Final = description.actuator
        self._channel: Final = description.channel
        self._fact: tuple[Any, ...] | None = None
        self._attr_name = description.name
        self._attr_assumed_state = description.channel is None
        self._is_read_only: Final = description.is_read_only

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any] | None:
        found: dict[str, Any] = {"read_only": True} if self._is_read_only else {}
        member = self.station.member
        pending = None if member is None else self._pending(member)
        if pending is not None:
            found |= {"pending": pending.args.get("value"), "pending_step": str(pending.step)}
            if pending.ended_unanswered:
                found["answered"] = False
        return found or None

    @override
    def _take(self) -> bool:
        member = self.station.member
        if member is None:
            fact: tuple[Any, ...] = (False, None, None)
        else:
            pending = self._pending(member)
            step = None if pending is None else (pending.cid, pending.step, pending.ended_unanswered)
            fact = (member.connection is not Connection.LOST, self._reported(member), step)
        if fact == self._fact:
            return False
        self._fact = fact
        self._attr_available = fact[0]
        self._set(fact[1])
        return True

    def _pending(self, member: Member) -> Command | None:
        """The wish on its way; or the last one, while nothing but the hub says that it was sent."""
        pending = member.ledger.pending(self._actuator)
        if pending is not None:
            return pending
        told = member.ledger.last_unanswered(self._actuator)
        if told is None or (self._channel is not None and self._reported(member) == told.args.get("value")):
            return None
        return told

    def _reported(self, member: Member) -> Scalar | None:
        if self._channel is None:
            done = member.ledger.last_done(self._actuator)
            return None if done is None else done.args.get("value")
        shown = member.board.values.get(self._channel, _NOTHING)
        return None if shown.quality is Quality.BAD else shown.value

    async def _async_move(self, value: Scalar | None) -> None:
        """Ask the device; returns when it has answered, raises in words when it did not do it."""
        hub = self._points.hub
        await hub.actors.async_move(self.station.device_id, self._actuator, value, self._context)

    def _set(self, value: Any) -> None:
        """Take over what the device reports; None: unknown."""
        raise NotImplementedError
