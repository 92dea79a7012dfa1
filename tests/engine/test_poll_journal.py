"""What came of asking devices for their readings is kept: silence with its time, and the counts."""

import pytest

from iiot_engine.ports import JournalEntry, JournalRow, Kept
from iiot_engine.values import NS_PER_S, Quality, TimeFlag
from iiot_engine.wire import canonical
from tests.builders import Machine, World
from tests.engine.test_polls import ask_every, next_question, tank


def left_unanswered(world: World, machine: Machine) -> int:
    """A question goes unanswered; when it was asked, hub time in nanoseconds."""
    machine.read(level=40, flow=1)
    world.pass_time(1)
    ask_every(world, machine, timeout_s=2)
    next_question(world, machine)
    asked_ns = world.now.wall_ns
    world.pass_time(4)
    return asked_ns


def test_silence_is_a_row_with_its_time() -> None:
    world = World()
    machine = tank(world)
    asked_ns = left_unanswered(world, machine)
    row = world.journal()[-1]
    assert (row.device_id, row.topic, row.kid, row.flags) == (machine.id, "iiot/tank-01/poll", 0, TimeFlag.UNANSWERED)
    assert row.received_ns == asked_ns + 2 * NS_PER_S
    note = canonical.decode(row.message)
    assert note["e"] == {"level": "COMM", "flow": "COMM"}
    assert note["ts"] * NS_PER_S + note["ts_ns"] == asked_ns


def test_what_was_not_answered_is_unknown_after_a_kill_too() -> None:
    world = World()
    machine = tank(world)
    left_unanswered(world, machine)
    world.kill()
    assert machine.judged("level") == (None, Quality.BAD)
    assert machine.member.board.reasons["level"] == "COMM"


def test_an_answer_after_the_silence_is_what_a_start_shows() -> None:
    world = World()
    machine = tank(world)
    left_unanswered(world, machine)
    machine.read(level=41)
    world.pass_time(2)
    world.kill()
    assert machine.value("level") == 41
    assert machine.judged("flow") == (None, Quality.BAD)


@pytest.mark.parametrize(
    "message",
    [
        b"\xff",
        b"{}",
        b'{"ts":1,"ts_ns":0}',
        b'{"e":["level"],"ts":1,"ts_ns":0}',
        b'{"e":{"level":"COMM"},"ts":"1","ts_ns":0}',
        b'{"e":{"level":"COMM"},"ts":1}',
        b'{"e":{"level":"COMM"},"ts":8589934592,"ts_ns":0}',
        b'{"e":{"level":"COMM"},"ts":1,"ts_ns":1000000000}',
    ],
)
def test_a_row_of_silence_that_a_disk_has_spoilt_is_passed_over(message: bytes) -> None:
    world = World()
    machine = tank(world)
    machine.read(level=40)
    topic = f"iiot/{machine.id}/poll"
    row = JournalRow(world.now.wall_ns, machine.id, topic, 0, 0, 0, TimeFlag.UNANSWERED, None, None, message)
    world.plant.replay([JournalEntry(1, row)])
    assert machine.value("level") == 40


def test_silence_of_a_device_that_was_taken_out_is_passed_over() -> None:
    world = World()
    machine = tank(world)
    left_unanswered(world, machine)
    del world.keys[machine.id]
    world.kill()
    assert world.plant.members == {}


def test_a_full_waiting_room_takes_no_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    machine = tank(world)
    ask_every(world, machine, timeout_s=2)
    next_question(world, machine)
    rows = len(world.journal())
    monkeypatch.setattr("iiot_engine.plant.site.MAX_WAITING_ROWS", 0)
    world.pass_time(4)
    assert machine.member.polled.timeouts == 1
    assert len(world.journal()) == rows


def test_the_counts_go_on_over_a_kill_until_a_person_ends_them() -> None:
    world = World()
    machine = tank(world)
    left_unanswered(world, machine)
    world.kill()
    health = machine.member.health()
    assert (health.poll_timeouts, health.poll_failures) == (1, 2)
    world.perform(world.plant.zero_counters(machine.id, world.now))
    world.pass_time(1)
    world.kill()
    assert machine.member.health().poll_timeouts is None


def test_a_hub_that_kept_no_counts_begins_at_nothing() -> None:
    world = World()
    machine = tank(world)
    state = canonical.decode(machine.member.state())
    del state["polls"]
    machine.member.restore(Kept(machine.id, canonical.encode(state), None, None))
    assert machine.member.polled.sent == 0
