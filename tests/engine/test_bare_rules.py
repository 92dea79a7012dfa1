"""Topics and entities of a policy are checked like everything in it, whoever decides: a form, an action or a file."""

from typing import Any

import pytest

from iiot_engine import records
from iiot_engine.devices.bare import BareTopic
from iiot_engine.devices.bare_rules import topic_flaw
from iiot_engine.devices.manifest_rules import MAX_CHANNELS
from iiot_engine.errors import RecordError
from iiot_engine.plant.policy import Policy
from tests.bare_sensor import TOPIC, BareSensor
from tests.builders import Machine, World

PLAIN = {"topic": TOPIC}
METER = {"entity_id": "sensor.meter", "key": "meter"}
COMMANDS = {"topic": "tell/x", "kid": 3, "actuators": [{"key": "fan"}]}
OTHERS = ["hall/+/climate"]


def reason(world: World, device_id: str, policy: dict[str, Any]) -> tuple[str, str]:
    with pytest.raises(RecordError) as refused:
        world.plant.check_policy(device_id, records.read(Policy, policy), kids={1, 2}, taken=OTHERS)
    return refused.value.path, refused.value.reason


def channels(*rows: dict[str, Any]) -> dict[str, Any]:
    return {"topics": [{**PLAIN, "channels": list(rows)}]}


@pytest.mark.parametrize(
    ("policy", "path", "words"),
    [
        ({}, "topics", "at least one"),
        ({"topics": [PLAIN], "entities": [METER]}, "entities", "made of entities"),
        ({"topics": [{**PLAIN, "kid": 3}]}, "topics[0].kid", "it has: 1, 2"),
        ({"topics": [PLAIN], "commands": COMMANDS}, "commands.kid", "it has: 1, 2"),
        ({"topics": [{"topic": "a//b"}]}, "topics[0].topic", "without an empty level"),
        ({"topics": [{"topic": "#"}]}, "topics[0].topic", "prefix of the site"),
        ({"topics": [PLAIN, {"topic": "iiot/x/data"}]}, "topics[1].topic", "prefix of the site"),
        ({"topics": [{"topic": "hall/3/climate"}]}, "topics[0].topic", "overlaps"),
        ({"topics": [PLAIN, {"topic": "sensors/#", "kid": 2}]}, "topics[1].topic", "overlaps"),
        (channels({"path": "a", "key": "x"}, {"path": "b", "key": "x"}), "topics[0].channels[1].key", "another"),
        (channels({"path": "a", "key": "x"}, {"path": "a", "key": "y"}), "topics[0].channels[1].path", "another"),
        (
            {"topics": [{**PLAIN, "channels": [{"path": "a", "key": "x"}]}, {"topic": "al", "alarm": "x"}]},
            "topics[1].alarm",
            "another",
        ),
        (
            channels(*({"path": f"p{at}", "key": f"k{at}"} for at in range(MAX_CHANNELS + 1))),
            f"topics[0].channels[{MAX_CHANNELS}]",
            "at most 256",
        ),
        (
            channels({"path": "a", "key": "x"}) | {"calculated": {"y": {"name": "Y", "expression": "z * 2"}}},
            "calculated.y.expression",
            "no channel",
        ),
    ],
)
def test_what_cannot_be_registered_of_a_bare_device(policy: dict[str, Any], path: str, words: str) -> None:
    world = World()
    sensor = BareSensor(world).join()
    found = reason(world, sensor.id, policy)
    assert found[0] == path
    assert words in found[1]


def test_a_bare_device_without_a_key_can_have_no_topic() -> None:
    world = World()
    sensor = BareSensor(world).join()
    with pytest.raises(RecordError, match="invalid_record") as refused:
        world.plant.check_policy(sensor.id, records.read(Policy, {"topics": [PLAIN]}))
    assert refused.value.reason.endswith("it has: none")


def test_topics_that_are_free_and_formulas_over_their_channels_may_come_together() -> None:
    world = World()
    sensor = BareSensor(world).join()
    topics = [
        {**PLAIN, "channels": [{"path": "a", "key": "x"}]},
        {"topic": "sensors/lab2/#", "kid": 2, "channels": [{"path": "a", "key": "y"}]},
        {"topic": "alarms/lab1", "kid": 2, "alarm": "alarm_1"},
    ]
    policy = {"topics": topics, "calculated": {"both": {"name": "Both", "expression": "x + y"}}}
    world.plant.check_policy(sensor.id, records.read(Policy, policy), kids={1, 2}, taken=OTHERS)


@pytest.mark.parametrize(("policy", "path"), [({"topics": [PLAIN]}, "topics"), ({"entities": [METER]}, "entities")])
def test_a_device_of_the_protocol_has_neither_topics_nor_entities(policy: dict[str, Any], path: str) -> None:
    world = World()
    machine = Machine(world).join()
    found = reason(world, machine.id, policy)
    assert found[0] == path
    assert found[1].endswith("this is none")


@pytest.mark.parametrize(
    ("policy", "path", "words"),
    [
        ({}, "entities", "1 to 256"),
        ({"entities": [METER], "topics": [PLAIN]}, "topics", "this is none"),
        ({"entities": [METER, METER | {"key": "x"}]}, "entities[1].entity_id", "already"),
        ({"entities": [METER, METER | {"entity_id": "sensor.x"}]}, "entities[1].key", "another"),
    ],
)
def test_what_cannot_be_adopted(policy: dict[str, Any], path: str, words: str) -> None:
    world = World()
    world.plant.adopt("entities:hall", {}, world.now)
    found = reason(world, "entities:hall", policy)
    assert found[0] == path
    assert words in found[1]
    world.plant.check_policy("entities:hall", records.read(Policy, {"entities": [METER]}))


@pytest.mark.parametrize(
    ("topic", "flaw"),
    [("a//b", "invalid_topic"), ("iiot/+/x", "topic_of_protocol"), ("hall/+/+", "topic_taken"), ("hall/a", None)],
)
def test_a_form_gets_a_code_for_its_words(topic: str, flaw: str | None) -> None:
    assert topic_flaw(topic, "iiot", OTHERS) == flaw


def test_a_range_of_a_channel_has_two_ends_in_their_order() -> None:
    with pytest.raises(RecordError) as refused:
        records.read(Policy, channels({"path": "a", "key": "x", "minimum": 5, "maximum": 4}))
    assert refused.value.path == "topics[0].channels[0].maximum"


def test_two_devices_may_change_their_topics_for_each_other() -> None:
    world = World()
    one, two = (BareSensor(world, BareTopic(topic=topic)).join() for topic in ("a", "b"))
    one.register(BareTopic(topic="b"))
    two.register(BareTopic(topic="a"))
    assert world.plant.filters == ["a", "b"]
    world.plant.remove(one.id, world.now)
    assert world.plant.filters == ["a"]
