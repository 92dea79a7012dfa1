"""The clock of the hub: its steps are followed, its errors doubted (protocol.md, Time)."""

import pytest

from iiot_engine.devices.anchor import BootClock
from iiot_engine.values import NS_PER_S
from tests.builders import Machine, World


@pytest.mark.parametrize("step_s", [3_600, -3_600, 1_000_000_000])
def test_a_step_of_the_hubs_clock_is_followed_at_once(step_s: int) -> None:
    world = World()
    machine = Machine(world, tq=1).join()
    machine.read(temperature=20)
    world.step_clock(step_s)
    machine.clock_ahead_s = -step_s  # its own clock did not step
    assert machine.read(temperature=21) is None, "the next message comes before the next tick"
    assert machine.connection == "live"
    world.pass_time(1)
    anchor = machine.member.device.clocks[1].anchor_ns
    assert anchor is not None
    assert abs(anchor + machine.up_ns - world.now.wall_ns) < NS_PER_S
    assert machine.read(temperature=22) is None
    assert machine.member.device.clocks[1].skew_ns == pytest.approx(-step_s * NS_PER_S, abs=NS_PER_S)
    assert machine.connection == "live"


def test_the_skew_of_an_earlier_boot_follows_a_step_of_the_hub() -> None:
    clock = BootClock(anchor_ns=1_000, at_ns=2_000, skew_ns=-50, first_ns=1_500, high_seq=9)
    clock.shift(100)
    assert clock.state() == [1_100, 2_100, -150, 1_600, 9]
    empty = BootClock()
    empty.shift(100)
    assert empty.state() == [None, 0, None, 0, 0]
    unanchored = BootClock(anchor_ns=7, at_ns=1)
    unanchored.shift(1)
    assert unanchored.skew_ns is None


def test_what_was_measured_before_a_start_is_not_moved_by_a_step_after_it() -> None:
    world = World()
    machines = [Machine(world, f"m{at}").join() for at in range(4)]
    before = [machine.member.device.clocks[1].anchor_ns for machine in machines]
    world.pass_time(1)
    world.kill()
    world.step_clock(-3_600)
    assert all(machine.read(temperature=1) is None for machine in machines[:2]), "heard in the wrong time"
    world.step_clock(3_600)
    for machine, anchor in zip(machines, before, strict=True):
        assert machine.read(temperature=2) is None
        assert machine.value("temperature") == 2
        assert abs((machine.member.device.clocks[1].anchor_ns or 0) - (anchor or 0)) < NS_PER_S


def test_a_machine_that_slept_locks_nobody_out() -> None:
    world = World()
    machine = Machine(world).join()
    assert machine.read(temperature=1) is None
    world.kill()
    world.skip(7_200)
    assert machine.read(temperature=2) is None


def test_an_old_message_that_passed_for_fresh_does_not_lock_the_device_out() -> None:
    """The first of a boot, and the device's clock is ahead by as much as the message is late."""
    world = World()
    machine = Machine(world, clock_ahead_s=400).join()
    machine.reboot()
    late = machine.make("log", level="info", msg="started")
    world.pass_time(400, step_s=5)
    assert world.refusal_of(*late) is None
    assert machine.send("log", level="info", msg="and now") == "malformed"
    assert machine.beat() is None, "its nonce is needed to ask for a proof"
    assert machine.beat() == "malformed", "once a boot"
    machine.prove()
    assert machine.send("log", level="info", msg="here") is None
    assert machine.connection == "live"


def test_time_since_boot_that_runs_ahead_is_asked_for_a_proof_and_taken_with_it() -> None:
    world = World()
    machine = Machine(world).join()
    world.pass_time(70)
    machine.read(temperature=1)
    machine.born_ns -= 400 * NS_PER_S
    assert machine.read(temperature=2) == "malformed"
    machine.prove()
    assert machine.read(temperature=3) is None


def fleet(world: World, count: int = 4, **options: float) -> list[Machine]:
    return [Machine(world, f"press-{at}", **options).join() for at in range(count)]


def prove_all(world: World, machines: list[Machine]) -> None:
    """Each answers the poll that it got after the start."""
    world.pass_time(1.2)
    for machine in machines:
        machine.obey()
        assert machine.beat() is None


def test_a_jump_while_the_hub_was_down_is_followed_when_most_devices_agree() -> None:
    world = World()
    machines = fleet(world)
    for machine in machines:
        machine.read(temperature=1)
    world.pass_time(2)
    world.step_clock(3_600)
    world.kill(away_s=10)
    for machine in machines:
        machine.clock_ahead_s = -3_600
        assert machine.read(temperature=2) is None
        assert machine.beat() is None
    prove_all(world, machines[1:])
    world.pass_time(2)
    for machine in machines:
        assert machine.read(temperature=3) is None, "none runs ahead"
        assert machine.connection == "live"
        anchor = machine.member.device.clocks[1].anchor_ns
        assert anchor is not None
        assert abs(anchor + machine.up_ns - world.now.wall_ns) < NS_PER_S


def test_a_delay_that_all_devices_share_after_a_start_is_no_jump() -> None:
    """The broker kept what they said while the hub was down: hour-old values are not of now."""
    world = World()
    machines = fleet(world)
    for machine in machines:
        machine.read(temperature=1)
    world.pass_time(2)
    kept = [machine.make("data", r={"temperature": 2.0}) for machine in machines]
    world.kill(away_s=3_600)
    for message in kept:
        world.receive(*message)
    world.pass_time(2)
    assert {machine.value("temperature") for machine in machines} == {1}
    prove_all(world, machines)
    for machine in machines:
        assert machine.read(temperature=3) is None
        assert machine.value("temperature") == 3


def test_a_step_of_the_clock_holds_over_a_crash_that_follows() -> None:
    world = World()
    machine = Machine(world, tq=0).join()
    machine.read(temperature=1)
    world.pass_time(2)
    world.step_clock(3_600)
    world.pass_time(2)
    world.kill()
    assert machine.read(temperature=2) is None
    shown = machine.shown("temperature")
    assert shown is not None
    assert abs(shown.time_ns - world.now.wall_ns) < NS_PER_S


def test_a_device_that_proved_itself_before_the_jump_was_seen_is_not_moved_twice() -> None:
    world = World()
    machines = fleet(world, 5)
    world.pass_time(2)
    world.step_clock(3_600)
    world.kill(away_s=10)
    first, *others = machines
    first.beat()
    first.prove()
    for machine in others:
        machine.read(temperature=2)
    world.pass_time(3)
    assert first.read(temperature=3) is None
    assert first.connection == "live"
    anchor = first.member.device.clocks[1].anchor_ns
    assert anchor is not None
    assert abs(anchor + first.up_ns - world.now.wall_ns) < NS_PER_S


def test_one_delayed_device_is_no_jump() -> None:
    world = World()
    machines = fleet(world)
    held_back = machines[0].make("data", r={"temperature": 1})
    world.pass_time(2)
    world.kill(away_s=400)
    world.receive(*held_back)
    for machine in machines[1:]:
        machine.read(temperature=2)
    before = machines[1].member.device.clocks[1].anchor_ns
    world.pass_time(2)
    assert machines[1].member.device.clocks[1].anchor_ns == before
    world.skip(121)
    machines[0].read(temperature=2)
    world.pass_time(2)
    assert machines[1].member.device.clocks[1].anchor_ns == before


def test_a_hub_that_disagrees_with_good_clocks_doubts_itself() -> None:
    world = World()
    machines = fleet(world, 3)
    for machine in machines:
        machine.clock_ahead_s = 100
        machine.read(temperature=1)
    world.pass_time(2)
    assert world.notices("hub_clock_in_doubt") == [(None, True)]
    assert world.plant.doubts_clock
    assert world.plant.standing == [("hub_clock_in_doubt", None)]
    anchors = [machine.member.device.clocks[1].anchor_ns for machine in machines]
    world.clear()
    for machine in machines:
        machine.beat()
        machine.read(temperature=2)
        shown = machine.shown("temperature")
        assert shown is not None
        assert shown.time_ns == world.now.wall_ns + 100 * NS_PER_S, "it corrects nothing"
    assert [machine.member.device.clocks[1].anchor_ns for machine in machines] == anchors
    assert world.flags_of_newest() == 0
    slave = Machine(world, "press-9", tq=0).join()
    slave.beat()
    world.pass_time(2)
    assert world.down("command", "press-9") == [], "it sets no clock"
    world.clear()
    world.step_clock(100)
    for machine in machines:
        machine.clock_ahead_s = 0
        machine.read(temperature=3)
    world.pass_time(2)
    assert world.notices("hub_clock_in_doubt") == [(None, False)]


def test_a_device_whose_clock_is_not_known_yet_says_nothing_about_the_hub() -> None:
    world = World()
    machines = fleet(world, 3)
    for machine in machines:
        machine.clock_ahead_s = 100
    machines[0].reboot()
    machines[0].tq = 0
    for machine in machines:
        machine.beat()
    world.pass_time(2)
    assert world.notices("hub_clock_in_doubt") == []


def test_two_clocks_are_not_enough_to_doubt() -> None:
    world = World()
    fleet(world, 2, clock_ahead_s=100)
    Machine(world, "press-7", tq=1, clock_ahead_s=100).join()
    world.pass_time(2)
    assert world.notices("hub_clock_in_doubt") == []


def test_boots_of_which_no_row_can_come_any_more_are_forgotten() -> None:
    world = World()
    machine = Machine(world).join()
    for _ in range(50):
        machine.reboot()
        assert machine.beat() is None
    assert sorted(machine.member.device.clocks) == list(range(20, 52))
