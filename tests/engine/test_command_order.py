"""Commands stay in their order and in their time: over restarts, set clocks, lost devices and old copies of the hub."""

from copy import deepcopy

from iiot_engine.actuation.command import Step
from iiot_engine.plant import notices, outbox
from iiot_engine.values import NS_PER_S
from tests.builders import World
from tests.engine.test_orders import answer, ask, machine_in, orders, wish


def test_commands_keep_their_order_over_a_restart_whatever_the_clock_said() -> None:
    world = World()
    machine = machine_in(world)
    asked = [ask(machine)]
    world.step_clock(-3600)
    asked += [ask(machine, wish(key="speed", value=value)) for value in range(5)]
    world.pass_time(1)
    world.kill()
    ledger = machine.member.ledger
    assert ledger.open is not None
    assert [ledger.open.cid, *(one.cid for one in ledger.waiting)] == [one.cid for one in asked]


def test_an_id_comes_after_the_one_before_it_even_if_that_is_none() -> None:
    first = outbox.make_cid(10**18, lambda size: b"\xff" * size)
    second = outbox.make_cid(0, lambda size: b"\1" * size, above=first)
    other = outbox.make_cid(0, lambda size: b"\2" * size, above=first)
    assert other > second > first, "behind it, and one that nobody else was given"
    assert len(second) == 26
    assert outbox.make_cid(10**18, bytes, above="no id") < first


def test_after_a_start_nothing_is_commanded_before_the_device_tells_where_it_stands() -> None:
    world = World()
    machine = machine_in(world)
    command = ask(machine)
    world.pass_time(1)
    world.clear()
    world.kill()
    world.pass_time(20)
    later = ask(machine, wish(key="speed", value=5))
    assert (orders(world), later.step) == ([], Step.REQUESTED)
    machine.beat()
    world.pass_time(2)
    assert [body["cid"] for body in orders(world)] == [command.cid]


def test_a_hub_restored_from_an_old_copy_commands_nobody_not_even_what_it_believes_open() -> None:
    world = World()
    machine = machine_in(world)
    command = ask(machine, wish(life_s=600))
    world.pass_time(1)
    copy = deepcopy(world.store)
    answer(machine, command)
    machine.hseq += 2**21  # where the hub has gone on since the copy was made
    machine.beat()
    world.pass_time(1)
    world.store = copy
    world.clear()
    world.kill(away_s=60)
    world.pass_time(20)
    machine.beat()
    world.pass_time(20)
    assert world.notices(notices.FOREIGN) == [(machine.id, True)]
    assert orders(world) == []


def test_what_does_not_wait_is_void_when_the_device_is_lost_before_its_turn() -> None:
    world = World()
    machine = machine_in(world)
    first, second, third = ask(machine, wish(life_s=600)), ask(machine), ask(machine, wish(waits=True))
    world.pass_time(200)
    assert (first.step, second.step, third.step) == (Step.SENT, Step.NOT_SENT, Step.REQUESTED)
    machine.beat()
    world.pass_time(2)
    answer(machine, first)
    world.clear()
    world.pass_time(2)
    assert [body["cid"] for body in orders(world)] == [third.cid]


def test_what_was_asked_of_a_sleeper_waits_although_it_is_lost_later() -> None:
    world = World()
    machine = machine_in(world)
    machine.beat(state="asleep", for_s=60)
    world.pass_time(10)
    command = ask(machine)
    world.skip(600)
    world.pass_time(2)
    assert (machine.connection, command.step) == ("lost", Step.REQUESTED)


def test_what_is_asked_while_the_broker_is_away_has_all_its_time_when_it_is_back() -> None:
    world = World()
    machine = machine_in(world)
    world.plant.set_connected(False, world.now)
    command = ask(machine, wish(waits=True, life_s=5))
    world.pass_time(30)
    assert command.step is Step.REQUESTED
    world.plant.set_connected(True, world.now)
    world.pass_time(1)
    (body,) = orders(world)
    assert body["until"] >= (machine.up_ns + 3 * NS_PER_S) // 1_000_000
