"""Clocks that are wrong, each in its way, and what the hub makes of them."""

import pytest

from iiot_engine.values import NS_PER_S, ClockQuality
from iiot_sim import scenario
from iiot_sim.clock import DeviceClock, Moment
from iiot_sim.profile import ClockKind, Deviation
from tests.simulator.bench import Bench
from tests.simulator.world import START_NS, World, a_profile


def ahead_s(deviation: Deviation, up_s: float) -> float:
    clock = DeviceClock(ClockKind.NTP, deviation)
    wall_ns = START_NS + round(up_s * NS_PER_S)
    return (clock.unix_ns(Moment(round(up_s * 1000), wall_ns)) - wall_ns) / NS_PER_S


@pytest.mark.parametrize(
    ("deviation", "expected"),
    [
        (Deviation(), [0, 0, 0]),
        (Deviation(skew_s=-30), [-30, -30, -30]),
        (Deviation(drift_ppm=1000), [0, 0.1, 3.6]),
        (Deviation(step_s=45, step_every_s=100), [0, 45, 36 * 45]),
        (Deviation(skew_s=1, drift_ppm=1000, step_s=2, step_every_s=3600), [1, 1.1, 6.6]),
    ],
)
def test_a_clock_is_wrong_as_it_was_told(deviation: Deviation, expected: list[float]) -> None:
    assert [ahead_s(deviation, up_s) for up_s in (0, 100, 3600)] == pytest.approx(expected)


def test_a_device_without_clock_takes_none() -> None:
    bench = Bench(a_profile(clock=ClockKind.NONE, sample_s=3600.0))
    assert (bench.first[1]["ts"], bench.first[1]["tq"]) == (0, ClockQuality.NONE)
    (ack,) = bench.command("set_time", {"ts": 1_795_190_410, "ts_ns": 0, "up": bench.up_ms})
    assert (ack["status"], ack["reason"]) == ("rejected", "unsupported")


def test_the_hub_sees_how_wrong_each_clock_of_the_scenario_is() -> None:
    world = World(scenario.load("clock-skew").profiles)
    world.run(150)
    assert not world.refused
    seen = {site.profile.name: world.hub.members[site.profile.id].health().skew_s for site in world.sites.values()}
    drifted, stepped = seen.pop("Clock drifts"), seen.pop("Clock steps")
    assert 2.5 < drifted < 3.1
    assert stepped == pytest.approx(90, abs=0.2)
    none = seen.pop("No clock")
    assert none is None
    assert seen == {
        "Clock right": pytest.approx(0, abs=0.2),
        "Clock 1 s fast": pytest.approx(1, abs=0.2),
        "Clock 30 s fast": pytest.approx(30, abs=0.2),
        "Clock 30 s slow": pytest.approx(-30, abs=0.2),
        "Clock 10 min slow": pytest.approx(-600, abs=0.2),
        "Clock from the hub": pytest.approx(0, abs=0.2),
    }
