"""Templates of topics: who signs on them waits to be approved; what joins goes on where it stood."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from iiot_engine.devices.bare import BareTopic
from iiot_engine.devices.bare_commands import BareCommands
from iiot_engine.devices.inbox import REMOVED, Trust, Waiting
from iiot_engine.devices.manifest_rules import MAX_CHANNELS
from iiot_engine.devices.templates import MAX_CHANNEL_TOPICS, MAX_HEARD_BYTES, Spoken, TopicTemplate
from iiot_engine.effects import Enrol, Offer, Refused, TopicFound
from iiot_engine.errors import Code, RecordError, TemplateError
from iiot_engine.plant.policy import Policy
from iiot_engine.values import NS_PER_S, Discovery
from iiot_engine.wire import bare
from iiot_engine.wire.templates import Match, read_template
from tests.bare_sensor import KEY, TOPIC, BareSensor
from tests.builders import World

TEMPLATE = "plant/{area}/{device}/{channel}"
OTHER = bytes(range(32))
PRESS = "topic:plant/hall/press-07/+"
TEMPERATURE, SPEED = "plant/hall/press-07/temperature", "plant/hall/press-07/motor"


class Works(World):
    """A hub that listens to a template, over every restart."""

    def __init__(self, *templates: str, **settings: Any) -> None:
        self.templates = [TopicTemplate(template=text, kid=at) for at, text in enumerate(templates or (TEMPLATE,), 1)]
        self.template_keys = {1: KEY, 2: OTHER}
        super().__init__(**settings)

    def prepare(self) -> None:
        self.plant.set_templates(self.templates, self.template_keys)

    def say(self, topic: str, *, ago_s: float = 0.0, key: bytes = KEY, **values: Any) -> Code | None:
        return self.refusal_of(topic, self.sign(ago_s=ago_s, key=key, **values))

    def sign(self, *, ago_s: float = 0.0, key: bytes = KEY, **values: Any) -> bytes:
        return bare.seal(key, self.now.wall_ns - round(ago_s * NS_PER_S), values)

    def waiting(self, device_id: str = PRESS) -> Waiting:
        entry = self.plant.inbox.get(device_id)
        assert entry is not None, "nobody waits"
        return entry

    def heard(self, device_id: str = PRESS) -> Spoken:
        spoken = self.waiting(device_id).spoken
        assert spoken is not None
        return spoken

    def approve(self, device_id: str = PRESS, topics: Iterable[BareTopic] | None = None) -> BareSensor:
        found = tuple(topics or self.heard(device_id).topics(1))
        sensor = BareSensor(self, *found)
        sensor.id = device_id
        sensor.join()
        sensor.register(*found, template=self.templates[0].template)
        return sensor


def test_a_device_that_signs_on_a_topic_of_the_template_waits_with_its_area_and_its_channels() -> None:
    works = Works()
    assert works.say(TEMPERATURE, value=20.5) is Code.UNKNOWN_DEVICE
    works.pass_time(1)
    assert works.say(SPEED, rpm=1450, on=True) is Code.UNKNOWN_DEVICE
    entry = works.waiting()
    assert (entry.name, entry.place, entry.model, entry.count) == ("press-07", "hall", TEMPLATE, 2)
    assert entry.trust is Trust.SIGNED
    found = [
        (topic.topic, [(one.path, one.key, one.unit) for one in topic.channels]) for topic in works.heard().topics(1)
    ]
    assert found == [
        (SPEED, [("on", "motor_on", None), ("rpm", "motor_rpm", "rpm")]),
        (TEMPERATURE, [("value", "temperature", "°C")]),
    ]
    assert works.of(Offer) == [Offer(PRESS)]
    assert works.plant.members == {}


def test_two_areas_are_two_devices() -> None:
    works = Works()
    works.say(TEMPERATURE, value=1)
    works.say("plant/yard/press-07/temperature", value=2, ago_s=1)
    assert [entry.id for entry in works.plant.inbox.entries()] == [PRESS, "topic:plant/yard/press-07/+"]


def test_a_template_without_area_and_channel() -> None:
    works = Works("pumps/{device}/state")
    assert works.say("pumps/p-1/state", pressure=5.5, env={"temp": 20}) is Code.UNKNOWN_DEVICE
    device_id = "topic:pumps/p-1/state"
    (topic,) = works.heard(device_id).topics(3)
    assert (topic.topic, topic.kid, [one.path for one in topic.channels]) == (
        "pumps/p-1/state",
        3,
        ["env.temp", "pressure"],
    )
    assert works.waiting(device_id).place is None


def test_an_approved_device_shows_its_values_and_only_new_ones() -> None:
    works = Works()
    first = works.sign(value=20.5)
    works.refusal_of(TEMPERATURE, first)
    press = works.approve()
    assert press.value("temperature") == 20.5, "what it said last is shown"
    assert works.refusal_of(TEMPERATURE, first) is Code.DUPLICATE
    works.pass_time(1)
    assert works.say(TEMPERATURE, value=21.5) is None
    assert press.value("temperature") == 21.5
    assert works.plant.filters == ["plant/+/+/+"], "each topic is heard once"


def test_it_goes_on_after_a_kill() -> None:
    works = Works()
    works.say(TEMPERATURE, value=20.5)
    press = works.approve()
    works.pass_time(1)
    message = works.sign(value=21.5)
    assert works.refusal_of(TEMPERATURE, message) is None
    works.pass_time(2)
    works.kill()
    assert press.value("temperature") == 21.5
    assert works.refusal_of(TEMPERATURE, message) is Code.DUPLICATE
    works.say("plant/hall/press-08/temperature", value=1)
    assert works.waiting("topic:plant/hall/press-08/+").place == "hall"


def test_a_registered_device_gets_each_further_topic() -> None:
    works = Works()
    works.say(TEMPERATURE, value=20.5)
    press = works.approve()
    works.pass_time(1)
    assert works.say(SPEED, rpm=1450) is Code.UNKNOWN_DEVICE
    assert works.of(TopicFound) == [TopicFound(PRESS, SPEED, 1)]
    press.register(*press.topics, BareTopic(topic=SPEED), template=TEMPLATE)
    works.pass_time(1)
    assert works.say(SPEED, rpm=1460) is None
    assert works.notices("channels_unnamed") == [(PRESS, True)]


def test_no_further_topic_of_a_revoked_device_one_with_another_key_or_one_that_has_enough(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    works = Works()
    works.say(TEMPERATURE, value=20.5)
    press = works.approve()
    works.pass_time(1)
    works.perform(works.plant.set_revoked(PRESS, True, works.now))
    assert works.say(SPEED, rpm=1) is Code.REVOKED
    works.perform(works.plant.set_revoked(PRESS, False, works.now))
    monkeypatch.setattr("iiot_engine.plant.templates.MAX_TOPICS", 1)
    assert works.say(SPEED, rpm=2) is Code.WRONG_TOPIC
    monkeypatch.undo()
    works.perform(works.plant.rekey(PRESS, {1: OTHER}, works.now))
    press.register(*press.topics, template=TEMPLATE)
    assert works.say(SPEED, rpm=3) is Code.UNKNOWN_DEVICE
    assert works.of(TopicFound) == []


# --- what does not get in -----------------------------------------------------------------


def test_what_no_key_of_the_template_signed_is_counted_and_refused() -> None:
    works = Works()
    assert works.say(TEMPERATURE, key=OTHER, value=1) is Code.BAD_MAC
    assert works.refusal_of(TEMPERATURE, b"{}") is Code.MALFORMED
    assert works.say(TEMPERATURE, value=1, ago_s=301) is Code.DELAYED
    assert works.refusal_of(TEMPERATURE, works.sign(value=1), retained=True) is Code.RETAINED
    assert works.say(TEMPERATURE, text="x" * 9_000) is Code.UNKNOWN_DEVICE
    assert len(works.plant.inbox) == 0
    assert works.plant.strangers["bad_mac"] == 1
    assert TEMPLATE in works.of(Refused)[0].detail


def test_a_topic_that_fits_no_template_is_unknown() -> None:
    works = Works()
    for topic in ("plant/hall/press-07", "plant/hall/press-07/a/b", f"plant/hall/{'x' * 65}/a", "plant/hall//a", TOPIC):
        assert works.say(topic, value=1) is Code.UNKNOWN_DEVICE
    assert len(works.plant.inbox) == 0


def test_a_message_counts_on_one_topic_of_the_template_only() -> None:
    works = Works()
    message = works.sign(value=20.5)
    assert works.refusal_of(TEMPERATURE, message) is Code.UNKNOWN_DEVICE
    for topic in ("plant/hall/press-08/temperature", SPEED):
        assert works.refusal_of(topic, message) is Code.REPLAYED
    assert works.refusal_of(TEMPERATURE, message) is Code.DUPLICATE
    assert works.waiting().count == 1
    works.approve()
    works.pass_time(1)
    message = works.sign(value=21.5)
    assert works.refusal_of(TEMPERATURE, message) is None
    assert works.refusal_of("plant/hall/press-08/temperature", message) is Code.REPLAYED
    works.pass_time(2)
    works.kill()
    assert works.refusal_of("plant/hall/press-08/temperature", message) is Code.REPLAYED


def test_a_hub_that_doubts_its_clock_lets_nobody_wait_in_vain() -> None:
    works = Works()
    works.plant._site.doubts = True
    works.say(TEMPERATURE, value=1, ago_s=3600)
    assert works.waiting().count == 1


def test_the_inbox_is_bounded_by_device_topic_and_size(monkeypatch: pytest.MonkeyPatch) -> None:
    works = Works()
    for number in range(MAX_CHANNEL_TOPICS + 5):
        works.say(f"plant/hall/press-07/c{number:03}", value=number)
    assert len(works.heard().heard) == MAX_CHANNEL_TOPICS
    for number in range(9):
        works.say(f"plant/hall/press-09/c{number}", text="x" * 2_000)
    assert sum(works.heard("topic:plant/hall/press-09/+").sizes.values()) <= MAX_HEARD_BYTES
    monkeypatch.setattr("iiot_engine.devices.inbox.CAPACITY", 3)
    for number in range(5):
        works.pass_time(1)
        works.say(f"plant/hall/pump-{number}/c", value=1)
    assert len(works.plant.inbox) == 3


def test_no_more_channels_are_proposed_than_a_device_may_have() -> None:
    works = Works()
    for number in range(3):
        works.say(f"plant/hall/press-07/c{number}", **{f"v{at}": at + number for at in range(100)})
    assert sum(len(topic.channels) for topic in works.heard().topics(1)) == MAX_CHANNELS


def test_one_that_was_taken_out_calls_in_vain_and_comes_back_with_its_windows() -> None:
    works = Works()
    works.say(TEMPERATURE, value=20.5)
    works.approve()
    works.pass_time(1)
    message = works.sign(value=21)
    assert works.refusal_of(TEMPERATURE, message) is None
    works.perform(works.plant.remove(PRESS, works.now))
    works.clear()
    works.pass_time(1)
    works.say(TEMPERATURE, value=22)
    assert works.waiting().reason == REMOVED
    assert works.of(Offer) == []
    works.approve()
    assert works.refusal_of(TEMPERATURE, message) is not None


def test_who_keeps_the_door_shut_is_not_asked_and_nobody_joins_alone() -> None:
    works = Works(discovery=Discovery.CLOSED)
    works.say(TEMPERATURE, value=1)
    assert works.waiting().spoken is not None
    assert works.of(Offer) == []
    works = Works(discovery=Discovery.VERIFIED)
    works.say(TEMPERATURE, value=1)
    assert works.of(Enrol) == []
    assert works.of(Offer) == [Offer(PRESS)]


# --- what people write --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("plant/{area}", "template_without_device"),
        ("plant/{device}/{device}", "invalid_template"),
        ("plant/x{device}", "invalid_template"),
        ("plant/+/{device}", "invalid_template"),
        ("plant/{device}/#", "invalid_template"),
        ("plant//{device}", "invalid_template"),
        ("{device}", "topic_of_protocol"),
        ("iiot/{device}/data", "topic_of_protocol"),
        ("{area}/{device}", "topic_of_protocol"),
        ("plant/hall/{device}/{channel}", "template_taken"),
        ("sensors/{area}/{device}", "template_of_device"),
        ("fans/{device}/set", "template_of_device"),
    ],
)
def test_a_template_that_cannot_be(text: str, code: str) -> None:
    works = Works()
    sensor = BareSensor(works, keys={1: KEY, 2: OTHER}).join()
    sensor.register(*sensor.topics, commands=BareCommands(topic="fans/1/set", kid=2))
    with pytest.raises(TemplateError) as refused:
        works.plant.check_template(text)
    assert refused.value.code == code


def test_a_template_may_come_back_with_its_devices_still_there() -> None:
    works = Works()
    works.say(TEMPERATURE, value=1)
    works.approve()
    works.templates = []
    works.stop()
    works.plant.check_template(TEMPLATE)
    assert works.plant.filters == [TEMPERATURE]
    works.pass_time(1)
    assert works.say(TEMPERATURE, value=2) is None


def test_no_other_device_takes_a_topic_of_a_template() -> None:
    works = Works()
    sensor = BareSensor(works).join()
    for policy, path in (
        (Policy(topics=(BareTopic(topic="plant/hall/x/y"),)), "topics[0].topic"),
        (Policy(topics=sensor.topics, commands=BareCommands(topic="plant/hall/x/set")), "commands.topic"),
    ):
        with pytest.raises(RecordError) as refused:
            works.plant.check_policy(sensor.id, policy, {1})
        assert refused.value.path == path
    works.say(TEMPERATURE, value=1)
    press = works.approve()
    policy = Policy(topics=press.topics, template=TEMPLATE)
    works.plant.check_policy(PRESS, policy, {1})
    told = BareCommands(topic="plant/hall/press-07/set")
    with pytest.raises(RecordError):
        works.plant.check_policy(PRESS, replace(policy, commands=told), {1})


def test_a_template_without_its_key_is_nobodys() -> None:
    works = Works(TEMPLATE)
    works.template_keys = {}
    works.stop()
    assert works.plant.filters == []
    assert works.plant.template_filters == []


def test_a_topic_is_taken_apart_by_its_levels() -> None:
    template = read_template(TEMPLATE)
    assert template.filter == "plant/+/+/+"
    assert template.match(TEMPERATURE) == Match("press-07", "hall", "temperature", "plant/hall/press-07/+")
    assert template.match("plant/hall/a{b}/c") is None
    assert template.match("works/hall/press-07/temperature") is None
    assert template.match(f"plant/{'a' * 64}/{'ä' * 64}/{'b' * 64}") is not None
    assert template.match(f"plant/{'ä' * 64}/{'ä' * 64}/{'b' * 64}") is None, "too long for a topic of the registry"
