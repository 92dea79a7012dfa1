"""Roles on lines and cells: the nearest decides, from the device up to the site."""

from typing import Any

import pytest
from homeassistant.auth.models import User
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import device_registry as dr
from probatio import Invalid

from custom_components.iiot.engine.actuation.roles import Level, Node, Role, cell_node, line_node

from .joining import (
    options_of,
    settle,
)
from .people import act, add_person, grant, machine_at, page_of
from .plant_floor import Machine
from .standing import hall, put, stands

VIEWER, OPERATOR, ENGINEER = Role


@pytest.fixture
def area_id(hass: HomeAssistant) -> str:
    """Where presses stand."""
    return hall(hass)


@pytest.fixture
async def machine(hass: HomeAssistant, entry: ConfigEntry, mqtt_mock: Any, area_id: str) -> Machine:
    """A machine in a cell."""
    found = await machine_at(hass, entry, mqtt_mock)
    await put(hass, entry, found.subentry_id, area_id, "Line 1", "Cell 2")
    return found


def on(entry: ConfigEntry, user: User, role: Role | None, node: Node) -> None:
    grant(entry, user, role, node.level, node.id)


async def test_the_nearest_of_all_levels_decides(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine, anna: User, area_id: str, mqtt_mock: Any
) -> None:
    beside = await machine_at(hass, entry, mqtt_mock, "press-08")
    await put(hass, entry, beside.subentry_id, area_id, "Line 1")
    roles = entry.runtime_data.hub.roles
    person = await roles.async_person(anna.id)
    path = roles.path_of(roles.device(machine.id))
    assert [node.level for node in path] == list(Level)
    steps = [(VIEWER, VIEWER), (OPERATOR, OPERATOR), (ENGINEER, ENGINEER), (VIEWER, VIEWER), (OPERATOR, VIEWER)]
    for node, (role, held_beside) in zip(path[:-1], steps, strict=True):
        on(entry, anna, role, node)
        assert roles.role_of(person, roles.device(machine.id)) is role
        assert roles.role_of(person, roles.device(beside.id)) is held_beside
    on(entry, anna, ENGINEER, path[-1])
    assert roles.role_of(person, roles.device(machine.id)) is ENGINEER
    assert [roles.name_of(node) for node in roles.nodes()] == [
        "Hall 3",
        "Ground",
        "Presses",
        "Presses / Line 1",
        "Presses / Line 1 / Cell 2",
        "Press-07",
        "Press-08",
    ]


async def test_a_device_that_is_moved_is_under_other_people(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine, anna: User, area_id: str
) -> None:
    roles = entry.runtime_data.hub.roles
    person = await roles.async_person(anna.id)
    on(entry, anna, OPERATOR, line_node(area_id, "Line 1"))
    assert roles.role_of(person, roles.device(machine.id)) is OPERATOR
    dr.async_get(hass).async_update_device(page_of(hass, entry, machine).id, area_id=None)
    assert roles.role_of(person, roles.device(machine.id)) is VIEWER, "line 1 of another place is another line"
    assert [roles.name_of(one.node) for one in roles.grants] == [f"{area_id}/line 1"]
    assert not roles.exists(roles.grants[0].node)


async def test_an_engineer_of_a_line_cares_for_its_cells(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine, anna: User, area_id: str
) -> None:
    bert = await add_person(hass, "Bert")
    on(entry, anna, ENGINEER, line_node(area_id, "Line 1"))
    call = {"config_entry_id": entry.entry_id, "user": "Bert", "role": "operator", "area_id": area_id}
    await act(hass, "iiot", "set_role", anna, **call, line="line 1", cell="CELL 2")
    grants = entry.runtime_data.hub.roles.grants
    assert (grants[1].user_id, grants[1].node) == (bert.id, cell_node(area_id, "Line 1", "Cell 2"))
    with pytest.raises(ServiceValidationError) as failed:
        await act(hass, "iiot", "set_role", anna, **call, line="Line 1")
    assert failed.value.translation_key == "needs_engineer_above"
    with pytest.raises(ServiceValidationError) as failed:
        await act(hass, "iiot", "set_role", anna, **call, line="Line 9")
    assert failed.value.translation_key == "no_node"


@pytest.mark.parametrize(
    "place", [{"cell": "Cell 2"}, {"line": "Line 1", "floor_id": "ground"}, {"line": "Line 1", "device_id": "press"}]
)
async def test_a_line_goes_with_its_area_and_a_cell_with_its_line(
    hass: HomeAssistant, entry: ConfigEntry, anna: User, place: dict[str, str]
) -> None:
    with pytest.raises(Invalid):
        await act(hass, "iiot", "set_role", anna, config_entry_id=entry.entry_id, user="Anna", role="viewer", **place)


async def test_the_form_offers_lines_and_cells(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine, anna: User, area_id: str
) -> None:
    menu = await hass.config_entries.options.async_init(entry.entry_id)
    form = await hass.config_entries.options.async_configure(menu["flow_id"], {"next_step_id": "roles"})
    offered = {option["label"]: option["value"] for option in options_of(form, "node")}
    assert "Line: Presses / Line 1" in offered
    cell = offered["Cell: Presses / Line 1 / Cell 2"]
    done = await hass.config_entries.options.async_configure(
        form["flow_id"], {"user": anna.id, "node": cell, "role": "operator"}
    )
    assert done["reason"] == "role_set"
    assert entry.runtime_data.hub.roles.grants[0].node == cell_node(area_id, "Line 1", "Cell 2")


async def test_nobody_moves_a_device_to_where_others_are_engineers(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine, anna: User, area_id: str
) -> None:
    on(entry, anna, ENGINEER, line_node(area_id, "Line 1"))
    page = page_of(hass, entry, machine)
    for asset, key in (({"line": "Line 2"}, "needs_engineer"), ({"line": "Line 1", "cell": "Cell 3"}, None)):
        call = act(hass, "iiot", "set_policy", anna, device_id=page.id, policy={"asset": asset})
        if key is None:
            await call
        else:
            with pytest.raises(ServiceValidationError):
                await call
    await settle(hass)
    assert stands(entry, machine.subentry_id) == "Hall 3 / Presses / Line 1 / Cell 3"
    text = f"version: 1\ndevices:\n  {machine.id}:\n    policy:\n      asset: {{line: Line 2}}\n"
    with pytest.raises(ServiceValidationError) as failed:
        await act(hass, "iiot", "import_registry", anna, config_entry_id=entry.entry_id, registry=text, dry_run=False)
    assert failed.value.translation_key == "needs_engineer"


async def test_a_role_of_a_line_that_is_gone_can_be_taken_away(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine, anna: User, area_id: str
) -> None:
    roles = entry.runtime_data.hub.roles
    on(entry, anna, VIEWER, cell_node(area_id, "Line 1", "Cell 2"))
    await put(hass, entry, machine.subentry_id, area_id)
    chief = await add_person(hass, "Chief", admin=True)
    await roles.async_set(Context(user_id=chief.id), anna.id, roles.grants[0].node, None)
    assert roles.grants == ()
