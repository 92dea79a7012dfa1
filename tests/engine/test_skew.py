"""Device clocks: taken, corrected or replaced (protocol.md, Time)."""

import pytest

from iiot_engine.values import NS_PER_S, TimeFlag
from tests.builders import Machine, World

# --- skew ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ahead_s", "flags", "kept_own_time"),
    [
        (0, 0, True),
        (1.9, 0, True),
        (-1.9, 0, True),
        (2.1, TimeFlag.CORRECTED, False),
        (-290, TimeFlag.CORRECTED, False),
    ],
)
def test_a_small_error_of_the_clock_is_kept_and_a_larger_one_corrected(
    ahead_s: float, flags: int, kept_own_time: bool
) -> None:
    world = World()
    machine = Machine(world).join()
    machine.clock_ahead_s = ahead_s
    machine.read(temperature=20)
    shown = machine.shown("temperature")
    assert shown is not None
    expected = world.now.wall_ns + (round(ahead_s * NS_PER_S) if kept_own_time else 0)
    assert abs(shown.time_ns - expected) < 2_000_000
    assert world.flags_of_newest() == flags
    health = machine.member.health()
    assert health.skew_s == pytest.approx(ahead_s, abs=0.01)


def test_a_clock_that_is_far_off_is_replaced_and_told_and_set() -> None:
    world = World()
    machine = Machine(world, tq=1).join()
    machine.clock_ahead_s = 4_000
    machine.beat()
    assert world.notices("device_clock_wrong") == [(machine.id, True)]
    assert world.flags_of_newest() == TimeFlag.UNCERTAIN_TIME
    (command,) = world.down("command")
    assert command["cmd"] == "set_time"
    assert abs(command["args"]["ts"] - world.now.wall_ns // NS_PER_S) <= 3
    world.clear()
    machine.clock_ahead_s = 0
    machine.beat()
    assert world.notices("device_clock_wrong") == [(machine.id, False)]


def test_a_device_with_a_clock_of_its_own_is_told_of_and_not_set() -> None:
    world = World()
    machine = Machine(world, tq=2).join()
    machine.clock_ahead_s = 4_000
    machine.beat()
    world.pass_time(2)
    assert world.notices("device_clock_wrong") == [(machine.id, True)]
    assert world.down("command") == []


def test_a_device_without_a_clock_is_given_the_time_once_a_minute() -> None:
    world = World()
    machine = Machine(world, tq=0).join()
    world.skip(60)
    for _ in range(50):
        world.pass_time(1)
        machine.beat()
    commands = world.down("command")
    assert [command["cmd"] for command in commands] == ["set_time"]
    assert commands[0]["until"] > commands[0]["args"]["up"]
    assert world.notices("device_clock_wrong") == []


def test_a_device_that_knows_no_set_time_is_not_given_the_time() -> None:
    world = World()
    machine = Machine(world, tq=0).join()
    machine.tell_manifest(commands=["describe"])
    world.skip(60)
    machine.beat()
    world.pass_time(2)
    assert world.down("command") == []


def test_no_time_is_given_when_the_question_is_old() -> None:
    world = World()
    machine = Machine(world, tq=0).join()
    world.skip(60)
    world.connected = False
    world.plant.set_connected(False, world.now)
    machine.beat()
    world.skip(9)
    world.plant.set_connected(True, world.now)
    world.pass_time(2)
    assert world.down("command") == []


# --- rows ---------------------------------------------------------------------------------


def test_rows_are_corrected_like_their_message() -> None:
    world = World()
    machine = Machine(world, clock_ahead_s=100).join()
    stamp = world.now.wall_ns // NS_PER_S + 100
    machine.rows(["temperature"], [[stamp - 2, 0, 20], [stamp - 1, 0, 21]])
    shown = machine.shown("temperature")
    assert shown is not None
    assert shown.value == 21
    assert shown.time_ns == pytest.approx(world.now.wall_ns - 1 * NS_PER_S, abs=1.1 * NS_PER_S)


def test_a_row_time_counted_from_the_boot_is_placed_by_the_boot() -> None:
    world = World()
    machine = Machine(world, tq=0).join()
    up_s = machine.up_ns // NS_PER_S
    machine.rows(["temperature"], [[up_s, 0, 20]])
    shown = machine.shown("temperature")
    assert shown is not None
    assert world.now.wall_ns - 2 * NS_PER_S < shown.time_ns <= world.now.wall_ns


def test_a_row_of_the_boot_before_is_placed_by_that_boot() -> None:
    world = World()
    machine = Machine(world, tq=0, interval=1000).join()
    up_s = machine.up_ns // NS_PER_S
    taken_ns = world.now.wall_ns
    world.skip(70)
    machine.reboot()
    machine.held = (1, 1)
    machine.beat()
    machine.prove()
    machine.rows(["temperature"], [[up_s, 0, 20]], n=[1, 1])
    shown = machine.shown("temperature")
    assert shown is not None
    assert abs(shown.time_ns - taken_ns) < 2 * NS_PER_S


def test_a_row_of_the_future_does_not_hide_those_that_follow() -> None:
    world = World()
    machine = Machine(world).join()
    machine.rows(["temperature"], [[8_000_000_000, 0, 99]])
    world.skip(10)
    machine.read(temperature=20)
    assert machine.value("temperature") == 20


def test_a_row_older_than_what_is_shown_changes_nothing() -> None:
    world = World()
    machine = Machine(world).join()
    machine.read(temperature=20)
    stamp = world.now.wall_ns // NS_PER_S
    machine.rows(["temperature", "strokes"], [[stamp - 50, 0, 99, 1]])
    assert machine.value("temperature") == 20
    assert machine.value("strokes") == 1
    older = machine.make("data", r={"temperature": 98})
    world.skip(2)
    machine.read(temperature=21)
    world.receive(*older)
    assert machine.value("temperature") == 21


def test_rows_marked_late_are_kept_and_not_shown() -> None:
    world = World()
    machine = Machine(world).join()
    stamp = world.now.wall_ns // NS_PER_S
    machine.rows(["temperature"], [[stamp, 0, 99]], late=True)
    assert machine.shown("temperature") is None
    assert world.flags_of_newest() == TimeFlag.LATE
