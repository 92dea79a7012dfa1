"""A device checks what it is told, obeys, answers, sleeps, and remembers over a restart."""

from typing import Any

import pytest

from iiot_engine.values import Leaf
from iiot_engine.wire import codec, signing
from iiot_sim.device import Device
from iiot_sim.downward import Dropped, HseqWindow
from iiot_sim.profile import ClockKind, Form
from iiot_sim.state import RING
from tests.simulator.bench import CID, HUB_START, Bench, read
from tests.simulator.world import QUICK, a_profile, key_of


def types(payloads: list[dict[str, Any]]) -> list[str]:
    return [payload["type"] for payload in payloads]


# --- what is dropped -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"id": "press-08"}, Dropped.WRONG_ID),
        ({"type": "stored"}, Dropped.WRONG_TYPE),
        ({"hseq": 0}, Dropped.FORM),
        ({"hseq": True}, Dropped.FORM),
        ({"hseq": ...}, Dropped.FORM),
    ],
)
def test_a_message_for_somebody_else_or_without_number_is_dropped(changes: dict[str, Any], reason: Dropped) -> None:
    bench = Bench()
    assert bench.say(Leaf.POLL, ch=[], **changes) == []
    assert bench.device.gate.dropped == {reason: 1}
    assert bench.device.gate.window.high == 0


def test_a_message_in_another_form_is_dropped() -> None:
    bench = Bench()
    true = bench.message(Leaf.POLL, ch=[])
    bench.device.received(Leaf.POLL, b"{}", bench.moment)
    bench.device.received(Leaf.POLL, b"x" * 70_000, bench.moment)
    twice = codec.split(true).span[:-1] + b',"v":1}'
    bench.device.received(Leaf.POLL, _sealed(key_of("press-07"), twice), bench.moment)
    bench.device.received(Leaf.POLL, _sealed(bytes(32), codec.split(true).span), bench.moment)
    bench.device.received(Leaf.POLL, true, bench.moment, retained=True)
    assert bench.device.gate.dropped == {Dropped.FORM: 3, Dropped.MAC: 1, Dropped.RETAINED: 1}
    assert types(read(bench.device.received(Leaf.POLL, true, bench.moment))) == ["heartbeat"]


def _sealed(key: bytes, span: bytes) -> bytes:
    return b'{"hmac":"' + signing.mac(key, span) + b'","payload":' + span + b"}"


def test_what_only_devices_say_is_not_obeyed() -> None:
    assert Bench().say(Leaf.LOG, msg="hello") == []


def test_a_number_is_taken_once_and_at_most_64_late() -> None:
    bench = Bench()
    assert bench.say(Leaf.POLL, ch=[], hseq=1000)
    assert bench.say(Leaf.POLL, ch=[], hseq=1000) == []
    assert bench.say(Leaf.POLL, ch=[], hseq=936)
    assert bench.say(Leaf.POLL, ch=[], hseq=935) == []
    assert bench.device.gate.dropped == {Dropped.SEEN: 2}


def test_the_window_forgets_what_is_far_behind() -> None:
    window = HseqWindow()
    window.move(5)
    window.move(10_000)
    assert not window.is_new(5)
    assert window.is_new(9_999)


def test_an_old_nonce_is_answered_by_a_heartbeat_at_most_every_five_seconds() -> None:
    bench = Bench()
    assert types(bench.say(Leaf.POLL, ch=[], nonce="0" * 16)) == ["heartbeat"]
    assert bench.say(Leaf.POLL, ch=[], nonce="0" * 16) == []
    bench.wait(5)
    assert types(bench.say(Leaf.POLL, ch=[], nonce="0" * 16)) == ["heartbeat"]
    assert bench.first[1]["nonce"] == bench.device.nonce


# --- poll ----------------------------------------------------------------------------------


def test_an_empty_poll_is_answered_by_a_heartbeat_that_names_its_number() -> None:
    (beat,) = (bench := Bench()).say(Leaf.POLL, ch=[], pid="0badcafe")
    assert beat["type"] == "heartbeat"
    assert beat["hseq"] == bench.hseq


def test_a_poll_is_answered_by_a_row_with_its_id() -> None:
    (data,) = Bench().say(Leaf.POLL, ch=["temperature", "nonsense"], pid="0badcafe")
    assert data["poll"] == "0badcafe"
    assert list(data["r"]) == ["temperature"]
    assert data["e"] == {"nonsense": "VALUE"}
    assert data["n"][1] == 2
    (data,) = Bench().say(Leaf.POLL, pid="0badcafe")
    assert list(data["r"]) == ["temperature"]


@pytest.mark.parametrize("changes", [{"pid": "nonsense"}, {"pid": ...}, {"ch": 7}, {"ch": [7]}])
def test_a_poll_that_is_none_is_not_answered(changes: dict[str, Any]) -> None:
    assert Bench().say(Leaf.POLL, **{"pid": "0badcafe", **changes}) == []


def test_a_device_that_cannot_be_polled_still_answers_the_empty_poll() -> None:
    bench = Bench(a_profile(caps=("confirm",)))
    assert bench.say(Leaf.POLL, pid="0badcafe") == []
    assert types(bench.say(Leaf.POLL, ch=[])) == ["heartbeat"]


# --- commands ------------------------------------------------------------------------------


def test_describe_is_answered_by_the_manifest() -> None:
    bench = Bench()
    ack, manifest = bench.command("describe")
    assert (ack["status"], ack["cid"], ack["qos"]) == ("done", CID, 1)
    assert ack["hseq"] == HUB_START + 1
    assert manifest["digest"] == bench.first[1]["manifest"]
    assert [channel["key"] for channel in manifest["channels"]] == ["temperature"]


def test_idempotent_commands_are_done_again_the_others_are_answered_from_the_ring() -> None:
    bench = Bench()
    assert types(bench.command("describe")) == ["ack", "manifest"]
    assert types(bench.command("describe")) == ["ack", "manifest"]
    (ack,) = bench.command("open_the_gate", cid="01JD8Z6Q4W3M5N7P9R0T1V2X3Z")
    assert (ack["status"], ack["reason"]) == ("rejected", "unsupported")
    high = bench.device.gate.window.high
    (again,) = bench.command("open_the_gate", cid="01JD8Z6Q4W3M5N7P9R0T1V2X3Z", nonce="0" * 16)
    assert (again["status"], again["hseq"]) == ("rejected", high)
    assert bench.command("open_the_gate", cid="01JD8Z6Q4W3M5N7P9R0T1V2X3Z") == []


def test_the_ring_survives_a_restart_and_is_bounded() -> None:
    bench = Bench()
    for at in range(RING + 4):
        bench.command("restart", cid=f"C{at}")
    after = Bench(store=bench.store)
    assert after.device.boot == 2
    assert types(after.command("restart", cid=f"C{RING + 3}")) == ["ack"]
    assert after.device.gate.dropped == {Dropped.REPEATED: 1}
    after.command("restart", cid="C0")
    assert after.device.gate.dropped == {Dropped.REPEATED: 1}


def test_a_command_that_came_too_late_has_expired() -> None:
    bench = Bench()
    (ack,) = bench.command("describe", until=bench.up_ms - 1)
    assert ack["status"] == "expired"


@pytest.mark.parametrize("changes", [{"cid": ...}, {"cid": ""}, {"cid": "x" * 27}])
def test_a_command_without_id_is_dropped(changes: dict[str, Any]) -> None:
    assert Bench().command("describe", **changes) == []


def test_a_device_without_clock_takes_the_hubs_and_adds_half_the_way() -> None:
    bench = Bench(a_profile(clock=ClockKind.HUB, sample_s=3600.0))
    assert (bench.first[1]["ts"], bench.first[1]["ts_ns"], bench.first[1]["tq"]) == (0, 0, 0)
    ack, beat = bench.command("set_time", {"ts": 1_795_190_410, "ts_ns": 0, "up": bench.up_ms - 2000})
    assert (ack["status"], ack["tq"]) == ("done", 1)
    assert (beat["type"], beat["ts"]) == ("heartbeat", 1_795_190_411)


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        ({"ts": 1_795_190_410, "up": -5_000}, "too_slow"),
        ({"ts": 1_795_190_410, "up": 11_000}, "too_slow"),
        ({"ts": 1_795_190_410}, "bad_args"),
        ({"ts": 1.5, "up": 9_000}, "bad_args"),
    ],
)
def test_a_time_that_cannot_be_right_is_rejected(args: dict[str, Any], reason: str) -> None:
    (ack,) = Bench(a_profile(clock=ClockKind.HUB)).command("set_time", args)
    assert (ack["status"], ack["reason"]) == ("rejected", reason)


def test_a_device_with_a_clock_of_its_own_rejects_another() -> None:
    bench = Bench()
    (ack,) = bench.command("set_time", {"ts": 1, "ts_ns": 0, "up": bench.up_ms})
    assert (ack["status"], ack["reason"]) == ("rejected", "has_clock")


def test_identify_and_set_interval() -> None:
    bench = Bench()
    assert bench.command("identify", {"s": 7})[0]["status"] == "done"
    assert bench.device.identify_until_ms == bench.up_ms + 7000
    assert bench.command("set_interval", {"s": 2})[0]["status"] == "done"
    assert bench.device.beats.periods_s == {"temperature": 2}
    for cmd, args in (("identify", {"s": -1}), ("set_interval", {"s": 0}), ("set_interval", {"s": 1, "ch": "x"})):
        assert bench.command(cmd, args)[0]["status"] == "rejected"


# --- sleep ---------------------------------------------------------------------------------


def sleeper() -> Bench:
    return Bench(a_profile(sleep_s=60.0, sample_s=3600.0, power={"battery": 80}))


def test_a_sleeper_says_goodbye_and_sleeps_when_answered() -> None:
    bench = sleeper()
    assert bench.device.nap.until_ms == bench.up_ms + 5000
    bye, beat = bench.wait(5)
    assert bye["bye"] is True
    assert (beat["state"], beat["for_s"]) == ("asleep", 60.0)
    assert beat["wake"] == beat["ts"] + 60
    assert types(bench.say(Leaf.STORED, upto=[1, bye["n"][1]])) == ["sleep"]
    assert bench.device.nap.is_asleep
    assert bench.wait(59) == []
    assert bench.device.next_ms() == bench.device.nap.until_ms
    bench.wait(1)
    assert not bench.device.nap.is_asleep


def test_a_sleeper_sleeps_unanswered_after_five_seconds() -> None:
    bench = sleeper()
    bench.wait(5)
    assert types(bench.wait(5)) == ["sleep"]


def test_each_message_keeps_a_sleeper_awake_for_two_seconds_up_to_thirty() -> None:
    bench = sleeper()
    bench.say(Leaf.POLL, ch=[])
    assert bench.device.nap.until_ms == bench.up_ms + 7000
    for _ in range(20):
        bench.say(Leaf.POLL, ch=[])
    assert bench.device.nap.until_ms == bench.up_ms + 30_000


def test_a_sleeper_can_be_kept_awake_and_sent_to_sleep() -> None:
    bench = sleeper()
    assert bench.command("awake", cid="A")[0]["status"] == "done"
    assert "sleep" not in types(bench.wait(60))
    assert bench.command("sleep", {}, cid="B")[0]["reason"] == "bad_args"
    assert bench.command("sleep", {"for_s": 5}, cid="C")[0]["status"] == "done"
    beat = bench.wait(0.1)[-1]
    assert (beat["state"], beat["for_s"]) == ("asleep", 5)


def test_a_sleeper_without_a_broker_sleeps_again_after_half_a_minute() -> None:
    bench = sleeper()
    bench.wait(5)
    bench.wait(5)
    bench.device.disconnected()
    bench.wait(60)
    assert types(bench.wait(30)) == ["sleep"]


def test_a_sleeper_without_a_clock_names_no_time_of_waking() -> None:
    bench = Bench(a_profile(sleep_s=60.0, clock=ClockKind.HUB, sample_s=3600.0))
    beat = bench.wait(5)[-1]
    assert beat["for_s"] == 60.0
    assert "wake" not in beat


# --- readings ------------------------------------------------------------------------------


def test_a_receipt_frees_rows_of_each_boot_by_itself() -> None:
    bench = Bench()
    again = Bench(store=bench.store)
    assert again.device.readings.shelf.held == (1, 1)
    again.say(Leaf.STORED, upto=[2, 1])
    assert again.device.readings.shelf.held == (1, 1)
    again.say(Leaf.STORED, upto=[2, 1], more=[[1, 1]])
    assert again.device.readings.shelf.held == (2, 2)
    assert again.device.readings.answered == 2


@pytest.mark.parametrize("changes", [{}, {"upto": [1]}, {"upto": [1, 1], "more": 7}, {"upto": [1, 1], "more": [7]}])
def test_a_receipt_that_is_none_frees_nothing(changes: dict[str, Any]) -> None:
    bench = Bench()
    assert bench.say(Leaf.STORED, **changes) == []
    assert len(bench.device.readings.shelf) == 1
    assert bench.device.gate.dropped == {Dropped.FORM: 1}


def test_rows_are_sent_again_after_a_reconnect_as_late_with_the_same_numbers_and_times() -> None:
    bench = Bench()
    row = bench.device.readings.shelf.oldest().row
    bench.device.disconnected()
    bench.device.connected(bench.moment)
    (late,) = [payload for payload in bench.wait(31) if payload["type"] == "data"]
    assert (late["late"], late["qos"], late["n"]) == (True, 1, [1, 1])
    assert late["cols"] == ["temperature"]
    assert late["rows"] == [[row.s, row.ns, row.reading.values["temperature"]]]


def test_a_batch_leaves_as_rows_when_it_is_full_or_at_the_end() -> None:
    bench = Bench(a_profile(form=Form.ROWS, batch=3, sample_s=1.0))
    assert types(bench.wait(1)) == []
    (data,) = bench.wait(1)
    assert (data["n"], len(data["rows"]), data["qos"]) == ([1, 1], 3, 0)
    assert "late" not in data
    bench.wait(1)
    assert types(read(bench.device.farewell(bench.moment))) == ["data", "status"]


def test_a_batch_says_goodbye_too() -> None:
    bench = Bench(a_profile(form=Form.ROWS, batch=100, sleep_s=60.0, sample_s=2.0))
    bye, beat = bench.wait(5)
    assert (bye["bye"], beat["state"]) == (True, "asleep")
    assert len(bye["rows"]) >= 2


def test_rows_without_numbers_leave_in_batches_or_never() -> None:
    bench = Bench(a_profile(form=Form.ROWS, batch=2, sample_s=1.0, caps=()))
    (data,) = bench.wait(1)
    assert len(data["rows"]) == 2
    assert "n" not in data
    bench.device.disconnected()
    assert bench.wait(1) == bench.wait(1) == []


def test_the_answer_to_a_poll_keeps_its_id_when_it_is_sent_again() -> None:
    bench = Bench()
    bench.say(Leaf.POLL, pid="0badcafe")
    bench.device.disconnected()
    bench.device.connected(bench.moment)
    late = [payload for payload in bench.wait(31) if payload["type"] == "data"]
    assert [payload.get("poll") for payload in late] == [None, "0badcafe"]


def test_a_row_that_is_never_answered_is_given_up_by_name_until_receipts_have_passed_it() -> None:
    bench = Bench(a_profile(sample_s=3600.0, timing=QUICK))
    drops = []
    for _ in range(200):
        drops += [payload.get("drop") for payload in bench.wait(1) if payload["type"] == "heartbeat"]
        bench.say(Leaf.STORED, upto=[1, 0])
    assert drops[0] is None
    assert drops[-1] == [[1, 1, 1]]
    assert len(bench.device.readings.shelf) == 0
    assert bench.device.readings.given_up == 1
    bench.say(Leaf.STORED, upto=[1, 1])
    assert "drop" not in bench.say(Leaf.POLL, ch=[])[0]


def test_a_device_says_what_it_knows_of_its_surroundings() -> None:
    profile = a_profile(
        net={"ip": "10.0.0.7", "rssi": -60},
        power={"battery": 80, "volt": 3.3},
        place="Hall 1",
        route=((48.0, 11.0),),
    )
    beat = Bench(profile).first[1]
    assert beat["net"]["ip"] == "10.0.0.7"
    assert -63 <= beat["net"]["rssi"] <= -57
    assert beat["power"]["volt"] == 3.3
    assert (beat["place"], beat["loc"]) == ("Hall 1", [48.0, 11.0])


def test_an_alarm_of_the_device_is_raised_repeated_and_cleared() -> None:
    profile = a_profile(alarm_s=100.0, alarms=({"code": "hot", "name": "Too hot", "priority": "high"},))
    bench = Bench(profile)
    said, beats = [], []
    for _ in range(400):
        for payload in bench.wait(1):
            if payload["type"] == "alarm":
                said.append(payload["state"])
            elif payload["type"] == "heartbeat":
                beats.append(payload["alarms"])
    assert said[0] == "raised"
    assert "cleared" in said
    assert len(said) > said.count("cleared") * 2
    assert [["hot", None, 1]] in beats
    assert [] in beats


def test_the_will_carries_the_session_of_its_connection() -> None:
    bench = Bench()
    message = bench.device.open_session(bench.moment)
    assert bench.device.session.encode() in message
    assert b'"offline"' in message


def test_boots_count_up_and_sequence_numbers_start_anew() -> None:
    bench = Bench()
    again = Device(bench.profile, key_of("press-07"), bench.store)
    assert again.boot == bench.device.boot + 1
    again.open_session(bench.moment)
    assert again.signer.seq == 1
    assert again.nonce != bench.device.nonce
