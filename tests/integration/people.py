"""Users of Home Assistant, and what each of them does."""

import asyncio
from typing import Any

from homeassistant.auth.const import GROUP_ID_ADMIN, GROUP_ID_USER
from homeassistant.auth.models import User
from homeassistant.config_entries import ConfigEntry, ConfigSubentry
from homeassistant.core import Context, HomeAssistant
from homeassistant.helpers import device_registry as dr

from custom_components.iiot.bridge.stations import device_identifier, hub_identifier
from custom_components.iiot.engine.actuation.roles import Level, Node, Role

from .field import FieldDevice
from .joining import settle
from .plant_floor import Machine


async def add_person(hass: HomeAssistant, name: str, *, admin: bool = False) -> User:
    """Let a person have an account; the first one of a house is its owner."""
    if not any(user.is_owner for user in await hass.auth.async_get_users()):
        await hass.auth.async_create_user("Owner", group_ids=[GROUP_ID_ADMIN])
    return await hass.auth.async_create_user(name, group_ids=[GROUP_ID_ADMIN if admin else GROUP_ID_USER])


async def machine_at(hass: HomeAssistant, entry: ConfigEntry, mqtt_mock: Any, name: str = "press-07") -> Machine:
    """A machine that obeys."""
    machine = Machine(hass, mqtt_mock.async_publish, name)
    machine.subentry_id = await machine.stand(entry)
    return machine


def subentry_of(entry: ConfigEntry, device: FieldDevice | str | None = None) -> ConfigSubentry:
    """What the entry says of a device, by its id or that of its subentry; of the only one when none is named."""
    device_id = device.id if isinstance(device, FieldDevice) else device
    (found,) = [one for one in entry.subentries.values() if device_id in (None, one.unique_id, one.subentry_id)]
    return found


def page_of(hass: HomeAssistant, entry: ConfigEntry, device: FieldDevice | str | None = None) -> dr.DeviceEntry:
    """A device in Home Assistant; the only one when none is named."""
    identifier = device_identifier(entry.entry_id, subentry_of(entry, device).subentry_id)
    found = dr.async_get(hass).async_get_device_by_identifier(identifier, entry.entry_id)
    assert found is not None
    return found


def hub_page_of(hass: HomeAssistant, entry: ConfigEntry) -> dr.DeviceEntry:
    """The hub itself in Home Assistant."""
    found = dr.async_get(hass).async_get_device_by_identifier(hub_identifier(entry.entry_id), entry.entry_id)
    assert found is not None
    return found


def policy_in(entry: ConfigEntry, device: FieldDevice | str) -> dict[str, Any]:
    """What people decided about a device, as it is kept."""
    found: dict[str, Any] = subentry_of(entry, device).data["policy"]
    return found


def grant(entry: ConfigEntry, user: User, role: Role | None, level: Level = Level.SITE, node: str = "") -> None:
    """An administrator grants a role."""
    place = Node(level=level, id=node or entry.entry_id)
    entry.runtime_data.hub.roles.set(user.id, place, role, name=str(user.name))


async def decide(hass: HomeAssistant, entry: ConfigEntry, machine: Machine, **interlocks: Any) -> None:
    """An administrator sets interlocks of a machine."""
    data = {"device_id": page_of(hass, entry, machine).id, "policy": {"interlocks": interlocks}}
    await hass.services.async_call("iiot", "set_policy", data, blocking=True)
    await settle(hass)


def act(hass: HomeAssistant, domain: str, action: str, user: User | None = None, /, **data: Any) -> asyncio.Task[Any]:
    """Let a person, or an automation, call an action; gives the task that waits for its end."""
    context = Context(user_id=None if user is None else user.id)
    return asyncio.create_task(hass.services.async_call(domain, action, data, blocking=True, context=context))


def ask(hass: HomeAssistant, action: str, user: User | None = None, /, **data: Any) -> asyncio.Task[Any]:
    """Let a person call an action of ours, and bring its response."""
    context = Context(user_id=None if user is None else user.id)
    call = hass.services.async_call("iiot", action, data, blocking=True, context=context, return_response=True)
    return asyncio.create_task(call)
