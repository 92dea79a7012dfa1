"""What devices are to others: said in a form or a file, checked, shown, and followed by Home Assistant's own tree."""

from typing import Any

import pytest
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import device_registry as dr
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.iiot.bridge.stations import hub_identifier

from .field import FieldDevice, state
from .joining import add_device, answer_device_form, fields, settle, suggested
from .people import act, machine_at, page_of
from .plant_floor import CHANNELS, Machine
from .standing import open_menu_page


@pytest.fixture
async def pump(hass: HomeAssistant, entry: ConfigEntry, machine: Machine, mqtt_mock: Any) -> Machine:
    """Another machine beside the press."""
    return await machine_at(hass, entry, mqtt_mock, "pump-01")


def foreign(hass: HomeAssistant) -> dr.DeviceEntry:
    """A device of another integration."""
    other = MockConfigEntry(domain="shelly")
    other.add_to_hass(hass)
    return dr.async_get(hass).async_get_or_create(
        config_entry_id=other.entry_id, identifiers={("shelly", "gateway")}, name="Gateway"
    )


def hub_page(hass: HomeAssistant, entry: ConfigEntry) -> dr.DeviceEntry:
    found = dr.async_get(hass).async_get_device_by_identifier(hub_identifier(entry.entry_id), entry.entry_id)
    assert found is not None
    return found


def relations_in(entry: ConfigEntry, machine: Machine) -> Any:
    return entry.subentries[machine.subentry_id].data["policy"].get("relations", [])


async def fill(hass: HomeAssistant, entry: ConfigEntry, machine: Machine, **answers: Any) -> Any:
    form = await open_menu_page(hass, entry, machine.subentry_id, "relations")
    answers.setdefault("measured_by_channels", {})
    done = await answer_device_form(hass, form, **answers)
    await settle(hass)
    return done


async def decide(hass: HomeAssistant, entry: ConfigEntry, machine: Machine, *relations: dict[str, str]) -> None:
    page = page_of(hass, entry, machine)
    await act(hass, "iiot", "set_policy", device_id=page.id, policy={"relations": list(relations)})
    await settle(hass)


def part(target: str) -> dict[str, str]:
    return {"kind": "part_of", "target": target}


async def test_a_person_says_what_a_device_is_to_others(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine, pump: Machine
) -> None:
    press, gateway = page_of(hass, entry, machine), foreign(hass)
    form = await open_menu_page(hass, entry, pump.subentry_id, "relations")
    assert fields(form) == ["part_of", "feeds", "measures", "measured_by_channels"]
    done = await fill(
        hass, entry, pump, part_of=[press.id], feeds=[gateway.id], measured_by_channels={"Flap (flap)": [gateway.id]}
    )
    assert done["reason"] == "reconfigure_successful"
    assert relations_in(entry, pump) == [
        part("press-07"),
        {"kind": "feeds", "target": gateway.id},
        {"kind": "measures", "target": gateway.id, "channel": "flap"},
    ]
    assert page_of(hass, entry, pump).via_device_id == press.id
    shown = state(hass, "sensor", pump.subentry_id, "health.connection").attributes
    assert (shown["part_of"], shown["feeds"]) == ("Press-07", "Gateway")
    assert "measures" not in shown
    assert state(hass, "sensor", pump.subentry_id, "flap").attributes["measures"] == "Gateway"
    form = await open_menu_page(hass, entry, pump.subentry_id, "relations")
    assert (suggested(form, "part_of"), suggested(form, "feeds")) == ([press.id], [gateway.id])
    await fill(hass, entry, pump)
    assert relations_in(entry, pump) == []
    assert page_of(hass, entry, pump).via_device_id == hub_page(hass, entry).id


async def test_the_form_says_what_cannot_be(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine, pump: Machine
) -> None:
    press, own = page_of(hass, entry, machine), page_of(hass, entry, pump)
    assert (await fill(hass, entry, pump, feeds=[own.id]))["errors"] == {"base": "relation_to_itself"}
    await fill(hass, entry, pump, part_of=[press.id])
    assert (await fill(hass, entry, machine, part_of=[own.id]))["errors"] == {"base": "relation_ring"}
    assert relations_in(entry, machine) == []
    both = [press.id, hub_page(hass, entry).id]
    assert (await fill(hass, entry, pump, part_of=both))["errors"] == {"base": "relation_to_two"}


async def test_the_form_leaves_alone_what_it_does_not_ask(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine, pump: Machine
) -> None:
    of_channel = {"kind": "part_of", "target": "press-07", "channel": "flap"}
    await decide(hass, entry, pump, of_channel, {"kind": "feeds", "target": "press-07"})
    await fill(hass, entry, pump)
    assert relations_in(entry, pump) == [of_channel]


async def test_a_device_that_has_not_described_itself_has_no_channels_to_ask_for(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine
) -> None:
    silent = Machine(hass, None, "mute-01")
    silent.subentry_id = await silent.join(entry, [])
    form = await open_menu_page(hass, entry, silent.subentry_id, "relations")
    assert fields(form) == ["part_of", "feeds", "measures"]


@pytest.mark.parametrize(
    ("relations", "reason"),
    [
        ([part("nobody")], "relations[0].target is no device of this site"),
        ([part("press-07"), {"kind": "measures", "target": "press-07", "channel": "none"}], "relations[1].channel"),
        ([part("press-07"), part("press-07")], "stands there twice"),
        ([part("press-07"), part("mute-01")], "part of two things"),
        ([part("pump-01")], "to itself"),
        ([{"kind": "owns", "target": "press-07"}], "must be one of"),
    ],
)
async def test_an_impossible_relation_is_refused_in_words(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine, pump: Machine, relations: Any, reason: str
) -> None:
    await FieldDevice(hass, "mute-01").join(entry, CHANNELS)
    with pytest.raises(ServiceValidationError) as refused:
        await decide(hass, entry, pump, *relations)
    assert reason in str(refused.value).replace("\\", "")


async def test_a_device_of_the_site_goes_by_its_own_id(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine, pump: Machine
) -> None:
    with pytest.raises(ServiceValidationError) as refused:
        await decide(hass, entry, pump, part(page_of(hass, entry, machine).id))
    assert "press-07" in str(refused.value).replace("\\", "")


async def test_a_relation_to_what_is_gone_stays_and_keeps_nothing_else_from_being_changed(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine, pump: Machine
) -> None:
    await decide(hass, entry, pump, part("press-07"))
    hass.config_entries.async_remove_subentry(entry, machine.subentry_id)
    await settle(hass)
    await pump.beat()
    assert state(hass, "sensor", pump.subentry_id, "health.connection").attributes["part_of"] == "press-07"
    assert page_of(hass, entry, pump).via_device_id == hub_page(hass, entry).id
    gateway = foreign(hass)
    await decide(hass, entry, pump, part("press-07"), {"kind": "feeds", "target": gateway.id})
    assert len(relations_in(entry, pump)) == 2
    form = await open_menu_page(hass, entry, pump.subentry_id, "relations")
    assert (suggested(form, "part_of"), suggested(form, "feeds")) == ([], [gateway.id])
    await fill(hass, entry, pump)
    assert relations_in(entry, pump) == [part("press-07")]
    await fill(hass, entry, pump, part_of=[gateway.id])
    assert relations_in(entry, pump) == [part(gateway.id)]


async def test_other_hardware_takes_over_the_relations_to_it(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine, pump: Machine
) -> None:
    await decide(hass, entry, pump, part("press-07"))
    spare = FieldDevice(hass, "press-99")
    form = await open_menu_page(hass, entry, machine.subentry_id, "replace")
    form = await answer_device_form(hass, form, device_id="press-99", key_source="paste")
    await answer_device_form(hass, form, key=spare.key.hex())
    await settle(hass)
    assert relations_in(entry, pump) == [part("press-99")]
    machine.id = "press-99"
    assert page_of(hass, entry, pump).via_device_id == page_of(hass, entry, machine).id


async def test_a_file_that_turns_two_devices_round_is_taken_and_a_ring_is_refused(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine, pump: Machine
) -> None:
    await decide(hass, entry, pump, part("press-07"))

    async def bring_in(of_press: str, of_pump: str) -> None:
        text = f"""version: 1
devices:
  press-07: {{policy: {{relations: {of_press}}}}}
  pump-01: {{policy: {{relations: {of_pump}}}}}
"""
        fields = {"config_entry_id": entry.entry_id, "registry": text, "dry_run": False}
        await act(hass, "iiot", "import_registry", **fields)
        await settle(hass)

    with pytest.raises(ServiceValidationError) as refused:
        await bring_in("[{kind: part_of, target: pump-01}]", "[{kind: part_of, target: press-07}]")
    assert "part of itself" in str(refused.value)
    assert relations_in(entry, machine) == []
    await bring_in("[{kind: part_of, target: pump-01}]", "[]")
    assert (relations_in(entry, machine), relations_in(entry, pump)) == ([part("pump-01")], [])
    assert page_of(hass, entry, machine).via_device_id == page_of(hass, entry, pump).id


async def test_a_relay_of_the_network_gives_way_to_what_people_say(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine, pump: Machine
) -> None:
    press, own = page_of(hass, entry, machine), page_of(hass, entry, pump)
    await machine.beat(net={"via": "pump-01"})
    assert page_of(hass, entry, machine).via_device_id == own.id
    await decide(hass, entry, pump, part("press-07"))
    assert page_of(hass, entry, pump).via_device_id == hub_page(hass, entry).id, "no ring"
    await machine.beat()
    await pump.beat(fw="2")
    assert page_of(hass, entry, pump).via_device_id == press.id
    gateway = foreign(hass)
    await decide(hass, entry, pump, part(gateway.id))
    assert page_of(hass, entry, pump).via_device_id == gateway.id


async def test_a_device_that_sends_no_heartbeat_hangs_on_what_it_is_part_of(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine
) -> None:
    quiet = Machine(hass, None, "quiet-01")
    quiet.subentry_id = await add_device(hass, entry, "quiet-01", quiet.key)
    await decide(hass, entry, quiet, part("press-07"))
    assert page_of(hass, entry, quiet).via_device_id == page_of(hass, entry, machine).id
    await decide(hass, entry, quiet)
    assert page_of(hass, entry, quiet).via_device_id == hub_page(hass, entry).id
