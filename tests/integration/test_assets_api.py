"""Places by action and by web socket: for engineers at both ends; and actions for those that stand somewhere."""

from typing import Any

import pytest
from homeassistant.auth.models import User
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import area_registry as ar
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.iiot import diagnostics
from custom_components.iiot.engine.actuation.roles import Role, line_node

from .people import act, ask, grant, machine_at, page_of
from .plant_floor import Machine
from .standing import hall, put, stands
from .test_api import page_for

ENGINEER = Role.ENGINEER


@pytest.fixture
def area_id(hass: HomeAssistant) -> str:
    """Where presses stand."""
    return hall(hass)


@pytest.mark.parametrize(
    ("said", "there"),
    [
        ({"to_area": "yard", "to_line": "Line 2", "to_cell": "Cell 9"}, "Hall 3 / Yard / Line 2 / Cell 9"),
        ({"to_area": "yard"}, "Hall 3 / Yard"),
        ({"to_line": "Line 2"}, "Hall 3 / Presses / Line 2"),
        ({"to_cell": "Cell 9"}, "Hall 3 / Presses / Line 1 / Cell 9"),
        ({"to_cell": ""}, "Hall 3 / Presses / Line 1"),
        ({"to_line": ""}, "Hall 3 / Presses"),
        ({"to_area": ""}, "Hall 3"),
    ],
)
async def test_a_level_that_is_named_says_all_below_it_anew(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine, area_id: str, said: dict[str, str], there: str
) -> None:
    ar.async_get(hass).async_create("Yard")
    await put(hass, entry, machine.subentry_id, area_id, "Line 1", "Cell 2")
    page = page_of(hass, entry, machine)
    await act(hass, "iiot", "assign_asset", device_id=page.id, **said)
    assert stands(entry, machine.subentry_id) == there


async def test_many_devices_are_assigned_together_and_each_refusal_is_named(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine, anna: User, area_id: str, mqtt_mock: Any
) -> None:
    pump = await machine_at(hass, entry, mqtt_mock, "pump-01")
    await put(hass, entry, machine.subentry_id, area_id, "Line 1")
    grant(entry, anna, ENGINEER, line_node(area_id, "Line 1").level, line_node(area_id, "Line 1").id)
    site = {"config_entry_id": entry.entry_id}
    told = await ask(hass, "assign_asset", anna, **site, to_area=area_id, to_line="Line 1", to_cell="Cell 2")
    own = told["devices"][page_of(hass, entry, machine).id]
    assert own == {"name": "Press-07", "area_id": area_id, "line": "Line 1", "cell": "Cell 2"}
    assert "role of an engineer" in told["devices"][page_of(hass, entry, pump).id]["reason"]
    assert stands(entry, pump.subentry_id) == "Hall 3"
    with pytest.raises(ServiceValidationError) as refused:
        await act(hass, "iiot", "assign_asset", anna, **site, to_line="Line 2")
    assert refused.value.translation_key == "policy_not_set"
    assert stands(entry, machine.subentry_id) == "Hall 3 / Presses / Line 1 / Cell 2", "not to where she is nobody"


@pytest.mark.parametrize(
    ("said", "reason"),
    [({"to_area": "nowhere"}, "no such"), ({"to_line": "a/b"}, "without"), ({"to_cell": "C"}, "line")],
)
async def test_a_place_that_cannot_be_is_refused_in_words(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine, said: dict[str, str], reason: str
) -> None:
    told = await ask(hass, "assign_asset", config_entry_id=entry.entry_id, **said)
    (facts,) = told["devices"].values()
    assert reason in facts["reason"].replace("\\", "")


async def test_pages_read_and_change_where_devices_stand(
    hass: HomeAssistant,
    entry: ConfigEntry,
    machine: Machine,
    area_id: str,
    anna: User,
    hass_ws_client: WebSocketGenerator,
) -> None:
    page, device = await page_for(hass, hass_ws_client, anna), page_of(hass, entry, machine)
    assert await page.ask("assets/assign", device_id=device.id, to_line="Line 1") == "needs_admin"
    grant(entry, anna, ENGINEER)
    moved = await page.ask("assets/assign", device_id=device.id, to_area=area_id, to_line="Line 1")
    assert moved == {"name": "Press-07", "area_id": area_id, "line": "Line 1", "cell": None}
    measures = {"kind": "measures", "target": "nobody", "channel": "flap"}
    subentry = entry.subentries[machine.subentry_id]
    hass.config_entries.async_update_subentry(
        entry, subentry, data={**subentry.data, "policy": {"asset": {"line": "Line 1"}, "relations": [measures]}}
    )
    listed = await page.ask("assets/list", config_entry_id=entry.entry_id)
    assert listed == {
        "config_entry_id": entry.entry_id,
        "site": "Hall 3",
        "devices": [
            {
                "device_id": device.id,
                "id": "press-07",
                "name": "Press-07",
                "path": "Hall 3 / Presses / Line 1",
                "floor": "Ground",
                "area_id": area_id,
                "line": "Line 1",
                "cell": None,
                "waits_for_asset": False,
                "relations": [{**measures, "name": "nobody", "device_id": None}],
            }
        ],
    }


async def test_actions_reach_those_of_a_line_and_of_a_cell(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine, area_id: str, mqtt_mock: Any
) -> None:
    beside = await machine_at(hass, entry, mqtt_mock, "press-08")
    await machine_at(hass, entry, mqtt_mock, "press-09")
    await put(hass, entry, machine.subentry_id, area_id, "Line 1", "Cell 2")
    await put(hass, entry, beside.subentry_id, area_id, "Line 1")
    policy, site = {"trial": True}, {"config_entry_id": entry.entry_id}

    async def reached(**where: str) -> set[str]:
        told = await ask(hass, "set_policy", policy=policy, dry_run=True, **where)
        return {facts["name"] for facts in told["devices"].values()}

    assert await reached(**site, line="line 1") == {"Press-07", "Press-08"}
    assert await reached(area_id=area_id, line="Line 1", cell="CELL 2") == {"Press-07"}
    for where in ({**site, "line": "Line 9"}, {"line": "Line 1"}):
        with pytest.raises(ServiceValidationError) as refused:
            await reached(**where)
        assert refused.value.translation_key == "no_device"


async def test_diagnostics_say_where_a_device_stands(
    hass: HomeAssistant, entry: Any, machine: Machine, area_id: str
) -> None:
    await put(hass, entry, machine.subentry_id, area_id, "Line 1")
    facts = await diagnostics.async_get_device_diagnostics(hass, entry, page_of(hass, entry, machine))
    assert facts["asset"] == "Hall 3 / Presses / Line 1"
    assert facts["policy"] == {"asset": {"line": "Line 1"}}
