"""Gates that people set: what is out of range is bad, what jumps or stands still uncertain, the rest of no news."""

from typing import Any

import pytest

from iiot_engine.devices.manifest import Channel
from iiot_engine.effects import ValuesChanged
from iiot_engine.errors import RecordError
from iiot_engine.ingest.checks import Checks, band_of, is_within, judge
from iiot_engine.plant.policy import Policy
from iiot_engine.records import read
from iiot_engine.values import NS_PER_S, Kind, Quality
from tests.builders import Machine, World

GOOD, UNCERTAIN, BAD = Quality.GOOD, Quality.UNCERTAIN, Quality.BAD


def press(world: World, **checks: Any) -> Machine:
    machine = Machine(world).join()
    world.perform(world.plant.set_policy(machine.id, Policy(channels={"temperature": Checks(**checks)})))
    world.clear()
    return machine


def reason(machine: Machine) -> str | None:
    return machine.member.board.reasons.get("temperature")


def test_a_value_out_of_range_is_unknown_and_says_why() -> None:
    world = World()
    machine = press(world, low=10, high=30)
    for value, expected, why in ((5, (None, BAD), "range"), (20, (20, GOOD), None), (31, (None, BAD), "range")):
        machine.read(temperature=value)
        assert (machine.judged("temperature"), reason(machine)) == (expected, why)
    machine.read(temperature=None)
    assert (machine.judged("temperature"), reason(machine)) == ((None, BAD), None)
    world.pass_time(2)
    assert sum(b'"r":{' in row.message for row in world.journal()) == 4, "the journal keeps every reading as it came"


def test_a_value_that_jumps_is_uncertain_until_it_stays() -> None:
    world = World()
    machine = press(world, slew_per_s=1)
    seen = []
    for value in (20, 20.5, 40, 40.2, 39.9):
        machine.read(temperature=value)
        seen.append((machine.judged("temperature"), reason(machine)))
        world.skip(1)
    assert seen == [
        ((20, GOOD), None),
        ((20.5, GOOD), None),
        ((40, UNCERTAIN), "slew"),
        ((40.2, GOOD), None),
        ((39.9, GOOD), None),
    ]


def test_a_value_that_stands_still_for_long_is_uncertain_until_it_moves() -> None:
    world = World()
    machine = press(world, stuck_s=60)
    machine.read(temperature=20)
    world.skip(59)
    machine.read(temperature=20)
    assert machine.judged("temperature") == (20, GOOD)
    world.skip(1)
    machine.read(temperature=20)
    assert (machine.judged("temperature"), reason(machine)) == ((20, UNCERTAIN), "stuck")
    world.skip(1)
    machine.read(temperature=20.1)
    assert (machine.judged("temperature"), reason(machine)) == ((20.1, GOOD), None)


def test_a_change_within_the_deadband_is_kept_and_not_shown() -> None:
    world = World()
    machine = press(world, deadband=1)
    machine.read(temperature=20)
    world.clear()
    machine.read(temperature=20.9)
    machine.read(temperature=19.1)
    assert machine.value("temperature") == 20
    assert world.of(ValuesChanged) == []
    machine.read(temperature=21)
    assert machine.value("temperature") == 21
    world.pass_time(2)
    assert sum(b"temperature" in row.message for row in world.journal()) >= 4


def test_a_share_is_of_the_range() -> None:
    channel = Channel(key="t", name="T", kind=Kind.FLOAT, minimum=0, maximum=200)
    assert band_of(Checks(deadband_percent=5), channel) == 10
    assert band_of(Checks(deadband_percent=5, low=100), channel) == 5
    assert band_of(Checks(deadband_percent=5, deadband=12), channel) == 12
    assert band_of(Checks(deadband_percent=5, high=100), None) == 0, "without a range there is no share"
    assert not is_within(1, None, 2)
    assert not is_within(1, True, False)


def test_contacts_and_texts_have_no_range_and_no_slope_but_may_be_stuck() -> None:
    checks = Checks(low=5, high=6, slew_per_s=0.1, stuck_s=10)
    first = judge(checks, None, True, GOOD, 0)
    assert (first.value, first.quality) == (True, GOOD)
    second = judge(checks, first.trace, True, GOOD, 10 * NS_PER_S)
    assert (second.quality, second.reason) == (UNCERTAIN, "stuck")
    assert judge(checks, second.trace, False, GOOD, 11 * NS_PER_S).quality is GOOD


def test_two_readings_of_one_moment_have_no_slope() -> None:
    first = judge(Checks(slew_per_s=1), None, 1, GOOD, 5)
    assert judge(Checks(slew_per_s=1), first.trace, 100, GOOD, 5).quality is GOOD


def test_a_value_of_which_the_device_doubts_stays_doubted() -> None:
    world = World()
    machine = press(world, low=0)
    machine.send("data", r={"temperature": 22}, q={"temperature": "uncertain"})
    assert machine.judged("temperature") == (22, UNCERTAIN)


def test_new_gates_judge_what_is_shown_already() -> None:
    world = World()
    machine = Machine(world).join()
    machine.read(temperature=50, strokes=1)
    world.clear()
    policy = Policy(channels={"temperature": Checks(high=30), "strokes": Checks(high=30)})
    world.perform(world.plant.set_policy(machine.id, policy))
    assert machine.judged("temperature") == (None, BAD)
    assert reason(machine) == "range"
    assert machine.value("strokes") == 1
    assert [effect.channels for effect in world.of(ValuesChanged)] == [["temperature"]]
    world.clear()
    assert world.perform(world.plant.set_policy(machine.id, policy)) == [], "the same policy again"
    world.perform(world.plant.set_policy(machine.id, Policy()))
    machine.read(temperature=50)
    assert machine.judged("temperature") == (50, GOOD)


def test_an_older_reading_passes_no_gate() -> None:
    world = World()
    machine = press(world, slew_per_s=1)
    machine.read(temperature=20)
    topic, message = machine.make("data", r={"temperature": 20})
    world.skip(2)
    machine.read(temperature=21)
    world.receive(topic, message)
    assert machine.judged("temperature") == (21, GOOD)


def test_gates_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(RecordError, match="invalid_record") as found:
        read(Policy, {"channels": {"t": {"low": 5, "high": 5}}})
    assert (found.value.path, found.value.reason) == ("channels.t.high", "must be above the lowest value")
    assert read(Policy, {"channels": {"t": {"low": 5, "stuck_s": 60}}}).channels["t"].stuck_s == 60
