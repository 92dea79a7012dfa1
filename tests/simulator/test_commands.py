"""What people ask of a device really changes it; the outcome is answered once, over restarts too."""

import json
from pathlib import Path
from typing import Any

import pytest

from iiot_engine.values import Leaf
from iiot_engine.wire import codec, signing
from iiot_sim.device import Device, Restart
from iiot_sim.downward import Dropped
from iiot_sim.profile import ActuatorProfile, Booting, Cause, ChannelProfile, ClockKind
from iiot_sim.record import Recorder
from iiot_sim.signer import Out
from iiot_sim.state import RING
from tests.simulator.bench import CID, Bench, read
from tests.simulator.world import TEMPERATURE, a_profile, key_of

RPM = ChannelProfile(key="rpm", entry={"period": 10}, signal={"shape": "constant", "value": 1450})
WAVE = ChannelProfile(key="waveform", signal={"shape": "wave", "rate_hz": 1000, "samples": 100})
FLAP = ActuatorProfile(key="flap", kind="valve", entry={"channel": "flap", "min": 0, "max": 100}, takes_s=4.0)
FLAP_CHANNEL = ChannelProfile(key="flap", signal={"shape": "constant", "value": -1})


def types(payloads: list[dict[str, Any]]) -> list[str]:
    return [payload["type"] for payload in payloads]


def data(payloads: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [payload for payload in payloads if payload["type"] == "data"]


def counted(bench: Bench, key: str, seconds: int) -> int:
    """Readings of a channel in so many seconds."""
    return sum(key in one.get("r", {}) for _ in range(seconds * 10) for one in data(bench.wait(0.1)))


# --- rate and interval ---------------------------------------------------------------------


def test_an_interval_changes_what_is_sent() -> None:
    bench = Bench(a_profile(sample_s=1.0, interval_s=3600.0))
    assert counted(bench, "temperature", 20) == pytest.approx(20, abs=1)
    bench.command("set_interval", {"s": 5})
    assert counted(bench, "temperature", 20) == pytest.approx(4, abs=1)


def test_a_rate_changes_what_is_sent() -> None:
    bench = Bench(a_profile(sample_s=10.0, interval_s=3600.0))
    bench.command("set_rate", {"hz": 4})
    assert counted(bench, "temperature", 20) == pytest.approx(80, abs=20)  # a step of this test is 0.1 s


def test_one_channel_alone_is_made_quicker_and_its_manifest_says_so() -> None:
    bench = Bench(a_profile(channels=(TEMPERATURE, RPM), sample_s=5.0, interval_s=3600.0))
    before = bench.first[1]["manifest"]
    ack, manifest, beat = bench.command("set_interval", {"s": 1, "ch": "rpm"})
    assert (ack["status"], beat["manifest"]) == ("done", manifest["digest"])
    assert manifest["digest"] != before
    assert [channel.get("period") for channel in manifest["channels"]] == [None, 1]
    assert counted(bench, "rpm", 20) == pytest.approx(20, abs=1)
    assert counted(bench, "temperature", 20) == pytest.approx(4, abs=1)
    assert types(bench.command("set_interval", {"s": 1, "ch": "rpm"})) == ["ack"]


def test_channels_of_equal_period_are_read_together() -> None:
    bench = Bench(a_profile(channels=(TEMPERATURE, RPM), sample_s=5.0, interval_s=3600.0))
    bench.command("set_interval", {"s": 2})
    rows = [one["r"].keys() for _ in range(10) for one in data(bench.wait(2)) if "late" not in one]
    assert rows[-5:] == [{"temperature", "rpm"}] * 5


def test_the_rate_of_a_waveform_is_that_of_its_samples() -> None:
    profile = a_profile(channels=(TEMPERATURE, WAVE), wave="waveform", wave_s=1.0, sample_s=3600.0)
    bench = Bench(profile)
    assert data(bench.wait(1))[0]["wave"]["dt_ns"] == 1_000_000
    assert bench.command("set_rate", {"hz": 20_000, "ch": "waveform"})[0]["status"] == "done"
    wave = data(bench.wait(1))[0]["wave"]
    assert wave["dt_ns"] == 50_000
    assert wave["t0"][0] * 10**9 + wave["t0"][1] == bench.moment.wall_ns - 5_000_000


@pytest.mark.parametrize(
    ("cmd", "args"),
    [
        ("set_interval", {"s": 0}),
        ("set_interval", {"s": "5"}),
        ("set_interval", {"s": 1, "ch": "x"}),
        ("set_rate", {"hz": 1000}),
        ("set_rate", {"hz": 30_000, "ch": "waveform"}),
        ("set_rate", {}),
        ("set_log_level", {"level": "loud"}),
        ("set_log_level", {"level": "debug", "for_s": -1}),
        ("rekey", {"kid": "2", "salt": "00"}),
        ("rekey", {"kid": 2, "salt": "0"}),
    ],
)
def test_what_cannot_be_is_rejected(cmd: str, args: dict[str, Any]) -> None:
    bench = Bench(a_profile(channels=(TEMPERATURE, WAVE), wave="waveform", wave_s=1.0))
    (ack,) = bench.command(cmd, args)
    assert (ack["status"], ack["reason"]) == ("rejected", "bad_args")


def test_arguments_that_are_none_are_bad_ones() -> None:
    (ack,) = Bench().command("set_interval", args=[1])
    assert ack["reason"] == "bad_args"


def test_what_a_device_answers_that_goes_to_sleep_does_not_look_as_if_it_stayed_awake() -> None:
    bench = Bench(a_profile(sleep_s=60.0, sample_s=3600.0))
    bench.wait(5)
    answers = bench.command("describe")
    assert types(answers) == ["ack", "manifest", "heartbeat"]
    assert answers[-1]["state"] == "asleep"
    assert types(bench.say(Leaf.POLL, ch=[])) == ["heartbeat"]
    assert types(bench.say(Leaf.STORED, upto=[1, 0])) == ["sleep"]


# --- actuators -----------------------------------------------------------------------------


def plant_with(*actuators: ActuatorProfile, **changes: Any) -> Bench:
    channels = (TEMPERATURE, FLAP_CHANNEL)
    return Bench(a_profile(channels=channels, actuators=actuators, sample_s=3600.0, interval_s=3600.0, **changes))


def test_an_actuator_that_takes_its_time_is_accepted_then_done_and_its_channel_says_so() -> None:
    bench = plant_with(FLAP)
    assert bench.first[-1]["manifest"] != a_profile().digest
    (accepted,) = bench.command("set", {"key": "flap", "value": 60})
    assert accepted["status"] == "accepted"
    (again,) = bench.command("set", {"key": "flap", "value": 60})
    assert again["status"] == "accepted"
    assert bench.device.next_ms() <= bench.up_ms + 4000
    bench.wait(3)
    done, reading = bench.wait(1)
    assert (done["type"], done["status"], done["cid"]) == ("ack", "done", CID)
    assert reading["r"] == {"flap": 60}
    (answer,) = bench.command("set", {"key": "flap", "value": 60})
    assert answer["status"] == "done"


def test_an_actuator_that_is_there_at_once_is_answered_once() -> None:
    bench = plant_with(ActuatorProfile(key="fan", kind="switch", start=True))
    assert [ack["status"] for ack in bench.command("set", {"key": "fan", "value": False})] == ["done"]


def test_an_actuator_that_sticks_has_failed() -> None:
    bench = plant_with(
        ActuatorProfile(key="flap", kind="valve", entry={"channel": "flap", "min": 0, "max": 100}, fail_chance=1.0)
    )
    (ack,) = bench.command("set", {"key": "flap", "value": 60})
    assert (ack["status"], ack["reason"]) == ("failed", "stuck")
    (reading,) = data(bench.say(Leaf.POLL, pid="0badcafe", ch=["flap"]))
    assert reading["r"] == {"flap": 0}


def test_a_command_whose_outcome_a_restart_hid_has_failed() -> None:
    bench = plant_with(FLAP)
    bench.command("set", {"key": "flap", "value": 60})
    after = Bench(bench.profile, bench.store)
    (ack,) = after.command("set", {"key": "flap", "value": 60})
    assert (ack["status"], ack["reason"]) == ("failed", "unknown_outcome")
    (reading,) = data(after.say(Leaf.POLL, pid="0badcafe", ch=["flap"]))
    assert reading["r"] == {"flap": 0}


def test_a_move_that_ends_without_a_connection_is_answered_when_asked_again() -> None:
    bench = plant_with(FLAP)
    bench.command("set", {"key": "flap", "value": 60})
    bench.device.disconnected()
    assert bench.wait(5) == []
    bench.device.connected(bench.moment)
    assert bench.command("set", {"key": "flap", "value": 60})[0]["status"] == "done"


def test_a_button_counts_its_presses() -> None:
    bench = plant_with(ActuatorProfile(key="reset", kind="button", entry={"channel": "flap"}))
    for at in range(2):
        ack, reading = bench.command("press", {"key": "reset"}, cid=f"C{at}")
        assert (ack["status"], reading["r"]) == ("done", {"flap": at + 1})
    (ack,) = bench.command("press", {"key": "flap"}, cid="C9")
    assert (ack["status"], ack["reason"]) == ("rejected", "unknown_key")


@pytest.mark.parametrize(
    ("kind", "entry", "value", "reason"),
    [
        ("switch", {}, True, None),
        ("switch", {}, 1, "bad_value"),
        ("number", {"min": 0, "max": 10, "step": 2.5}, 7.5, None),
        ("number", {"min": 0, "max": 10, "step": 2.5}, 7, "off_step"),
        ("number", {"min": 0, "max": 10}, 11, "out_of_range"),
        ("number", {}, "5", "bad_value"),
        ("valve", {"min": 0, "max": 100}, 101, "out_of_range"),
        ("valve", {}, 50, "bad_value"),
        ("valve", {}, True, None),
        ("select", {"options": ["a", "b"]}, "b", None),
        ("select", {"options": ["a", "b"]}, "c", "bad_value"),
        ("text", {}, "hello", None),
        ("text", {}, "x" * 256, "bad_value"),
        ("button", {}, True, "not_settable"),
    ],
)
def test_a_value_is_judged_by_the_kind_of_its_actuator(
    kind: str, entry: dict[str, Any], value: object, reason: str | None
) -> None:
    bench = plant_with(ActuatorProfile(key="it", kind=kind, entry=entry))
    (ack,) = bench.command("set", {"key": "it", "value": value})
    assert (ack["status"], ack.get("reason")) == ("rejected" if reason else "done", reason)


@pytest.mark.parametrize("key", ["nothing", 7, None])
def test_what_is_not_there_cannot_be_set(key: object) -> None:
    (ack,) = plant_with(FLAP).command("set", {"key": key, "value": 1})
    assert (ack["status"], ack["reason"]) == ("rejected", "unknown_key")


def test_a_device_without_actuators_knows_no_set() -> None:
    (ack,) = Bench().command("set", {"key": "fan", "value": True})
    assert (ack["status"], ack["reason"]) == ("rejected", "unsupported")


# --- restart, log, key ---------------------------------------------------------------------


def test_a_restart_is_answered_before_it_happens_and_once() -> None:
    bench = Bench()
    ack, offline, restart = bench.command("restart")
    assert (ack["status"], offline["state"]) == ("done", "offline")
    assert restart == {"type": "restart", "cause": "command", "clean": True}
    after = Bench(store=bench.store)
    (ack,) = after.command("restart")
    assert ack["status"] == "done"


def test_a_device_that_resets_by_itself_leaves_its_will() -> None:
    bench = Bench(a_profile(sample_s=3600.0, booting=Booting(every_s=100.0)))
    effects = bench.device.tick(bench.moment._replace(up_ms=151_000))
    (restart,) = (effect for effect in effects if isinstance(effect, Restart))
    assert restart.cause in (Cause.BROWNOUT, Cause.WATCHDOG)
    assert not restart.is_clean
    assert bench.device.restarted(restart.cause).boot == bench.device.boot + 1


def logged(payloads: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(one["level"], one["msg"]) for one in payloads if one["type"] == "log"]


def test_a_boot_is_told_in_log_lines() -> None:
    profile = a_profile(booting=Booting(log=True), clock=ClockKind.HUB, sample_s=3600.0)
    bench = Bench(profile)
    first = logged(bench.wait(0.1))
    assert first[0] == ("info", "[0.012] reset cause: power_on")
    assert [words for _, words in first[1:-1]] == [
        "[0.082] demo, firmware 1.0.0, boot 1",
        "[0.152] temperature found",
        "[0.222] none, asking the hub",
    ]
    assert first[-1][1] == f"[10.000] connected, session {bench.device.session}"
    again = bench.device.restarted(Cause.WATCHDOG)
    again.connected(bench.moment)
    lines = [out for out in again.tick(bench.moment) if isinstance(out, Out) and out.leaf is Leaf.LOG]
    assert logged(read(lines))[0] == ("warning", "[0.012] reset cause: watchdog")


def test_debug_lines_are_sent_while_they_are_asked_for() -> None:
    bench = Bench()
    bench.device.bulletins.tell("debug", "sampler", "one")
    assert logged(bench.wait(1)) == []
    bench.command("set_log_level", {"level": "debug", "for_s": 60})
    bench.device.bulletins.tell("debug", "sampler", "two")
    assert logged(bench.wait(1)) == [("debug", "two")]
    bench.device.bulletins.tell("debug", "sampler", "three")
    assert logged(bench.wait(60)) == []


def test_identify_says_so() -> None:
    bench = Bench()
    bench.command("identify", {"s": 7})
    assert logged(bench.wait(0.1)) == [("info", "light flashes for 7 s")]


SALT = bytes(range(16)).hex()


def under(bench: Bench, key: bytes, leaf: Leaf, **changes: Any) -> list[dict[str, Any]]:
    """Say something to a device, signed with that key."""
    span = codec.split(bench.message(leaf, **changes)).span
    message = b'{"hmac":"' + signing.mac(key, span) + b'","payload":' + span + b"}"
    return read(bench.device.received(leaf, message, bench.moment))


def test_a_new_key_signs_at_once_and_the_old_one_counts_until_the_hub_uses_the_new() -> None:
    bench = Bench()
    old = key_of("press-07")
    new = signing.derive_next_key(old, bytes.fromhex(SALT), "press-07", 2)
    bench.command("rekey", {"kid": 2, "salt": SALT})
    effects = bench.device.received(Leaf.POLL, bench.message(Leaf.POLL, ch=[]), bench.moment)
    (beat,) = effects
    envelope = codec.split(beat.message)
    assert signing.is_signed_by(new, envelope.span, envelope.mac)
    assert [(one["kid"], one["rekeyed"]) for one in read(effects)] == [(2, [[2, SALT]])]
    assert types(under(bench, new, Leaf.POLL, ch=[])) == ["heartbeat"]
    assert bench.say(Leaf.POLL, ch=[]) == []
    assert bench.device.gate.dropped == {"mac": 1}


def test_a_key_step_survives_a_restart() -> None:
    bench = Bench()
    ack, beat, then = bench.command("rekey", {"kid": 2, "salt": SALT})
    assert then["type"] == "reconnect", "the will has to be signed with the new key"
    assert (ack["status"], ack["kid"], beat["rekeyed"]) == ("done", 2, [[2, SALT]])
    after = Device(bench.profile, key_of("press-07"), bench.store)
    assert (after.keyring.kid, after.keyring.key) == (2, bench.device.keyring.key)


def test_the_same_step_twice_is_one_and_an_old_number_is_none() -> None:
    bench = Bench()
    for _ in range(2):
        done, *rest = bench.command("rekey", {"kid": 2, "salt": SALT})
        assert done["status"] == "done"
    assert types(rest) == ["heartbeat"], "nothing changed, so nothing connects anew"
    assert len(bench.device.keyring.steps) == 1
    assert bench.command("rekey", {"kid": 2, "salt": "00"})[0]["reason"] == "old_kid"


def test_no_more_steps_than_a_heartbeat_can_tell() -> None:
    bench = Bench()
    for kid in range(2, 18):
        key = bench.device.keyring.key
        under(bench, key, Leaf.COMMAND, cid="C", cmd="rekey", args={"kid": kid, "salt": SALT}, until=99_999)
    assert bench.device.keyring.kid == 17
    key = bench.device.keyring.key
    (ack,) = under(bench, key, Leaf.COMMAND, cid="C", cmd="rekey", args={"kid": 18, "salt": SALT}, until=99_999)
    assert ack["reason"] == "full"


def test_a_command_that_a_later_one_has_overtaken_is_dropped_also_when_the_ring_has_forgotten_it() -> None:
    bench = plant_with(ActuatorProfile(key="reset", kind="button", entry={"channel": "flap"}))
    late = bench.message(Leaf.COMMAND, cid="C0", cmd="press", args={"key": "reset"}, until=bench.up_ms + 30_000)
    for at in range(RING + 1):
        bench.command("press", {"key": "reset"}, cid=f"C{at}")
    assert "C0" not in dict(entry[:2] for entry in bench.store.ring)
    assert bench.device.received(Leaf.COMMAND, late, bench.moment) == []
    assert bench.device.gate.dropped[Dropped.OVERTAKEN] == 1
    assert bench.device.actuators.presses == {"reset": RING + 1}


def test_what_does_no_harm_may_be_overtaken() -> None:
    bench = plant_with(ActuatorProfile(key="reset", kind="button", entry={"channel": "flap"}))
    late = bench.message(Leaf.COMMAND, cid="C0", cmd="identify", args={"s": 1}, until=bench.up_ms + 30_000)
    bench.command("press", {"key": "reset"}, cid="C1")
    (ack,) = read(bench.device.received(Leaf.COMMAND, late, bench.moment))
    assert ack["status"] == "done"


def test_each_movement_is_recorded_with_its_command(tmp_path: Path) -> None:
    profile = plant_with(ActuatorProfile(key="reset", kind="button", entry={"channel": "flap"})).profile
    recorder = Recorder(tmp_path, profile.id)
    bench = Bench(profile, count=recorder.move)
    for _ in range(2):
        bench.command("press", {"key": "reset"})
    (line,) = (tmp_path / "moved" / f"{profile.id}.jsonl").read_text().splitlines()
    assert json.loads(line) == {"cid": CID, "key": "reset", "up": bench.up_ms, "unix_ns": bench.moment.wall_ns}


# --- the end of a key ----------------------------------------------------------------------------


def test_a_device_that_forgets_its_key_answers_first_and_then_leaves_for_good() -> None:
    bench = Bench()
    told = bench.command("forget")
    assert types(told)[0] == "ack"
    assert told[0]["status"] == "done"
    assert types(told)[-2:] == ["status", "retire"]
    assert told[-2]["state"] == "offline"
    after = Device(bench.profile, key_of("press-07"), bench.store)
    assert after.is_forgotten, "a restart brings no key back"
