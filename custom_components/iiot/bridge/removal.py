"""Devices that were taken out: what is kept of them for a while, and how they come back as they were."""

import asyncio
import time
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError

from ..const import DOMAIN
from ..engine.actuation.command import Actor, Step
from ..engine.actuation.roles import Role
from ..engine.actuation.wish import Wish
from ..engine.errors import StoreError
from ..engine.values import NS_PER_S, Connection, Happening
from .enrolment import is_registered, key_turn

if TYPE_CHECKING:
    from .hub import Hub

KEEP_REMOVED_S: Final = 30 * 24 * 3600
"""As long as Home Assistant remembers the entities of a device that is gone."""
FORGET: Final = "forget"
FORGET_WITHIN_S: Final = 5.0
"""How long a device that is there may take to answer that it has forgotten its key."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RemovedDevice:
    """One that was taken out and can come back."""

    device_id: str
    title: str
    at_s: int
    """When, Unix seconds."""
    forgot: bool
    """It has answered that it dropped its key: it needs a new one."""


def record_of(subentry: ConfigSubentry) -> dict[str, Any]:
    """Give what is needed to register a device again as it was. Holds no key."""
    return {
        "subentry_id": subentry.subentry_id,
        "type": subentry.subentry_type,
        "title": subentry.title,
        "data": dict(subentry.data),
    }


def removed_devices(hub: Hub) -> list[RemovedDevice]:
    """Give every device that can come back, the one that was taken out last first."""
    oldest_s = round(time.time()) - KEEP_REMOVED_S
    found = [
        RemovedDevice(
            device_id=device_id,
            title=str(removed.record["title"]),
            at_s=removed.at_s,
            forgot=bool(removed.record.get("forgot")),
        )
        for device_id, removed in hub.keys.removed.items()
        if removed.record is not None and removed.at_s >= oldest_s
    ]
    return sorted(found, key=lambda device: device.at_s, reverse=True)


async def async_forget(hub: Hub, device_id: str) -> bool:
    """Tell a device that is there to forget its key; whether it has answered that it did."""
    member = hub.plant.members.get(device_id)
    if member is None or member.connection not in (Connection.LIVE, Connection.LATE):
        return False
    wish = Wish(name=FORGET, args={}, actor=Actor(None, None, "hub"), life_ns=round(FORGET_WITHIN_S * NS_PER_S))
    if not member.device.obeys(FORGET):
        return False
    try:
        async with asyncio.timeout(FORGET_WITHIN_S):
            command = await hub.actors.async_ask(device_id, wish, Role.ENGINEER)
    except HomeAssistantError, TimeoutError:
        return False
    return command.step is Step.DONE


async def async_restore(hass: HomeAssistant, hub: Hub, device_id: str) -> RemovedDevice:
    """Register a device again as it was: entities, their ids, settings, key; raises in words why it cannot be."""
    named = {"device_id": device_id}
    async with key_turn(hass):
        device = next((found for found in removed_devices(hub) if found.device_id == device_id), None)
        if device is None:
            raise ServiceValidationError(
                translation_domain=DOMAIN, translation_key="not_removed", translation_placeholders=named
            )
        record = hub.keys.removed[device_id].record or {}
        if is_registered(hub.entry, device_id) or record["subentry_id"] in hub.entry.subentries:
            raise ServiceValidationError(
                translation_domain=DOMAIN, translation_key="already_configured", translation_placeholders=named
            )
        if device_id in hub.plant.members:
            raise ServiceValidationError(
                translation_domain=DOMAIN, translation_key="still_leaving", translation_placeholders=named
            )
        try:
            await hass.async_add_executor_job(hub.keys.bring_back, device_id)
        except StoreError as err:
            raise HomeAssistantError(translation_domain=DOMAIN, translation_key="key_not_saved") from err
        subentry = ConfigSubentry(
            data=MappingProxyType(dict(record["data"])),
            subentry_id=record["subentry_id"],
            subentry_type=record["type"],
            title=record["title"],
            unique_id=device_id,
        )
        hass.config_entries.async_add_subentry(hub.entry, subentry)
    hub.tell(device_id, Happening.RESTORED)
    return device
