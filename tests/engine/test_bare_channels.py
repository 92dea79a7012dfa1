"""What people named of a bare device's payload is shown; the rest is set aside or refused."""

import json

import pytest

from iiot_engine.actuation.command import Actor
from iiot_engine.actuation.wish import UnsupportedError, Wish
from iiot_engine.devices.bare import BareChannel, BareTopic
from iiot_engine.devices.manifest_rules import MAX_CHANNELS
from iiot_engine.effects import ManifestChanged
from iiot_engine.errors import Code
from iiot_engine.plant import polls
from iiot_engine.plant.policy import Policy
from iiot_engine.values import Quality, TimeFlag
from tests.bare_sensor import CHANNELS, TOPIC, BareSensor
from tests.builders import Machine, World


def test_before_anybody_named_a_value_everything_is_kept_and_nothing_shown() -> None:
    world = World()
    sensor = BareSensor(world, BareTopic(topic=TOPIC)).join()
    assert sensor.send(env={"temperature": 20.5}) is None
    assert sensor.member.board.values == {}
    assert world.notices("channels_unnamed") == [(sensor.id, True)]
    assert world.flags_of_newest() == TimeFlag.QUARANTINED
    sensor.register(BareTopic(topic=TOPIC, channels=(BareChannel(path="env.temperature", key="temp"),)))
    assert sensor.value("temp") == 20.5, "what was heard last is shown at once"
    assert world.notices("channels_unnamed")[-1] == (sensor.id, False)
    assert world.of(ManifestChanged)


def test_channels_that_do_not_fit_what_was_heard_wait_for_the_next_message() -> None:
    world = World()
    sensor = BareSensor(world, BareTopic(topic=TOPIC)).join()
    sensor.send(env={"temperature": 20.5})
    sensor.register(BareTopic(topic=TOPIC, channels=CHANNELS))
    assert sensor.value("temperature") is None


def test_a_payload_may_hold_more_values_than_anybody_would_name() -> None:
    sensor = BareSensor(World()).join()
    assert sensor.send(temperature=1, **{f"v{number}": number for number in range(300)}) is None
    assert sensor.value("temperature") == 1


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"temperature": 1, "env": {"x": 1}}, Code.WRONG_SHAPE),
        ({"temperature": {"x": 1}}, Code.WRONG_SHAPE),
        ({"speed": 1}, Code.WRONG_SHAPE),
        ({"temperature": "warm"}, Code.WRONG_SHAPE),
        ({}, Code.WRONG_SHAPE),
        ({"temperature": 1, "speed": 1}, None),
        ({"temperature": 1, "humidity": "wet"}, None),
        ({"temperature": None}, None),
    ],
)
def test_what_fits_no_channel_is_refused_or_set_aside(values: dict[str, object], code: Code | None) -> None:
    world = World()
    sensor = BareSensor(world).join()
    message = sensor.make(values)
    assert sensor.deliver(message) is code
    if code is not None:
        sensor.register(BareTopic(topic=TOPIC))
        assert sensor.deliver(message) is None, "a refusal moved nothing"


def test_a_value_beyond_its_range_is_bad() -> None:
    sensor = BareSensor(World()).join()
    assert sensor.send(temperature=300) is None
    assert sensor.member.board.values["temperature"].quality is Quality.BAD


def test_an_object_that_is_taken_whole_keeps_its_text() -> None:
    channel = BareChannel(path="config", key="config", kind="json")
    sensor = BareSensor(World(), BareTopic(topic=TOPIC, channels=(channel,))).join()
    assert sensor.send(config={"b": [1, 2.50], "a": None}) is None
    assert json.loads(sensor.value("config")) == {"b": [1, 2.5], "a": None}
    sensor.world.pass_time(1)
    assert sensor.send(config={"a": "x" * 4096}) is None
    assert sensor.value("config") is None, "more than 4 KiB are no value"
    manifest = sensor.member.device.manifest
    assert manifest is not None
    assert manifest.channels["config"].holds_object


def test_a_list_gives_one_channel_a_member() -> None:
    world = World()
    channels = (BareChannel(path="motors[*].rpm", key="rpm", name="Speed"), BareChannel(path="pumps[0].on", key="on"))
    sensor = BareSensor(world, BareTopic(topic=TOPIC, channels=channels)).join()
    assert sensor.send(motors=[{"rpm": 10}, {"rpm": 20}]) is None
    assert (sensor.value("rpm_0"), sensor.value("rpm_1")) == (10, 20)
    world.pass_time(1)
    assert sensor.send(motors=[{"rpm": 11}]) is None
    assert (sensor.value("rpm_0"), sensor.value("rpm_1")) == (11, 20)
    world.stop()
    manifest = sensor.member.device.manifest
    assert manifest is not None
    assert [channel.name for channel in manifest.channels.values()] == ["Speed 1", "Speed 2", "on"]
    world.pass_time(1)
    assert sensor.send(motors=[{"rpm": 0}] * 65) is Code.WRONG_SHAPE


def test_one_member_of_a_list_may_be_named() -> None:
    channels = (BareChannel(path="motors[1].rpm", key="second"), BareChannel(path="motors[0]", key="first"))
    sensor = BareSensor(World(), BareTopic(topic=TOPIC, channels=channels)).join()
    assert sensor.send(motors=[5, {"rpm": 20}]) is None
    assert (sensor.value("first"), sensor.value("second")) == (5, 20)


def test_a_channel_that_means_something_else_begins_anew() -> None:
    sensor = BareSensor(World()).join()
    sensor.send(temperature=20.5)
    sensor.register(BareTopic(topic=TOPIC, channels=(BareChannel(path="t", key="temperature", unit="°F"),)))
    assert sensor.value("temperature") is None


def test_a_device_of_the_protocol_has_no_bare_topics() -> None:
    world = World()
    machine = Machine(world).join()
    world.perform(world.plant.set_policy(machine.id, Policy(topics=(BareTopic(topic=TOPIC),))))
    assert world.plant.filters == []


def test_a_member_with_a_path_of_its_own_is_none_of_the_others() -> None:
    channels = (BareChannel(path="motors[*].rpm", key="rpm"), BareChannel(path="motors[0].rpm", key="first"))
    sensor = BareSensor(World(), BareTopic(topic=TOPIC, channels=channels)).join()
    assert sensor.send(motors=[{"rpm": 10}, {"rpm": 20}]) is None
    assert (sensor.value("first"), sensor.value("rpm_0"), sensor.value("rpm_1")) == (10, None, 20)


def test_lists_leave_no_room_beyond_what_a_device_may_have() -> None:
    channels = tuple(BareChannel(path=f"list{number}[*]", key=f"list{number}") for number in range(5))
    sensor = BareSensor(World(), BareTopic(topic=TOPIC, channels=channels)).join()
    assert sensor.send(**{f"list{number}": [1] * 64 for number in range(5)}) is None
    manifest = sensor.member.device.manifest
    assert manifest is not None
    assert len(manifest.channels) == MAX_CHANNELS


def test_an_alarm_lasts_from_its_first_message_until_one_clears_it() -> None:
    world = World()
    topics = (BareTopic(topic=TOPIC, channels=CHANNELS), BareTopic(topic="alarms/lab1", kid=2, alarm="alarm_1"))
    sensor = BareSensor(world, *topics, keys={1: bytes(32), 2: bytes(range(32))}).join()
    said = []
    for values in ({"code": "hot"}, {"code": "hot", "at": {"C": 90}}, {"state": "cleared"}, {}, {"active": False}):
        assert sensor.deliver(sensor.make(values, kid=2), "alarms/lab1") is None
        said.append(sensor.value("alarm_1"))
        world.pass_time(1)
    assert said == [True, True, False, True, False]
    assert [row.flags for row in world.journal()] == [0] * 5
    assert world.notices("channels_unnamed") == []
    manifest = sensor.member.device.manifest
    assert manifest is not None
    assert manifest.channels["alarm_1"].device_class == "problem"
    assert [topic.keys for topic in topics] == [["temperature", "humidity"], ["alarm_1"]]


def test_nothing_can_be_asked_of_a_bare_device() -> None:
    world = World()
    sensor = BareSensor(world).join()
    sensor.send(temperature=1)
    with pytest.raises(UnsupportedError):
        world.plant.command(sensor.id, Wish(name="set", args={}, actor=Actor(None, None, "service")), world.now)
    with pytest.raises(polls.NotPolledError):
        world.plant.poll(sensor.id, [], world.now)


def test_readings_on_trial_are_marked() -> None:
    world = World()
    sensor = BareSensor(world).join()
    sensor.register(*sensor.topics, trial=True)
    assert sensor.send(temperature=1) is None
    assert world.flags_of_newest() == TimeFlag.TRIAL
