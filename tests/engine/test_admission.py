"""A window in which devices join by themselves, and a list of those that may do so at any time."""

import pytest

from iiot_engine.devices.inbox import REMOVED, Trust
from iiot_engine.effects import Enrol, Offer
from iiot_engine.values import NS_PER_S, Discovery
from tests.builders import Machine, World

OWN_KEY = bytes(range(200, 232))


def open_window(world: World, seconds: float) -> None:
    world.plant.admission.open_until_ns = world.now.wall_ns + round(seconds * NS_PER_S)


@pytest.mark.parametrize("discovery", list(Discovery))
def test_while_the_window_is_open_whoever_proves_a_key_joins(discovery: Discovery) -> None:
    world = World(discovery=discovery)
    open_window(world, 60)
    machine = Machine(world)
    machine.beat()
    assert world.of(Enrol) == [], "the message could be an old one"
    machine.answer()
    assert world.of(Enrol) == [Enrol(machine.id)]
    assert world.of(Offer) == []


def test_the_window_closes_at_its_end_and_devices_wait_again() -> None:
    world = World()
    open_window(world, 60)
    early, late = Machine(world, "pump-1"), Machine(world, "pump-2")
    early.beat()
    world.pass_time(1)
    early.answer()
    world.skip(60)
    late.beat()
    late.answer()
    assert world.of(Enrol) == [Enrol("pump-1")]
    assert world.of(Offer) == [Offer("pump-2")]


def test_a_device_that_waits_already_joins_with_its_next_heartbeat() -> None:
    world = World()
    machine = Machine(world)
    machine.beat()
    machine.answer()
    open_window(world, 60)
    machine.beat()
    assert world.of(Enrol) == [Enrol(machine.id)]


def test_an_open_window_lets_nobody_in_without_a_key_nor_one_that_was_removed() -> None:
    world = World()
    removed = Machine(world, "gone-1").join()
    world.remove(removed)
    world.clear()
    open_window(world, 600)
    stranger = Machine(world, "stranger", key=bytes(32))
    for machine in (stranger, removed):
        machine.beat()
        machine.answer()
    assert world.of(Enrol) == []
    assert stranger.trust() is Trust.UNVERIFIED


@pytest.mark.parametrize("discovery", [Discovery.ASK, Discovery.CLOSED])
def test_a_listed_device_joins_without_any_window(discovery: Discovery) -> None:
    world = World(discovery=discovery)
    world.plant.admission.expect({"press-07": None})
    machine, other = Machine(world), Machine(world, "press-08")
    for one in (machine, other):
        one.beat()
        one.answer()
    assert world.of(Enrol) == [Enrol("press-07")]
    world.adopt(machine)
    assert not world.plant.admission.is_expected("press-07"), "the list is of those that are still to come"


def test_a_listed_device_with_a_key_of_its_own_joins_by_it_even_without_a_fleet_key() -> None:
    world = World()
    world.fleet_key = None
    world.kill()
    world.plant.admission.expect({"press-07": OWN_KEY})
    machine = Machine(world, key=OWN_KEY, kid=4)
    machine.beat()
    machine.answer()
    assert world.of(Enrol) == [Enrol("press-07")]
    entry = world.plant.inbox.get("press-07")
    assert entry is not None
    assert (entry.kid, entry.key) == (4, OWN_KEY)


def test_whoever_holds_the_fleet_key_cannot_take_the_place_of_one_that_has_a_key_of_its_own() -> None:
    world = World()
    world.plant.admission.expect({"press-07": OWN_KEY})
    thief = Machine(world)
    thief.beat()
    thief.answer()
    assert world.of(Enrol) == []
    assert thief.trust() is Trust.UNVERIFIED
    world.plant.admission.expect({})
    thief.beat()
    assert thief.trust() is Trust.SIGNED, "off the list it is a device of the fleet key like any other"


def test_a_removed_device_comes_back_when_a_person_lists_it() -> None:
    world = World()
    machine = Machine(world).join()
    world.remove(machine)
    machine.beat()
    entry = world.plant.inbox.get(machine.id)
    assert entry is not None
    assert entry.reason == REMOVED
    world.plant.admission.expect({machine.id: None})
    world.clear()
    machine.beat()
    machine.answer()
    assert world.of(Enrol) == [Enrol(machine.id)]
    assert entry.reason != REMOVED
