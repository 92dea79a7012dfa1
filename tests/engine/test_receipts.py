"""Receipts: what the hub confirms, when, and only after the commit that it rests on."""

from itertools import pairwise

import pytest

from iiot_engine.effects import Publish
from iiot_engine.values import NS_PER_S
from tests.builders import Machine, World


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
