"""Waveforms: what they say is what the machine does, in both forms, without a gap; features are those of the burst."""

import math
from base64 import b64decode
from random import Random
from struct import unpack
from typing import Any

import pytest

from iiot_engine.wire import codec
from iiot_sim import scenario
from iiot_sim.row import MESSAGE_BYTES
from iiot_sim.sensors import Sensors
from iiot_sim.signals import MAX_LISTED, MAX_SAMPLES
from iiot_sim.waves import FEATURES, Vibration
from tests.simulator.bench import Bench


def pickup(**spec: Any) -> Vibration:
    return Vibration("w", {"rate_hz": 1000, "samples": 1000, "tones": [[50, 2.0]], "noise": 0, **spec}, Random(1))


def amplitude(samples: list[float], rate_hz: float, hz: float) -> float:
    """Amplitude of one frequency, as a Fourier sum tells it."""
    turn = math.tau * hz / rate_hz
    real = sum(sample * math.cos(turn * at) for at, sample in enumerate(samples))
    imaginary = sum(sample * math.sin(turn * at) for at, sample in enumerate(samples))
    return 2 * math.hypot(real, imaginary) / len(samples)


def test_every_tone_is_in_the_burst_and_nothing_else() -> None:
    samples = list(pickup(rate_hz=25_000, samples=5000, tones=[[50, 2.0], [3000, 0.5]]).burst(1.0).samples)
    found = {hz: round(amplitude(samples, 25_000, hz), 3) for hz in (50, 100, 3000)}
    assert found == {50: 2.0, 100: 0.0, 3000: 0.5}


def test_noise_has_its_size() -> None:
    samples = pickup(tones=[[50, 0]], noise=0.5, samples=8000).burst(8.0).samples
    assert FEATURES["rms"](samples) == pytest.approx(0.5, rel=0.05)


def test_both_forms_say_the_same() -> None:
    whole, listed = pickup(form="i16", scale=0.001).burst(1.0).body(), pickup(form="v").burst(1.0).body()
    numbers = [step * whole["scale"] + whole["offset"] for step in unpack("<1000h", b64decode(whole["i16"]))]
    assert numbers == pytest.approx(listed["v"], abs=0.0006)
    assert (whole["dt_ns"], listed["dt_ns"]) == (1_000_000, 1_000_000)


def test_what_does_not_fit_16_bits_is_cut_off() -> None:
    body = pickup(tones=[[50, 100.0]], scale=0.001).burst(1.0).body()
    assert max(unpack("<1000h", b64decode(body["i16"]))) == 32_767


def test_a_burst_goes_on_where_the_last_one_ended() -> None:
    one, two = pickup(samples=100), pickup(samples=200)
    assert [*one.burst(0.1).samples, *one.burst(0.2).samples] == pytest.approx(list(two.burst(0.2).samples))


@pytest.mark.parametrize("form", ["i16", "v"])
def test_the_longest_burst_fits_a_message(form: str) -> None:
    samples = MAX_SAMPLES if form == "i16" else MAX_LISTED
    vibration = pickup(form=form, samples=samples, rate_hz=25_000, tones=[[50, -9000.0]], scale=1)
    message = codec.seal(bytes(32), {"wave": vibration.burst(1.0).body(), "members": "x" * 300})
    assert len(message) <= codec.MAX_MESSAGE_BYTES
    assert len(message) > MESSAGE_BYTES


@pytest.mark.parametrize(
    ("what", "value"),
    [
        ("rms", math.sqrt(2)),
        ("peak", 2.0),
        ("peak_to_peak", 4.0),
        ("crest", math.sqrt(2)),
        ("kurtosis", 1.5),
        ("mean", 0),
    ],
)
def test_features_of_a_sine_are_those_of_the_textbook(what: str, value: float) -> None:
    assert FEATURES[what](pickup().burst(1.0).samples) == pytest.approx(value, abs=0.001)


@pytest.mark.parametrize("what", ["crest", "kurtosis"])
def test_silence_has_features_too(what: str) -> None:
    assert FEATURES[what]([0.0] * 8) == 0.0


def test_features_are_of_the_burst_that_was_sent() -> None:
    profile = scenario.load("vibration").profiles[2]
    sensors = Sensors(profile, Random(1))
    burst = sensors.burst(2.0)
    values = sensors.sample(2.0).values
    assert values["rms"] == round(FEATURES["rms"](burst.samples), 3)
    assert values["kurtosis"] == round(FEATURES["kurtosis"](burst.samples), 3)


def test_features_are_there_before_the_first_burst() -> None:
    assert Sensors(scenario.load("vibration").profiles[2], Random(1)).sample(1.0).values["rms"] > 0


def test_a_waveform_begins_before_the_message_that_carries_it() -> None:
    bench = Bench(scenario.load("vibration").profiles[0])
    waves = [one for at in range(60) for one in bench.wait(0.1) if "wave" in one]
    (first,) = waves
    begun_ns = first["wave"]["t0"][0] * 10**9 + first["wave"]["t0"][1]
    assert 0.327 < (first["ts"] * 10**9 + first["ts_ns"] - begun_ns) / 1e9 < 0.329


def test_a_machine_without_a_gap_sends_every_moment_once() -> None:
    profile = next(one for one in scenario.load("vibration").profiles if one.name.endswith("without a gap"))
    assert profile.wave_s == pytest.approx(Sensors(profile, Random(1)).vibration.lasts_s)


def test_waveforms_that_were_not_answered_are_sent_again_as_they_were() -> None:
    bench = Bench(scenario.load("vibration").profiles[1])
    live = [one for _ in range(60) for one in bench.wait(0.1) if "wave" in one]
    bench.device.disconnected()
    bench.device.connected(bench.moment)
    late = [one for _ in range(40) for one in bench.wait(1) if "wave" in one and "late" in one]
    assert live
    assert [one for one in live if one["wave"] not in [again["wave"] for again in late]] == []
