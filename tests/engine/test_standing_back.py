"""A hub that leaves a device to another one: it listens to it, sends it nothing, and suspects nobody."""

import pytest

from iiot_engine.actuation.command import Actor
from iiot_engine.actuation.wish import Wish
from iiot_engine.effects import Notice, Publish
from iiot_engine.plant.orders import StoodBackError
from tests.builders import Machine, World

IDENTIFY = Wish(name="identify", args={"s": 1}, actor=Actor(None, None, "service"))


def stand_back(world: World, machine: Machine, *, back: bool = True) -> None:
    world.perform(world.plant.set_standing_back(machine.id, back, world.now))


def test_it_listens_and_sends_nothing() -> None:
    world = World()
    machine = Machine(world).join()
    machine.tell_manifest(commands=["describe", "identify"])
    stand_back(world, machine)
    stand_back(world, machine)
    world.clear()
    assert machine.read(temperature=21.5) is None
    assert machine.value("temperature") == 21.5
    with pytest.raises(StoodBackError):
        world.plant.command(machine.id, IDENTIFY, world.now)
    world.pass_time(90)
    assert world.of(Publish) == []


def test_what_the_other_hub_sends_is_no_reason_for_suspicion() -> None:
    world = World()
    machine = Machine(world).join()
    machine.beat(hseq=machine.hseq + 1_000_000)
    assert machine.member.device.is_foreign
    stand_back(world, machine)
    world.clear()
    machine.hseq += 2_000_000
    machine.beat()
    assert world.of(Notice) == []
    stand_back(world, machine, back=False)
    machine.hseq += 10
    machine.beat()
    assert world.of(Notice) == [], "taken over again, it goes on above what the other has used"
    world.pass_time(61)
    assert world.down("poll")


@pytest.mark.parametrize("tq", [0, 2])
def test_a_new_boot_counts_although_nobody_may_ask_it_for_a_proof(tq: int) -> None:
    world = World()
    machine = Machine(world, tq=tq).join()
    stand_back(world, machine)
    machine.reboot()
    assert machine.beat() is None
    assert machine.read(temperature=22.0) is None
    assert machine.value("temperature") == 22.0
