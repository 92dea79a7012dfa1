"""Many commands at once: the second commit follows the first, without a tick in between."""

from tests.builders import World

from .test_orders import ask, machine_in, orders


def test_commands_that_come_while_a_commit_is_under_way_follow_it_at_once() -> None:
    world = World()
    machines = [machine_in(world, f"press-{number}") for number in range(3)]
    with world.slow_store():
        for machine in machines:
            ask(machine)
        assert orders(world) == []
        began_ns = world.steady_ns
    assert (len(orders(world)), world.steady_ns) == (3, began_ns)
