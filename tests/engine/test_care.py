"""Maintenance mode marks what a device says, and its counters begin anew when a person wants it."""

from iiot_engine.effects import CountersZeroed, Happened, HealthChanged
from iiot_engine.errors import Code
from iiot_engine.plant.policy import Policy
from iiot_engine.values import Happening, TimeFlag
from tests.bare_sensor import BareSensor
from tests.builders import Machine, World


def test_what_a_device_says_in_maintenance_is_kept_and_marked() -> None:
    world = World()
    machine = Machine(world).join()
    machine.read(temperature=1)
    assert not world.flags_of_newest() & TimeFlag.TRIAL
    world.clear()
    world.perform(world.plant.set_policy(machine.id, Policy(trial=True)))
    assert world.of(Happened) == [Happened(machine.id, Happening.TRIAL_BEGAN)]
    machine.read(temperature=2)
    assert world.flags_of_newest() == TimeFlag.TRIAL
    assert machine.value("temperature") == 2
    world.clear()
    world.perform(world.plant.set_policy(machine.id, Policy()))
    assert world.of(Happened) == [Happened(machine.id, Happening.TRIAL_ENDED)]
    machine.read(temperature=3)
    assert not world.flags_of_newest() & TimeFlag.TRIAL


def test_rows_of_maintenance_are_read_again_after_a_restart() -> None:
    world = World()
    machine = Machine(world).join()
    world.perform(world.plant.set_policy(machine.id, Policy(trial=True)))
    machine.read(temperature=2)
    world.pass_time(2)
    world.kill()
    assert machine.value("temperature") == 2


def test_counters_begin_anew_and_their_old_figures_go_out_once_more() -> None:
    world = World()
    machine = Machine(world).join()
    assert machine.send("data", r={"nothing": 1}) is Code.WRONG_SHAPE
    machine.member.lost_rows, machine.member.repeated_rows = 3, 4
    machine.member.polled.sent, machine.member.polled.timeouts, machine.member.polled.failures = 9, 2, 5
    world.clear()
    world.perform(world.plant.zero_counters(machine.id, world.now))
    (zeroed,) = world.of(CountersZeroed)
    assert zeroed.device_id == machine.id
    assert zeroed.figures == {
        "refused": 1,
        "lost_rows": 3,
        "repeated_rows": 4,
        "polls": 9,
        "poll_timeouts": 2,
        "poll_failures": 5,
        "refused_wrong_shape": 1,
    }
    assert HealthChanged(machine.id) in world.effects
    health = machine.member.health()
    assert (health.refused, health.lost_rows, health.poll_timeouts, health.refused_by_code) == (0, 0, None, {})
    world.pass_time(2)
    world.kill()
    assert machine.member.health().refused == 0, "they stay at zero"
    assert machine.member.lost_rows == 0


def test_a_bare_device_is_tried_like_any_other() -> None:
    sensor = BareSensor(World()).join()
    sensor.register(*sensor.topics, trial=True)
    assert sensor.send(temperature=20.5) is None
    assert sensor.world.flags_of_newest() & TimeFlag.TRIAL
