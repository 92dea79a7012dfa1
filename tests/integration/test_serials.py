"""A list of devices that are going to join: checked as a whole, kept without its keys in any entry, obeyed at once."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import pytest
from homeassistant.auth.models import User
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import area_registry as ar
from pytest_homeassistant_custom_component.common import async_capture_events

from custom_components.iiot.bridge import discovery
from custom_components.iiot.const import EVENT_DEVICE
from custom_components.iiot.diagnostics import async_get_config_entry_diagnostics
from custom_components.iiot.engine.actuation.roles import Role

from .commissioning import choose, has_joined, list_devices, members, submit, until
from .field import FieldDevice
from .joining import (  # noqa: F401  # fixtures
    DEVICE_ID,
    FLEET_KEY,
    NONCE,
    OTHER_KEY,
    add_hub,
    block_key_file,
    call,
    call_verified,
    cards,
    expected_lingering_timers,
    options_of,
    settle,
)
from .people import ask, grant

PROFILES = """
version: 1
profiles:
  pump:
    model: demo
    channel_descriptions: {temperature: Bearing}
    policy: {channels: {temperature: {deadband: 0.5}}}
"""


async def bring_in(hass: HomeAssistant, entry: ConfigEntry, serials: str, **more: Any) -> Any:
    facts = {"config_entry_id": entry.entry_id, "serials": serials, "dry_run": False, **more}
    return await ask(hass, "import_serials", **facts)


def expected(entry: ConfigEntry) -> list[str]:
    return sorted(entry.runtime_data.hub.keys.expected)


async def call_verified_by(hass: HomeAssistant, entry: ConfigEntry, key: bytes, device_id: str, **more: Any) -> None:
    """Let a device with a key of its own prove that it is there now."""
    await call(hass, key, device_id, seq=1, **more)
    asked = entry.runtime_data.hub.plant.inbox.get(device_id).downlink.last
    await call(hass, key, device_id, seq=2, hseq=asked, nonce=NONCE, **more)


async def test_only_listed_devices_join_by_themselves(hass: HomeAssistant, entry: ConfigEntry) -> None:
    hall = ar.async_get(hass).async_create("Hall 9")
    told = await bring_in(hass, entry, "serial,name,area\npump-1,Big pump,Hall 9\npump-2,,\n")
    assert told == {
        "dry_run": False,
        "errors": [],
        "added": ["pump-1", "pump-2"],
        "changed": [],
        "unchanged": [],
        "joined": [],
        "dropped": [],
    }
    await call_verified(hass, entry, "pump-1", name="Pump", place="Cellar")
    await call_verified(hass, entry, "pump-3")
    await has_joined(hass, entry, "pump-1")
    (subentry,) = entry.subentries.values()
    assert (subentry.title, subentry.data["area"]) == ("Big pump", hall.id)
    assert expected(entry) == ["pump-2"]
    assert [card["context"]["unique_id"] for card in cards(hass)] == [f"{entry.entry_id}:pump-3"]


async def test_a_key_of_its_own_lies_in_the_key_file_and_nowhere_else(hass: HomeAssistant, entry: ConfigEntry) -> None:
    events = async_capture_events(hass, EVENT_DEVICE)
    await bring_in(hass, entry, f"serial,key,kid\npump-1,{OTHER_KEY.hex()},3\n")
    hub = entry.runtime_data.hub
    assert hub.keys.expected["pump-1"].key == OTHER_KEY
    told = str(await async_get_config_entry_diagnostics(hass, entry)) + str([event.data for event in events])
    assert OTHER_KEY.hex() not in told + str(entry.as_dict())
    assert await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    await call_verified(hass, entry, "pump-1")  # under the fleet key
    assert members(entry) == []
    await call_verified_by(hass, entry, OTHER_KEY, "pump-1", kid=3)
    await has_joined(hass, entry, "pump-1")
    assert entry.runtime_data.hub.keys.device_keys("pump-1") == {3: OTHER_KEY}
    assert OTHER_KEY.hex() not in str(entry.as_dict())


async def test_a_profile_comes_with_the_device_if_it_is_of_its_model(hass: HomeAssistant, entry: ConfigEntry) -> None:
    text = "serial,profile\npump-1,pump\npump-2,pump\n"
    await bring_in(hass, entry, text, registry=PROFILES)
    await call_verified(hass, entry, "pump-1")
    await call_verified(hass, entry, "pump-2", model="other")
    await has_joined(hass, entry, "pump-1")
    (subentry,) = entry.subentries.values()
    assert subentry.data["policy"] == {"channels": {"temperature": {"deadband": 0.5}}}
    assert subentry.data["channel_descriptions"] == {"temperature": "Bearing"}
    assert [card["context"]["unique_id"] for card in cards(hass)] == [f"{entry.entry_id}:pump-2"]
    (other,) = [found for found in entry.runtime_data.hub.joining.joiners() if found.device_id == "pump-2"]
    assert (other.step, other.other_model) == ("key_verified", "demo")
    page = await choose(hass, entry, "watch_joining")
    assert "waits for a person, since the profile of the list is for the model demo" in str(
        page["description_placeholders"]["devices"]
    )


async def test_with_one_error_nothing_is_brought_in(hass: HomeAssistant, entry: ConfigEntry) -> None:
    device = FieldDevice(hass, "press-1")
    await device.join(entry)
    await bring_in(hass, entry, f"serial,key\nold-1,{OTHER_KEY.hex()}\n")
    text = (
        "serial,key,name,area,profile\n"
        f"a,{device.key.hex()},,,\n"
        f"b,{OTHER_KEY.hex()},,,\n"
        "c,,two  blanks,,\n"
        "d,,,Nowhere,\n"
        "e,,,,pump\n"
    )
    told = await bring_in(hass, entry, text)
    assert [(flaw["line"], flaw["path"]) for flaw in told["errors"]] == [
        (2, "key"),
        (3, "key"),
        (4, "name"),
        (5, "area"),
        (6, "profile"),
    ]
    assert "press-1" in told["errors"][0]["reason"]
    assert expected(entry) == ["old-1"]
    assert (await bring_in(hass, entry, "serial\nx y\n"))["errors"][0]["line"] == 2
    flaws = (await bring_in(hass, entry, "serial\nx\n", registry="version: 5"))["errors"]
    assert flaws == [{"line": 1, "path": "registry version", "reason": "must be 1"}]
    facts = {"config_entry_id": entry.entry_id, "serials": "serial\nx y\n"}
    with pytest.raises(ServiceValidationError) as caught:
        await hass.services.async_call("iiot", "import_serials", facts, blocking=True)
    assert caught.value.translation_key == "serials_flawed"


async def test_nothing_is_derived_without_a_fleet_key(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass, fleet_key=None)
    told = await bring_in(hass, entry, "serial\npump-1\n")
    assert told["errors"][0]["reason"].startswith("is missing: this site has no fleet key")


async def test_a_dry_run_changes_nothing_and_says_what_would_change(hass: HomeAssistant, entry: ConfigEntry) -> None:
    await FieldDevice(hass, "in-1").join(entry)
    await bring_in(hass, entry, "serial,name\nsame-1,S\nother-1,O\ngone-1,G\n")
    text = "serial,name\nsame-1,S\nother-1,New\nnew-1,N\nin-1,I\n"
    told = await bring_in(hass, entry, text, dry_run=True, replace=True)
    assert told == {
        "dry_run": True,
        "errors": [],
        "added": ["new-1"],
        "changed": ["other-1"],
        "unchanged": ["same-1"],
        "joined": ["in-1"],
        "dropped": ["gone-1"],
    }
    assert expected(entry) == ["gone-1", "other-1", "same-1"]
    await bring_in(hass, entry, text, replace=True)
    assert expected(entry) == ["new-1", "other-1", "same-1"]
    facts = {"config_entry_id": entry.entry_id, "serials": "serial\nlast-1\n", "dry_run": False}
    await hass.services.async_call("iiot", "import_serials", facts, blocking=True)
    assert "last-1" in expected(entry)


async def test_a_thousand_devices_are_listed_within_seconds(hass: HomeAssistant, entry: ConfigEntry) -> None:
    rows = [f"dev-{number:04},{number.to_bytes(32).hex()},Device {number}" for number in range(1, 1001)]
    began = time.perf_counter()
    told = await bring_in(hass, entry, "\n".join(["serial,key,name", *rows]))
    assert len(told["added"]) == 1000
    assert time.perf_counter() - began < 10
    await call_verified_by(hass, entry, (777).to_bytes(32), "dev-0777")
    await has_joined(hass, entry, "dev-0777")
    assert len(expected(entry)) == 999
    assert len(entry.runtime_data.hub.joining.joiners()) == 1000


async def test_listing_a_device_takes_back_that_it_was_ignored_or_removed(
    hass: HomeAssistant, entry: ConfigEntry
) -> None:
    gone = FieldDevice(hass, "gone-3")
    subentry_id = await gone.join(entry)
    hass.config_entries.async_remove_subentry(entry, subentry_id)
    await settle(hass)
    hub = entry.runtime_data.hub
    await discovery.async_ignore(hub, "pump-1", "")
    await settle(hass)
    await bring_in(hass, entry, "serial\npump-1\ngone-3\n")
    assert discovery.ignored(hub) == {}
    await call_verified(hass, entry, "pump-1")
    await gone.beat()
    await until(hass, lambda: hub.plant.inbox.get("gone-3") is not None)
    await gone.beat(hseq=hub.plant.inbox.get("gone-3").downlink.last)
    await has_joined(hass, entry, "gone-3", "pump-1")


async def test_a_device_that_is_added_by_hand_is_expected_no_more(hass: HomeAssistant, entry: ConfigEntry) -> None:
    await bring_in(hass, entry, f"serial\n{DEVICE_ID}\n")
    await FieldDevice(hass, DEVICE_ID).join(entry)
    assert expected(entry) == []
    assert not entry.runtime_data.hub.plant.admission.is_expected(DEVICE_ID)


async def test_a_disk_that_refuses_changes_nothing(hass: HomeAssistant, entry: ConfigEntry) -> None:
    block_key_file(entry)
    with pytest.raises(HomeAssistantError) as caught:
        await bring_in(hass, entry, "serial\npump-1\n")
    assert caught.value.translation_key == "key_not_saved"
    form = await submit(hass, await choose(hass, entry, "serials"), text="serial\npump-1\n", replace=False)
    end = await submit(hass, form)
    assert (end["type"], end["reason"]) == ("abort", "key_not_saved")
    assert expected(entry) == []
    assert not entry.runtime_data.hub.plant.admission.is_expected("pump-1")


async def test_only_an_engineer_of_the_site_hands_a_list_in(
    hass: HomeAssistant, entry: ConfigEntry, anna: User
) -> None:
    facts = {"config_entry_id": entry.entry_id, "serials": "serial\npump-1\n", "dry_run": False}
    with pytest.raises(ServiceValidationError):
        await ask(hass, "import_serials", anna, **facts)
    grant(entry, anna, Role.ENGINEER)
    assert (await ask(hass, "import_serials", anna, **facts))["added"] == ["pump-1"]


# --- the form -----------------------------------------------------------------------------


async def test_pasted_text_is_checked_shown_and_brought_in(hass: HomeAssistant, entry: ConfigEntry) -> None:
    events = async_capture_events(hass, EVENT_DEVICE)
    form = await choose(hass, entry, "serials")
    form = await submit(hass, form, text="serial,colour\npump-1,red\n", replace=False)
    assert form["errors"] == {"base": "serials_flawed"}
    assert "1\\: colour is no column" in form["description_placeholders"]["flaws"]
    form = await submit(hass, form, text="serial,name\npump-1,Pump\npump 2,\n", replace=False)
    assert "3\\: device\\_id must be" in form["description_placeholders"]["flaws"]
    form = await submit(hass, form, text="serial,name\npump-1,Pump\npump-2,\n", replace=False)
    shown = form["description_placeholders"]
    assert (shown["added_count"], shown["added"]) == ("2", "- pump\\-1\n- pump\\-2")
    assert expected(entry) == []
    end = await submit(hass, form)
    assert (end["type"], end["reason"]) == ("abort", "serials_imported")
    assert end["description_placeholders"] == {"added": "2", "expected": "2"}
    assert events[-1].data["kind"] == "serials_imported"
    assert (events[-1].data["added"], events[-1].data["expected"]) == (2, 2)


@contextmanager
def uploads(files: dict[str, Path]) -> Iterator[None]:
    """Stand in for the part of Home Assistant that keeps what a browser has uploaded."""

    @contextmanager
    def processed(_: HomeAssistant, file_id: str) -> Iterator[Path]:
        if file_id not in files:
            message = "File does not exist"
            raise ValueError(message)
        yield files[file_id]

    with patch("custom_components.iiot.flows.serials.process_uploaded_file", processed):
        yield


async def test_a_file_is_taken_as_it_is_uploaded(hass: HomeAssistant, entry: ConfigEntry, tmp_path: Path) -> None:
    names = [str(uuid4()) for _ in range(3)]
    (tmp_path / "list.csv").write_bytes("serial;name;profile\r\npump-1;Kühlung;pump\r\n".encode("cp1252"))
    (tmp_path / "registry.yaml").write_text(PROFILES, "utf-8")
    form = await choose(hass, entry, "serials")
    form = await submit(hass, form, replace=False)
    assert form["errors"] == {"base": "serials_missing"}
    with uploads({names[0]: tmp_path / "list.csv", names[1]: tmp_path / "registry.yaml"}):
        form = await submit(hass, form, file=names[2], replace=False)
        assert form["errors"] == {"base": "serials_missing"}
        form = await submit(hass, form, file=names[0], profiles=names[1], replace=True)
    await submit(hass, form)
    record = entry.runtime_data.hub.keys.expected["pump-1"].record
    assert (record["name"], record["profile"], record["model"]) == ("Kühlung", "pump", "demo")


async def test_a_list_that_fits_no_more_when_it_is_agreed_to_is_not_brought_in(
    hass: HomeAssistant, entry: ConfigEntry
) -> None:
    areas = ar.async_get(hass)
    hall = areas.async_create("Hall 9")
    form = await submit(hass, await choose(hass, entry, "serials"), text="serial,area\npump-1,Hall 9\n", replace=False)
    areas.async_delete(hall.id)
    end = await submit(hass, form)
    assert (end["type"], end["reason"]) == ("abort", "serials_outdated")
    assert expected(entry) == []


async def test_who_is_still_to_come_is_shown_and_taken_off(hass: HomeAssistant, entry: ConfigEntry) -> None:
    end = await choose(hass, entry, "expected_devices")
    assert (end["type"], end["reason"]) == ("abort", "nobody_expected")
    await list_devices(hass, entry, "serial,name\npump-2,\npump-1,Pump\n")
    form = await choose(hass, entry, "expected_devices")
    assert form["description_placeholders"] == {"count": "2"}
    assert [option["label"] for option in options_of(form, "devices")] == ["Pump (pump-1)", "pump-2"]
    form = await submit(hass, form, devices=[])
    assert form["errors"] == {"devices": "none_chosen"}
    end = await submit(hass, form, devices=["pump-1"])
    assert (end["type"], end["reason"]) == ("abort", "expected_dropped")
    assert expected(entry) == ["pump-2"]
    await call_verified(hass, entry, "pump-1")
    assert members(entry) == []
    (waits, still) = entry.runtime_data.hub.joining.joiners()
    assert (waits.device_id, waits.is_listed, still.step) == ("pump-1", False, "expected")
