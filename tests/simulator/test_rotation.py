"""The real engine gives simulated devices their next keys, one after the other, over restarts of the device."""

from dataclasses import replace

from iiot_engine.actuation.command import Actor, Step
from iiot_engine.actuation.wish import Wish
from iiot_engine.plant.rotation import REKEY, args_of
from tests.simulator.world import World, a_profile

WISH = Wish(name=REKEY, args={}, actor=Actor(None, None, "service"))


def rekey(world: World, device_id: str) -> Step:
    """Let a device take its next key; gives how that ended."""
    step, key = world.hub.propose_step(device_id, WISH)
    world.hub.begin_step(device_id, step, key)
    cid, effects = world.hub.command(device_id, replace(WISH, args=args_of(step)), world.now)
    world._perform(effects)
    world.run(2)
    command = world.hub.command_of(device_id, cid)
    assert command is not None
    return command.step


def test_three_keys_follow_one_another_and_no_row_is_lost() -> None:
    world = World([a_profile(sample_s=1.0, interval_s=5.0)])
    world.run(20)
    for number in range(3):
        assert rekey(world, "press-07") is Step.DONE
        device, ring = world.sites["press-07"].device, world.hub.members["press-07"].device.keys
        assert ring.current == (device.keyring.kid, device.keyring.key) == (number + 2, device.keyring.key)
        world.run(10)
        world.restart("press-07")
        world.run(310)
        assert list(ring.all) == [number + 2], "the key before is void"
    assert world.refused == []
    made, kept = world.sites["press-07"].made, world.kept_by_hub("press-07")
    assert all(row in kept for row in sorted(made)[:-20]), "all but what is on its way"
