"""Roles: the hub asks who it is at every wish; the nearest grant decides, and automations are the site."""

from typing import Any

import pytest
from homeassistant.auth.models import User
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import area_registry as ar
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import floor_registry as fr
from pytest_homeassistant_custom_component.common import async_capture_events

from custom_components.iiot.const import EVENT_DEVICE
from custom_components.iiot.engine.actuation.roles import Level, Role

from .joining import (
    settle,
)
from .people import act, add_person, ask, grant, machine_at, page_of
from .plant_floor import Machine

VIEWER, OPERATOR, ENGINEER = Role
FAN = "switch.press_07_fan"
OPERATING = {"sleep": {"duration": {"minutes": 5}}, "awake": {}, "identify": {}}
ENGINEERING: dict[str, dict[str, Any]] = {
    "command": {"command": "restart"},
    "restart": {},
    "set_sample_interval": {"duration": {"seconds": 2}},
    "set_sample_rate": {"rate": 5},
}


async def is_let_through(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine, user: User | None, action: str
) -> bool:
    """Whether an action of ours reaches the device."""
    call = ask(hass, action, user, config_entry_id=entry.entry_id, **(OPERATING | ENGINEERING)[action])
    await settle(hass)
    if not call.done():
        await machine.obey()
    (facts,) = (await call)["devices"].values()
    if facts["status"] == "refused":
        assert "Anna may not do this at Press" in facts["reason"]
    return facts["status"] == "done"


@pytest.mark.parametrize("role", [None, *Role], ids=str)
async def test_each_role_on_each_action(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine, anna: User, role: Role | None
) -> None:
    grant(entry, await add_person(hass, "Bert"), ENGINEER)
    if role is not None:
        grant(entry, anna, role)
    may = {action for action in OPERATING | ENGINEERING if await is_let_through(hass, entry, machine, anna, action)}
    assert (
        may
        == {
            None: set(),
            VIEWER: set(),
            OPERATOR: set(OPERATING),
            ENGINEER: {*OPERATING, *ENGINEERING},
        }[role]
    )


@pytest.mark.parametrize("role", [None, *Role], ids=str)
async def test_each_role_on_a_control(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine, anna: User, role: Role | None
) -> None:
    if role is not None:
        grant(entry, anna, role)
    call = act(hass, "switch", "turn_on", anna, entity_id=FAN)
    if role is VIEWER:
        told = async_capture_events(hass, EVENT_DEVICE)
        with pytest.raises(ServiceValidationError) as failed:
            await call
        assert failed.value.translation_key == "needs_operator"
        (event,) = told
        assert (event.data["kind"], event.data["code"]) == ("wish_refused", "needs_operator")
    else:
        await machine.obey()
        await call


async def test_before_the_first_grant_actions_are_for_administrators(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine, anna: User
) -> None:
    (facts,) = (await ask(hass, "identify", anna, config_entry_id=entry.entry_id))["devices"].values()
    assert "as long as nobody has a role" in facts["reason"]
    chief = await add_person(hass, "Chief", admin=True)
    assert await is_let_through(hass, entry, machine, chief, "restart")
    assert await is_let_through(hass, entry, machine, None, "restart")


async def test_somebody_whom_nobody_knows_may_nothing(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine, anna: User
) -> None:
    await hass.auth.async_remove_user(anna)
    (facts,) = (await ask(hass, "identify", anna, config_entry_id=entry.entry_id))["devices"].values()
    assert facts["status"] == "refused"


async def test_the_nearest_node_decides(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine, anna: User, mqtt_mock: Any
) -> None:
    floor = fr.async_get(hass).async_create("Ground")
    area = ar.async_get(hass).async_create("Presses", floor_id=floor.floor_id)
    dr.async_get(hass).async_update_device(page_of(hass, entry, machine).id, area_id=area.id)
    pump = await machine_at(hass, entry, mqtt_mock, "pump-01")
    roles = entry.runtime_data.hub.roles

    person = await roles.async_person(anna.id)

    def role(of: Machine) -> Role | None:
        found: Role | None = roles.role_of(person, roles.device(of.id))
        return found

    assert role(machine) is None
    grant(entry, anna, OPERATOR)
    assert (role(machine), role(pump)) == (OPERATOR, OPERATOR)
    grant(entry, anna, ENGINEER, Level.FLOOR, floor.floor_id)
    assert (role(machine), role(pump)) == (ENGINEER, OPERATOR)
    grant(entry, anna, VIEWER, Level.AREA, area.id)
    assert (role(machine), role(pump)) == (VIEWER, OPERATOR)
    grant(entry, anna, OPERATOR, Level.DEVICE, machine.subentry_id)
    assert (role(machine), role(pump)) == (OPERATOR, OPERATOR)
    grant(entry, anna, None, Level.DEVICE, machine.subentry_id)
    assert role(machine) is VIEWER
    dr.async_get(hass).async_update_device(page_of(hass, entry, machine).id, area_id=None)
    assert role(machine) is OPERATOR
    assert [roles.name_of(node) for node in roles.nodes()] == ["Hall 3", "Press-07", "Pump-01"]


async def test_a_device_that_nobody_may_touch_does_not_keep_others_from_acting(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine, anna: User, mqtt_mock: Any
) -> None:
    pump = await machine_at(hass, entry, mqtt_mock, "pump-01")
    grant(entry, anna, OPERATOR, Level.DEVICE, pump.subentry_id)
    call = ask(hass, "identify", anna, config_entry_id=entry.entry_id)
    await pump.obey()
    told = {facts["id"]: facts["status"] for facts in (await call)["devices"].values()}
    assert told == {"press-07": "refused", "pump-01": "done"}


async def set_role(hass: HomeAssistant, entry: ConfigEntry, by: User, **data: Any) -> None:
    await act(hass, "iiot", "set_role", by, config_entry_id=entry.entry_id, **data)


async def test_an_engineer_grants_roles_below_the_own_node(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine, anna: User
) -> None:
    floor = fr.async_get(hass).async_create("Ground")
    area = ar.async_get(hass).async_create("Presses", floor_id=floor.floor_id)
    page = page_of(hass, entry, machine)
    dr.async_get(hass).async_update_device(page.id, area_id=area.id)
    bert = await add_person(hass, "Bert")
    grant(entry, anna, ENGINEER, Level.FLOOR, floor.floor_id)
    await settle(hass)
    told = async_capture_events(hass, EVENT_DEVICE)
    await set_role(hass, entry, anna, user="bert", role="operator", area_id=area.id)
    await set_role(hass, entry, anna, user=bert.id, role="viewer", device_id=page.id)
    assert [(one.node.level, one.role) for one in entry.runtime_data.hub.roles.grants] == [
        (Level.FLOOR, ENGINEER),
        (Level.AREA, OPERATOR),
        (Level.DEVICE, VIEWER),
    ]
    assert [(event.data["person"], event.data["role"], event.data["node"]) for event in told] == [
        ("Bert", "operator", "Presses"),
        ("Bert", "viewer", "Press-07"),
    ]
    assert {event.context.user_id for event in told} == {anna.id}
    for place in ({}, {"floor_id": floor.floor_id}):
        with pytest.raises(ServiceValidationError) as failed:
            await set_role(hass, entry, anna, user="Bert", role="operator", **place)
        assert failed.value.translation_key == "needs_engineer_above"
    await set_role(hass, entry, anna, user="Bert", role="none", area_id=area.id)
    assert len(entry.runtime_data.hub.roles.grants) == 2


@pytest.mark.parametrize(
    ("data", "key"),
    [
        ({"user": "Nobody"}, "no_user"),
        ({"user": "Twin"}, "no_user"),
        ({"user": "Anna", "area_id": "nowhere"}, "no_node"),
        ({"user": "Anna", "device_id": "nothing"}, "no_device"),
        ({"user": "Anna", "config_entry_id": "nothing"}, "no_site"),
    ],
)
async def test_a_role_needs_a_user_and_a_place(
    hass: HomeAssistant, entry: ConfigEntry, anna: User, data: dict[str, str], key: str
) -> None:
    for _ in range(2):
        await add_person(hass, "Twin")
    chief = await add_person(hass, "Chief", admin=True)
    with pytest.raises(ServiceValidationError) as failed:
        await act(hass, "iiot", "set_role", chief, **{"config_entry_id": entry.entry_id, "role": "viewer"} | data)
    assert failed.value.translation_key == key


async def test_a_role_of_what_is_gone_can_be_taken_away(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine, anna: User
) -> None:
    roles = entry.runtime_data.hub.roles
    area = ar.async_get(hass).async_create("Presses")
    floor = fr.async_get(hass).async_create("Ground")
    grant(entry, anna, VIEWER, Level.AREA, area.id)
    grant(entry, anna, VIEWER, Level.FLOOR, floor.floor_id)
    grant(entry, anna, VIEWER, Level.DEVICE, machine.subentry_id)
    ar.async_get(hass).async_delete(area.id)
    fr.async_get(hass).async_delete(floor.floor_id)
    hass.config_entries.async_remove_subentry(entry, machine.subentry_id)
    assert [roles.name_of(one.node) for one in roles.grants] == [area.id, floor.floor_id, machine.subentry_id]
    chief = await add_person(hass, "Chief", admin=True)
    await hass.auth.async_remove_user(anna)
    for one in roles.grants:
        await roles.async_set(Context(user_id=chief.id), anna.id, one.node, None)
    assert roles.grants == ()
