"""A bare device is told what to do: once where it cannot answer, and never called done without its signed answer."""

from typing import Any

import pytest

from iiot_engine import records
from iiot_engine.actuation.command import Command, Step
from iiot_engine.actuation.interlocks import Bar, Interlock, InterlockError
from iiot_engine.actuation.wish import ActuatorError, UnsupportedError, ValueRefusedError, Wish
from iiot_engine.devices.bare import BareChannel, BareTopic
from iiot_engine.devices.bare_commands import BareActuator, BareCommands
from iiot_engine.effects import CommandChanged, Publish
from iiot_engine.errors import Code, RecordError
from iiot_engine.plant.orders import AwayError, ListenOnlyError, MutedError, RevokedError
from iiot_engine.values import NS_PER_S
from iiot_engine.wire import canonical, codec, signing
from tests.bare_sensor import CHANNELS, KEY, TOPIC, BareSensor
from tests.builders import World
from tests.engine.test_orders import wish

TELL = "sensors/lab1/fan/set"
ACK = "sensors/lab1/fan/ack"
COMMAND_KEY = bytes(range(32))
ACTUATORS = (
    BareActuator(key="fan", name="Fan", channel="running"),
    BareActuator(key="speed", kind="number", minimum=0, maximum=3000),
    BareActuator(key="reset", kind="button"),
)


def fan_in(world: World, *, ack: str | None = None, **decided: Any) -> BareSensor:
    running = BareChannel(path="running", key="running", kind="bool")
    topic = BareTopic(topic=TOPIC, channels=(*CHANNELS, running))
    fan = BareSensor(world, topic, keys={1: KEY, 2: COMMAND_KEY}).join()
    fan.register(topic, commands=BareCommands(topic=TELL, kid=2, ack=ack, actuators=ACTUATORS), **decided)
    assert fan.send(temperature=20) is None
    world.pass_time(1)
    world.clear()
    return fan


def ask(fan: BareSensor, wanted: Wish | None = None) -> Command:
    world = fan.world
    cid, effects = world.plant.command(fan.id, wanted or wish(), world.now)
    world.perform(effects)
    command = fan.member.ledger.get(cid)
    assert command is not None
    return command


def told(world: World) -> list[dict[str, Any]]:
    found = []
    for publish in world.of(Publish):
        envelope = codec.split(publish.message)
        assert (publish.topic, publish.qos) == (TELL, 2)
        assert signing.is_signed_by(COMMAND_KEY, envelope.span, envelope.mac)
        found.append(canonical.decode(envelope.span))
    return found


def steps(command: Command) -> list[Step]:
    return [passed.step for passed in command.steps]


def answer(fan: BareSensor, command: Command, status: str = "done", **facts: Any) -> Code | None:
    fan.world.pass_time(0.1)
    return fan.send(topic=ACK, kid=2, cid=command.cid, status=status, **facts)


# --- without an answer --------------------------------------------------------------------


def test_a_command_is_sent_once_and_ends_as_sent() -> None:
    world = World()
    fan = fan_in(world)
    command = ask(fan)
    assert [effect.cid for effect in world.of(CommandChanged)] == [command.cid]
    assert not command.is_open
    assert steps(command) == [Step.REQUESTED, Step.SENT]
    (body,) = told(world)
    seconds, nanos = divmod(world.now.wall_ns, NS_PER_S)
    assert body == {
        "args": {"key": "fan", "value": True},
        "cid": command.cid,
        "cmd": "set",
        "exp": seconds + 30,
        "topic": TELL,
        "ts": seconds,
        "ts_ns": nanos,
    }
    world.pass_time(120)
    assert len(told(world)) == 1
    assert steps(command) == [Step.REQUESTED, Step.SENT]


def test_it_stays_sent_over_a_kill() -> None:
    world = World()
    fan = fan_in(world)
    cid = ask(fan).cid
    world.pass_time(1)
    world.clear()
    world.kill()
    assert fan.send(temperature=21) is None
    world.pass_time(60)
    command = fan.member.ledger.get(cid)
    assert command is not None
    assert command.ended_unanswered
    assert steps(command) == [Step.REQUESTED, Step.SENT]
    assert told(world) == []


def test_a_kill_while_it_is_sent_leaves_it_unknown_and_it_is_not_sent_twice() -> None:
    world = World()
    fan = fan_in(world)
    with world.slow_store():
        cid = ask(fan).cid
        world.finish_commits(hold=True)
        assert len(told(world)) == 1
        world.clear()
        world.kill()
    assert fan.send(temperature=21) is None
    world.pass_time(60)
    command = fan.member.ledger.get(cid)
    assert command is not None
    assert steps(command) == [Step.REQUESTED, Step.SENT, Step.UNKNOWN]
    assert told(world) == []


def test_nothing_leaves_before_it_is_on_disk() -> None:
    world = World()
    fan = fan_in(world)
    with world.slow_store():
        ask(fan)
        world.pass_time(3)
        assert told(world) == []
        assert world.of(CommandChanged) == []
    assert len(told(world)) == 1


def test_commands_go_in_the_order_of_their_ids() -> None:
    world = World()
    fan = fan_in(world)
    for value in (True, False, True):
        ask(fan, wish(key="fan", value=value))
    world.pass_time(1)
    assert [body["args"]["value"] for body in told(world)] == [True, False, True]
    cids = [body["cid"] for body in told(world)]
    assert cids == sorted(cids)


def test_while_the_broker_is_away_a_command_is_refused_or_waits() -> None:
    world = World()
    fan = fan_in(world)
    world.plant.set_connected(False, world.now)
    with pytest.raises(AwayError):
        ask(fan)
    patient = ask(fan, wish(waits=True))
    hasty = ask(fan, Wish(name="press", args={"key": "reset"}, actor=wish().actor, waits=True, wait_ns=5 * NS_PER_S))
    world.pass_time(10)
    assert told(world) == []
    assert steps(hasty) == [Step.REQUESTED, Step.NOT_SENT]
    world.plant.set_connected(True, world.now)
    world.pass_time(2)
    assert [body["cid"] for body in told(world)] == [patient.cid]
    assert patient.ended_unanswered


def test_what_waits_for_the_broker_goes_on_waiting_over_a_kill() -> None:
    world = World()
    fan = fan_in(world)
    world.connected = False
    world.plant.set_connected(False, world.now)
    cid = ask(fan, wish(waits=True)).cid
    world.pass_time(1)
    world.kill()
    world.connected = True
    world.plant.set_connected(True, world.now)
    assert fan.send(temperature=21) is None
    world.pass_time(2)
    assert [body["cid"] for body in told(world)] == [cid]


def test_a_broker_that_goes_while_a_command_is_written_leaves_it_unknown() -> None:
    world = World()
    fan = fan_in(world)
    with world.slow_store():
        command = ask(fan)
        world.plant.set_connected(False, world.now)
    world.pass_time(31)
    assert told(world) == []
    assert steps(command) == [Step.REQUESTED, Step.SENT, Step.UNKNOWN]


def test_an_actuator_that_nobody_answers_for_shows_what_it_was_told_last() -> None:
    world = World()
    fan = fan_in(world)
    assert fan.member.ledger.last_unanswered("fan") is None
    first = ask(fan)
    assert fan.member.ledger.last_unanswered("fan") is first
    second = ask(fan, wish(key="fan", value=False))
    assert fan.member.ledger.last_unanswered("fan") is second
    assert fan.member.ledger.last_unanswered("speed") is None
    assert fan.member.ledger.last_done("fan") is None


def test_nothing_is_sent_to_a_device_that_is_not_there() -> None:
    world = World()
    fan = fan_in(world, interval_s=10.0)
    world.pass_time(40)
    with pytest.raises(AwayError):
        ask(fan)


# --- with an answer -----------------------------------------------------------------------


def test_a_device_that_answers_ends_its_command_as_any_other() -> None:
    world = World()
    fan = fan_in(world, ack=ACK)
    command = ask(fan)
    assert command.is_open
    assert answer(fan, command, "accepted") is None
    assert answer(fan, command, result={"position": 3}) is None
    assert steps(command) == [Step.REQUESTED, Step.SENT, Step.ACCEPTED, Step.DONE]
    assert command.result == {"position": 3}
    world.pass_time(1)
    assert world.journal()[-1].topic == ACK


def test_a_command_without_its_answer_is_sent_again_and_ends_unknown() -> None:
    world = World()
    fan = fan_in(world, ack=ACK)
    command = ask(fan)
    world.pass_time(40)
    assert {body["cid"] for body in told(world)} == {command.cid}
    assert len(told(world)) == 3
    assert steps(command)[-1] is Step.UNKNOWN
    assert answer(fan, command) is None
    assert steps(command)[-1] is Step.DONE


def test_an_open_command_is_sent_on_after_a_kill() -> None:
    world = World()
    fan = fan_in(world, ack=ACK)
    cid = ask(fan).cid
    world.pass_time(1)
    world.clear()
    world.kill()
    assert fan.send(temperature=21) is None
    world.pass_time(2)
    assert {body["cid"] for body in told(world)} == {cid}


def test_no_answer_counts_that_is_forged_repeated_or_none() -> None:
    world = World()
    fan = fan_in(world, ack=ACK)
    command = ask(fan)
    assert fan.send(topic=ACK, kid=1, cid=command.cid, status="done") is Code.BAD_MAC
    assert answer(fan, command, "perhaps") is Code.MALFORMED
    assert fan.send(topic=ACK, kid=2, temperature=1) is Code.MALFORMED
    assert command.step is Step.SENT
    message = fan.make({"cid": command.cid, "status": "rejected", "reason": "locked"}, kid=2)
    assert fan.deliver(message, ACK) is None
    assert fan.deliver(message, ACK) is Code.DUPLICATE
    assert (command.step, command.reason) == (Step.REJECTED, "locked")
    assert "cid" not in fan.member.bare.heard.get(ACK, ())  # type: ignore[union-attr]  # it is a bare device


def test_answers_are_listened_for() -> None:
    world = World()
    fan_in(world, ack=ACK)
    assert world.plant.filters == [TOPIC, ACK]


# --- what stands in the way ---------------------------------------------------------------


def test_only_what_is_registered_can_be_moved() -> None:
    world = World()
    fan = fan_in(world)
    for wanted, error in (
        (wish(key="door", value=True), ActuatorError),
        (wish(key="speed", value=3001), ValueRefusedError),
        (wish("press", key="fan"), ActuatorError),
        (wish("identify"), UnsupportedError),
    ):
        with pytest.raises(error):
            ask(fan, wanted)
    fan.register(*fan.topics)
    with pytest.raises(UnsupportedError):
        ask(fan)


def test_nothing_is_sent_without_a_key_to_a_revoked_device_or_by_a_hub_that_only_listens() -> None:
    world = World()
    fan = fan_in(world)
    fan.register(*fan.topics, commands=BareCommands(topic=TELL, kid=7, actuators=ACTUATORS))
    with pytest.raises(MutedError):
        ask(fan)
    world.perform(world.plant.set_revoked(fan.id, True, world.now))
    with pytest.raises(RevokedError):
        ask(fan)
    quiet = World(listen_only=True)
    with pytest.raises(ListenOnlyError):
        ask(fan_in(quiet))


def test_interlocks_hold_and_remember_what_was_sent_and_what_is_reported() -> None:
    world = World()
    locks = {"fan": Interlock(minimum_on_s=60), "speed": Interlock(slew_per_s=10)}
    fan = fan_in(world, interlocks=locks)
    ask(fan)
    with pytest.raises(InterlockError) as stopped:
        ask(fan, wish(key="fan", value=False))
    assert stopped.value.bar is Bar.TOO_SOON_OFF
    world.pass_time(61)
    ask(fan, wish(key="fan", value=False))
    assert fan.send(running=True) is None, "somebody switched it on by hand"
    with pytest.raises(InterlockError):
        ask(fan, wish(key="fan", value=False))
    ask(fan, wish(key="speed", value=100))
    with pytest.raises(InterlockError):
        ask(fan, wish(key="speed", value=2000))


# --- what people write --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "path", "words"),
    [
        ({"topic": "a/+"}, "topic", "without"),
        ({"topic": "a", "ack": "a"}, "ack", "another topic"),
        ({"topic": "a", "actuators": [{"key": "x"}, {"key": "x"}]}, "actuators", "different"),
        ({"topic": "a", "actuators": [{"key": f"k{n}"} for n in range(65)]}, "actuators", "at most 64"),
        ({"topic": "a", "actuators": [{"key": "x", "minimum": 1}]}, "actuators[0].minimum", "means nothing"),
        (
            {"topic": "a", "actuators": [{"key": "x", "kind": "button", "channel": "y"}]},
            "actuators[0].channel",
            "means nothing",
        ),
        (
            {"topic": "a", "actuators": [{"key": "x", "kind": "number", "minimum": 2, "maximum": 1}]},
            "actuators[0].maximum",
            "below",
        ),
    ],
)
def test_what_contradicts_itself_is_refused_in_words(raw: dict[str, Any], path: str, words: str) -> None:
    with pytest.raises(RecordError) as wrong:
        records.read(BareCommands, raw)
    assert wrong.value.path == path
    assert words in wrong.value.reason
