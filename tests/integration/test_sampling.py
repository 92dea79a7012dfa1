"""A person says how often a device measures; it is told so after each of its starts."""

from typing import Any

import pytest
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.iiot.bridge.sampling import SampleIntervals
from custom_components.iiot.engine import records
from custom_components.iiot.engine.devices.sampling import Sampling
from custom_components.iiot.engine.errors import RecordError

from .field import FieldDevice
from .joining import add_device, answer_device_form, expected_lingering_timers, fields, open_page, settle  # noqa: F401
from .people import ask, page_of
from .plant_floor import CHANNELS, Machine

MANY = [{"key": f"c{number}", "name": f"c{number}", "kind": "float"} for number in range(17)]


async def say(hass: HomeAssistant, entry: MockConfigEntry, **answers: Any) -> Any:
    end = await answer_device_form(hass, await open_page(hass, entry, "sampling"), **answers)
    await settle(hass)
    return end


async def told(machine: Machine) -> dict[str, Any]:
    """Give what the machine is told next, which it does."""
    order = await machine.obey()
    assert order["cmd"] == "set_interval"
    found: dict[str, Any] = order["args"]
    return found


async def test_a_device_is_told_its_intervals_at_once_and_after_each_start(
    hass: HomeAssistant, entry: MockConfigEntry, machine: Machine
) -> None:
    end = await say(hass, entry, interval_s=5, own_intervals={"Flap (flap)": 1.5})
    assert end["reason"] == "reconfigure_successful"
    assert [await told(machine), await told(machine)] == [{"s": 5}, {"s": 1.5, "ch": "flap"}]
    await machine.beat()
    assert machine.orders() == [], "it was told in this boot"
    machine.boot, machine.seq, machine.hseq = machine.boot + 1, 0, 0
    await machine.beat(nonce="00112233445566ff")
    assert [await told(machine), await told(machine)] == [{"s": 5}, {"s": 1.5, "ch": "flap"}]


async def test_without_an_interval_nothing_is_said(
    hass: HomeAssistant, entry: MockConfigEntry, machine: Machine
) -> None:
    await say(hass, entry, interval_s=5, own_intervals={})
    await told(machine)
    form = await open_page(hass, entry, "sampling")
    await answer_device_form(hass, form, own_intervals={})
    await settle(hass)
    await machine.beat()
    assert machine.orders() == []
    (subentry,) = entry.subentries.values()
    assert "sampling" not in subentry.data["policy"]


async def test_a_device_that_takes_no_interval_is_told_none(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    device = FieldDevice(hass)
    await device.join(entry, CHANNELS)
    form = await say(hass, entry, interval_s=5, own_intervals={})
    assert form["errors"] == {"base": "device_sets_no_interval"}


async def test_a_device_that_has_said_nothing_may_take_an_interval(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    await add_device(hass, entry)
    form = await open_page(hass, entry, "sampling")
    assert fields(form) == ["interval_s"]
    end = await answer_device_form(hass, form, interval_s=5)
    assert end["reason"] == "reconfigure_successful"
    (subentry,) = entry.subentries.values()
    assert subentry.data["policy"]["sampling"] == {"interval_s": 5}


async def test_only_some_channels_have_an_interval_of_their_own(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    device = FieldDevice(hass)
    await device.join(entry, MANY)
    form = await say(hass, entry, own_intervals={f"c{number}": 1 for number in range(17)})
    assert form["errors"] == {"base": "too_many_intervals"}
    with pytest.raises(RecordError, match="invalid_record"):
        records.read(Sampling, {"intervals": {f"c{number}": 1 for number in range(17)}})


async def test_a_profile_has_it_and_a_removed_device_is_forgotten(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine
) -> None:
    registry = "version: 1\nprofiles: {press: {policy: {sampling: {interval_s: 7}}}}"
    facts = {"registry": registry, "profile": "press", "device_id": [page_of(hass, entry, machine).id]}
    await ask(hass, "apply_profile", **facts)
    await settle(hass)
    assert await told(machine) == {"s": 7}
    sampling = SampleIntervals(entry.runtime_data.hub)
    sampling.look(machine.id)
    assert list(sampling._told) == [machine.id]
    hass.config_entries.async_remove_subentry(entry, machine.subentry_id)
    await settle(hass)
    sampling.look(machine.id)
    assert sampling._told == {}


async def test_a_device_that_is_left_to_another_hub_is_told_nothing(
    hass: HomeAssistant, entry: MockConfigEntry, machine: Machine
) -> None:
    subentry = entry.subentries[machine.subentry_id]
    data = {**subentry.data, "stands_back": True}
    hass.config_entries.async_update_subentry(entry, subentry, data=data)
    await settle(hass)
    await say(hass, entry, interval_s=5, own_intervals={})
    assert machine.orders() == []
