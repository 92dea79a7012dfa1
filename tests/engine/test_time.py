"""Where a message lies in time: delay is judged by `up`, skew by `ts` (protocol.md, Time)."""

import pytest

from iiot_engine.devices.anchor import BootClock
from iiot_engine.effects import Notice
from iiot_engine.values import NS_PER_S, Settings, TimeFlag
from iiot_engine.wire import codec
from iiot_engine.wire.frames import Header
from tests.builders import START_S, Machine, World

START = START_S * NS_PER_S


def flags_of(world: World) -> int:
    """How the newest message was placed."""
    world.pass_time(2)
    return world.journal()[-1].flags


def notices(world: World, kind: str) -> list[tuple[str | None, bool]]:
    return [(notice.device_id, notice.active) for notice in world.of(Notice) if notice.kind == kind]


# --- delay -----------------------------------------------------------------------------------


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
    assert flags_of(world) & TimeFlag.DELAYED


def test_a_message_299_seconds_old_is_live() -> None:
    world = World()
    machine = Machine(world).join()
    held_back = machine.make("data", r={"temperature": 21})
    world.skip(299)
    world.receive(*held_back)
    assert machine.value("temperature") == 21
    assert flags_of(world) == 0


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
    assert flags_of(world) & TimeFlag.DELAYED


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


# --- proof of freshness ----------------------------------------------------------------------


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
    assert flags_of(world) == TimeFlag.UNCERTAIN_TIME


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


# --- skew ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ahead_s", "flags", "kept_own_time"),
    [
        (0, 0, True),
        (1.9, 0, True),
        (-1.9, 0, True),
        (2.1, TimeFlag.CORRECTED, False),
        (-290, TimeFlag.CORRECTED, False),
    ],
)
def test_a_small_error_of_the_clock_is_kept_and_a_larger_one_corrected(
    ahead_s: float, flags: int, kept_own_time: bool
) -> None:
    world = World()
    machine = Machine(world).join()
    machine.clock_ahead_s = ahead_s
    machine.read(temperature=20)
    shown = machine.shown("temperature")
    assert shown is not None
    expected = world.now.wall_ns + (round(ahead_s * NS_PER_S) if kept_own_time else 0)
    assert abs(shown.time_ns - expected) < 2_000_000
    assert flags_of(world) == flags
    health = machine.member.health()
    assert health.skew_s == pytest.approx(ahead_s, abs=0.01)


def test_a_clock_that_is_far_off_is_replaced_and_told_and_set() -> None:
    world = World()
    machine = Machine(world, tq=1).join()
    machine.clock_ahead_s = 4_000
    machine.beat()
    assert notices(world, "device_clock_wrong") == [(machine.id, True)]
    assert flags_of(world) == TimeFlag.UNCERTAIN_TIME
    (command,) = world.down("command")
    assert command["cmd"] == "set_time"
    assert abs(command["args"]["ts"] - world.now.wall_ns // NS_PER_S) <= 3
    world.clear()
    machine.clock_ahead_s = 0
    machine.beat()
    assert notices(world, "device_clock_wrong") == [(machine.id, False)]


def test_a_device_with_a_clock_of_its_own_is_told_of_and_not_set() -> None:
    world = World()
    machine = Machine(world, tq=2).join()
    machine.clock_ahead_s = 4_000
    machine.beat()
    world.pass_time(2)
    assert notices(world, "device_clock_wrong") == [(machine.id, True)]
    assert world.down("command") == []


def test_a_device_without_a_clock_is_given_the_time_once_a_minute() -> None:
    world = World()
    machine = Machine(world, tq=0).join()
    world.skip(60)
    for _ in range(50):
        world.pass_time(1)
        machine.beat()
    commands = world.down("command")
    assert [command["cmd"] for command in commands] == ["set_time"]
    assert commands[0]["until"] > commands[0]["args"]["up"]
    assert notices(world, "device_clock_wrong") == []


def test_a_device_that_knows_no_set_time_is_not_given_the_time() -> None:
    world = World()
    machine = Machine(world, tq=0).join()
    machine.tell_manifest(commands=["describe"])
    world.skip(60)
    machine.beat()
    world.pass_time(2)
    assert world.down("command") == []


def test_no_time_is_given_when_the_question_is_old() -> None:
    world = World()
    machine = Machine(world, tq=0).join()
    world.skip(60)
    world.connected = False
    world.plant.set_connected(False, world.now)
    machine.beat()
    world.skip(9)
    world.plant.set_connected(True, world.now)
    world.pass_time(2)
    assert world.down("command") == []


# --- rows ------------------------------------------------------------------------------------


def test_rows_are_corrected_like_their_message() -> None:
    world = World()
    machine = Machine(world, clock_ahead_s=100).join()
    stamp = world.now.wall_ns // NS_PER_S + 100
    machine.rows(["temperature"], [[stamp - 2, 0, 20], [stamp - 1, 0, 21]])
    shown = machine.shown("temperature")
    assert shown is not None
    assert shown.value == 21
    assert shown.time_ns == pytest.approx(world.now.wall_ns - 1 * NS_PER_S, abs=1.1 * NS_PER_S)


def test_a_row_time_counted_from_the_boot_is_placed_by_the_boot() -> None:
    world = World()
    machine = Machine(world, tq=0).join()
    up_s = machine.up_ns // NS_PER_S
    machine.rows(["temperature"], [[up_s, 0, 20]])
    shown = machine.shown("temperature")
    assert shown is not None
    assert world.now.wall_ns - 2 * NS_PER_S < shown.time_ns <= world.now.wall_ns


def test_a_row_of_the_boot_before_is_placed_by_that_boot() -> None:
    world = World()
    machine = Machine(world, tq=0, interval=1000).join()
    up_s = machine.up_ns // NS_PER_S
    taken_ns = world.now.wall_ns
    world.skip(70)
    machine.reboot()
    machine.held = (1, 1)
    machine.beat()
    machine.prove()
    machine.rows(["temperature"], [[up_s, 0, 20]], n=[1, 1])
    shown = machine.shown("temperature")
    assert shown is not None
    assert abs(shown.time_ns - taken_ns) < 2 * NS_PER_S


def test_a_row_of_the_future_does_not_hide_those_that_follow() -> None:
    world = World()
    machine = Machine(world).join()
    machine.rows(["temperature"], [[8_000_000_000, 0, 99]])
    world.skip(10)
    machine.read(temperature=20)
    assert machine.value("temperature") == 20


def test_a_row_older_than_what_is_shown_changes_nothing() -> None:
    world = World()
    machine = Machine(world).join()
    machine.read(temperature=20)
    stamp = world.now.wall_ns // NS_PER_S
    machine.rows(["temperature", "strokes"], [[stamp - 50, 0, 99, 1]])
    assert machine.value("temperature") == 20
    assert machine.value("strokes") == 1
    older = machine.make("data", r={"temperature": 98})
    world.skip(2)
    machine.read(temperature=21)
    world.receive(*older)
    assert machine.value("temperature") == 21


def test_rows_marked_late_are_kept_and_not_shown() -> None:
    world = World()
    machine = Machine(world).join()
    stamp = world.now.wall_ns // NS_PER_S
    machine.rows(["temperature"], [[stamp, 0, 99]], late=True)
    assert machine.shown("temperature") is None
    assert flags_of(world) == TimeFlag.LATE


# --- the hub's own clock ---------------------------------------------------------------------


@pytest.mark.parametrize("step_s", [3_600, -3_600, 1_000_000_000])
def test_a_step_of_the_hubs_clock_is_followed_at_once(step_s: int) -> None:
    world = World()
    machine = Machine(world, tq=1).join()
    machine.read(temperature=20)
    world.step_clock(step_s)
    machine.clock_ahead_s = -step_s  # its own clock did not step
    assert machine.read(temperature=21) is None, "the next message comes before the next tick"
    assert machine.connection == "live"
    world.pass_time(1)
    anchor = machine.member.device.clocks[1].anchor_ns
    assert anchor is not None
    assert abs(anchor + machine.up_ns - world.now.wall_ns) < NS_PER_S
    assert machine.read(temperature=22) is None
    assert machine.member.device.clocks[1].skew_ns == pytest.approx(-step_s * NS_PER_S, abs=NS_PER_S)
    assert machine.connection == "live"


def test_the_skew_of_an_earlier_boot_follows_a_step_of_the_hub() -> None:
    clock = BootClock(anchor_ns=1_000, at_ns=2_000, skew_ns=-50, first_ns=1_500, high_seq=9)
    clock.shift(100)
    assert clock.state() == [1_100, 2_100, -150, 1_600, 9]
    empty = BootClock()
    empty.shift(100)
    assert empty.state() == [None, 0, None, 0, 0]
    unanchored = BootClock(anchor_ns=7, at_ns=1)
    unanchored.shift(1)
    assert unanchored.skew_ns is None


def test_what_was_measured_before_a_start_is_not_moved_by_a_step_after_it() -> None:
    world = World()
    machines = [Machine(world, f"m{at}").join() for at in range(4)]
    before = [machine.member.device.clocks[1].anchor_ns for machine in machines]
    world.pass_time(1)
    world.kill()
    world.step_clock(-3_600)
    assert all(machine.read(temperature=1) is None for machine in machines[:2]), "heard in the wrong time"
    world.step_clock(3_600)
    for machine, anchor in zip(machines, before, strict=True):
        assert machine.read(temperature=2) is None
        assert machine.value("temperature") == 2
        assert abs((machine.member.device.clocks[1].anchor_ns or 0) - (anchor or 0)) < NS_PER_S


def test_a_machine_that_slept_locks_nobody_out() -> None:
    world = World()
    machine = Machine(world).join()
    assert machine.read(temperature=1) is None
    world.kill()
    world.skip(7_200)
    assert machine.read(temperature=2) is None


def test_time_since_boot_that_runs_ahead_is_asked_for_a_proof_and_taken_with_it() -> None:
    world = World()
    machine = Machine(world).join()
    world.pass_time(70)
    machine.read(temperature=1)
    machine.born_ns -= 400 * NS_PER_S
    assert machine.read(temperature=2) == "malformed"
    machine.prove()
    assert machine.read(temperature=3) is None


def fleet(world: World, count: int = 4, **options: float) -> list[Machine]:
    return [Machine(world, f"press-{at}", **options).join() for at in range(count)]


def test_a_jump_while_the_hub_was_down_is_followed_when_most_devices_agree() -> None:
    world = World()
    machines = fleet(world)
    for machine in machines:
        machine.read(temperature=1)
    world.pass_time(2)
    world.step_clock(3_600)
    world.kill(away_s=10)
    for machine in machines:
        machine.clock_ahead_s = -3_600
        assert machine.read(temperature=2) is None
    assert {machine.member.device.clocks[1].anchor_ns for machine in machines}
    world.pass_time(2)
    for machine in machines:
        assert machine.read(temperature=3) is None, "none runs ahead"
        assert machine.connection == "live"
        anchor = machine.member.device.clocks[1].anchor_ns
        assert anchor is not None
        assert abs(anchor + machine.up_ns - world.now.wall_ns) < NS_PER_S


def test_a_device_that_proved_itself_before_the_jump_was_seen_is_not_moved_twice() -> None:
    world = World()
    machines = fleet(world, 5)
    world.pass_time(2)
    world.step_clock(3_600)
    world.kill(away_s=10)
    first, *others = machines
    first.beat()
    first.prove()
    for machine in others:
        machine.read(temperature=2)
    world.pass_time(3)
    assert first.read(temperature=3) is None
    assert first.connection == "live"
    anchor = first.member.device.clocks[1].anchor_ns
    assert anchor is not None
    assert abs(anchor + first.up_ns - world.now.wall_ns) < NS_PER_S


def test_one_delayed_device_is_no_jump() -> None:
    world = World()
    machines = fleet(world)
    held_back = machines[0].make("data", r={"temperature": 1})
    world.pass_time(2)
    world.kill(away_s=400)
    world.receive(*held_back)
    for machine in machines[1:]:
        machine.read(temperature=2)
    before = machines[1].member.device.clocks[1].anchor_ns
    world.pass_time(2)
    assert machines[1].member.device.clocks[1].anchor_ns == before
    world.skip(121)
    machines[0].read(temperature=2)
    world.pass_time(2)
    assert machines[1].member.device.clocks[1].anchor_ns == before


def test_a_hub_that_disagrees_with_good_clocks_doubts_itself() -> None:
    world = World()
    machines = fleet(world, 3)
    for machine in machines:
        machine.clock_ahead_s = 100
        machine.read(temperature=1)
    world.pass_time(2)
    assert notices(world, "hub_clock_in_doubt") == [(None, True)]
    anchors = [machine.member.device.clocks[1].anchor_ns for machine in machines]
    world.clear()
    for machine in machines:
        machine.beat()
        machine.read(temperature=2)
        shown = machine.shown("temperature")
        assert shown is not None
        assert shown.time_ns == world.now.wall_ns + 100 * NS_PER_S, "it corrects nothing"
    assert [machine.member.device.clocks[1].anchor_ns for machine in machines] == anchors
    assert flags_of(world) == 0
    slave = Machine(world, "press-9", tq=0).join()
    slave.beat()
    world.pass_time(2)
    assert world.down("command", "press-9") == [], "it sets no clock"
    world.clear()
    world.step_clock(100)
    for machine in machines:
        machine.clock_ahead_s = 0
        machine.read(temperature=3)
    world.pass_time(2)
    assert notices(world, "hub_clock_in_doubt") == [(None, False)]


def test_a_device_whose_clock_is_not_known_yet_says_nothing_about_the_hub() -> None:
    world = World()
    machines = fleet(world, 3)
    for machine in machines:
        machine.clock_ahead_s = 100
    machines[0].reboot()
    machines[0].tq = 0
    for machine in machines:
        machine.beat()
    world.pass_time(2)
    assert notices(world, "hub_clock_in_doubt") == []


def test_two_clocks_are_not_enough_to_doubt() -> None:
    world = World()
    fleet(world, 2, clock_ahead_s=100)
    Machine(world, "press-7", tq=1, clock_ahead_s=100).join()
    world.pass_time(2)
    assert notices(world, "hub_clock_in_doubt") == []


def test_boots_of_which_no_row_can_come_any_more_are_forgotten() -> None:
    world = World()
    machine = Machine(world).join()
    for _ in range(50):
        machine.reboot()
        assert machine.beat() is None
    assert sorted(machine.member.device.clocks) == list(range(20, 52))


# --- wild numbers ----------------------------------------------------------------------------


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
