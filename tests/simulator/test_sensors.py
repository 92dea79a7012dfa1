"""Signals look like a plant, faults like its troubles; both are the same for the same seed."""

import math
from base64 import b64decode
from random import Random
from struct import unpack
from typing import Any

import pytest

from iiot_engine.values import Kind
from iiot_sim.faults import FAULT_KINDS, FaultySensor, usable
from iiot_sim.profile import ChannelProfile, Fault
from iiot_sim.sensors import Sensors
from iiot_sim.signals import SHAPES, make_signal
from iiot_sim.waves import SAMPLES
from tests.simulator.world import a_profile

SPECS: dict[str, dict[str, Any]] = {
    "gaussian": {"mean": 5, "sigma": 1},
    "sine": {"mean": 20, "size": 2, "noise": 0.1},
    "walk": {"min": 0, "max": 10, "step": 3},
    "steps": {"levels": [1.5, 2.5], "hold_s": 2},
    "constant": {"value": 7},
    "counter": {"start": 10, "per_s": 2},
    "enum": {"options": ["off", "on"], "stay": 0.5},
    "toggle": {"stay": 0.5},
    "text": {"form": "B-{:05d}"},
    "square": {"low": 1, "high": 2, "period_s": 10, "duty": 0.3},
    "drift": {"start": 1, "per_hour": 3600, "max": 100},
    "spikes": {"mean": 1, "sigma": 0.01, "size": 50, "chance": 0.1},
    "wave": {},
    "feature": {},
}


def series(spec: dict[str, Any], seed: int = 1) -> list[Any]:
    signal = make_signal(spec, Random(seed))
    return [signal(float(at)) for at in range(200)]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_signal_is_the_same_for_the_same_seed(shape: str) -> None:
    spec = {"shape": shape, **SPECS[shape]}
    assert series(spec) == series(spec)


def test_signals_keep_their_promises() -> None:
    assert all(0 <= value <= 10 for value in series({"shape": "walk", **SPECS["walk"]}))
    counted = series({"shape": "counter", **SPECS["counter"]})
    assert counted == sorted(counted)
    assert 300 < counted[-1] < 500
    assert set(series({"shape": "steps", **SPECS["steps"]})) == {1.5, 2.5}
    assert set(series({"shape": "enum", **SPECS["enum"]})) == {"off", "on"}
    assert set(series({"shape": "toggle", **SPECS["toggle"]})) == {False, True}
    assert {type(value) for value in series({"shape": "walk", "round": 0})} == {int}


@pytest.mark.parametrize("kind", sorted(FAULT_KINDS))
def test_a_fault_shows_now_and_then(kind: str) -> None:
    sensor = FaultySensor((Fault(kind=kind, chance=0.2, size=100),), Random(3))
    reads = [sensor.read(float(at)) for at in range(300)]
    odd = [read for at, read in enumerate(reads) if (read.value, read.quality) != (float(at), None)]
    assert 20 < len(odd) < 300
    told = {"nan": (None, "bad", None), "comm": (None, None, "COMM"), "value": (None, None, "VALUE")}
    if kind in told:
        assert {(read.value, read.quality, read.failed) for read in odd} == {told[kind]}


def test_a_spike_of_a_text_is_only_doubted() -> None:
    sensor = FaultySensor((Fault(kind="spike", chance=1.0, size=100),), Random(3))
    assert sensor.read("loaded").quality == "uncertain"
    assert abs(sensor.read(5.0).value - 5.0) == 100


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_goes_out_as_none_of_bad_quality(value: float) -> None:
    assert (usable(value).value, usable(value).quality) == (None, "bad")


def test_polled_channels_are_read_only_when_asked() -> None:
    polled = ChannelProfile(key="weight", entry={"mode": "poll"}, signal={"shape": "constant", "value": 1})
    wave = ChannelProfile(key="waveform", signal={"shape": "wave"})
    channels = (*a_profile().channels, polled, wave)
    sensors = Sensors(a_profile(channels=channels, wave="waveform", wave_s=1.0), Random(1))
    assert set(sensors.sample(1).values) == {"temperature"}
    assert set(sensors.answer(None, 1).values) == {"temperature", "weight"}
    assert sensors.answer(["waveform"], 1).failed == {"waveform": "VALUE"}
    samples = unpack(f"<{SAMPLES}h", b64decode(sensors.burst(1).body()["i16"]))
    assert max(samples) > 1000


def test_a_moving_device_goes_round_its_way() -> None:
    sensors = Sensors(a_profile(route=((48.0, 11.0), (48.0, 12.0)), lap_s=100.0), Random(1))
    assert [sensors.position(at) for at in (0, 25, 50, 75, 100)] == [
        (48.0, 11.0),
        (48.0, 11.5),
        (48.0, 12.0),
        (48.0, 11.5),
        (48.0, 11.0),
    ]
    assert Sensors(a_profile(), Random(1)).position(5) is None


def test_an_enum_channel_takes_its_options() -> None:
    channel = ChannelProfile(
        key="state", kind=Kind.ENUM, entry={"options": ["a"]}, signal={"shape": "enum", "options": ["a"]}
    )
    assert Sensors(a_profile(channels=(channel,)), Random(1)).sample(1).values == {"state": "a"}


def test_a_meter_goes_on_above_where_it_was_after_a_restart() -> None:
    channel = ChannelProfile(key="energy", signal={"shape": "counter", "start": 10, "per_s": 2})
    before = Sensors(a_profile(channels=(channel,)), Random(1))
    last = [before.sample(float(at)).values["energy"] for at in range(100)][-1]
    after = Sensors(a_profile(channels=(channel,)), Random(2), before.totals)
    assert isinstance(last, float)
    assert last < after.sample(0).values["energy"] < last + 2 * 1.2 * 121
