"""Interlocks in the plant: every wish is judged, and what moved is remembered over a restart."""

from typing import Any

import pytest

from iiot_engine import records
from iiot_engine.actuation.command import Actor, Command, Step
from iiot_engine.actuation.interlocks import Bar, InterlockError
from iiot_engine.actuation.wish import Wish
from iiot_engine.effects import CommandChanged
from iiot_engine.errors import RecordError, StoreError
from iiot_engine.plant.policy import Policy
from iiot_engine.ports import Kept
from tests.builders import Machine, World

CHANNELS = [
    {"key": "fan", "name": "Fan runs", "kind": "bool"},
    {"key": "speed", "name": "Speed", "kind": "float"},
    {"key": "hum", "name": "Hum", "kind": "float"},
]
ACTUATORS = [
    {"key": "fan", "name": "Fan", "kind": "switch", "channel": "fan"},
    {"key": "speed", "name": "Speed", "kind": "number", "min": 0, "max": 3000, "channel": "speed"},
    {"key": "flap", "name": "Flap", "kind": "valve", "min": 10, "max": 60},
    {"key": "reset", "name": "Reset", "kind": "button"},
]
MANIFEST: dict[str, Any] = {"actuators": ACTUATORS, "commands": ["describe", "set", "press", "sleep"]}


def machine_in(world: World, **interlocks: dict[str, Any]) -> Machine:
    machine = Machine(world).join()
    machine.tell_manifest(CHANNELS, **MANIFEST)
    decide(machine, **interlocks)
    world.pass_time(1)
    world.clear()
    return machine


def decide(machine: Machine, **interlocks: dict[str, Any]) -> None:
    """A person decides, or the hub starts and reads what was decided."""
    machine.world.plant.set_policy(machine.id, records.read(Policy, {"interlocks": interlocks}))


def ask(
    machine: Machine, key: str, value: Any = None, *, user: str | None = "anna", door: str | None = None
) -> Command:
    world = machine.world
    name, args = ("press", {"key": key}) if value is None else ("set", {"key": key, "value": value})
    wish = Wish(name=name, args=args, actor=Actor(user, "ctx", "entity"))
    cid, effects = world.plant.command(machine.id, wish, world.now)
    world.perform(effects)
    command = machine.member.ledger.get(cid)
    assert command is not None
    return command


def answer(machine: Machine, command: Command, status: str = "done") -> None:
    machine.obey()
    machine.send("ack", cid=command.cid, status=status, hseq=machine.hseq)


def move(machine: Machine, key: str, value: Any) -> None:
    """Ask, and let the device do it."""
    answer(machine, ask(machine, key, value))


def bar(machine: Machine, key: str, value: Any = None, **who: Any) -> Bar | None:
    """What stands in the way; None: it goes to the device, which rejects it."""
    try:
        command = ask(machine, key, value, **who)
    except InterlockError as err:
        return err.bar
    answer(machine, command, "rejected")
    return None


def test_a_wish_against_an_interlock_makes_no_command() -> None:
    world = World()
    machine = machine_in(world, speed={"maximum": 1000})
    assert bar(machine, "speed", 1001) is Bar.ABOVE
    assert not machine.member.ledger.on_its_way("speed")
    assert bar(machine, "speed", 1000) is None
    assert bar(machine, "fan", True) is None, "it has none"


def test_a_button_can_be_locked_and_the_refusal_names_it() -> None:
    machine = machine_in(World(), reset={"read_only": True})
    with pytest.raises(InterlockError) as refused:
        ask(machine, "reset")
    assert (refused.value.code, refused.value.facts) == (Bar.READ_ONLY, {"key": "reset", "name": "Reset"})


DOOR = "binary_sensor.door"
ONLY_SHUT = {"condition": {"entity_id": DOOR, "state": "off"}}


def test_what_is_no_movement_has_no_interlock() -> None:
    machine = machine_in(World(), fan={"read_only": True})
    sleep = Wish(name="sleep", args={"key": "fan"}, actor=Actor(None, None, "hub"))
    cid, effects = machine.world.plant.command(machine.id, sleep, machine.world.now)
    machine.world.perform(effects)
    assert [order["cmd"] for order in machine.obey() if order["type"] == "command"] == ["sleep"]
    machine.send("ack", cid=cid, status="done", hseq=machine.hseq)
    command = machine.member.ledger.get(cid)
    assert command is not None
    assert command.step is Step.DONE


def test_it_moves_only_while_its_condition_is_known_to_hold() -> None:
    machine = machine_in(World(), fan=ONLY_SHUT)
    plant = machine.world.plant
    assert bar(machine, "fan", True) is Bar.CONDITION_UNAVAILABLE
    plant.see(DOOR, "on")
    assert bar(machine, "fan", True) is Bar.CONDITION
    plant.see(DOOR, "off")
    assert bar(machine, "fan", True) is None
    plant.see(DOOR, None)
    plant.see(DOOR, None)
    assert bar(machine, "fan", True) is Bar.CONDITION_UNAVAILABLE


def test_a_command_that_waited_is_judged_again_when_its_turn_comes() -> None:
    world = World()
    machine = machine_in(world, fan=ONLY_SHUT, reset=ONLY_SHUT)
    world.plant.see(DOOR, "off")
    machine.beat(state="asleep", for_s=600)
    world.pass_time(10)
    fan, reset, speed = ask(machine, "fan", True), ask(machine, "reset"), ask(machine, "speed", 5)
    world.plant.see(DOOR, "on")
    world.clear()
    machine.beat()
    world.pass_time(1.5)
    assert [(one.step, one.reason) for one in (fan, reset)] == [(Step.NOT_SENT, Bar.CONDITION)] * 2
    assert speed.step is Step.SENT
    assert [body["args"]["key"] for body in world.down("command") if body["cmd"] == "set"] == ["speed"]
    assert [effect.cid for effect in world.of(CommandChanged)] == [fan.cid, reset.cid, speed.cid]


def test_a_command_that_waits_goes_when_its_condition_still_holds() -> None:
    world = World()
    machine = machine_in(world, fan=ONLY_SHUT | {"confirm_within_s": 30})
    world.plant.see(DOOR, "off")
    assert bar(machine, "fan", True, user="bert") is Bar.SECOND_PERSON
    machine.beat(state="asleep", for_s=600)
    world.pass_time(10)
    command = ask(machine, "fan", True)
    machine.beat()
    world.pass_time(1.5)
    assert command.step is Step.SENT


def test_what_was_queued_too_close_is_not_sent_too_close() -> None:
    world = World()
    machine = machine_in(world, speed={"slew_per_s": 10})
    machine.read(speed=0.0)
    machine.beat(state="asleep", for_s=600)
    world.pass_time(10)
    first = ask(machine, "speed", 10)
    world.pass_time(5)
    second = ask(machine, "speed", 60)
    machine.beat()
    world.pass_time(1.5)
    answer(machine, first)
    world.pass_time(1.5)
    assert (first.step, second.step, second.reason) == (Step.DONE, Step.NOT_SENT, Bar.TOO_FAST)


def test_a_second_person_lets_it_through() -> None:
    machine = machine_in(World(), fan={"confirm_within_s": 30})
    assert bar(machine, "fan", True, user="anna") is Bar.SECOND_PERSON
    assert bar(machine, "fan", True, user=None) is Bar.PERSONS_ONLY
    machine.world.pass_time(20)
    assert bar(machine, "fan", True, user="bert") is None


def test_a_rest_holds_over_a_kill_and_over_a_stop() -> None:
    world = World()
    machine = machine_in(world, fan={"minimum_on_s": 120})
    move(machine, "fan", True)
    world.pass_time(2)
    world.kill(away_s=10)
    decide(machine, fan={"minimum_on_s": 120})
    machine.beat()
    assert bar(machine, "fan", False) is Bar.TOO_SOON_OFF
    world.stop()
    decide(machine, fan={"minimum_on_s": 120})
    machine.beat()
    world.pass_time(100)
    machine.beat()
    assert bar(machine, "fan", False) is Bar.TOO_SOON_OFF
    world.pass_time(10)
    assert bar(machine, "fan", False) is None


@pytest.mark.parametrize("status", ["rejected", "failed", "expired"])
def test_what_was_not_done_moved_nothing(status: str) -> None:
    machine = machine_in(World(), fan={"minimum_on_s": 60})
    answer(machine, ask(machine, "fan", True), status)
    assert bar(machine, "fan", False) is None


def test_what_was_withdrawn_moved_nothing() -> None:
    machine = machine_in(World(), fan={"minimum_on_s": 60})
    first, second = ask(machine, "speed", 5), ask(machine, "fan", True)
    assert bar(machine, "fan", False) is Bar.TOO_SOON_OFF, "it is on its way"
    machine.world.plant.cancel(machine.id, second.cid, machine.world.now)
    answer(machine, first)
    machine.world.pass_time(1)
    assert bar(machine, "fan", False) is None


def test_what_may_have_been_done_counts_as_done() -> None:
    world = World()
    machine = machine_in(world, fan={"minimum_on_s": 60})
    command = ask(machine, "fan", True)
    world.pass_time(31)
    machine.beat()
    assert command.step is Step.UNKNOWN
    assert bar(machine, "fan", False) is Bar.TOO_SOON_OFF
    world.pass_time(61)
    machine.beat()
    answer(machine, command)
    assert command.step is Step.DONE
    assert bar(machine, "fan", False) is None, "it was done long ago"


def test_what_a_device_forgot_in_a_reset_may_have_moved() -> None:
    world = World()
    machine = machine_in(world, fan={"minimum_on_s": 60})
    command = ask(machine, "fan", True)
    machine.obey()
    machine.send("ack", cid=command.cid, status="failed", reason="unknown_outcome", hseq=machine.hseq)
    assert command.step is Step.FAILED
    assert bar(machine, "fan", False) is Bar.TOO_SOON_OFF


def test_somebody_at_the_machine_moves_it_as_well() -> None:
    world = World()
    machine = machine_in(world, fan={"minimum_off_s": 60}, speed={"minimum_off_s": 60})
    machine.read(fan=True, speed=10.0)
    machine.read(fan=False, speed=0.0)
    assert bar(machine, "fan", True) is Bar.TOO_SOON_ON
    assert bar(machine, "speed", 100) is None, "a number has noise"
    machine.read(hum=1.0)
    world.pass_time(60)
    machine.beat()
    assert bar(machine, "fan", True) is None


def test_a_bad_value_says_nothing_of_the_actuator() -> None:
    machine = machine_in(World(), fan={"minimum_off_s": 60})
    machine.read(fan=True)
    machine.send("data", r={"fan": False}, q={"fan": "bad"}, n=[machine.boot, machine.index])
    assert bar(machine, "fan", True) is None


def test_a_manifest_that_changes_what_a_channel_means_is_looked_at() -> None:
    world = World()
    machine = machine_in(world, fan={"minimum_on_s": 60}, gone={"read_only": True})
    machine.read(fan=True)
    machine.digest = "ffffffffffffffff"
    machine.beat()
    machine.tell_manifest([{"key": "fan", "name": "Fan runs", "kind": "float"}], **MANIFEST)
    assert bar(machine, "fan", False) is Bar.TOO_SOON_OFF


def test_an_interlock_that_is_lifted_is_forgotten() -> None:
    machine = machine_in(World(), fan={"minimum_on_s": 60})
    move(machine, "fan", True)
    decide(machine)
    assert bar(machine, "fan", False) is None


def test_a_changed_interlock_remembers_what_was_done() -> None:
    machine = machine_in(World(), fan={"minimum_on_s": 60})
    move(machine, "fan", True)
    decide(machine, fan={"minimum_on_s": 600})
    machine.world.pass_time(100)
    machine.beat()
    assert bar(machine, "fan", False) is Bar.TOO_SOON_OFF


def test_a_flap_is_shut_at_its_lowest_position() -> None:
    machine = machine_in(World(), flap={"minimum_on_s": 60})
    move(machine, "flap", 60)
    assert bar(machine, "flap", 10) is Bar.TOO_SOON_OFF


def test_a_policy_has_to_fit_the_device() -> None:
    machine = machine_in(World())
    plant = machine.world.plant
    plant.check_policy(machine.id, records.read(Policy, {"interlocks": {"fan": {"read_only": True}}}))
    with pytest.raises(RecordError) as refused:
        plant.check_policy(machine.id, records.read(Policy, {"interlocks": {"fan": {"minimum": 5}}}))
    assert (refused.value.path, refused.value.reason) == ("interlocks.fan.minimum", "means nothing for a switch")


def test_a_slip_in_the_name_of_an_actuator_does_not_leave_it_without_its_interlock() -> None:
    machine = machine_in(World())
    with pytest.raises(RecordError) as refused:
        machine.world.plant.check_policy(machine.id, records.read(Policy, {"interlocks": {"fna": {"read_only": True}}}))
    reason = "is no actuator of the device; there are: fan, flap, reset, speed"
    assert (refused.value.path, refused.value.reason) == ("interlocks.fna", reason)


def test_an_interlock_stays_when_the_device_has_lost_its_actuator() -> None:
    machine = machine_in(World(), fan={"read_only": True})
    machine.tell_manifest(CHANNELS, **(MANIFEST | {"actuators": []}))
    kept = records.read(Policy, {"interlocks": {"fan": {"read_only": True}}, "trial": True})
    machine.world.plant.check_policy(machine.id, kept)
    with pytest.raises(RecordError) as refused:
        machine.world.plant.check_policy(machine.id, records.read(Policy, {"interlocks": {"speed": {}}}))
    assert refused.value.reason == "is no actuator of the device; there are: none"


def test_a_device_that_has_not_described_itself_can_have_any() -> None:
    world = World()
    machine = Machine(world)
    world.adopt(machine)
    machine.beat()
    world.plant.check_policy(machine.id, records.read(Policy, {"interlocks": {"fan": {"minimum": 5}}}))
    decide(machine, fan={"minimum": 5})
    machine.read(fan=True)


def test_what_is_kept_of_a_guard_has_to_make_sense() -> None:
    machine = machine_in(World(), fan={"minimum_on_s": 60})
    move(machine, "fan", True)
    state = machine.member.state().replace(b'"fan":[true,', b'"fan":[null,')
    with pytest.raises(StoreError):
        machine.member.restore(Kept(machine.id, state, None, None))


def test_a_hub_before_interlocks_left_nothing_of_them() -> None:
    machine = machine_in(World())
    state = machine.member.state().replace(b',"guards":{}', b"")
    machine.member.restore(Kept(machine.id, state, None, None))
    assert machine.member.guards == {}


def test_contradictions_are_refused_with_their_place() -> None:
    with pytest.raises(RecordError) as refused:
        records.read(Policy, {"interlocks": {"fan": {"minimum": 2, "maximum": 1}}})
    assert refused.value.path == "interlocks.fan.minimum"


def test_nothing_is_confirmed_by_a_wish_that_cannot_be_a_command() -> None:
    machine = machine_in(World(), speed={"confirm_within_s": 30, "maximum": 100})
    assert bar(machine, "speed", 50, user="anna") is Bar.SECOND_PERSON
    assert bar(machine, "speed", 200, user="bert") is Bar.ABOVE
    assert bar(machine, "speed", 50, user="bert") is None
