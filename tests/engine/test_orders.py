"""Commands between hub and device: durable before they leave, done only by the device's signed answer."""

from typing import Any

import pytest

from iiot_engine.actuation.command import Actor, Command, Step
from iiot_engine.actuation.wish import ActuatorError, UnsupportedError, ValueRefusedError, Wish
from iiot_engine.effects import CommandChanged, Commit
from iiot_engine.errors import RequestError
from iiot_engine.plant.orders import AwayError, ListenOnlyError, MutedError
from iiot_engine.values import NS_PER_S
from tests.builders import CHANNELS, Machine, World

ANNA = Actor("anna", "ctx", "service")
ACTUATORS = [
    {"key": "fan", "name": "Fan", "kind": "switch"},
    {"key": "speed", "name": "Speed", "kind": "number", "min": 0, "max": 3000},
    {"key": "mode", "name": "Mode", "kind": "select", "options": ["idle", "run"]},
    {"key": "flap", "name": "Flap", "kind": "valve", "min": 0, "max": 100},
    {"key": "label", "name": "Label", "kind": "text"},
    {"key": "reset", "name": "Reset", "kind": "button"},
]


def machine_in(world: World, device_id: str = "press-07") -> Machine:
    machine = Machine(world, device_id).join()
    machine.tell_manifest(CHANNELS, actuators=ACTUATORS, commands=["describe", "set", "press", "sleep", "restart"])
    world.pass_time(1)
    world.clear()
    return machine


def wish(name: str = "set", *, waits: bool = False, life_s: float = 30, **args: Any) -> Wish:
    found = args or ({"key": "fan", "value": True} if name == "set" else {})
    return Wish(name=name, args=found, actor=ANNA, waits=waits, life_ns=round(life_s * NS_PER_S))


def ask(machine: Machine, wanted: Wish | None = None) -> Command:
    world = machine.world
    cid, effects = world.plant.command(machine.id, wanted or wish(), world.now)
    world.perform(effects)
    command = machine.member.ledger.get(cid)
    assert command is not None
    return command


def orders(world: World) -> list[dict[str, Any]]:
    return [body for body in world.down("command") if body["cmd"] not in ("describe", "set_time")]


def answer(machine: Machine, command: Command, status: str = "done", **facts: Any) -> None:
    machine.obey()
    machine.send("ack", cid=command.cid, status=status, hseq=machine.hseq, **facts)


def test_a_command_leaves_at_once_and_is_done_when_the_device_says_so() -> None:
    world = World()
    machine = machine_in(world)
    command = ask(machine)
    (body,) = orders(world)
    assert (body["cid"], body["cmd"], body["args"]) == (command.cid, "set", {"key": "fan", "value": True})
    assert body["until"] == (machine.up_ns + 30 * NS_PER_S) // 1_000_000
    assert command.step is Step.SENT
    answer(machine, command, "accepted")
    assert command.step is Step.ACCEPTED
    answer(machine, command, result={"position": 3})
    assert (command.step, command.result) == (Step.DONE, {"position": 3})
    assert [effect.cid for effect in world.of(CommandChanged)] == [command.cid] * 3


def test_nothing_leaves_before_it_is_on_disk() -> None:
    world = World()
    machine = machine_in(world)
    with world.slow_store():
        ask(machine)
        world.pass_time(3)
        assert orders(world) == []
    assert len(orders(world)) == 1


def test_a_full_disk_holds_a_command_back_and_it_expires_as_unknown_without_having_left() -> None:
    world = World()
    machine = machine_in(world)
    world.store_fails = True
    command = ask(machine, wish(life_s=3))
    world.pass_time(4)
    assert orders(world) == []
    world.store_fails = False
    world.pass_time(10)
    assert orders(world) == []
    assert command.step is Step.UNKNOWN


def test_it_is_sent_again_with_fresh_numbers_and_the_same_id() -> None:
    world = World()
    machine = machine_in(world)
    command = ask(machine)
    world.pass_time(40)
    sent = orders(world)
    assert len(sent) == 3
    assert {body["cid"] for body in sent} == {command.cid}
    assert len({body["hseq"] for body in sent}) == 3
    assert len({body["until"] // 1_000 for body in sent}) == 1, "one deadline"
    assert command.step is Step.UNKNOWN


def test_a_late_answer_corrects_unknown() -> None:
    world = World()
    machine = machine_in(world)
    command = ask(machine)
    machine.obey()
    world.pass_time(40)
    answer(machine, command)
    assert [passed.step for passed in command.steps] == [Step.REQUESTED, Step.SENT, Step.UNKNOWN, Step.DONE]


def test_two_commands_of_a_device_go_in_order_and_those_of_two_devices_at_once() -> None:
    world = World()
    press, pump = machine_in(world), machine_in(world, "pump-01")
    first, second = ask(press), ask(press, wish(key="speed", value=100))
    third = ask(pump)
    assert [body["cid"] for body in orders(world)] == [first.cid, third.cid]
    answer(press, first)
    world.pass_time(1)
    assert [body["cid"] for body in orders(world)] == [first.cid, third.cid, second.cid]


def test_after_a_kill_what_was_sent_is_sent_on_and_what_waited_waits() -> None:
    world = World()
    machine = machine_in(world)
    first, second = ask(machine), ask(machine, wish(key="speed", value=5))
    world.pass_time(1)
    world.kill()
    machine.beat()
    machine.prove()
    world.pass_time(1)
    assert [body["cid"] for body in orders(world)] == [first.cid]
    ledger = machine.member.ledger
    assert [one.cid for one in ledger.waiting] == [second.cid]
    again = ledger.open
    assert again is not None
    answer(machine, again)
    world.pass_time(2)
    assert orders(world)[-1]["cid"] == second.cid


def test_what_was_asked_just_before_a_kill_never_left() -> None:
    world = World()
    machine = machine_in(world)
    with world.slow_store():
        ask(machine)
        world.kill()
    world.pass_time(5)
    assert orders(world) == []


def test_a_command_without_a_free_number_waits_for_one() -> None:
    world = World()
    machine = machine_in(world)
    command = ask(machine)
    downlink = machine.member.device.downlink
    world.clear()
    world.pass_time(4)
    downlink.reserved = downlink.last + 1
    machine.member.wants.poll_due_ns = world.now.steady_ns + NS_PER_S
    while not world.down("poll"):
        world.pass_time(0.1)
    assert orders(world) == []
    world.pass_time(2)
    assert [body["cid"] for body in orders(world)] == [command.cid]
    assert command.sends == 2


def test_a_device_that_started_anew_is_sent_the_open_command_at_once() -> None:
    world = World()
    machine = machine_in(world)
    command = ask(machine)
    world.pass_time(6)
    machine.reboot()
    world.clear()
    machine.beat()
    world.pass_time(1.5)
    (body,) = orders(world)
    assert (body["cid"], body["nonce"]) == (command.cid, machine.nonce)


def test_a_sleeping_device_is_waited_for() -> None:
    world = World()
    machine = machine_in(world)
    machine.beat(state="asleep", for_s=600)
    world.pass_time(10)
    world.clear()
    command = ask(machine)
    world.pass_time(60)
    assert (orders(world), command.step) == ([], Step.REQUESTED)
    machine.beat()
    world.pass_time(1.5)
    assert [body["cid"] for body in orders(world)] == [command.cid]


def test_one_that_sleeps_too_long_was_never_told() -> None:
    world = World()
    machine = machine_in(world)
    machine.beat(state="asleep", for_s=200_000)
    world.pass_time(10)
    command = ask(machine)
    world.skip(24 * 3600)
    world.pass_time(2)
    assert command.step is Step.NOT_SENT


def test_a_device_that_is_away_refuses_at_once_or_is_waited_for() -> None:
    world = World()
    machine = machine_in(world)
    world.skip(200)
    with pytest.raises(AwayError):
        ask(machine)
    world.clear()
    command = ask(machine, wish(waits=True))
    world.pass_time(5)
    assert orders(world) == []
    machine.beat()
    world.pass_time(1.5)
    assert [body["cid"] for body in orders(world)] == [command.cid]


def test_without_a_broker_everybody_is_away() -> None:
    world = World()
    machine = machine_in(world)
    world.plant.set_connected(False, world.now)
    with pytest.raises(AwayError):
        ask(machine)


def test_what_waits_can_be_withdrawn() -> None:
    world = World()
    machine = machine_in(world)
    first, second = ask(machine), ask(machine)
    for command, withdrawn in ((first, False), (second, True), (second, False)):
        done, effects = world.plant.cancel(machine.id, command.cid, world.now)
        world.perform(effects)
        assert done is withdrawn
    assert (first.step, second.step) == (Step.SENT, Step.CANCELLED)


def test_a_device_that_is_taken_out_is_told_nothing_more() -> None:
    world = World()
    machine = machine_in(world)
    first, second = ask(machine), ask(machine)
    world.remove(machine)
    world.clear()
    world.pass_time(60)
    assert (first.step, second.step) == (Step.UNKNOWN, Step.CANCELLED)
    assert orders(world) == []


@pytest.mark.parametrize(
    ("wanted", "error"),
    [
        (wish("dance"), UnsupportedError),
        (wish(key="nobody", value=1), ActuatorError),
        (wish(key="reset", value=True), ActuatorError),
        (wish("press", key="fan"), ActuatorError),
        (wish(key="fan", value=1), ValueRefusedError),
        (wish(key="speed", value=3001), ValueRefusedError),
        (wish(key="speed", value=-1), ValueRefusedError),
        (wish(key="speed", value=True), ValueRefusedError),
        (wish(key="speed", value="fast"), ValueRefusedError),
        (wish(key="mode", value="walk"), ValueRefusedError),
        (wish(key="flap", value=101), ValueRefusedError),
        (wish(key="label", value=5), ValueRefusedError),
        (wish(key="label", value="x" * 256), ValueRefusedError),
    ],
)
def test_what_the_device_cannot_do_is_refused_before_it_is_sent(wanted: Wish, error: type[RequestError]) -> None:
    world = World()
    machine = machine_in(world)
    with pytest.raises(error):
        ask(machine, wanted)
    assert machine.member.ledger.open is None


@pytest.mark.parametrize(
    "wanted",
    [
        wish("press", key="reset"),
        wish("sleep", for_s=60),
        wish(key="speed", value=3000.0),
        wish(key="mode", value="run"),
        wish(key="flap", value=False),
        wish(key="flap", value=50),
        wish(key="label", value="Süd"),
    ],
)
def test_what_it_can_do_is_sent(wanted: Wish) -> None:
    world = World()
    ask(machine_in(world), wanted)
    (body,) = orders(world)
    assert (body["cmd"], body["args"]) == (wanted.name, wanted.args)


def test_a_device_without_a_manifest_can_do_nothing_yet() -> None:
    world = World()
    machine = Machine(world)
    world.adopt(machine)
    machine.beat()
    machine.prove()
    for wanted, error in ((wish(), ActuatorError), (wish("restart"), UnsupportedError)):
        with pytest.raises(error):
            ask(machine, wanted)


def test_a_device_that_has_a_twin_is_told_nothing() -> None:
    world = World()
    machine = machine_in(world)
    command = ask(machine)
    machine.member.device.has_twin = True
    with pytest.raises(MutedError):
        ask(machine)
    world.clear()
    world.pass_time(40)
    assert (orders(world), command.step) == ([], Step.UNKNOWN)


def test_a_listen_only_hub_commands_nobody() -> None:
    world = World(listen_only=True)
    machine = Machine(world)
    world.adopt(machine)
    machine.beat()
    with pytest.raises(ListenOnlyError):
        ask(machine)


def test_an_answer_to_another_devices_command_changes_nothing() -> None:
    world = World()
    press, pump = machine_in(world), machine_in(world, "pump-01")
    command = ask(press)
    pump.obey()
    pump.send("ack", cid=command.cid, status="done", hseq=pump.hseq)
    assert command.step is Step.SENT


def test_a_replayed_answer_is_refused_and_a_second_one_changes_nothing() -> None:
    world = World()
    machine = machine_in(world)
    command = ask(machine)
    machine.obey()
    message = machine.make("ack", cid=command.cid, status="rejected", reason="busy", hseq=machine.hseq)
    assert world.refusal_of(*message) is None
    assert world.refusal_of(*message) == "duplicate"
    answer(machine, command)
    assert (command.step, command.reason) == (Step.REJECTED, "busy")


def test_a_huge_result_is_not_kept() -> None:
    world = World()
    machine = machine_in(world)
    command = ask(machine)
    answer(machine, command, result="x" * 5_000)
    assert (command.step, command.result, command.reason) == (Step.DONE, None, "result_too_large")


def test_after_a_restart_closed_commands_are_remembered() -> None:
    world = World()
    machine = machine_in(world)
    command = ask(machine)
    answer(machine, command, result=1)
    world.pass_time(1)
    world.kill()
    again = machine.member.ledger.get(command.cid)
    assert again == command


def test_commands_are_found_by_their_id_also_of_a_device_that_is_gone() -> None:
    world = World()
    machine = machine_in(world)
    command = ask(machine)
    assert world.plant.is_awake(machine.id, world.now)
    assert world.plant.command_of(machine.id, command.cid) is command
    assert world.plant.command_of("nobody", command.cid) is None
    world.remove(machine)
    assert world.plant.command_of(machine.id, command.cid) is command


def test_nobody_is_awake_without_a_broker() -> None:
    world = World()
    machine = machine_in(world)
    world.plant.set_connected(False, world.now)
    assert not world.plant.is_awake(machine.id, world.now)


def test_a_device_whose_numbers_are_used_up_makes_no_commit_after_commit() -> None:
    world = World()
    machine = machine_in(world)
    machine.hseq = 2**32 - 2
    machine.beat(manifest="ffffffffffffffff")
    world.clear()
    world.pass_time(2)
    assert len(world.of(Commit)) <= 1, "what the heartbeat said"
