"""How old a message is: judged by `up`, never by a calendar (protocol.md, Time)."""

import pytest

from iiot_engine.devices.anchor import BootClock
from iiot_engine.values import NS_PER_S, Settings, TimeFlag
from iiot_engine.wire import codec
from iiot_engine.wire.frames import Header
from tests.builders import START_S, Machine, World

START = START_S * NS_PER_S


# --- delay --------------------------------------------------------------------------------


def test_a_message_that_was_held_back_is_late_and_changes_no_state() -> None:
    world = World()
    machine = Machine(world).join()
    machine.read(temperature=20)
    held_back = machine.make("data", r={"temperature": 99})
    world.skip(301)
    machine.beat()
    seen = machine.member.device.liveness.heard_ns
    world.skip(1)
    assert world.refusal_of(*held_back) is None
    assert machine.value("temperature") == 20
    assert machine.member.device.liveness.heard_ns == seen
    assert world.flags_of_newest() & TimeFlag.DELAYED


def test_a_message_299_seconds_old_is_live() -> None:
    world = World()
    machine = Machine(world).join()
    held_back = machine.make("data", r={"temperature": 21})
    world.skip(299)
    world.receive(*held_back)
    assert machine.value("temperature") == 21
    assert world.flags_of_newest() == 0


def test_a_strict_hub_refuses_what_is_delayed() -> None:
    world = World(strict=True)
    machine = Machine(world).join()
    held_back = machine.make("data", r={"temperature": 99})
    old_beat = machine.make("heartbeat", **machine.heartbeat_body())
    world.skip(301)
    clocks = dict(machine.member.device.clocks)
    assert world.refusal_of(*held_back) == "delayed"
    assert machine.member.device.clocks == clocks
    assert world.refusal_of(*old_beat) is None, "it still says what the device keeps"


def test_after_an_outage_of_the_broker_old_and_new_messages_come_together() -> None:
    world = World()
    machine = Machine(world).join()
    old = machine.make("data", r={"temperature": 1})
    world.skip(1_000)
    assert world.refusal_of(*old) is None
    assert machine.read(temperature=2) is None, "it does not run ahead, the one before was late"
    assert machine.value("temperature") == 2


def test_a_device_whose_time_runs_away_is_refused() -> None:
    world = World()
    machine = Machine(world).join()
    machine.read(temperature=1)
    machine.born_ns -= 301 * NS_PER_S
    assert machine.read(temperature=2) == "malformed"
    assert machine.value("temperature") == 1


def test_the_anchor_follows_a_slow_oscillator() -> None:
    world = World()
    machine = Machine(world).join()
    for _ in range(100):
        world.skip(1_000)
        machine.born_ns += round(0.15 * NS_PER_S)  # 150 ppm slow
        assert machine.read(temperature=1) is None
    assert machine.member.device.clocks[1].anchor_ns is not None
    held_back = machine.make("data", r={"temperature": 99})
    world.skip(310)
    world.receive(*held_back)
    assert world.flags_of_newest() & TimeFlag.DELAYED


@pytest.mark.parametrize(("slower_ns", "delay_ns"), [(0, 0), (200_000, 0), (250_000, 50_000)])
def test_the_anchor_rises_by_200_ppm_and_no_more(slower_ns: int, delay_ns: int) -> None:
    clock = BootClock(anchor_ns=START, at_ns=START)
    up_ns = NS_PER_S
    header = Header(kid=1, boot=1, seq=1, up_ns=up_ns, ts_ns=0, tq=0)
    timing = clock.judge(header, START + up_ns + slower_ns, Settings(), proof=False)
    assert timing.delay_ns == pytest.approx(delay_ns, abs=100)
    assert timing.time_ns == pytest.approx(START + up_ns + min(slower_ns, 200_000), abs=100)


def test_the_quickest_message_sets_the_anchor() -> None:
    world = World()
    machine = Machine(world)
    world.adopt(machine)
    slow = machine.make("data", r={"temperature": 1})
    world.skip(10)
    world.receive(*slow)
    slow_anchor = machine.member.device.clocks[1].anchor_ns
    machine.read(temperature=2)
    quick_anchor = machine.member.device.clocks[1].anchor_ns
    assert slow_anchor is not None
    assert quick_anchor == slow_anchor - 10 * NS_PER_S
    another = machine.make("data", r={"temperature": 3})
    world.skip(100)
    world.receive(*another)
    assert machine.member.device.clocks[1].anchor_ns == quick_anchor


# --- proof of freshness -------------------------------------------------------------------


def test_a_first_heartbeat_without_a_clock_counts_as_delayed_until_it_is_proven() -> None:
    world = World()
    machine = Machine(world, tq=0)
    world.adopt(machine)
    machine.beat()
    machine.read(temperature=20)
    assert machine.connection == "lost"
    assert machine.shown("temperature") is None
    machine.prove()
    assert machine.connection == "live"
    machine.tell_manifest()
    machine.read(temperature=21)
    assert machine.value("temperature") == 21


def test_a_listen_only_hub_asks_for_no_proof() -> None:
    world = World(listen_only=True)
    machine = Machine(world, tq=0)
    world.adopt(machine)
    machine.beat()
    assert machine.connection == "live"


def test_a_listen_only_hub_takes_a_clock_that_is_years_off_too() -> None:
    world = World(listen_only=True)
    machine = Machine(world, tq=1, clock_ahead_s=-1e9)
    world.adopt(machine)
    machine.beat()
    assert machine.connection == "live"


def test_a_step_of_the_clock_proves_nothing() -> None:
    world = World()
    machine = Machine(world).join()
    world.pass_time(70)
    machine.beat()
    (number, _) = machine.member.device.downlink._sent[-1]
    world.pass_time(11)
    assert not machine.member.device.downlink.proves_fresh(number, world.now.steady_ns)


def test_a_device_whose_clock_is_years_off_proves_itself() -> None:
    world = World()
    machine = Machine(world, tq=1, clock_ahead_s=-1e9)
    world.adopt(machine)
    machine.beat()
    assert machine.connection == "lost"
    machine.prove()
    machine.tell_manifest()
    machine.read(temperature=20)
    assert machine.connection == "live"
    shown = machine.shown("temperature")
    assert shown is not None
    assert abs(shown.time_ns - world.now.wall_ns) < NS_PER_S
    assert world.flags_of_newest() == TimeFlag.UNCERTAIN_TIME


def test_an_answer_after_ten_seconds_proves_nothing() -> None:
    world = World()
    machine = Machine(world, tq=0)
    world.adopt(machine)
    machine.beat()
    world.pass_time(2)
    machine.obey()
    assert machine.hseq
    world.pass_time(10)
    machine.beat()
    assert machine.connection == "lost"


def test_a_number_of_another_boot_proves_nothing() -> None:
    world = World()
    machine = Machine(world, tq=0)
    world.adopt(machine)
    machine.beat()
    world.pass_time(2)
    machine.obey()
    machine.beat(nonce="00" * 8)
    assert machine.connection == "lost"


def test_proof_moves_the_anchor_up_as_well() -> None:
    world = World()
    machine = Machine(world).join()
    before = machine.member.device.clocks[1].anchor_ns
    machine.born_ns += 400 * NS_PER_S  # its time since boot stood still for a while
    world.skip(400)
    machine.beat()
    assert machine.member.device.clocks[1].anchor_ns == before
    machine.prove()
    after = machine.member.device.clocks[1].anchor_ns
    assert before is not None
    assert after is not None
    assert after - before > 399 * NS_PER_S
    assert machine.connection == "live"


def test_an_ack_proves_freshness_too() -> None:
    world = World()
    machine = Machine(world, tq=0)
    world.adopt(machine)
    machine.beat()
    world.pass_time(2)
    machine.obey()
    machine.send("ack", cid="x", status="done", hseq=machine.hseq)
    assert machine.connection == "live"


def test_a_delayed_heartbeat_is_answered_by_a_poll_once_a_minute() -> None:
    world = World()
    machine = Machine(world, tq=0)
    world.adopt(machine)
    for _ in range(150):
        machine.beat()
        world.pass_time(1)
    assert len(world.down("poll")) in (3, 4)


# --- wild numbers -------------------------------------------------------------------------


@pytest.mark.parametrize("up", [0, 2**31 * 1000, 2**41 - 1])
@pytest.mark.parametrize("tq", [0, 1])
def test_the_wildest_clocks_leave_the_journal_writable(up: int, tq: int) -> None:
    world = World()
    machine = Machine(world, tq=tq).join()
    machine.reboot()
    for ts in (1, 2**33 - 1):
        clock = {"ts": ts} if tq else {}
        for body in ({"up": up}, {"up": 0}):
            topic, _ = machine.make("data")
            payload = machine.payload("data", {"r": {"temperature": 1}} | body | clock)
            world.receive(topic, codec.seal(machine.key, payload))
            topic, _ = machine.make("heartbeat")
            beat = machine.payload("heartbeat", machine.heartbeat_body(hseq=machine.hseq) | body | clock)
            world.receive(topic, codec.seal(machine.key, beat))
            world.pass_time(2)
            machine.obey()
    assert world.plant.commit_due_ns is None
    for row in world.journal():
        assert abs(row.anchor_ns or 0) < 2**63
        assert abs(row.skew_ns or 0) < 2**63
    world.kill()
    assert machine.member.health().boot == 2
