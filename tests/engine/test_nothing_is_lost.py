"""Every row once, whatever the network, the device and the hub do (protocol.md, Never lose a row)."""

from hypothesis import given, settings
from hypothesis import strategies as st

from iiot_engine.values import NS_PER_S
from tests.builders import World
from tests.engine.shelf import Recorder, Storm, durable_rows


@settings(max_examples=25)
@given(st.integers(0, 2**32))
def test_every_row_is_in_the_journal_and_nothing_is_answered_before_it_is(seed: int) -> None:
    storm = Storm(World(), seed)
    for _ in range(40):
        storm.step()
    storm.calm_down()
    device, world = storm.device, storm.world
    assert not device.kept, "everything is answered in the end"
    durable = durable_rows(world)
    expected = {row: value for row, value in device.made.items() if row not in device.given_up}
    assert {row: durable.get(row) for row in expected} == expected
    assert durable.keys() <= device.made.keys()
    numbers = [(row.boot, row.seq) for row in world.journal()]
    assert len(numbers) == len(set(numbers)), "no message twice"
    assert not storm.forged & {row.message for row in world.journal()}
    refused = device.member.device.refusals.counts
    assert not refused.keys() & {"malformed", "wrong_topic", "unknown_key", "wrong_shape"}
    assert not device.member.device.is_muted


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
