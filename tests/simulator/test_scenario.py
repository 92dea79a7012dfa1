"""Scenarios are read strictly, and give the same devices every time."""

import re
from pathlib import Path
from random import Random
from typing import Any

import pytest

from iiot_engine.devices.manifest_rules import read_manifest
from iiot_engine.wire.topics import is_device_id
from iiot_sim import scenario
from iiot_sim.scenario import ScenarioError
from iiot_sim.sensors import Sensors

DEVICE: dict[str, Any] = {"name": "Press 7", "channels": {"t": {"signal": {"shape": "constant", "value": 1}}}}


@pytest.mark.parametrize("name", scenario.built_in())
def test_a_built_in_scenario_has_devices_with_good_manifests_or_attacks(name: str) -> None:
    loaded = scenario.load(name)
    assert loaded.profiles or loaded.attacks
    for profile in loaded.profiles:
        assert is_device_id(profile.id)
        assert read_manifest({**profile.manifest}).channels
        assert profile.manifest["digest"] == profile.manifest["digest"].lower()


def test_the_factory_is_as_described() -> None:
    profiles = scenario.load("plant-40").profiles
    assert len({profile.id for profile in profiles}) == len(profiles) == 40
    assert len({profile.name for profile in profiles}) == 40
    assert len({profile.place for profile in profiles}) == 8
    assert sum(profile.sleep_s > 0 for profile in profiles) == 1
    assert sum(bool(profile.route) for profile in profiles) == 1
    assert sum(any(channel.faults for channel in profile.channels) for profile in profiles) == 1
    gateway = next(profile.id for profile in profiles if profile.name == "Cold store gateway")
    assert sum(profile.gateway == gateway for profile in profiles) == 2
    kinds = {channel.kind for profile in profiles for channel in profile.channels}
    assert {str(kind) for kind in kinds} == {"float", "int", "bool", "text", "enum"}


def test_ids_are_the_same_in_every_run_and_other_with_another_seed() -> None:
    first, second = scenario.load("plant-40"), scenario.load("plant-40")
    assert [one.id for one in first.profiles] == [one.id for one in second.profiles]
    other = scenario.load("plant-40", seed=2)
    assert {one.id for one in first.profiles}.isdisjoint(one.id for one in other.profiles)


def test_devices_are_repeated_with_ids_that_stay() -> None:
    few, many = scenario.load("plant-40"), scenario.load("plant-40", devices=1000)
    assert [one.id for one in many.profiles][:40] == [one.id for one in few.profiles]
    assert len({one.id for one in many.profiles}) == 1000
    assert many.profiles[40].name.endswith(" (2)")


def test_a_device_whose_gateway_is_cut_away_goes_with_it() -> None:
    document = {"devices": [{**DEVICE, "via": "gate"}, {**DEVICE, "name": "Gate", "ref": "gate"}]}
    assert len(scenario.read(document, "x").profiles) == 2
    assert len(scenario.read(document, "x", devices=1).profiles) == 0


def test_a_template_is_filled_in_deeply() -> None:
    document = {
        "templates": {"a": {"model": "A", "channels": {"t": {"name": "T", "signal": {"shape": "sine", "mean": 1}}}}},
        "devices": [{"name": "One", "template": "a", "channels": {"t": {"signal": {"mean": 2}}}}],
    }
    (profile,) = scenario.read(document, "x").profiles
    (channel,) = profile.channels
    assert (profile.model, channel.entry, channel.signal) == ("A", {"name": "T"}, {"shape": "sine", "mean": 2})


@pytest.mark.parametrize(
    ("device", "words"),
    [
        ({"name": ""}, "name: '' is not a text of 1 to 128 characters"),
        ({"colour": "red"}, "colour: nobody knows this member"),
        ({"serial": "7"}, "serial: nobody knows this member; did you mean id?"),
        ({"template": "b"}, "there is no template b; there are none"),
        ({"interval_s": "30"}, "interval_s: '30' is not a number from 0.1 up to 604,800"),
        ({"batch": 1.5}, "batch: 1.5 is not a whole number 1 to 200"),
        ({"form": "wave"}, "form: 'wave' is not one of r, rows"),
        ({"clock": "sun"}, "clock: 'sun' is not one of ntp, hub, none"),
        ({"id": "hub"}, "id: 'hub' is not 1 to 64 of"),
        ({"caps": ["fly"]}, "is not a list of 0 to 4, each one of confirm, poll, ota, mesh"),
        ({"route": [[100, 0]]}, "each [a number from -90 up to 90, a number from -180 up to 180]"),
        ({"net": {"rssi": "good"}}, "net.rssi: 'good' is not a number from -200 up to 100"),
        ({"power": {"battery": 101}}, "power.battery: 101 is not a number from 0 up to 100"),
        ({"alarms": [{"code": "x"}]}, "alarms[1]: name is missing"),
        ({"flood": {"lasts_s": 1}}, "flood: hz is missing; it has to be a number"),
        ({"boot": {"log": 1}}, "boot.log: 1 is not true or false"),
    ],
)
def test_a_mistake_is_named_with_its_place_and_what_would_be_right(device: dict[str, Any], words: str) -> None:
    with pytest.raises(ScenarioError, match=re.escape(words)) as raised:
        scenario.read({"devices": [{**DEVICE, **device}]}, "x")
    assert str(raised.value).startswith("x.toml: device 1, ")


@pytest.mark.parametrize(
    ("channel", "words"),
    [
        (7, "channels.t: 7 is not a table"),
        ({"kind": "list"}, "kind: 'list' is not one of float, int, bool, text, enum"),
        ({"device_class": "door"}, "device_class: nobody knows this member; did you mean class?"),
        ({"precison": 1}, "precison: nobody knows this member; did you mean precision?"),
        ({"precision": "two"}, "precision: 'two' is not a whole number 0 to 12"),
        ({"mode": "pull"}, "mode: 'pull' is not one of push, poll"),
        ({"period": 0}, "period: 0 is not a number from 0.001"),
        ({"scale": 0}, "scale: 0 is not a number other than 0"),
        ({"min": 5, "max": 5}, "min: min is not below max"),
        ({"kind": "enum"}, "options is missing"),
        ({"kind": "enum", "options": ["a", "a"]}, "different texts"),
        ({"signal": {"shape": "cube"}}, "signal.shape: 'cube' is no shape for a channel of kind float; one of"),
        ({"kind": "bool", "signal": {"shape": "sine"}}, "'sine' is no shape for a channel of kind bool"),
        (
            {"signal": {"shape": "sine", "amplitude": 2}},
            "signal.amplitude: nobody knows this member; did you mean size?",
        ),
        ({"signal": {"shape": "steps"}}, "signal: levels is missing"),
        ({"signal": {"shape": "constant", "value": "warm"}}, "'warm' does not fit a channel of kind float"),
        ({"kind": "int", "signal": {"shape": "steps", "levels": [1, 1.5]}}, "1.5 does not fit a channel of kind int"),
        ({"kind": "int", "signal": {"shape": "walk", "round": 2}}, "an int channel has no decimal places"),
        ({"kind": "text", "signal": {"shape": "constant", "value": 1}}, "1 does not fit a channel of kind text"),
        ({"kind": "text", "signal": {"shape": "text", "form": "{x}"}}, "is not a text with one {} or {:05d}"),
        (
            {"kind": "enum", "options": ["a"], "signal": {"shape": "constant", "value": "b"}},
            "'b' does not fit a channel of kind enum",
        ),
        ({"kind": "bool", "signal": {"shape": "constant", "value": 1}}, "1 does not fit a channel of kind bool"),
        ({"signal": {"shape": "walk", "min": 5, "max": 1}}, "min is above max"),
        ({"signal": {"shape": "wave"}}, 'wave = "t" has to stand beside its name'),
        ({"signal": {"shape": "feature", "of": "x"}}, "a feature is of the channel that wave names"),
        ({"faults": [{"kind": "fire"}]}, "faults[1].kind: 'fire' is not one of"),
        ({"faults": [{}]}, "faults[1]: kind is missing"),
    ],
)
def test_a_mistake_in_a_channel_is_named(channel: object, words: str) -> None:
    with pytest.raises(ScenarioError, match=re.escape(words)):
        scenario.read({"devices": [{"name": "Press 7", "channels": {"t": channel}}]}, "x")


@pytest.mark.parametrize(
    ("device", "words"),
    [
        ({"wave": "t"}, "there is no channel t with a signal of shape wave"),
        ({"wave": "w", "wave_s": 0.1}, "wave_s: a burst lasts 0.16 s, longer than that"),
        ({"wave": "v", "wave_s": 9}, "9,000 samples as numbers do not fit a message; at most 6,000, or form i16"),
    ],
)
def test_a_waveform_that_cannot_be_is_named(device: dict[str, Any], words: str) -> None:
    wave = device["wave"]
    signal = {"shape": "wave", **({"form": "v", "samples": 9000} if wave == "v" else {})}
    channels = {"t": {}} if wave == "t" else {wave: {"signal": signal}}
    with pytest.raises(ScenarioError, match=re.escape(words)):
        scenario.read({"devices": [{"name": "Bearing", "channels": channels, **device}]}, "x")


@pytest.mark.parametrize(
    ("actuator", "words"),
    [
        ({}, "actuators.fan: kind is missing"),
        ({"kind": "lever"}, "kind: 'lever' is not one of switch"),
        ({"kind": "select"}, "options is missing; a select needs"),
        ({"kind": "switch", "channel": "x"}, "there is no channel x"),
        ({"kind": "switch", "channel": "t"}, "a switch is reported by a channel of kind bool"),
        ({"kind": "valve", "channel": "t"}, "a valve without min and max is reported by a channel of kind bool"),
        ({"kind": "number", "min": 0, "max": 5, "start": 9}, "9 is nothing that this number can be set to"),
        ({"kind": "switch", "fail_chance": 2}, "fail_chance: 2 is not a number from 0 up to 1"),
    ],
)
def test_a_mistake_in_an_actuator_is_named(actuator: dict[str, Any], words: str) -> None:
    with pytest.raises(ScenarioError, match=re.escape(words)):
        scenario.read({"devices": [{**DEVICE, "actuators": {"fan": actuator}}]}, "x")


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"timing": {"tea_s": 1}, "devices": [DEVICE]}, "timing.tea_s: nobody knows this member"),
        ({"attacks": [{"kind": "kind words"}]}, "attacks[1].kind: 'kind words' is not one of"),
        ({"device": []}, "device: nobody knows this member; did you mean devices?"),
        ({"devices": [DEVICE, {}]}, "device 2: name is missing"),
        ({"devices": [DEVICE, DEVICE]}, "two devices have one id"),
        ({"templates": {"a": 1}, "devices": [{**DEVICE, "template": "a"}]}, "templates.a: it is not a table"),
        ({"devices": [{"name": "x", "channels": {"Gate 1": {}}}]}, "'Gate 1' is not 1 to 64 of a-z 0-9 _"),
    ],
)
def test_a_mistake_beside_the_members_of_a_device_is_named(document: dict[str, Any], words: str) -> None:
    with pytest.raises(ScenarioError, match=re.escape(words)):
        scenario.read(document, "x")


FILE = """
title = "one room"
[templates.climate]
model = "HT"
[templates.climate.channels.temperature]
unit = "°C"
signal = { shape = "sine", size = %(size)s }

[[devices]]
name = "Office"
template = "climate"

[[devices]]
name = "Store"
template = "climate"
channels.temperature.precision = %(precision)s
[[devices.channels.temperature.faults]]
kind = "nan"
[[devices.channels.temperature.faults]]
kind = "comm"
chance = %(chance)s
"""


@pytest.mark.parametrize(
    ("mistake", "words"),
    [
        ({"size": '"big"'}, "plant.toml, line 7: device 1, Office: channels.temperature.signal.size: 'big' is not"),
        ({"precision": "2.5"}, "plant.toml, line 16: device 2, Store: channels.temperature.precision: 2.5 is not"),
        ({"chance": "7"}, "plant.toml, line 21: device 2, Store: channels.temperature.faults[2].chance: 7 is not"),
        ({"size": "= 7"}, "plant.toml, line 7: this is not TOML"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, mistake: dict[str, str], words: str) -> None:
    file = tmp_path / "plant.toml"
    file.write_text(FILE % {"size": "2", "precision": "1", "chance": "0.1", **mistake}, encoding="utf-8")
    with pytest.raises(ScenarioError, match=re.escape(words)):
        scenario.load(str(file))


def test_what_is_left_out_has_a_signal_that_fits_its_kind() -> None:
    kinds = {"f": "float", "i": "int", "b": "bool", "t": "text", "e": "enum"}
    channels = {key: {"kind": kind, **({"options": ["on"]} if key == "e" else {})} for key, kind in kinds.items()}
    (profile,) = scenario.read({"devices": [{"name": "Mixed", "channels": channels}]}, "x").profiles
    values = Sensors(profile, Random(1)).sample(1.0).values
    assert {key: type(value) for key, value in values.items()} == {"f": float, "i": int, "b": bool, "t": str, "e": str}


def test_a_serial_number_is_the_id_and_stays_unlike_in_further_laps() -> None:
    plan = scenario.read({"devices": [{**DEVICE, "id": "HT-1"}]}, "x", devices=3)
    assert [profile.id for profile in plan.profiles] == ["HT-1", "HT-1-2", "HT-1-3"]
    assert plan.another().id == "HT-1-4"


def test_a_gateway_of_a_further_lap_carries_the_devices_of_that_lap() -> None:
    document = {"devices": [{**DEVICE, "via": "gate"}, {**DEVICE, "name": "Gate", "ref": "gate"}]}
    behind, gate = scenario.read(document, "x", devices=4).profiles[2:]
    assert behind.gateway == behind.net["via"] == gate.id


def test_a_device_that_is_added_has_a_connection_of_its_own() -> None:
    document = {"devices": [{**DEVICE, "via": "gate"}, {**DEVICE, "name": "Gate", "ref": "gate"}]}
    plan = scenario.read(document, "x")
    assert (plan.another().gateway, plan.another().name) == (None, "Gate (2)")
    with pytest.raises(ScenarioError, match="x has no devices to add"):
        scenario.read({}, "x").another()


def test_an_attack_has_its_count() -> None:
    assert scenario.read({"attacks": [{"kind": "forged"}]}, "x").attacks[0].count == 1


def test_a_number_of_devices_that_cannot_be_is_refused() -> None:
    with pytest.raises(ScenarioError, match="10,001 devices; 1 to 10,000 are possible"):
        scenario.load("plant-40", devices=10_001)
    with pytest.raises(ScenarioError, match="5 devices"):
        scenario.load("intruder", devices=5)


def test_a_file_that_is_not_there_or_not_toml_is_told(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="there is no scenario"):
        scenario.load(str(tmp_path / "nowhere.toml"))
    bad = tmp_path / "bad.toml"
    bad.write_text("= =")
    with pytest.raises(ScenarioError, match=r"bad\.toml, line 1: this is not TOML"):
        scenario.load(str(bad))
    bad.write_bytes(b"\xff")
    with pytest.raises(ScenarioError, match=r"bad\.toml is not a text in UTF-8"):
        scenario.load(str(bad))


def test_everything_is_quicker_at_a_higher_speed() -> None:
    profile = scenario.load("plant-40").profiles[0].quicker(10)
    assert (profile.interval_s, profile.sample_s, profile.timing.resend_after_s) == (3.0, 1.0, 6.0)
    assert profile.timing.listen_s == 5.0
