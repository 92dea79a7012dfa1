"""Devices that sign and know nothing else of the protocol: what counts, what does not, and what a restart keeps."""

from collections.abc import Callable

import pytest

from iiot_engine.devices.bare import BareChannel, BareTopic
from iiot_engine.devices.stamps import MOST_MACS, KeyMemory, StampWindow
from iiot_engine.effects import Refused
from iiot_engine.errors import Code, Refusal, StoreError
from iiot_engine.plant.policy import Policy
from iiot_engine.ports import Batch
from iiot_engine.stores.memory import MemoryIntake
from iiot_engine.values import NS_PER_S, Connection, Quality, TimeFlag
from iiot_engine.wire import bare
from tests.bare_sensor import CHANNELS, KEY, TOPIC, BareSensor
from tests.builders import Machine, World

OTHER = bytes(range(32))
GOLDEN = (
    b'{"hmac":"AM8FZvfNoPwPKkPkxn8iexswPzUEScGLm0eeXZKaD54=",'
    b'"payload":{"humidity":60.64,"temperature":20.52,"ts":1759384453,"ts_ns":920529791}}'
)


def test_a_signed_message_shows_its_values_at_its_own_time() -> None:
    world = World()
    sensor = BareSensor(world).join()
    assert sensor.send(temperature=20.5, humidity=61, ago_s=4) is None
    shown = sensor.member.board.values["temperature"]
    assert shown.value == 20.5
    assert shown.quality is Quality.GOOD
    assert shown.time_ns == world.now.wall_ns - 4 * NS_PER_S
    assert sensor.member.connection is Connection.LIVE
    assert sensor.member.health().lag_s == 4


def test_the_message_of_the_protocol_page_counts() -> None:
    world = World()
    sensor = BareSensor(world).join()
    world.step_clock(1_759_384_453 - world.now.wall_ns / NS_PER_S)
    assert sensor.deliver(GOLDEN) is None
    assert sensor.value("temperature") == 20.52


def test_a_message_goes_into_the_journal_as_it_came() -> None:
    world = World()
    sensor = BareSensor(world).join()
    message = sensor.make({"temperature": 1.0})
    assert sensor.deliver(message) is None
    world.pass_time(2)
    row = world.journal()[-1]
    assert (row.device_id, row.topic, row.kid, row.flags, row.message) == (sensor.id, TOPIC, 1, 0, message)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda message: message.replace(b"20.5", b"20.6"), Code.BAD_MAC),
        (lambda message: message.replace(b"20.5", b" 20.6"), Code.BAD_MAC),
        (lambda message: message[:-1], Code.MALFORMED),
        (lambda message: message + b" " * 65_536, Code.TOO_LARGE),
        (lambda _: b'{"temperature": 20.5}', Code.MALFORMED),
    ],
)
def test_what_is_not_signed_by_its_key_is_refused(change: Callable[[bytes], bytes], code: Code) -> None:
    sensor = BareSensor(World()).join()
    assert sensor.deliver(change(sensor.make({"temperature": 20.5}))) is code
    assert sensor.value("temperature") is None
    assert sensor.member.device.refusals.counts == {code: 1}


def test_a_refusal_is_said_with_its_reason() -> None:
    world = World()
    sensor = BareSensor(world).join()
    sensor.deliver(bare.seal(OTHER, world.now.wall_ns, {"temperature": 1}))
    assert world.of(Refused) == [Refused(sensor.id, Code.BAD_MAC, "the signature does not fit the message", 1)]


def test_nothing_that_is_retained_counts() -> None:
    world = World()
    sensor = BareSensor(world).join()
    assert world.refusal_of(TOPIC, sensor.make({"temperature": 1}), retained=True) is Code.RETAINED


def test_a_topic_that_nobody_registered_is_refused() -> None:
    world = World()
    sensor = BareSensor(world).join()
    assert sensor.send(topic="sensors/lab2/bme280", temperature=1) is Code.UNKNOWN_DEVICE


def test_a_message_without_its_time_is_malformed() -> None:
    sensor = BareSensor(World()).join()
    for payload in ({"temperature": 1}, {"ts": 1.5, "ts_ns": 0}, {"ts": 5, "ts_ns": NS_PER_S}, {"ts": 0, "ts_ns": 0}):
        assert sensor.deliver(bare.codec.seal(KEY, payload)) is Code.MALFORMED


# --- order and time -----------------------------------------------------------------------


def test_a_message_counts_once() -> None:
    sensor = BareSensor(World()).join()
    message = sensor.make({"temperature": 20.5})
    assert sensor.deliver(message) is None
    assert sensor.deliver(message) is Code.DUPLICATE


def test_another_message_of_the_same_time_is_refused() -> None:
    sensor = BareSensor(World()).join()
    assert sensor.send(temperature=20.5) is None
    assert sensor.send(temperature=21.5) is Code.REPLAYED
    assert sensor.value("temperature") == 20.5


def test_sixty_four_messages_may_come_late_and_none_more() -> None:
    world = World()
    sensor = BareSensor(world).join()
    early = [sensor.make({"temperature": number}, ago_s=100 - number) for number in range(66)]
    for message in early[2:]:
        assert sensor.deliver(message) is None
    assert sensor.deliver(early[1]) is None
    assert sensor.send(temperature=70) is None
    assert sensor.deliver(early[0]) is Code.REPLAYED
    assert sensor.value("temperature") == 70, "what comes late changes no state"


@pytest.mark.parametrize(("ahead_s", "code"), [(299, None), (-299, None), (301, Code.DELAYED), (-301, Code.DELAYED)])
def test_a_time_may_be_300_seconds_off(ahead_s: float, code: Code | None) -> None:
    sensor = BareSensor(World()).join()
    sensor.clock_ahead_s = ahead_s
    assert sensor.send(temperature=1) is code


def test_a_hub_that_doubts_its_clock_takes_the_time_of_receipt() -> None:
    world = World()
    sensor = BareSensor(world).join()
    for number in range(3):
        machine = Machine(world, f"m-{number}", clock_ahead_s=3600).join()
        machine.beat()
    world.pass_time(3)
    assert world.plant.doubts_clock
    sensor.clock_ahead_s = 3600
    assert sensor.send(temperature=1) is None
    assert sensor.member.board.values["temperature"].time_ns == world.now.wall_ns
    assert world.flags_of_newest() == TimeFlag.UNCERTAIN_TIME
    world.kill()
    assert sensor.value("temperature") == 1


def test_a_window_holds_over_kill_removal_and_return() -> None:
    world = World()
    sensor = BareSensor(world).join()
    message = sensor.make({"temperature": 20.5})
    assert sensor.deliver(message) is None
    world.pass_time(2)
    world.kill()
    assert sensor.deliver(message) is Code.DUPLICATE
    world.perform(world.plant.remove(sensor.id, world.now))
    assert sensor.deliver(message) is Code.UNKNOWN_DEVICE
    world.pass_time(2)
    world.keys.pop(sensor.id)
    world.kill()
    sensor.join()
    assert sensor.deliver(message) is Code.DUPLICATE


def test_values_come_back_after_a_start() -> None:
    world = World()
    sensor = BareSensor(world).join()
    sensor.send(temperature=20.5)
    world.stop()
    assert sensor.value("temperature") == 20.5
    world.pass_time(1)
    assert sensor.send(temperature=21.5) is None
    world.pass_time(2)
    world.kill()
    assert sensor.value("temperature") == 21.5


def test_rows_of_a_topic_that_was_given_up_are_passed_over() -> None:
    world = World()
    sensor = BareSensor(world).join()
    for temperature in (20.5, 21.5):
        sensor.send(temperature=temperature)
        world.pass_time(2)
    world.policies[sensor.id] = Policy()
    world.kill()
    assert sensor.member.board.values == {}


def test_rows_of_a_topic_that_another_device_has_by_now_are_not_shown_as_its_own() -> None:
    world = World()
    sensor = BareSensor(world).join()
    for value in (20.5, 21.5):
        sensor.send(temperature=value)
        world.pass_time(2)
    sensor.register(BareTopic(topic="sensors/old", channels=CHANNELS))
    other = BareSensor(world, BareTopic(topic=TOPIC, channels=CHANNELS))
    other.id = "topic:other"
    other.join()
    world.kill()
    assert other.value("temperature") is None


def test_what_is_kept_and_makes_no_sense_is_an_alarm() -> None:
    world = World(MemoryIntake())
    sensor = BareSensor(world).join()
    world.stop()
    world.store.commit(Batch(99, [], [], [], [(sensor.id, b'{"values":[]}')]))
    with pytest.raises(StoreError, match="cannot be understood"):
        world.kill()


def test_a_full_waiting_room_takes_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iiot_engine.plant.site.MAX_WAITING_ROWS", 1)
    world = World()
    sensor = BareSensor(world).join()
    with world.slow_store():
        assert sensor.send(temperature=1, ago_s=1) is None
        message = sensor.make({"temperature": 2})
        assert sensor.deliver(message) is Code.BUSY
        world.pass_time(2)
    assert sensor.deliver(message) is None


def test_a_bare_device_falls_silent_like_any_other() -> None:
    world = World()
    sensor = BareSensor(world).join()
    sensor.register(*sensor.topics, interval_s=10.0)
    sensor.send(temperature=1)
    world.pass_time(16)
    assert sensor.member.connection is Connection.LATE
    world.pass_time(16)
    assert sensor.member.connection is Connection.LOST
    world.pass_time(2)
    assert world.sent == []


# --- keys and topics ----------------------------------------------------------------------


def test_a_message_counts_on_one_topic_of_a_shared_key_only() -> None:
    world = World()
    two = BareTopic(topic="sensors/lab2", channels=(BareChannel(path="temperature", key="other"),))
    sensor = BareSensor(world, BareTopic(topic=TOPIC, channels=CHANNELS), two).join()
    message = sensor.make({"temperature": 20.5})
    assert sensor.deliver(message, TOPIC) is None
    assert sensor.deliver(message, "sensors/lab2") is Code.REPLAYED
    world.pass_time(2)
    world.kill()
    assert sensor.deliver(message, "sensors/lab2") is Code.REPLAYED, "who did not hear it cannot tell it from a copy"
    assert sensor.send(topic="sensors/lab2", temperature=1) is None


def _three_topics(world: World) -> BareSensor:
    """A sensor with one key for three topics."""
    more = [BareTopic(topic=f"sensors/{key}", channels=(BareChannel(path="temperature", key=key),)) for key in "ab"]
    return BareSensor(world, BareTopic(topic=TOPIC, channels=CHANNELS), *more).join()


def test_a_restart_lets_no_message_count_on_another_topic_of_a_shared_key() -> None:
    world = World()
    sensor = _three_topics(world)
    message = sensor.make({"temperature": 20.5})
    assert sensor.deliver(message, "sensors/b") is None
    world.pass_time(2)
    world.kill()
    assert sensor.deliver(message, TOPIC) is Code.REPLAYED
    assert sensor.send(temperature=1) is None


def test_a_topic_that_joins_a_shared_key_brings_no_message_with_it() -> None:
    world = World()
    sensor = _three_topics(world)
    first, *others = sensor.topics
    message = sensor.make({"temperature": 20.5})
    assert sensor.deliver(message, TOPIC) is None
    sensor.register(*others)
    world.pass_time(2)
    world.kill()
    sensor.register(*others, first)
    assert sensor.deliver(message, "sensors/a") is Code.REPLAYED
    world.pass_time(1)
    early = sensor.make({"temperature": 21.5})
    world.pass_time(1)
    assert sensor.send(temperature=22.5) is None
    sensor.register(first, *others)
    assert sensor.deliver(early, "sensors/a") is None, "what the hub has heard since, it remembers"


def test_a_filter_takes_each_message_on_one_topic() -> None:
    world = World()
    sensor = BareSensor(world, BareTopic(topic="sensors/+/bme280", channels=CHANNELS)).join()
    message = sensor.make({"temperature": 20.5})
    assert sensor.deliver(message, TOPIC) is None
    assert sensor.deliver(message, "sensors/lab2/bme280") is Code.REPLAYED
    world.pass_time(1)
    assert sensor.send(topic="sensors/lab2/bme280", temperature=1) is None
    assert world.plant.filters == ["sensors/+/bme280"]


def test_a_device_speaks_on_so_many_topics(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iiot_engine.plant.bare.MAX_TOPICS", 2)
    world = World()
    sensor = BareSensor(world, BareTopic(topic="sensors/#", channels=CHANNELS)).join()
    for number in range(2):
        world.pass_time(1)
        assert sensor.send(topic=f"sensors/{number}", temperature=1) is None
    world.pass_time(1)
    assert sensor.send(topic="sensors/2", temperature=1) is Code.WRONG_TOPIC


def test_each_topic_has_its_key() -> None:
    world = World()
    two = BareTopic(topic="sensors/lab2", kid=2, channels=(BareChannel(path="temperature", key="other"),))
    sensor = BareSensor(world, *BareSensor(world).topics, two, keys={1: KEY, 2: OTHER}).join()
    assert sensor.send(topic="sensors/lab2", kid=1, temperature=1) is Code.BAD_MAC
    assert sensor.send(topic="sensors/lab2", kid=2, temperature=1) is None
    assert sensor.value("other") == 1
    world.perform(world.plant.rekey(sensor.id, {1: KEY}, world.now))
    sensor.register(*sensor.topics)
    assert world.plant.filters == [TOPIC], "a topic without a key is nobody's"


def test_what_is_forgotten_of_a_key_is_refused() -> None:
    memory = KeyMemory(0)
    for number in range(MOST_MACS + 1):
        memory.move("a", number + 1, f"{number:044}".encode()[::-1], 0)
    with pytest.raises(Refusal, match="too old to be told"):
        memory.check("b", 1, b"x" * 44)
    memory.check("b", 2, b"x" * 44)
    memory.move("a", 10, b"y" * 44, 10**18)
    with pytest.raises(Refusal, match="too old to be told"):
        memory.check("b", MOST_MACS, b"x" * 44)


def test_an_old_signature_is_not_remembered() -> None:
    memory = KeyMemory(0)
    memory.move("a", 10, b"y" * 44, 10**18)
    with pytest.raises(Refusal, match="too old to be told"):
        memory.check("a", 10, b"y" * 44)


def test_a_window_without_messages_begins_at_nothing() -> None:
    assert StampWindow().newest_ns == 0


def test_nothing_counts_of_a_device_that_a_person_revoked() -> None:
    world = World()
    sensor = BareSensor(world).join()
    world.perform(world.plant.set_revoked(sensor.id, True, world.now))
    message = sensor.make({"temperature": 1})
    assert sensor.deliver(message) is Code.REVOKED
    world.perform(world.plant.set_revoked(sensor.id, False, world.now))
    assert sensor.deliver(message) is None, "a refusal moved nothing"
