"""A device whose page a person disabled: what it says is kept, and it is asked for nothing."""

import pytest

from iiot_engine.actuation.command import Actor, Step
from iiot_engine.actuation.wish import Wish
from iiot_engine.effects import CommandChanged, PollEnded
from iiot_engine.plant import polls
from iiot_engine.plant.orders import DisabledError
from iiot_engine.plant.policy import Policy
from iiot_engine.polling.plan import Polling
from tests.builders import Machine, World

IDENTIFY = Wish(name="identify", args={"s": 1}, actor=Actor(None, None, "service"))
POLLED = [{"key": "level", "name": "Level", "kind": "float", "mode": "poll", "period": 10}]


def disable(world: World, machine: Machine, *, disabled: bool = True) -> None:
    """A person disables its page, or enables it."""
    world.perform(world.plant.set_disabled(machine.id, disabled, world.now))


def test_it_is_recorded_and_neither_commanded_nor_polled() -> None:
    world = World()
    machine = Machine(world).join()
    machine.tell_manifest(POLLED, commands=["describe", "identify"])
    world.plant.set_policy(machine.id, Policy(polling=Polling(interval_s=10)))
    disable(world, machine)
    disable(world, machine)
    world.clear()
    assert machine.read(level=1.0) is None
    assert machine.value("level") == 1.0
    with pytest.raises(DisabledError):
        world.plant.command(machine.id, IDENTIFY, world.now)
    with pytest.raises(DisabledError):
        polls.ask(world.plant._site, machine.member, [], world.now)
    for _ in range(4):
        world.pass_time(20)
        machine.beat()
    assert [poll for poll in world.down("poll") if poll["ch"]] == []
    disable(world, machine, disabled=False)
    for _ in range(4):
        world.pass_time(20)
        machine.obey()
        machine.beat()
    assert [poll for poll in world.down("poll") if poll["ch"]], "it is asked again"


def test_what_waits_for_it_is_withdrawn() -> None:
    world = World()
    machine = Machine(world).join()
    machine.tell_manifest(POLLED, commands=["describe", "identify"])
    machine.beat(state="asleep", for_s=3600)
    world.pass_time(6)
    cid, effects = world.plant.command(machine.id, IDENTIFY, world.now)
    world.perform(effects)
    world.clear()
    disable(world, machine)
    assert world.of(CommandChanged) == [CommandChanged(machine.id, cid)]
    world.pass_time(1)
    machine.beat()
    world.pass_time(20)
    assert world.down("command") == []
    world.kill()
    kept = world.plant.command_of(machine.id, cid)
    assert kept is not None
    assert kept.step is Step.CANCELLED


def test_a_question_that_waits_for_it_is_given_up() -> None:
    world = World(polls_at_once=1)
    machine = Machine(world).join()
    machine.tell_manifest(POLLED)
    for _ in range(2):
        world.perform(world.plant.poll(machine.id, ["level"], world.now)[1])
    world.clear()
    disable(world, machine)
    assert [ended.failed for ended in world.of(PollEnded)] == [{"level": "COMM"}] * 2
    world.pass_time(20)
    assert [poll for poll in world.down("poll") if poll["ch"]] == []
