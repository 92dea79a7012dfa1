"""Arguments of a command are kept and sent as they were asked for, or refused."""

from typing import Any

import pytest

from iiot_engine.actuation.command import Actor
from iiot_engine.actuation.wish import MAX_ARGS_BYTES, ActuatorError, ArgumentsError, NoChannelError, Wish, check
from tests.builders import Machine, World


def wish(**args: Any) -> Wish:
    return Wish(name="describe", args=args, actor=Actor("anna", "ctx", "service"))


@pytest.mark.parametrize("value", [2**64, float("nan"), float("inf"), "\ud800", {1: 2}, {1, 2}, "x" * MAX_ARGS_BYTES])
def test_what_json_cannot_carry_whole_never_reaches_the_journal(value: Any) -> None:
    machine = Machine(World()).join()
    with pytest.raises(ArgumentsError):
        check(wish(note=value), machine.member.device.manifest)
    with pytest.raises(ArgumentsError):
        machine.world.plant.command(machine.id, wish(note=value), machine.world.now)
    assert machine.member.ledger.open is None


@pytest.mark.parametrize("value", [2**63, -1.5, None, True, "Süd", [1, [2]], {"a": {"b": []}}])
def test_plain_values_are_taken(value: Any) -> None:
    check(wish(note=value), Machine(World()).join().member.device.manifest)


@pytest.mark.parametrize("key", [1, None, ["1"], True])
def test_a_key_is_a_text(key: Any) -> None:
    machine = Machine(World()).join()
    machine.tell_manifest(actuators=[{"key": "1", "name": "Fan", "kind": "switch"}], commands=["set"])
    wanted = Wish(name="set", args={"key": key, "value": True}, actor=Actor("anna", "ctx", "service"))
    with pytest.raises(ActuatorError):
        check(wanted, machine.member.device.manifest)


def test_who_names_no_actuator_is_told_which_there_are() -> None:
    machine = Machine(World()).join()
    actuators = [{"key": key, "name": key, "kind": kind} for key, kind in (("fan", "switch"), ("reset", "button"))]
    machine.tell_manifest(actuators=actuators, commands=["set", "press"])
    for name, key in (("set", "fan"), ("press", "reset")):
        with pytest.raises(ActuatorError) as refused:
            check(Wish(name=name, args={}, actor=Actor("anna", "ctx", "service")), machine.member.device.manifest)
        assert refused.value.facts == {"key": "-", "fitting": key}


def test_an_interval_for_a_channel_that_is_not_there_never_leaves() -> None:
    machine = Machine(World()).join()
    machine.tell_manifest(commands=["set_interval", "set_rate"])
    manifest = machine.member.device.manifest
    for name in ("set_interval", "set_rate"):
        for args in ({}, {"ch": "temperature"}):
            check(Wish(name=name, args=args, actor=Actor("anna", "ctx", "service")), manifest)
        with pytest.raises(NoChannelError):
            check(Wish(name=name, args={"ch": "nothing"}, actor=Actor("anna", "ctx", "service")), manifest)
