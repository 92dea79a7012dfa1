"""Commits: when they come, what waits for them, and what becomes of it when the disk fails."""

import pytest

from iiot_engine.effects import Notice
from iiot_engine.errors import StoreError
from iiot_engine.plant import site
from iiot_engine.ports import Batch
from iiot_engine.stores.memory import MemoryIntake
from tests.builders import Machine, World


class FailingStore(MemoryIntake):
    """A store whose disk is gone."""

    def commit(self, batch: Batch) -> None:
        raise StoreError("disk full")


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
