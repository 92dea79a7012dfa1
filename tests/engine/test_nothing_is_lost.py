"""Every row once (protocol.md, Never lose a row). Under random faults: tests/models."""

from iiot_engine.values import NS_PER_S
from tests.builders import World
from tests.engine.shelf import Recorder, durable_rows


def test_rows_of_a_device_that_rebooted_and_a_hub_that_died_are_all_there() -> None:
    world = World()
    device = Recorder(world)
    world.adopt(device)
    for _ in range(5):
        world.receive(*device.measure())
    world.kill()
    device.reboot()
    world.receive(*device.heartbeat())
    assert durable_rows(world) == {}
    for _ in range(3):
        world.receive(*device.measure())
    for message in device.again():
        world.receive(*message)
    world.pass_time(2)
    for effect in world.sent:
        device.take(effect.message)
    assert not device.kept
    assert durable_rows(world) == device.made


def test_a_row_that_came_again_is_answered_again_and_not_kept_again() -> None:
    world = World()
    device = Recorder(world)
    world.adopt(device)
    world.receive(*device.heartbeat())
    world.receive(*device.measure())
    world.pass_time(2)
    world.clear()
    rows = len(world.journal())
    world.steady_ns += 60 * NS_PER_S
    (message,) = device.again()
    assert world.refusal_of(*message) is None
    world.pass_time(1)
    assert world.down("stored")[-1]["upto"] == [1, 1]
    assert len(world.journal()) == rows
    assert device.member.repeated_rows == 1
