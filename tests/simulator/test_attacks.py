"""Every way of the intruder gets the answer that it names, from the real engine."""

from random import Random

import pytest

from iiot_engine.devices.refusals import Refusals
from iiot_engine.values import Leaf
from iiot_sim.attacks import GARBAGE, WAYS, Overheard, Scene
from tests.simulator.world import FLEET_KEY, World, a_profile, payload_of

VICTIMS = ("press-07", "press-08")


def overheard(world: World) -> list[Overheard]:
    return [
        Overheard(device_id, leaf, message, payload_of(message))
        for device_id, site in world.sites.items()
        for leaf, message in site.sent
        if leaf is not Leaf.STATUS
    ]


def counts(world: World) -> dict[str, int]:
    """Refused messages by code, of members and of strangers."""
    found = {str(code): count for code, count in world.hub.strangers.items()}
    for member in world.hub.members.values():
        refusals: Refusals = member.device.refusals
        for code, count in refusals.counts.items():
            found[str(code)] = found.get(str(code), 0) + count
    return found


@pytest.mark.parametrize("kind", WAYS)
def test_an_attack_is_refused_with_the_code_that_it_names(kind: str) -> None:
    world = World([a_profile(device_id, log_s=10.0) for device_id in VICTIMS])
    world.run(100)
    before, accepted = counts(world), world.hub.accepted
    scene = Scene(
        prefix="iiot", heard=overheard(world), fleet_key=FLEET_KEY, random=Random(5), wall_ns=world.now.wall_ns
    )
    expected = dict(before)
    for shot in WAYS[kind](scene, len(GARBAGE) + 12):
        world.hub.on_message(shot.topic, shot.message, world.now)
        expected[shot.expected] = expected.get(shot.expected, 0) + 1
    assert counts(world) == expected
    assert world.hub.accepted == accepted


def test_three_messages_of_a_twin_are_enough_to_tell() -> None:
    world = World([a_profile(device_id) for device_id in VICTIMS])
    world.run(100)
    scene = Scene(
        prefix="iiot", heard=overheard(world), fleet_key=FLEET_KEY, random=Random(5), wall_ns=world.now.wall_ns
    )
    for shot in WAYS["twin"](scene, 3):
        world.hub.on_message(shot.topic, shot.message, world.now)
    assert sum(member.device.has_twin for member in world.hub.members.values()) == 1


def test_what_lies_retained_in_the_broker_is_refused() -> None:
    world = World([a_profile(device_id) for device_id in VICTIMS])
    world.run(10)
    scene = Scene(prefix="iiot", heard=overheard(world), fleet_key=FLEET_KEY, random=Random(5), wall_ns=0)
    (shot,) = WAYS["retained"](scene, 1)
    assert shot.retain
    world.hub.on_message(shot.topic, shot.message, world.now, retained=True)
    assert counts(world) == {"retained": 1}
