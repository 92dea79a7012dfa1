"""Devices are asked for readings: the answer closes the question, silence is COMM, and what cannot be used is VALUE."""

from typing import Any

import pytest

from iiot_engine.actuation.command import Actor
from iiot_engine.actuation.wish import NoChannelError, UnsupportedError, Wish
from iiot_engine.devices.downlink import LAST
from iiot_engine.effects import Commit, HealthChanged, PollEnded, ValuesChanged
from iiot_engine.errors import RequestError
from iiot_engine.ingest.checks import Checks
from iiot_engine.plant.orders import ListenOnlyError, MutedError, RevokedError, StoodBackError
from iiot_engine.plant.policy import Policy
from iiot_engine.plant.polls import NotPolledError, NotThereError, PollQueueError
from iiot_engine.polling.plan import Polling
from iiot_engine.polling.schedule import MAX_ASKED, WAIT_NS
from iiot_engine.values import NS_PER_S, Quality
from tests.bare_sensor import BareSensor
from tests.builders import Machine, World

CHANNELS: list[dict[str, Any]] = [
    {"key": "level", "kind": "float", "mode": "poll", "min": 0, "max": 100},
    {"key": "flow", "kind": "float", "mode": "poll"},
    {"key": "heat", "kind": "float"},
]


def tank(world: World, device_id: str = "tank-01", **beat: Any) -> Machine:
    machine = Machine(world, device_id).join()
    machine.tell_manifest(CHANNELS)
    if beat:
        machine.beat(**beat)
    world.pass_time(1.2)
    world.clear()
    return machine


def ask_every(world: World, machine: Machine, seconds: float = 10, **more: Any) -> None:
    """Let it be polled, and wait for the first question."""
    world.perform(world.plant.set_policy(machine.id, Policy(polling=Polling(interval_s=seconds, **more))))


def questions(world: World, machine: Machine) -> list[dict[str, Any]]:
    return [poll for poll in world.down("poll", machine.id) if poll["ch"] != []]


def next_question(world: World, machine: Machine) -> dict[str, Any]:
    for _ in range(650):
        if found := questions(world, machine):
            world.clear()
            return found[0]
        world.pass_time(0.1)
    raise AssertionError("nothing was asked")


def ask(world: World, machine: Machine, *keys: str) -> str:
    pid, effects = world.plant.poll(machine.id, keys, world.now)
    world.perform(effects)
    return pid


def answer(machine: Machine, pid: str, **body: Any) -> None:
    body.setdefault("r", {})
    assert machine.send("data", poll=pid, **body) is None


# --- by schedule --------------------------------------------------------------------------


def test_a_device_is_asked_for_what_waits_to_be_asked_again_and_again() -> None:
    world = World()
    machine = tank(world)
    ask_every(world, machine)
    first = next_question(world, machine)
    assert first["ch"] == ["level", "flow"]
    at = world.now.steady_ns
    answer(machine, first["pid"], r={"level": 40, "flow": 2})
    assert machine.value("level") == 40
    second = next_question(world, machine)
    assert second["pid"] != first["pid"]
    assert world.now.steady_ns - at == pytest.approx(10 * NS_PER_S, abs=NS_PER_S // 5)
    assert (machine.member.polled.sent, machine.member.polled.timeouts, machine.member.polled.failures) == (2, 0, 0)
    assert list(world.plant.polls.took_ns) == [0]


def test_a_device_that_comes_back_is_asked_again() -> None:
    world = World()
    machine = tank(world)
    ask_every(world, machine)
    next_question(world, machine)
    policy = machine.member.policy
    world.remove(machine)
    world.pass_time(1)
    world.adopt(machine)
    world.perform(world.plant.set_policy(machine.id, policy))
    machine.beat()
    machine.prove()
    assert next_question(world, machine)["ch"] == ["level", "flow"]


def test_what_nobody_answers_is_unknown_with_the_reason_and_counted() -> None:
    world = World()
    machine = tank(world)
    machine.read(level=40, flow=1, heat=7)
    ask_every(world, machine, timeout_s=2)
    question = next_question(world, machine)
    answer(machine, question["pid"], r={"flow": 2})
    world.clear()
    world.pass_time(2.1)
    assert machine.judged("level") == (None, Quality.BAD)
    assert machine.member.board.reasons == {"level": "COMM"}
    assert machine.value("flow") == 2
    assert machine.value("heat") == 7
    assert [effect.channels for effect in world.of(ValuesChanged)] == [["level"]]
    assert world.of(HealthChanged)
    health = machine.member.health()
    assert (health.poll_timeouts, health.poll_failures) == (1, 1)
    answer(machine, question["pid"], r={"level": 41})
    assert machine.value("level") == 41, "an answer that comes too late is a reading like others"
    assert machine.member.board.reasons == {}


def test_a_reading_that_came_by_itself_meanwhile_is_not_taken_back() -> None:
    world = World()
    machine = tank(world)
    ask_every(world, machine, timeout_s=2)
    next_question(world, machine)
    world.pass_time(1)
    machine.read(level=40, flow=1)
    world.clear()
    world.pass_time(1.5)
    assert machine.value("level") == 40
    assert world.of(ValuesChanged) == []
    assert machine.member.polled.timeouts == 1


def test_what_cannot_be_used_is_told_from_what_did_not_come() -> None:
    world = World()
    machine = tank(world)
    pid = ask(world, machine, "level", "flow", "heat")
    answer(machine, pid, r={"level": 400}, e={"flow": "COMM", "heat": "VALUE"})
    failed = {"level": "VALUE", "flow": "COMM", "heat": "VALUE"}
    assert world.of(PollEnded) == [PollEnded(machine.id, pid, {}, failed)]
    assert machine.member.board.reasons == failed
    assert machine.member.polled.failures == 3
    pid = ask(world, machine, "level")
    answer(machine, pid, r={"level": 4}, q={"level": "bad"}, e={"flow": "VALUE"})
    assert world.of(PollEnded)[-1].failed == {"level": "VALUE"}
    assert machine.member.board.reasons["flow"] == "VALUE"


def test_what_cannot_be_used_is_unknown_for_that_reason_unless_another_is_known_or_a_good_reading() -> None:
    world = World()
    machine = tank(world)
    machine.read(level=40, flow=1, heat=7)
    world.perform(world.plant.set_policy(machine.id, Policy(channels={"heat": Checks(high=10)})))
    world.pass_time(1)
    pid = ask(world, machine, "level", "flow", "heat")
    world.pass_time(1)
    machine.read(flow=2)
    world.clear()
    answer(machine, pid, r={"level": "high", "flow": "low", "heat": 99})
    assert machine.judged("level") == (None, Quality.BAD)
    assert machine.judged("heat") == (None, Quality.BAD)
    assert machine.value("flow") == 2
    assert machine.member.board.reasons == {"level": "VALUE", "heat": "range"}
    assert ["level"] in [effect.channels for effect in world.of(ValuesChanged)]
    pid = ask(world, machine, "level", "flow")
    machine.tell_manifest(CHANNELS[:1])
    answer(machine, pid, r={"level": 41, "flow": "low"})
    assert (machine.value("level"), machine.shown("flow")) == (41, None)
    assert machine.member.board.reasons == {}


def test_an_answer_may_come_in_parts_and_in_rows() -> None:
    world = World()
    machine = tank(world)
    pid = ask(world, machine, "level", "flow")
    answer(machine, pid, r={"level": 1, "heat": 3})
    assert world.of(PollEnded) == []
    second = world.now.wall_ns // NS_PER_S
    machine.rows(["flow"], [[second, 0, 8], [second, 1, 9]], poll=pid)
    assert world.of(PollEnded) == [PollEnded(machine.id, pid, {"level": 1, "flow": 9}, {})]


def test_who_sleeps_or_is_lost_is_not_asked() -> None:
    world = World()
    machine = tank(world)
    ask_every(world, machine, seconds=2)
    next_question(world, machine)
    machine.beat(state="asleep", for_s=600)
    world.pass_time(8)
    world.clear()
    world.pass_time(30)
    assert questions(world, machine) == []
    machine.beat()
    assert next_question(world, machine)
    world.pass_time(100)
    assert machine.connection == "lost"
    world.clear()
    world.pass_time(30)
    assert questions(world, machine) == []


def test_nothing_is_asked_while_the_broker_is_away() -> None:
    world = World()
    machine = tank(world)
    ask_every(world, machine, seconds=2)
    next_question(world, machine)
    world.plant.set_connected(False, world.now)
    world.pass_time(10)
    assert questions(world, machine) == []
    assert not world.plant.polls.open
    world.plant.set_connected(True, world.now)
    assert next_question(world, machine)


def test_a_question_waits_for_its_number() -> None:
    world = World()
    machine = tank(world)
    world.stop()
    machine.beat()
    with world.slow_store():
        pid = ask(world, machine)
        world.pass_time(1)
        assert questions(world, machine) == []
        assert machine.member.polled.sent == 0
    world.pass_time(0.2)
    (question,) = questions(world, machine)
    assert question["pid"] == pid


def test_numbers_are_reserved_before_they_run_out() -> None:
    world = World()
    machine = tank(world)
    ask_every(world, machine, seconds=1)
    for _ in range(300):
        question = next_question(world, machine)
        answer(machine, question["pid"], r={"level": 1, "flow": 1})
        machine.obey()
    assert machine.member.polled.sent == 300


def test_a_new_manifest_changes_what_is_asked_for() -> None:
    world = World()
    machine = tank(world)
    ask_every(world, machine)
    question = next_question(world, machine)
    answer(machine, question["pid"], r={"level": 1, "flow": 1})
    machine.digest = "f" * 16
    machine.beat()
    machine.tell_manifest(CHANNELS[:1])
    world.clear()
    assert next_question(world, machine)["ch"] == ["level"]


def test_a_place_that_becomes_free_is_taken_at_once() -> None:
    world = World(polls_at_once=1)
    machine, other = tank(world), tank(world, "tank-02")
    pid = ask(world, machine)
    ask(world, other)
    assert questions(world, other) == []
    answer(machine, pid, r={"level": 1, "flow": 1})
    assert len(questions(world, other)) == 1
    other_pid = questions(world, other)[0]["pid"]
    ask(world, machine)
    world.plant.set_connected(False, world.now)
    world.clear()
    answer(other, other_pid, r={"level": 1, "flow": 1})
    assert questions(world, machine) == []


# --- when people ask ----------------------------------------------------------------------


def test_people_are_told_why_nobody_can_be_asked() -> None:
    world = World()
    machine = tank(world)

    def refusal(*keys: str) -> type[RequestError]:
        with pytest.raises(RequestError) as found:
            world.plant.poll(machine.id, keys, world.now)
        return found.type

    assert refusal("nothing") is NoChannelError
    machine.member.device.is_foreign = True
    assert refusal() is MutedError
    machine.member.device.is_foreign = False
    world.perform(world.plant.set_standing_back(machine.id, True, world.now))
    assert refusal() is StoodBackError
    world.perform(world.plant.set_revoked(machine.id, True, world.now))
    assert refusal() is RevokedError
    world.perform(world.plant.set_revoked(machine.id, False, world.now))
    world.perform(world.plant.set_standing_back(machine.id, False, world.now))
    world.plant.set_connected(False, world.now)
    assert refusal() is NotThereError
    world.plant.set_connected(True, world.now)
    machine.beat(state="asleep", for_s=600)
    world.pass_time(10)
    assert refusal() is NotThereError
    machine.beat(caps=["confirm"])
    assert refusal() is NotPolledError
    unknown = world.adopt(Machine(world, "press-09"))
    unknown.beat()
    with pytest.raises(NotPolledError):
        world.plant.poll(unknown.id, (), world.now)
    listening = World(listen_only=True)
    with pytest.raises(ListenOnlyError):
        listening.plant.poll(listening.adopt(Machine(listening)).id, (), listening.now)


def test_a_device_that_only_signs_hears_nothing_and_cannot_be_asked() -> None:
    world = World()
    sensor = BareSensor(world).join()
    sensor.send(temperature=1)
    with pytest.raises(NotPolledError):
        world.plant.poll(sensor.id, [], world.now)
    wish = Wish(name="identify", args={}, actor=Actor(None, None, "service"))
    with pytest.raises(UnsupportedError):
        world.plant.command(sensor.id, wish, world.now)


def test_not_too_many_people_wait_for_one_device() -> None:
    world = World(polls_at_once=1)
    machine = tank(world)
    for _ in range(MAX_ASKED + 1):
        ask(world, machine, "level")
    with pytest.raises(PollQueueError):
        ask(world, machine, "level")


@pytest.mark.parametrize("how", ["sleeps", "removed", "broker", "waits"])
def test_who_waits_is_told_that_nothing_comes(how: str) -> None:
    world = World(polls_at_once=1)
    machine, other = tank(world), tank(world, "tank-02")
    ask(world, other)
    pid = ask(world, machine, "level")
    match how:
        case "sleeps":
            machine.beat(state="asleep", for_s=6_000)
            world.pass_time(12)
        case "removed":
            world.remove(machine)
        case "broker":
            world.plant.set_connected(False, world.now)
            world.pass_time(0.2)
        case _:
            world.plant.polls.open.clear()
            world.store_fails = True
            world.stop()
            machine.beat()
            pid = ask(world, machine, "level")
            for _ in range(WAIT_NS // NS_PER_S // 20 + 1):
                world.pass_time(20, step_s=1)
                machine.beat()
    assert PollEnded(machine.id, pid, {}, {"level": "COMM"}) in world.of(PollEnded)


def test_a_device_that_answers_nothing_is_never_asked() -> None:
    world = World()
    machine = tank(world, caps=["confirm"])
    ask_every(world, machine, seconds=2)
    world.pass_time(20)
    assert questions(world, machine) == []


def test_a_hub_that_listens_asks_nobody() -> None:
    world = World(listen_only=True)
    machine = world.adopt(Machine(world))
    machine.beat()
    machine.tell_manifest(CHANNELS)
    ask_every(world, machine, seconds=2)
    world.pass_time(20)
    assert world.sent == []


def test_a_device_whose_numbers_are_used_up_is_not_asked() -> None:
    world = World()
    machine = tank(world)
    machine.beat(hseq=LAST + 1)
    world.pass_time(2)
    world.clear()
    ask_every(world, machine, seconds=2)
    world.pass_time(5)
    assert questions(world, machine) == []
    assert len(world.of(Commit)) <= 1, "no commit after commit for numbers that never come"


def test_a_device_that_left_before_its_plan_was_made_has_none() -> None:
    world = World()
    machine = tank(world)
    ask_every(world, machine, seconds=2)
    world.remove(machine)
    world.pass_time(5)
    assert world.plant.polls.devices == 0
