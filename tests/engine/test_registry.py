"""The registry file says what devices are to be like; what is wrong in it is named field by field."""

from typing import Any

import pytest

from iiot_engine import records
from iiot_engine.plant import registry
from iiot_engine.plant.policy import Policy
from iiot_engine.plant.registry import Change, DeviceRecord, differences, flaws_of, said_by_profile, said_of

PRESS = {
    "model": "demo",
    "channel_descriptions": {"temperature": "Upper bearing"},
    "policy": {"channels": {"temperature": {"low": -20, "high": 120}}, "trial": True},
}


def file(device: dict[str, Any], **parts: Any) -> dict[str, Any]:
    return {"version": 1, "profiles": {"press": PRESS}, "devices": {"press-07": device}} | parts


def flaws(raw: object) -> list[tuple[str, str]]:
    return [(flaw.path, flaw.reason) for flaw in flaws_of(raw)]


@pytest.mark.parametrize(
    ("policy", "topics"),
    [({}, None), ({"topics": None}, []), ({"topics": [{"topic": "a"}, {"topic": "b/#"}]}, ["a", "b/#"])],
)
def test_a_file_says_where_a_device_is_to_speak_or_leaves_it(policy: dict[str, Any], topics: list[str] | None):
    assert said_of(file({"policy": policy}), "press-07").topics == topics


@pytest.mark.parametrize(
    ("policy", "whole"),
    [({}, None), ({"relations": []}, ()), ({"relations": [{"kind": "part_of", "target": "press-08"}]}, ("press-08",))],
)
def test_a_file_says_what_a_device_is_to_others_or_leaves_it(policy: dict[str, Any], whole: tuple[str, ...] | None):
    relations = said_of(file({"policy": policy}), "press-07").relations
    assert (None if relations is None else tuple(one.target for one in relations)) == whole


def test_what_a_device_says_lies_over_its_profile_key_by_key():
    own = {"profile": "press", "area": "", "policy": {"channels": {"temperature": {"high": 90}, "speed": {"low": 0}}}}
    raw = file(own | {"channel_descriptions": {"speed": "Shaft"}})
    assert flaws(raw) == []
    said = said_of(raw, "press-07")
    assert said.model == "demo"
    assert (said.name, said.area, said.description) == (None, "", None)
    assert said.channel_descriptions == {"temperature": "Upper bearing", "speed": "Shaft"}
    assert said.sections == {
        "channels": {"temperature": {"low": -20, "high": 90}, "speed": {"low": 0}},
        "trial": True,
    }


def test_nothing_in_a_device_takes_away_a_limit_of_the_profile():
    raw = file({"profile": "press", "policy": {"channels": {"temperature": {"low": None}}}})
    assert flaws(raw) == []
    (checks,) = records.read(Policy, said_of(raw, "press-07").sections).channels.values()
    assert (checks.low, checks.high) == (None, 120)


def test_a_device_without_profile_says_what_itself_says():
    assert said_of(file({"name": "Press 7"}), "press-07").sections == {}
    assert said_of(file({"policy": {"trial": False}}), "press-07").sections == {"trial": False}


def test_a_profile_speaks_for_every_device():
    said = said_by_profile(file({}), "press")
    assert said is not None
    assert said.sections == PRESS["policy"]
    assert said_by_profile(file({}), "mill") is None
    assert said_by_profile({"version": 1}, "press") is None


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (None, [("", "must have fields: version, profiles, devices")]),
        ({}, [("version", "is missing")]),
        ({"version": 2}, [("version", "must be 1")]),
        (
            {"version": 1, "keys": {}},
            [("keys", "is not known; there are: version, profiles, devices")],
        ),
        ({"version": 1, "devices": []}, [("devices", "must have fields")]),
        (file({"profile": "mill"}), [("devices.press-07.profile", "is not in this file; there are: press")]),
        (
            {"version": 1, "devices": {"press-07": {"profile": "mill"}}},
            [("devices.press-07.profile", "is not in this file; there are: none")],
        ),
        (file({}, profiles={"press": 3}), [("profiles.press", "must have fields")]),
        (file({"policy": 3}), [("devices.press-07.policy", "must have fields")]),
    ],
)
def test_a_flaw_has_its_place_and_its_reason(raw: object, expected: list[tuple[str, str]]):
    assert flaws(raw) == expected


def test_every_field_and_section_that_is_wrong_is_named_at_once():
    wrong = {
        "key": "00" * 32,
        "name": 7,
        "policy": {"trial": "maybe", "interlocks": {"fan": {"minimum_on_s": -1}}, "channels": {}},
    }
    assert [path for path, _ in flaws(file(wrong))] == [
        "devices.press-07.key",
        "devices.press-07.name",
        "devices.press-07.policy.trial",
        "devices.press-07.policy.interlocks.fan.minimum_on_s",
    ]


def test_differences_are_named_place_by_place():
    before = {"name": "Press", "policy": {"channels": {"t": {"low": 1}}}}
    after = {"name": "Press 7", "policy": {"channels": {"t": {"low": 1, "high": 5}}, "trial": True}}
    assert differences(before, after) == [
        Change("name", "Press", "Press 7"),
        Change("policy.channels.t.high", None, 5),
        Change("policy.trial", None, True),
    ]
    assert differences(after, after) == []


def test_what_is_written_names_every_section_so_that_it_restores_every_one():
    policy = records.read(Policy, {"trial": True})
    record = DeviceRecord(name="Press", area="", description="", channel_descriptions={}, policy=policy)
    raw = registry.written({"press-07": record})
    assert flaws(raw) == []
    said = said_of(raw, "press-07")
    assert (said.name, said.area, said.description, said.channel_descriptions) == ("Press", "", "", {})
    assert said.sections.keys() == {one.name for one in registry.fields(Policy)}
    assert records.read(Policy, said.sections) == policy
    assert registry.written({"mill": DeviceRecord()})["devices"] == {"mill": {}}
