"""A device whose page a person disabled: what it says is kept, and it is asked for nothing."""

import pytest

from iiot_engine.actuation.command import Actor
from iiot_engine.actuation.wish import Wish
from iiot_engine.plant import polls
from iiot_engine.plant.orders import DisabledError
from iiot_engine.plant.policy import Policy
from iiot_engine.polling.plan import Polling
from tests.builders import Machine, World

IDENTIFY = Wish(name="identify", args={"s": 1}, actor=Actor(None, None, "service"))
POLLED = [{"key": "level", "name": "Level", "kind": "float", "mode": "poll", "period": 10}]


def test_it_is_recorded_and_neither_commanded_nor_polled() -> None:
    world = World()
    machine = Machine(world).join()
    machine.tell_manifest(POLLED, commands=["describe", "identify"])
    world.plant.set_policy(machine.id, Policy(polling=Polling(interval_s=10)))
    world.plant.set_disabled(machine.id, True)
    world.plant.set_disabled(machine.id, True)
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
    world.plant.set_disabled(machine.id, False)
    for _ in range(4):
        world.pass_time(20)
        machine.obey()
        machine.beat()
    assert [poll for poll in world.down("poll") if poll["ch"]], "it is asked again"
