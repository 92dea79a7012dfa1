"""A person sets the gates of a channel, and has channels worked out of others."""

from typing import Any

import pytest
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry

from .bare_sensor import name_values, register, say
from .bare_sensor import open_page as open_bare_page
from .field import FieldDevice, entity_id, state
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

pytestmark = pytest.mark.hub(state_interval=0)

FLOW_IN = {"key": "flow_in", "name": "Inflow", "kind": "float", "unit": "m³/h", "min": 0, "max": 100}
FLOW_OUT = {"key": "flow_out", "name": "flow_out", "kind": "float", "unit": "m³/h"}
DOOR = {"key": "door", "name": "Door", "kind": "bool", "unit": "%"}
FORMULA = {"channel_key": "gain", "name": "Gain", "expression": "flow_in - flow_out"}


async def pump_at(hass: HomeAssistant, entry: ConfigEntry) -> tuple[FieldDevice, str]:
    pump = FieldDevice(hass, "pump-01")
    return pump, await pump.join(entry, [FLOW_IN, FLOW_OUT])


async def gates_of(hass: HomeAssistant, entry: MockConfigEntry, channel: str) -> Any:
    return await answer_device_form(hass, await open_page(hass, entry, "gates"), channel=channel)


def kept(entry: ConfigEntry) -> Any:
    (subentry,) = entry.subentries.values()
    return subentry.data["policy"]


async def test_gates_are_set_and_taken_away(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    pump, station = await pump_at(hass, entry)
    await pump.read(flow_in=50)
    form = await open_page(hass, entry, "gates")
    assert options_of(form, "channel") == [
        {"value": "flow_in", "label": "Inflow (flow_in)"},
        {"value": "flow_out", "label": "flow_out"},
    ]
    form = await answer_device_form(hass, form, channel="flow_in")
    assert form["description_placeholders"] == {"channel": "Inflow \\(flow\\_in\\)"}
    assert units(form) == {"low": "m³/h", "high": "m³/h", "slew_per_s": "m³/h/s", "deadband": "m³/h"} | {
        "stuck_s": "s",
        "interval_s": "s",
        "deadband_percent": "%",
    }
    done = await answer_device_form(hass, form, low=0, high=40, deadband_percent=5, slew_per_s=0)
    assert done["reason"] == "reconfigure_successful"
    await settle(hass)
    assert kept(entry) == {"channels": {"flow_in": {"low": 0.0, "high": 40.0, "deadband_percent": 5.0}}}
    shown = state(hass, "sensor", station, "flow_in")
    assert (shown.state, shown.attributes["reason"]) == ("unknown", "range")
    await pump.read(flow_in=30)
    await pump.read(flow_in=31)
    assert state(hass, "sensor", station, "flow_in").state == "30"
    form = await gates_of(hass, entry, "flow_in")
    assert (suggested(form, "low"), suggested(form, "high"), suggested(form, "stuck_s")) == (0.0, 40.0, None)
    await answer_device_form(hass, form)
    await settle(hass)
    assert kept(entry) == {}
    await pump.read(flow_in=50)
    assert state(hass, "sensor", station, "flow_in").state == "50"


async def test_a_contact_is_asked_for_no_range(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    await FieldDevice(hass, "gate-01").join(entry, [DOOR])
    assert fields(await gates_of(hass, entry, "door")) == ["stuck_s", "interval_s"]


async def test_gates_that_make_no_sense_are_refused_in_words(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    await pump_at(hass, entry)
    form = await gates_of(hass, entry, "flow_out")
    form = await answer_device_form(hass, form, low=5, high=5)
    assert form["errors"] == {"high": "low_above_high"}
    assert suggested(form, "low") == 5
    form = await answer_device_form(hass, form, deadband_percent=5)
    assert form["errors"] == {"deadband_percent": "percent_needs_range"}
    done = await answer_device_form(hass, form, deadband_percent=5, low=0, high=10)
    assert done["reason"] == "reconfigure_successful"


async def test_an_uncertain_value_says_so_and_why(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    pump, station = await pump_at(hass, entry)
    await answer_device_form(hass, await gates_of(hass, entry, "flow_in"), slew_per_s=0.001)
    await settle(hass)
    await pump.read(flow_in=10)
    await pump.read(flow_in=90)
    shown = state(hass, "sensor", station, "flow_in")
    assert (shown.state, shown.attributes["quality"], shown.attributes["reason"]) == ("90", "uncertain", "slew")


async def test_a_shortest_time_holds_states_back(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    pump, station = await pump_at(hass, entry)
    await answer_device_form(hass, await gates_of(hass, entry, "flow_in"), interval_s=3600)
    await settle(hass)
    for value in (10, 20, 30):
        await pump.read(flow_in=value, flow_out=value)
    assert state(hass, "sensor", station, "flow_out").state == "30"
    assert state(hass, "sensor", station, "flow_in").state in ("unknown", "10")


@pytest.mark.parametrize("page", ["gates", "calculated"])
async def test_a_device_that_has_said_nothing_has_no_channels(
    hass: HomeAssistant, entry: MockConfigEntry, page: str
) -> None:
    await add_device(hass, entry)
    found = await open_page(hass, entry, page)
    assert (found["type"], found["reason"]) == ("abort", "no_channels")


async def test_a_channel_is_worked_out_changed_and_taken_away(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    pump, station = await pump_at(hass, entry)
    await pump.read(flow_in=50, flow_out=20)
    form = await open_page(hass, entry, "calculated")
    assert fields(form) == ["channel_key", "name", "expression", "unit", "device_class", "precision"]
    done = await answer_device_form(hass, form, **FORMULA, unit=" m³/h ", device_class="volume_flow_rate", precision=1)
    assert done["reason"] == "reconfigure_successful"
    await settle(hass)
    shown = state(hass, "sensor", station, "gain")
    assert (shown.state, shown.attributes["unit_of_measurement"]) == ("30.0", "m³/h")
    assert shown.attributes["friendly_name"] == "Pump-01 Gain"
    await pump.read(flow_in=60)
    assert state(hass, "sensor", station, "gain").state == "40.0"
    form = await gates_of(hass, entry, "gain")
    await answer_device_form(hass, form, high=35)
    await settle(hass)
    assert state(hass, "sensor", station, "gain").state == "unknown"
    form = await open_page(hass, entry, "calculated")
    assert options_of(form, "channel") == [{"value": "gain", "label": "Gain (gain)"}]
    form = await answer_device_form(hass, form, channel="gain")
    assert fields(form) == ["name", "expression", "unit", "device_class", "precision", "remove"]
    assert suggested(form, "expression") == "flow_in - flow_out"
    await answer_device_form(hass, form, name="Gain", expression="flow_out - flow_in", remove=False)
    await settle(hass)
    assert state(hass, "sensor", station, "gain").state == "-40.0"
    form = await answer_device_form(hass, await open_page(hass, entry, "calculated"), channel="gain")
    await answer_device_form(hass, form, name="Gain", expression="flow_out", remove=True)
    await settle(hass)
    assert entity_id(hass, "sensor", station, "gain") is None
    assert "calculated" not in kept(entry)


@pytest.mark.parametrize(
    ("answers", "errors"),
    [
        ({"channel_key": "Gain"}, {"channel_key": "invalid_channel_key"}),
        ({"channel_key": "flow_in"}, {"channel_key": "channel_exists"}),
        ({"name": "  "}, {"name": "name_missing"}),
        ({"expression": "flow_in -"}, {"expression": "expression_form"}),
        ({"expression": "flow_in.x"}, {"expression": "expression_character"}),
        ({"expression": "flow_in + level"}, {"expression": "expression_unknown_channel"}),
    ],
)
async def test_what_cannot_be_worked_out_is_refused_in_words(
    hass: HomeAssistant, entry: MockConfigEntry, answers: dict[str, str], errors: dict[str, str]
) -> None:
    await pump_at(hass, entry)
    form = await open_page(hass, entry, "calculated")
    form = await answer_device_form(hass, form, **{**FORMULA, **answers})
    assert form["errors"] == errors
    missing = "level" if errors.get("expression") == "expression_unknown_channel" else ""
    assert form["description_placeholders"]["missing"] == missing
    done = await answer_device_form(hass, form, **FORMULA)
    assert done["reason"] == "reconfigure_successful"


async def test_a_device_has_so_many_calculated_channels_and_no_more(
    hass: HomeAssistant, entry: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("custom_components.iiot.flows.channels.MAX_CALCULATED", 1)
    await pump_at(hass, entry)
    await answer_device_form(hass, await open_page(hass, entry, "calculated"), **FORMULA)
    await settle(hass)
    form = await answer_device_form(hass, await open_page(hass, entry, "calculated"))
    form = await answer_device_form(hass, form, **{**FORMULA, "channel_key": "more"})
    assert form["errors"] == {"channel_key": "too_many_calculated"}


async def test_a_bare_device_has_gates_and_formulas_too(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    station = await register(hass, entry)
    await say(hass, {"temperature": 20.5})
    await name_values(hass, entry, station)
    form = await answer_device_form(hass, await open_bare_page(hass, entry, station, "gates"), channel="temperature")
    await answer_device_form(hass, form, high=40)
    await settle(hass)
    form = await open_bare_page(hass, entry, station, "calculated")
    await answer_device_form(hass, form, channel_key="half", name="Half", expression="temperature / 2")
    await settle(hass)
    await say(hass, {"temperature": 30})
    assert state(hass, "sensor", station, "half").state == "15.0"
    await say(hass, {"temperature": 50})
    assert state(hass, "sensor", station, "temperature").attributes["reason"] == "range"
    assert state(hass, "sensor", station, "half").state == "unknown"
