"""Readings come on their beat; a flood comes far beside it."""

import pytest

from iiot_sim import scenario
from iiot_sim.beats import Beats, Flood
from iiot_sim.profile import Flooding
from tests.simulator.bench import Bench
from tests.simulator.world import World, a_profile


def times(flood: Flood, seconds: float) -> list[int]:
    return [at for at in range(round(seconds * 1000)) if flood.is_due(at)]


def test_a_beat_that_was_missed_is_left_out() -> None:
    beats = Beats({"a": 1.0, "b": 5.0}, 0)
    assert beats.take_due(0) == ["a", "b"]
    assert beats.take_due(999) == []
    assert beats.take_due(3500) == ["a"]
    assert beats.next_ms() == 4500
    assert beats.take_due(5000) == ["a", "b"]


def test_nothing_to_read_is_never_due() -> None:
    beats = Beats({}, 0)
    assert (beats.next_ms(), beats.take_due(10**9)) == (None, [])


def test_a_changed_channel_leaves_the_others_on_their_beat() -> None:
    beats = Beats({"a": 10.0, "b": 10.0}, 0)
    beats.take_due(0)
    beats.change(["a"], 1.0, 4000)
    assert [sorted(beats.take_due(at)) for at in (5000, 6000, 10_000)] == [["a"], ["a"], ["a", "b"]]


def test_a_flood_comes_in_its_window_only() -> None:
    due = times(Flood(Flooding(hz=100, lasts_s=2, every_s=10), 0), 30)
    assert {at // 1000 for at in due} == {8, 9, 18, 19, 28, 29}
    assert len(due) == pytest.approx(600, abs=6)


def test_a_flood_without_a_window_never_ends() -> None:
    assert len(times(Flood(Flooding(hz=50), 0), 10)) == 500


def test_one_floods_and_the_others_keep_to_their_period() -> None:
    world = World(scenario.load("flood").profiles)
    world.run(120)
    rows = {site.profile.name: len(site.made) for site in world.sites.values()}
    wild = rows.pop("Meter gone wild")
    assert wild == pytest.approx(2 * 30 * 10 + 6, abs=30)  # a step of the world is 0.1 s: ten readings a second
    assert set(rows.values()) <= {59, 60, 61}
    assert not world.refused


def test_a_flood_sends_two_hundred_a_second() -> None:
    profile = next(one for one in scenario.load("flood").profiles if one.flooding)
    bench = Bench(profile)
    bench.wait(30)
    sent = sum("r" in one for _ in range(5000 // 5) for one in bench.wait(0.005))
    assert sent == pytest.approx(5 * 200, abs=10)


def test_a_device_that_is_only_polled_sends_heartbeats_and_answers() -> None:
    profile = next(one for one in scenario.load("poll-push").profiles if one.name == "Scale, answers")
    bench = Bench(profile)
    kinds = [one["type"] for _ in range(60) for one in bench.wait(1)]
    assert set(kinds) == {"heartbeat"}
    assert a_profile().periods_s == {"temperature": 1.0}
