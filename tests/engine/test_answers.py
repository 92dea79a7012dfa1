"""What the hub says to a device, when, and only after the commit that it rests on."""

from itertools import pairwise

import pytest

from iiot_engine.devices.downlink import LEAP
from iiot_engine.effects import Notice, Publish, Refused
from iiot_engine.errors import Code
from iiot_engine.plant import site
from iiot_engine.plant.answers import make_cid
from iiot_engine.values import NS_PER_S
from iiot_engine.wire import canonical, codec, signing
from tests.builders import FLEET_KEY, FailingStore, Machine, World

# --- receipts --------------------------------------------------------------------------------


def test_a_receipt_leaves_after_the_commit_and_not_before() -> None:
    world = World()
    machine = Machine(world).join()
    with world.slow_store():
        machine.rows(["temperature"], [[world.now.wall_ns // NS_PER_S, 0, 20]], late=True)
        world.pass_time(5)
        assert world.down("stored") == []
    assert world.down("stored")[-1]["upto"] == [1, 1]


def test_a_receipt_speaks_of_committed_rows_only() -> None:
    world = World()
    machine = Machine(world).join()
    with world.slow_store():
        machine.read(temperature=1)
        world.pass_time(1)
        machine.read(temperature=2)
        world.pass_time(2)
        assert world.down("stored") == []
    assert world.down("stored")[-1]["upto"] == [1, 1]
    world.skip(12)
    machine.read(temperature=3)
    world.pass_time(2)
    assert world.down("stored")[-1]["upto"] == [1, 3]


def test_late_rows_are_answered_within_two_seconds_and_live_ones_within_ten() -> None:
    world = World()
    machine = Machine(world).join()
    machine.read(temperature=1)
    world.pass_time(2)
    assert len(world.down("stored")) == 1, "the first at once"
    came = []
    for tenth in range(400):
        if tenth % 3 == 0:
            machine.read(temperature=tenth)
        before = len(world.down("stored"))
        world.pass_time(0.1)
        came += [world.steady_ns] * (len(world.down("stored")) - before)
    pauses = [(later - earlier) / NS_PER_S for earlier, later in pairwise(came)]
    assert len(pauses) >= 2
    assert max(pauses) <= 10
    assert min(pauses) >= 8
    machine.rows(["temperature"], [[world.now.wall_ns // NS_PER_S, 0, 20]], late=True)
    before = len(world.down("stored"))
    world.pass_time(1.5)
    assert len(world.down("stored")) == before + 1


def test_no_receipt_without_rows() -> None:
    world = World()
    machine = Machine(world).join()
    for _ in range(40):
        machine.beat()
        world.pass_time(1)
    assert world.down("stored") == []


@pytest.mark.parametrize("numbered", [True, False])
def test_the_last_data_before_sleep_is_answered_at_once(numbered: bool) -> None:
    world = World()
    machine = Machine(world).join()
    machine.read(temperature=1)
    world.pass_time(1.5)
    world.clear()
    body = {"n": [1, machine.index]} if numbered else {}
    machine.send("data", r={"temperature": 1}, bye=True, **body)
    world.pass_time(0.2)
    assert len(world.down("stored")) == 1


def test_a_heartbeat_before_sleep_is_answered_at_once_and_nothing_else_is_sent() -> None:
    world = World()
    machine = Machine(world).join()
    machine.beat(state="asleep", for_s=600, manifest="ff" * 8)
    world.pass_time(0.2)
    assert world.down("stored")[0]["upto"] == [1, 0]
    world.skip(100)
    assert len(world.sent) == 1
    machine.beat(manifest="ff" * 8)
    world.pass_time(1.2)
    assert [payload["cmd"] for payload in world.down("command")] == ["describe"]


def test_a_sleeper_is_answered_even_when_its_first_commit_fails() -> None:
    world = World()
    machine = Machine(world).join()
    world.store_fails = True
    machine.send("data", r={"temperature": 1}, n=[1, 1], bye=True)
    world.pass_time(3)
    assert world.down("stored") == []
    world.store_fails = False
    world.pass_time(4)
    assert [payload["upto"] for payload in world.down("stored")] == [[1, 1]]


def test_a_tick_during_the_commit_does_not_send_the_receipt_early() -> None:
    world = World()
    machine = Machine(world).join()
    machine.read(temperature=1)
    world.pass_time(2)
    world.clear()
    with world.slow_store():
        machine.rows(["temperature"], [[world.now.wall_ns // NS_PER_S, 0, 20]], late=True)
        world.pass_time(4)
    assert [payload["upto"] for payload in world.down("stored")] == [[1, 2]]


def test_a_receipt_is_dropped_while_the_broker_is_away_and_given_when_the_rows_come_again() -> None:
    world = World()
    machine = Machine(world).join()
    world.plant.set_connected(False, world.now)
    machine.send("data", r={"temperature": 1}, n=[1, 1], late=True)
    world.pass_time(3)
    assert world.of(Publish) == []
    world.plant.set_connected(True, world.now)
    world.pass_time(3)
    assert world.down("stored") == []
    assert len(world.down("poll")) == 1
    machine.send("data", r={"temperature": 1}, n=[1, 1], late=True)
    world.pass_time(2)
    assert world.down("stored")[-1]["upto"] == [1, 1]


def test_rows_of_earlier_boots_are_answered_by_their_own_boot() -> None:
    world = World()
    machine = Machine(world).join()
    machine.read(temperature=1)
    machine.reboot()
    machine.held = (1, 1)
    machine.beat()
    machine.read(temperature=2)
    world.pass_time(12)
    receipt = world.down("stored")[-1]
    assert receipt["upto"] == [2, 1]
    assert receipt["more"] == [[1, 1]]


def test_a_listen_only_hub_says_nothing() -> None:
    world = World(listen_only=True)
    machine = Machine(world)
    world.adopt(machine)
    machine.beat()
    machine.read(temperature=1)
    machine.beat(state="asleep", for_s=60)
    world.skip(100)
    assert world.of(Publish) == []
    assert len(world.journal()) == 3


def test_rows_that_cannot_be_remembered_are_refused_and_come_again() -> None:
    world = World()
    machine = Machine(world).join()
    for index in range(3, 3 + 2 * 1024, 2):
        machine.send("data", r={"strokes": index}, n=[1, index])
    assert machine.send("data", r={"strokes": 1}, n=[1, 9_000]) == "busy"
    assert machine.send("data", r={"strokes": 1}, n=[1, 1]) is None


# --- down messages ---------------------------------------------------------------------------


def test_every_message_is_signed_addressed_and_numbered_upward() -> None:
    world = World()
    machine = Machine(world)
    world.adopt(machine)
    machine.beat()
    for _ in range(10):
        machine.rows(["temperature"], [[world.now.wall_ns // NS_PER_S, 0, 1]], late=True)
        world.pass_time(2)
    assert {effect.topic.rsplit("/", 1)[1] for effect in world.of(Publish)} == {"poll", "command", "stored"}
    numbers = []
    for effect in world.sent:
        envelope = codec.split(effect.message)
        assert signing.is_signed_by(machine.key, envelope.span, envelope.mac)
        payload = canonical.decode(envelope.span)
        assert envelope.span == canonical.encode(payload), "canonical"
        assert effect.topic == f"iiot/{machine.id}/{payload['type']}"
        assert (payload["v"], payload["kid"], payload["id"], payload["nonce"]) == (1, 1, machine.id, machine.nonce)
        assert effect.qos == {"poll": 0, "stored": 1, "command": 2}[payload["type"]]
        numbers.append(payload["hseq"])
    assert numbers == sorted(set(numbers))


def test_numbers_are_reserved_on_disk_before_they_are_used() -> None:
    world = World()
    machine = Machine(world).join()
    for round_ in range(40):
        for at in range(20):
            stamp = world.now.wall_ns // NS_PER_S
            machine.rows(["temperature"], [[stamp, at, 20]], late=True)
            world.pass_time(1, step_s=0.5)
        if round_ % 4 == 0:
            world.kill()
            assert machine.member.device.downlink.last >= machine.hseq
        numbers = [payload["hseq"] for payload in machine.obey()]
        assert numbers == sorted(set(numbers))
        assert not machine.member.device.is_foreign
    assert machine.hseq - numbers[0] < 10 * LEAP + 4_000, "ten starts, each of which leaves numbers out"


def test_a_message_without_a_free_number_is_not_sent() -> None:
    world = World()
    machine = Machine(world).join()
    machine.reboot()
    with world.slow_store():
        world.perform(world.plant.tick(world.now))
        machine.beat(manifest="ff" * 8)
        world.pass_time(3)
        assert world.sent == []
    world.pass_time(3)
    assert [payload["cmd"] for payload in world.down("command")] == ["describe"]


def test_no_number_is_used_that_is_not_reserved() -> None:
    world = World()
    machine = Machine(world).join()
    downlink = machine.member.device.downlink
    world.plant.set_connected(False, world.now)
    machine.beat(manifest="ff" * 8)
    world.pass_time(3)
    downlink.reserved = downlink.last + 1
    world.plant.set_connected(True, world.now)
    with world.slow_store():
        world.pass_time(3)
        assert [effect.topic for effect in world.sent] == ["iiot/press-07/poll"]
        assert not downlink.can_send
    world.skip(70)
    assert [payload["cmd"] for payload in world.down("command")] == ["describe"]


def test_numbers_do_not_run_out_for_a_device_that_is_silent() -> None:
    world = World()
    machine = Machine(world).join()
    for _ in range(600):
        world.plant.set_connected(False, world.now)
        world.plant.set_connected(True, world.now)
        world.pass_time(1.1, step_s=1.1)
    assert len(world.down("poll")) >= 590
    machine.obey()
    machine.beat()
    assert world.of(Notice) == []


def test_after_a_restart_each_device_is_asked_within_a_minute() -> None:
    world = World()
    machines = [Machine(world, f"m-{at}").join() for at in range(30)]
    world.pass_time(2)
    world.kill()
    world.clear()
    world.pass_time(1)
    assert 0 < len(world.down("poll")) < 30, "spread over time"
    world.pass_time(59)
    polls = world.down("poll")
    assert sorted(payload["id"] for payload in polls) == sorted(machine.id for machine in machines)
    assert all(payload["ch"] == [] and len(payload["pid"]) == 8 for payload in polls)


def test_an_unknown_manifest_is_asked_for_every_minute_then_more_seldom() -> None:
    world = World()
    machine = Machine(world, interval=50)
    world.adopt(machine)
    asked = []
    for second in range(0, 3 * 3600, 30):
        machine.beat()
        before = len(world.down("command"))
        world.pass_time(30, step_s=1)
        asked += [second] * (len(world.down("command")) - before)
    pauses = [later - earlier for earlier, later in pairwise(asked)]
    assert pauses[:5] == pytest.approx([60] * 5, abs=30)
    assert pauses[5:10] == pytest.approx([600] * 5, abs=30)
    assert pauses[10] == pytest.approx(3600, abs=30)


def test_a_manifest_that_is_not_the_wanted_one_does_not_quicken_the_asking() -> None:
    world = World()
    machine = Machine(world, interval=50)
    world.adopt(machine)
    for number in range(60):
        machine.beat(manifest=f"{number % 2:016x}")
        machine.tell_manifest(digest="aa" * 8)
        world.pass_time(10, step_s=1)
    assert len(world.down("command")) <= 11


def test_a_lost_device_is_not_asked_for_its_manifest() -> None:
    world = World()
    machine = Machine(world, tq=0)
    world.adopt(machine)
    machine.beat()
    world.skip(300)
    assert world.down("command") == []


def test_a_command_id_is_a_ulid() -> None:
    cid = make_cid(1_795_190_400_000 * 1_000_000, lambda size: b"\xff" * size)
    assert len(cid) == 26
    assert cid.endswith("Z" * 16)
    assert make_cid(0, bytes) == "0" * 26
    assert make_cid(1_795_190_400_001 * 1_000_000, bytes) > cid


# --- commits ---------------------------------------------------------------------------------


def test_data_is_durable_within_a_second_and_the_rest_within_a_quarter() -> None:
    world = World()
    machine = Machine(world).join()
    machine.read(temperature=1)
    assert world.plant.commit_due_ns == world.steady_ns + 800_000_000
    machine.send("alarm", code="hot", state="raised", occ=1)
    assert world.plant.commit_due_ns == world.steady_ns + 100_000_000
    world.pass_time(0.1)
    assert world.plant.commit_due_ns is None


def test_when_the_disk_is_full_nothing_is_lost_and_people_are_told() -> None:
    world = World()
    machine = Machine(world).join()
    kept = len(world.journal())
    world.store_fails = True
    machine.read(temperature=1)
    world.pass_time(2)
    machine.tell_manifest([{"key": "strokes", "kind": "int"}])
    machine.read(strokes=2)
    world.pass_time(30)
    (notice,) = world.of(Notice)
    assert (notice.kind, notice.active, notice.facts) == ("intake_not_writable", True, {"reason": "disk full"})
    assert len(world.journal()) == kept
    world.store_fails = False
    world.pass_time(6)
    assert world.of(Notice)[-1].active is False
    assert len(world.journal()) == kept + 3
    assert world.down("stored")[-1]["upto"] == [1, 2]
    world.kill()
    assert set(machine.member.device.manifest.channels) == {"strokes"}  # type: ignore[union-attr]
    assert machine.value("strokes") == 2


def test_a_store_that_fails_is_tried_again_every_five_seconds_and_not_more_often() -> None:
    world = World(store=FailingStore())
    machine = Machine(world)
    world.store_fails = True
    world.adopt(machine)
    tries = 0
    for _ in range(200):
        machine.read(temperature=1)
        before = len(world.effects)
        world.pass_time(0.1)
        tries += sum(type(effect).__name__ == "Commit" for effect in world.effects[before:])
    assert 4 <= tries <= 6


def test_what_waits_for_a_broken_store_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site, "MAX_WAITING_ROWS", 20)
    world = World()
    machine = Machine(world).join()
    world.store_fails = True
    world.pass_time(1)
    codes = [machine.read(temperature=1) for _ in range(30)]
    assert codes == [None] * 20 + ["busy"] * 10
    high = machine.member.device.window.high
    assert machine.send("status", state="offline", session=machine.session) == "busy"
    assert machine.connection == "live"
    assert machine.member.device.window.high == high, "a refused message moves nothing"
    world.store_fails = False
    world.pass_time(6)
    machine.index = 21
    assert machine.read(temperature=1) is None


def test_stopping_writes_everything() -> None:
    world = World()
    machine = Machine(world).join()
    machine.read(temperature=7)
    world.stop()
    assert machine.value("temperature") == 7
    assert world.store.cursor("last_values") == len(world.journal())


def test_flushing_during_a_commit_waits_for_it() -> None:
    world = World()
    machine = Machine(world).join()
    with world.slow_store():
        machine.read(temperature=1)
        world.pass_time(1)
        machine.read(temperature=2)
        assert world.plant.flush(world.now) == []
    world.perform(world.plant.flush(world.now))
    assert machine.index == 3
    assert [row.topic for row in world.journal()][-2:] == ["iiot/press-07/data"] * 2


def test_an_outcome_of_a_batch_that_nobody_waits_for_is_ignored() -> None:
    world = World()
    machine = Machine(world).join()
    with world.slow_store():
        machine.read(temperature=1)
        world.pass_time(1)
        (batch,) = world.held_commits or []
    assert world.plant.committed(batch, world.now) == []
    assert world.plant.not_committed(batch, "late", world.now) == []


def test_last_values_are_saved_twice_a_minute_and_the_rest_is_read_from_the_journal() -> None:
    world = World()
    machine = Machine(world).join()
    for value in range(70):
        machine.read(temperature=value)
        world.pass_time(1)
    behind = len(world.journal()) - world.store.cursor("last_values")
    assert 0 < behind <= 32
    world.kill()
    assert machine.value("temperature") == 69


def test_a_device_removed_during_a_commit_is_sent_nothing() -> None:
    world = World()
    machine = Machine(world).join()
    with world.slow_store():
        machine.send("data", r={"temperature": 1}, n=[1, 1], late=True)
        machine.tell_manifest([{"key": "temperature"}])
        world.pass_time(1)
        world.remove(machine)
    assert world.sent == []


def test_a_device_removed_while_the_disk_is_full_stays_removed() -> None:
    world = World()
    machine = Machine(world).join()
    machine.read(temperature=1)
    world.pass_time(31)
    machine.read(temperature=2)
    machine.tell_manifest([{"key": "temperature"}])
    with world.slow_store():
        world.pass_time(1)
        world.remove(machine)
        world.store_fails = True
    world.store_fails = False
    world.pass_time(6)
    assert world.plant.members == {}
    world.kill()
    assert world.plant.highest_boot(machine.id) == 1


# --- refusals are said seldom ----------------------------------------------------------------


def test_a_refusal_is_said_once_a_minute_and_counted_always() -> None:
    world = World()
    machine = Machine(world).join()
    forger = Machine(world, machine.id, key=bytes(32), boot=machine.boot)
    for _ in range(90):
        forger.read(temperature=1)
        world.pass_time(1)
    said = world.of(Refused)
    assert [(one.device_id, one.code) for one in said] == [(machine.id, Code.BAD_MAC)] * 2
    assert [one.count for one in said] == [1, 61]
    assert machine.member.health().refused == 90
    assert machine.member.health().refused_by_code == {"bad_mac": 90}
    machine.beat()
    world.pass_time(1)
    world.kill()
    assert machine.member.health().refused == 90


def test_a_redelivery_is_counted_and_nobodys_fault() -> None:
    world = World()
    machine = Machine(world).join()
    message = machine.make("data", r={"temperature": 1})
    world.receive(*message)
    assert world.refusal_of(*message) == "duplicate"
    assert world.of(Refused) == []
    assert machine.member.health().refused == 0
    assert machine.member.health().refused_by_code == {"duplicate": 1}


def test_all_refusals_of_a_site_are_counted_together() -> None:
    world = World()
    machine = Machine(world).join()
    world.receive("iiot/press-07/data", b"?")
    world.receive("iiot/press-08/data", b"?")
    world.receive(*machine.make("data", r={}), retained=True)
    assert world.plant.refused == 3
    assert world.plant.strangers == {"malformed": 1}
    assert world.plant.settings is world.settings


def test_a_message_names_the_key_that_signed_it() -> None:
    world = World()
    machine = Machine(world).join()
    world.plant.rekey(machine.id, {1: machine.key, 2: bytes(32)}, world.now)
    assert machine.send("data", r={"temperature": 1}, kid=2) == "bad_mac"
    assert machine.read(temperature=1) is None
    machine.key, machine.kid = bytes(32), 2
    assert machine.read(temperature=1) is None


def test_a_new_key_ends_the_suspicion_of_a_twin() -> None:
    world = World()
    machine = Machine(world).join()
    machine.member.device.has_twin = True
    assert machine.member.device.is_muted
    world.plant.rekey(machine.id, {2: bytes(32)}, world.now)
    assert not machine.member.device.is_muted


def test_only_a_signed_manifest_raises_a_repair() -> None:
    world = World()
    machine = Machine(world).join()
    topic, _ = machine.make("manifest")
    world.receive(topic, b"garbage")
    world.receive(topic, codec.seal(FLEET_KEY, {"digest": 1}))
    assert world.of(Notice) == []
    channels = [{"key": f"k{at}"} for at in range(5_000)]
    assert machine.tell_manifest(channels) == "too_large"
    assert machine.tell_manifest(channels[:257]) == "malformed"
    (notice,) = world.of(Notice)
    assert (notice.kind, notice.active) == ("manifest_refused", True)
    assert notice.facts == {"reason": "257 channels; at most 256 fit one device"}
    assert machine.tell_manifest() is None
    assert world.of(Notice)[-1].active is False
