"""Whatever a manifest says, Home Assistant gets something that fits together."""

import logging
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from homeassistant.components.binary_sensor.const import BinarySensorDeviceClass
from homeassistant.components.sensor import SensorDeviceClass, SensorEntity, SensorStateClass
from homeassistant.components.sensor.const import DEVICE_CLASS_UNITS
from homeassistant.const import EntityCategory, Platform
from homeassistant.core import HomeAssistant
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from custom_components.iiot.bridge.mapping import MAX_NAME, PointDescription, clean_name, describe, read_moment
from custom_components.iiot.engine.devices.manifest import Channel
from custom_components.iiot.engine.devices.manifest_rules import read_manifest
from custom_components.iiot.engine.ingest.gates import gate_of
from custom_components.iiot.engine.values import Scalar

CLASSES = [*(str(word) for word in (*SensorDeviceClass, *BinarySensorDeviceClass)), "warp_core", "", "TEMPERATURE"]
STATE_CLASSES = [*(str(word) for word in SensorStateClass), "", "sometimes"]
KNOWN_UNITS = {str(unit) for units in DEVICE_CLASS_UNITS.values() for unit in units if unit}
UNITS = sorted(KNOWN_UNITS | {"", "µg/m³", "furlong"})

ANGLE = {"class": "wind_direction", "unit": "°", "state_class": "measurement_angle"}


def channel(**more: Any) -> Channel:
    manifest = {"digest": "0" * 16, "channels": [{"key": "x", "name": "X", "kind": "float"} | more]}
    return read_manifest(manifest).channels["x"]


@pytest.mark.parametrize(
    ("facts", "device_class", "state_class", "unit"),
    [
        ({"class": "temperature", "unit": "°C", "state_class": "measurement"}, "temperature", "measurement", "°C"),
        ({"class": "temperature", "unit": "bar", "state_class": "measurement"}, None, "measurement", "bar"),
        ({"class": "energy", "unit": "kWh", "state_class": "measurement"}, "energy", None, "kWh"),
        ({"class": "energy", "unit": "kWh", "state_class": "total_increasing"}, "energy", "total_increasing", "kWh"),
        (ANGLE, "wind_direction", "measurement_angle", "°"),
        ({"unit": "rpm", "state_class": "measurement_angle"}, None, None, "rpm"),
        ({"class": "warp_core", "unit": "TW", "state_class": "often"}, None, None, "TW"),
        ({"class": "enum", "unit": "x"}, None, None, "x"),
        ({"class": "date"}, None, None, None),
        ({"class": "timestamp", "unit": "s", "state_class": "measurement", "precision": 2}, "timestamp", None, None),
        ({"class": "ph", "unit": "pH"}, None, None, "pH"),
        ({"class": "pm25", "unit": "\u00b5g/m³"}, "pm25", None, "\u03bcg/m³"),
        ({"kind": "text", "class": "temperature", "unit": "°C", "state_class": "measurement"}, None, None, None),
        ({"kind": "text", "class": "date"}, "date", None, None),
        ({"kind": "enum", "options": ["a"], "class": "temperature"}, "enum", None, None),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_left_out(
    facts: dict[str, Any], device_class: str | None, state_class: str | None, unit: str | None
) -> None:
    found = describe(channel(**facts))
    assert (found.device_class, found.state_class, found.unit) == (device_class, state_class, unit)
    assert found.platform is Platform.SENSOR


def test_a_contact_is_a_binary_sensor() -> None:
    door = describe(channel(kind="bool", **{"class": "door"}, diagnostic=True))
    assert (door.platform, door.device_class) == (Platform.BINARY_SENSOR, BinarySensorDeviceClass.DOOR)
    assert door.category is EntityCategory.DIAGNOSTIC
    assert describe(channel(kind="bool", **{"class": "temperature"})).device_class is None


def test_what_counts_every_change() -> None:
    prompt = {
        kind: describe(channel(kind=kind, options=["a"])).is_prompt for kind in ("float", "int", "bool", "text", "enum")
    }
    assert prompt == {"float": False, "int": False, "bool": True, "text": True, "enum": True}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("  Oil   temperature ", "Oil temperature"),
        ("Tab\there\x00\x1b[31m", "Tab here [31m"),
        ("\u202egnp.exe", "gnp.exe"),
        ("\u200b\u2028", "fallback"),
        ("", "fallback"),
        ("x" * 500, "x" * MAX_NAME),
        ("Öltemperatur 温度 🔥", "Öltemperatur 温度 🔥"),
    ],
)
def test_names_are_one_visible_line(text: str, name: str) -> None:
    assert clean_name(text, "fallback") == name


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2026-11-01T08:00:00Z", datetime(2026, 11, 1, 8, tzinfo=UTC)),
        ("2026-11-01T08:00:00+02:00", datetime(2026, 11, 1, 6, tzinfo=UTC)),
        ("2026-11-01 08:00", datetime(2026, 11, 1, 8, tzinfo=UTC)),
        (1795190400, datetime.fromtimestamp(1795190400, UTC)),
        (1795190400.25, datetime.fromtimestamp(1795190400.25, UTC)),
        ("yesterday", None),
        ("2026-13-45T99:00:00Z", None),
        (1e300, None),
        (-1e18, None),
    ],
)
def test_moments_are_text_or_unix_seconds(value: Scalar, moment: datetime | None) -> None:
    assert read_moment(value) == moment


def test_values_fit_a_state() -> None:
    text = describe(channel(kind="text")).convert
    assert text("x" * 4000) == "x" * 255
    day = describe(channel(kind="text", **{"class": "date"})).convert
    assert day("2026-11-01") == date(2026, 11, 1)
    assert day("2026-11-01T23:00:00Z") == date(2026, 11, 1)
    assert day("soon") is None
    number = describe(channel(kind="int")).convert
    assert number(7) == 7
    assert number(10**300) == 1e300
    assert number(float("nan")) is None
    assert number(float("-inf")) is None


class Bare(SensorEntity):
    """A sensor that Home Assistant judges."""

    entity_id = "sensor.bare"

    def __init__(self, hass: HomeAssistant, found: PointDescription, value: Any) -> None:
        self.hass = hass
        self.platform = self.platform_data = SimpleNamespace(
            platform_name="iiot", default_language_platform_translations={}, domain="sensor"
        )
        self._attr_device_class = found.device_class
        self._attr_state_class = found.state_class
        self._attr_native_unit_of_measurement = found.unit
        self._attr_suggested_display_precision = found.precision
        if found.options:
            self._attr_options = list(found.options)
        self._attr_native_value = value


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    words=st.fixed_dictionaries(
        {
            "kind": st.sampled_from(["float", "int", "text", "enum"]),
            "class": st.sampled_from(CLASSES),
            "unit": st.sampled_from(UNITS),
            "state_class": st.sampled_from(STATE_CLASSES),
            "precision": st.one_of(st.none(), st.integers(0, 12)),
        }
    ),
    raw=st.one_of(st.floats(), st.integers(), st.text(max_size=300), st.booleans(), st.none(), st.just("2026-11-01")),
)
async def test_home_assistant_has_nothing_to_complain_about(
    hass: HomeAssistant, caplog: pytest.LogCaptureFixture, words: dict[str, Any], raw: Any
) -> None:
    """Every combination of words, with every value that passes the gate, gives a state and no warning."""
    made = channel(options=["a", "b"], **words)
    found = describe(made)
    judged = gate_of(made)(raw)
    caplog.clear()
    if judged is not None and judged[0] is not None:
        with caplog.at_level(logging.WARNING):
            state = Bare(hass, found, found.convert(judged[0])).state
        assert state is None or len(str(state)) <= 255
    assert caplog.records == []
