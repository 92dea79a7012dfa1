"""The pages "Interlocks" of a device and "Roles" of a site, as a person fills them in."""

from typing import Any

import pytest
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant

from custom_components.iiot.engine.actuation.roles import Level, Role

from .joining import (
    add_device,
    answer_device_form,
    fields,
    open_page,
    options_of,
    settle,
    suggested,
    units,
)
from .people import add_person, grant, policy_in
from .plant_floor import Machine


async def open_form(hass: HomeAssistant, entry: Any, actuator: str) -> Any:
    form = await open_page(hass, entry, "interlocks")
    return await answer_device_form(hass, form, actuator=actuator)


async def fill(hass: HomeAssistant, entry: Any, actuator: str, **answers: Any) -> Any:
    done = await answer_device_form(hass, await open_form(hass, entry, actuator), **answers)
    await settle(hass)
    return done


async def test_each_kind_of_actuator_is_asked_what_fits_it(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine
) -> None:
    always = {"read_only", "confirm_within_s", "condition_entity", "condition_state"}
    limits, rest = {"minimum", "maximum", "slew_per_s"}, {"minimum_on_s", "minimum_off_s"}
    expected = {
        "fan": always | rest,
        "speed": always | limits | rest,
        "flap": always | limits | rest,
        "program": always,
        "label": always,
        "reset": always,
    }
    found = {key: set(fields(await open_form(hass, entry, key))) for key in expected}
    assert found == expected


async def test_limits_are_asked_for_in_the_unit_of_the_actuator(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine
) -> None:
    found = units(await open_form(hass, entry, "speed"))
    assert {name: found[name] for name in ("minimum", "maximum", "slew_per_s")} == {
        "minimum": "rpm",
        "maximum": "rpm",
        "slew_per_s": "rpm/s",
    }


async def test_interlocks_are_set_shown_and_taken_away(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine
) -> None:
    form = await open_page(hass, entry, "interlocks")
    assert form["description_placeholders"] == {"name": "Press\\-07", "locked": "\\-"}
    assert {"value": "speed", "label": "Speed"} in options_of(form, "actuator")
    answers = {"minimum": 5, "maximum": 50, "condition_entity": "binary_sensor.door", "condition_state": " off "}
    done = await fill(hass, entry, "speed", **answers)
    assert (done["type"], done["reason"]) == ("abort", "interlocks_kept")
    lock = {"minimum": 5, "maximum": 50, "condition": {"entity_id": "binary_sensor.door", "state": "off"}}
    assert policy_in(entry, machine) == {"interlocks": {"speed": lock}}
    await fill(hass, entry, "fan", read_only=True)
    shown = await open_page(hass, entry, "interlocks")
    assert shown["description_placeholders"]["locked"] == "- Fan\n- Speed"
    form = await answer_device_form(hass, shown, actuator="speed")
    assert {name: suggested(form, name) for name in ("minimum", "condition_state", "slew_per_s")} == {
        "minimum": 5,
        "condition_state": "off",
        "slew_per_s": None,
    }
    await answer_device_form(hass, form)
    await settle(hass)
    assert policy_in(entry, machine) == {"interlocks": {"fan": {"read_only": True}}}
    await fill(hass, entry, "fan", read_only=False)
    assert policy_in(entry, machine) == {}


async def test_what_a_policy_says_of_an_actuator_that_is_gone_is_listed(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine
) -> None:
    data = {**entry.subentries[machine.subentry_id].data, "policy": {"interlocks": {"gone": {"read_only": True}}}}
    hass.config_entries.async_update_subentry(entry, entry.subentries[machine.subentry_id], data=data)
    form = await open_page(hass, entry, "interlocks")
    assert form["description_placeholders"]["locked"] == "- gone"


@pytest.mark.parametrize(
    ("answers", "errors"),
    [
        ({"minimum": 5, "maximum": 4}, {"minimum": "minimum_above_maximum"}),
        ({"minimum": 4000}, {"minimum": "nothing_left"}),
        ({"maximum": -1}, {"maximum": "nothing_left"}),
        ({"condition_entity": "sun.sun"}, {"condition_state": "state_missing"}),
        ({"condition_state": "on"}, {"condition_entity": "entity_missing"}),
    ],
)
async def test_answers_that_contradict_each_other_are_asked_again(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine, answers: dict[str, Any], errors: dict[str, str]
) -> None:
    form = await fill(hass, entry, "speed", **answers)
    assert form["errors"] == errors
    assert {name: suggested(form, name) for name in answers} == answers


async def test_a_device_without_anything_to_move_has_no_interlocks(hass: HomeAssistant, entry: ConfigEntry) -> None:
    await add_device(hass, entry)
    ended = await open_page(hass, entry, "interlocks")
    assert ended["reason"] == "no_actuators"


async def open_roles(hass: HomeAssistant, entry: ConfigEntry) -> Any:
    flows = hass.config_entries.options
    menu = await flows.async_init(entry.entry_id)
    return await flows.async_configure(menu["flow_id"], {"next_step_id": "roles"})


async def test_an_administrator_grants_a_role_and_takes_it_away(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine
) -> None:
    assert (await open_roles(hass, entry))["reason"] == "no_users"
    anna = await add_person(hass, "Anna")
    form = await open_roles(hass, entry)
    assert form["description_placeholders"] == {"grants": "\\-"}
    assert [one["label"] for one in options_of(form, "user")] == ["Anna"]
    assert [one["label"] for one in options_of(form, "node")] == ["Site: Hall 3", "Device: Press-07"]
    node = f"device:{machine.subentry_id}"
    flows = hass.config_entries.options
    done = await flows.async_configure(form["flow_id"], {"user": anna.id, "node": node, "role": "operator"})
    assert done["reason"] == "role_set"
    (one,) = entry.runtime_data.hub.roles.grants
    assert (one.user_id, one.node.level, one.role) == (anna.id, Level.DEVICE, Role.OPERATOR)
    form = await open_roles(hass, entry)
    shown = form["description_placeholders"]["grants"]
    assert shown.startswith("- Anna\\: Operator")
    assert shown.endswith("Press\\-07")
    await flows.async_configure(form["flow_id"], {"user": anna.id, "node": node, "role": "none"})
    assert entry.runtime_data.hub.roles.grants == ()


async def test_a_role_of_somebody_who_is_gone_can_be_taken_away(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine
) -> None:
    anna = await add_person(hass, "Anna")
    grant(entry, anna, Role.VIEWER, Level.AREA, "gone")
    await hass.auth.async_remove_user(anna)
    form = await open_roles(hass, entry)
    answers = {"user": anna.id, "node": "area:gone", "role": "none"}
    await hass.config_entries.options.async_configure(form["flow_id"], answers)
    assert entry.runtime_data.hub.roles.grants == ()


async def test_a_zero_is_a_bound_and_no_time(hass: HomeAssistant, entry: ConfigEntry, machine: Machine) -> None:
    await fill(hass, entry, "speed", minimum=0, slew_per_s=0, minimum_on_s=0, confirm_within_s=0)
    assert policy_in(entry, machine) == {"interlocks": {"speed": {"minimum": 0}}}
