"""Scenarios are read strictly, and give the same devices every time."""

from pathlib import Path
from typing import Any

import pytest

from iiot_engine.devices.manifest_rules import read_manifest
from iiot_engine.wire.topics import is_device_id
from iiot_sim import scenario
from iiot_sim.scenario import ScenarioError

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
        ({"name": ""}, "has no name"),
        ({"colour": "red"}, "nobody knows colour"),
        ({"template": "b"}, "no template b"),
        ({"interval_s": "30"}, "interval_s is not of type float"),
        ({"batch": 1.5}, "batch is not of type int"),
        ({"form": "wave"}, "wave is none of r, rows"),
        ({"clock": "sun"}, "sun is none of ntp, hub"),
        ({"channels": {"t": {"kind": "list"}}}, "list is none of"),
        ({"channels": {"t": {"signal": {"shape": "cube"}}}}, "no shape cube"),
        ({"channels": {"t": {"faults": [{"kind": "fire"}]}}}, "no fault fire"),
    ],
)
def test_a_mistake_is_named_with_its_place(device: dict[str, Any], words: str) -> None:
    with pytest.raises(ScenarioError, match=words):
        scenario.read({"devices": [{**DEVICE, **device}]}, "x")


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"timing": {"tea_s": 1}, "devices": [DEVICE]}, "timing knows no tea_s"),
        ({"attacks": [{"kind": "kind words"}]}, "no attack kind words"),
    ],
)
def test_a_mistake_beside_the_devices_is_named(document: dict[str, Any], words: str) -> None:
    with pytest.raises(ScenarioError, match=words):
        scenario.read(document, "x")


def test_an_attack_has_its_count() -> None:
    assert scenario.read({"attacks": [{"kind": "forged"}]}, "x").attacks[0].count == 1


def test_a_number_of_devices_that_cannot_be_is_refused() -> None:
    with pytest.raises(ScenarioError, match="1001 devices"):
        scenario.load("plant-40", devices=1001)
    with pytest.raises(ScenarioError, match="5 devices"):
        scenario.load("intruder", devices=5)


def test_a_file_that_is_not_there_or_not_toml_is_told(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="there is no scenario"):
        scenario.load(str(tmp_path / "nowhere.toml"))
    bad = tmp_path / "bad.toml"
    bad.write_text("= =")
    with pytest.raises(ScenarioError, match=r"bad\.toml is not TOML"):
        scenario.load(str(bad))


def test_everything_is_quicker_at_a_higher_speed() -> None:
    profile = scenario.load("plant-40").profiles[0].quicker(10)
    assert (profile.interval_s, profile.sample_s, profile.timing.resend_after_s) == (3.0, 1.0, 6.0)
    assert profile.timing.listen_s == 5.0
