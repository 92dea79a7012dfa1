"""A device that a person revoked says nothing that counts, however good its signature, until it is let in again."""

import pytest

from iiot_engine.actuation.command import Actor, Step
from iiot_engine.actuation.wish import Wish
from iiot_engine.effects import Happened, Publish
from iiot_engine.plant.orders import RevokedError
from iiot_engine.values import Happening
from tests.bare_sensor import BareSensor
from tests.builders import Machine, World
from tests.engine.test_adopted_entities import GROUP, Adopting

IDENTIFY = Wish(name="identify", args={"s": 1}, actor=Actor(None, None, "service"))


def stand() -> tuple[World, Machine]:
    world = World()
    machine = Machine(world).join()
    machine.tell_manifest(commands=["describe", "identify"])
    return world, machine


def revoke(world: World, machine: Machine, *, revoked: bool = True) -> None:
    world.perform(world.plant.set_revoked(machine.id, revoked, world.now))


def test_every_message_is_refused_before_its_signature_is_looked_at() -> None:
    world, machine = stand()
    revoke(world, machine)
    before = machine.member.device.window.high
    assert machine.beat() == "revoked"
    assert machine.read(temperature=1.0) == "revoked"
    machine.key = bytes(32)
    assert machine.beat() == "revoked"
    assert machine.member.device.window.high == before
    assert machine.connection == "lost"
    assert machine.member.health().is_revoked


def test_nothing_is_sent_to_it_and_what_was_open_is_closed() -> None:
    world, machine = stand()
    cid, effects = world.plant.command(machine.id, IDENTIFY, world.now)
    world.perform(effects)
    world.clear()
    revoke(world, machine)
    command = world.plant.command_of(machine.id, cid)
    assert command is not None
    assert command.step in (Step.UNKNOWN, Step.CANCELLED)
    with pytest.raises(RevokedError):
        world.plant.command(machine.id, IDENTIFY, world.now)
    machine.beat()
    world.pass_time(90)
    assert world.of(Publish) == []


def test_it_is_told_once_and_stays_over_a_restart_of_whoever_keeps_it() -> None:
    world, machine = stand()
    world.clear()
    revoke(world, machine)
    revoke(world, machine)
    assert [effect.what for effect in world.of(Happened)] == [Happening.REVOKED]
    world.stop()
    revoke(world, machine)
    assert machine.beat() == "revoked"


def test_let_in_again_it_goes_on_where_it_was() -> None:
    world, machine = stand()
    revoke(world, machine)
    early = machine.make("heartbeat", **machine.heartbeat_body())
    machine.index += 1
    world.clear()
    revoke(world, machine, revoked=False)
    revoke(world, machine, revoked=False)
    assert [effect.what for effect in world.of(Happened)] == [Happening.ADMITTED]
    assert machine.connection == "lost"
    assert machine.read(temperature=1.0) is None
    assert machine.connection == "live"
    assert world.refusal_of(*early) is None, "its window has not moved meanwhile"
    world.pass_time(2)
    assert world.down("stored")


def test_a_revoked_device_of_bare_topics_is_refused_as_well() -> None:
    world = World()
    sensor = BareSensor(world).join()
    world.perform(world.plant.set_revoked(sensor.id, True, world.now))
    assert sensor.send(temperature=20.5) == "revoked"
    world.perform(world.plant.set_revoked(sensor.id, False, world.now))
    assert sensor.send(temperature=21.5) is None


def test_revoked_entities_are_refused_as_well() -> None:
    adopting = Adopting()
    world = adopting.world
    world.perform(world.plant.set_revoked(GROUP, True, world.now))
    adopting.say("sensor.boiler", "61.5")
    assert adopting.member.board.values == {}
    assert adopting.member.device.refusals.counts == {"revoked": 1}
