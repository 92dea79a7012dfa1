"""After its start a hub learns where a device stands before it sends a number of its own: an old copy finds out."""

from copy import deepcopy

import pytest

from iiot_engine.actuation.command import Actor, Step
from iiot_engine.actuation.wish import Wish
from iiot_engine.effects import Commit, Publish
from iiot_engine.plant import notices
from iiot_engine.plant.polls import NotThereError
from iiot_engine.values import NS_PER_S
from iiot_engine.wire.frames import MAX_UINT32
from tests.builders import Machine, World
from tests.engine.test_polls import ask_every, questions, tank

IDENTIFY = Wish(name="identify", args={"s": 1}, actor=Actor(None, None, "service"))


def asked_where_it_stands(world: World, machine: Machine) -> None:
    """The hub has sent one message, which moves nothing in the device; it answers as it would any old nonce."""
    (question,) = world.down("poll", machine.id)
    assert len(world.sent) == 1
    assert question["nonce"] != machine.nonce
    assert question["ch"] == []
    assert machine.obey() == []
    assert machine.beat() is None


def test_a_question_has_a_number_of_the_protocol_whatever_the_device_has_said() -> None:
    world = World()
    machine = Machine(world).join()
    machine.beat(hseq=MAX_UINT32)
    world.perform(world.plant.settle(machine.id, notices.FOREIGN, world.now))
    world.pass_time(2)
    world.kill()
    world.clear()
    world.pass_time(2)
    (question,) = world.down("poll", machine.id)
    assert 0 < question["hseq"] <= MAX_UINT32


def put_back_a_copy(used_since: int) -> tuple[World, Machine]:
    """A hub goes on, uses numbers, and is replaced by a copy that knows nothing of them."""
    world = World()
    machine = Machine(world).join()
    copy = deepcopy(world.store)
    machine.hseq += used_since
    world.store = copy
    world.clear()
    world.kill(away_s=60)
    world.pass_time(2)
    return world, machine


def test_a_copy_of_last_night_is_found_out_although_no_hub_has_restarted_since() -> None:
    world, machine = put_back_a_copy(used_since=400)
    asked_where_it_stands(world, machine)
    assert world.notices(notices.FOREIGN) == [(machine.id, True)]
    world.clear()
    machine.read(temperature=1)
    world.pass_time(90)
    assert world.of(Publish) == []


def test_what_a_copy_may_have_used_itself_is_no_reason_for_suspicion() -> None:
    world, machine = put_back_a_copy(used_since=5)
    asked_where_it_stands(world, machine)
    assert world.notices(notices.FOREIGN) == []


def test_after_an_ordinary_start_it_goes_on_with_a_question_that_proves() -> None:
    world = World()
    machine = Machine(world).join()
    machine.read(temperature=1)
    world.kill()
    world.clear()
    world.pass_time(2)
    asked_where_it_stands(world, machine)
    world.clear()
    world.pass_time(2)
    (poll,) = world.down("poll", machine.id)
    assert poll["nonce"] == machine.nonce
    assert poll["hseq"] > machine.hseq
    assert world.notices(notices.FOREIGN) == []


def test_one_that_says_itself_where_it_stands_is_not_asked_so() -> None:
    world = World()
    machine = Machine(world).join()
    for number in range(200):
        world.adopt(Machine(world, f"pump-{number:03}"))
    world.kill()
    world.clear()
    machine.beat()
    world.pass_time(12)
    assert {poll["nonce"] for poll in world.down("poll", machine.id)} == {machine.nonce}


def test_an_answer_to_an_order_of_before_the_start_says_where_it_stands_too() -> None:
    world = World()
    machine = Machine(world).join()
    world.kill()
    world.clear()
    world.pass_time(2)
    assert world.down("poll", machine.id)[-1]["nonce"] != machine.nonce
    machine.send("ack", cid="01JD8Z6Q4W3M5N7P9R0T1V2X3Y", status="done", hseq=machine.hseq)
    world.pass_time(2)
    assert world.down("poll", machine.id)[-1]["nonce"] == machine.nonce


def test_one_that_is_away_is_asked_once_and_again_when_the_broker_is_back() -> None:
    world = World()
    machine = Machine(world).join()
    world.kill()
    world.clear()
    world.skip(300)
    assert len(world.down("poll", machine.id)) == 1
    world.plant.set_connected(False, world.now)
    world.pass_time(1)
    world.plant.set_connected(True, world.now)
    world.pass_time(2)
    assert len(world.down("poll", machine.id)) == 2


def test_one_that_started_anew_meanwhile_is_met_in_its_new_boot() -> None:
    world = World()
    machine = Machine(world).join()
    world.kill()
    machine.reboot()
    world.clear()
    world.pass_time(2)
    asked_where_it_stands(world, machine)
    world.pass_time(2)
    assert world.down("poll", machine.id)[-1]["nonce"] == machine.nonce
    assert world.notices(notices.FOREIGN) == []


def test_nothing_with_a_number_leaves_before_that() -> None:
    world = World()
    machine = tank(world)
    machine.tell_manifest([{"key": "level", "kind": "float", "mode": "poll"}], commands=["describe", "identify"])
    ask_every(world, machine)
    world.pass_time(1)
    world.policies[machine.id] = machine.member.policy
    world.kill()
    world.clear()
    machine.send("data", r={"level": 1}, n=[1, 1], late=True)
    with pytest.raises(NotThereError):
        world.plant.poll(machine.id, ["level"], world.now)
    cid, effects = world.plant.command(machine.id, IDENTIFY, world.now)
    world.perform(effects)
    world.pass_time(25)
    command = world.plant.command_of(machine.id, cid)
    assert command is not None
    assert command.step is Step.REQUESTED
    assert len(world.of(Commit)) < 10, "what cannot leave makes no commit after commit"
    asked_where_it_stands(world, machine)
    world.pass_time(12)
    assert world.down("stored", machine.id)
    assert questions(world, machine)
    assert {order["cid"] for order in world.down("command", machine.id) if order["cmd"] == "identify"} == {cid}


def test_a_device_whose_time_runs_ahead_can_still_say_where_it_stands() -> None:
    world = World()
    press = Machine(world).join()
    world.kill()
    assert press.read(strokes=1) is None
    press.born_ns -= 400 * NS_PER_S
    assert press.beat() is None, "refused, it would be asked for ever for what it has said"
    press.prove()
    assert press.read(strokes=2) is None
