"""Two devices with one key, and somebody else who commands a device."""

from iiot_engine.effects import Notice
from tests.builders import Machine, World

TWIN, FOREIGN = "two_devices_hold_this_key", "second_commander"


def raised(world: World) -> list[tuple[str, bool]]:
    return [(notice.kind, notice.active) for notice in world.of(Notice)]


def twins(world: World) -> tuple[Machine, Machine]:
    """The registered device in its boot 5, and another in boot 2 with the same key."""
    machine = Machine(world, boot=4).join()
    world.skip(100)
    machine.beat()
    world.clear()
    return machine, Machine(world, machine.id, boot=1)


def test_a_lower_boot_with_a_fresh_time_is_a_twin_after_three_messages() -> None:
    world = World()
    machine, twin = twins(world)
    assert [twin.beat() for _ in range(2)] == ["replayed"] * 2
    assert raised(world) == []
    assert twin.beat() == "replayed"
    assert raised(world) == [(TWIN, True)]
    assert twin.beat() == "replayed"
    assert raised(world) == [(TWIN, True)], "said once"
    assert machine.connection == "live"


def test_nothing_is_sent_to_a_twin_until_a_person_decides() -> None:
    world = World()
    machine, twin = twins(world)
    for _ in range(3):
        twin.beat()
    machine.read(temperature=1)
    machine.beat(manifest="ff" * 8)
    world.skip(70)
    assert world.sent == []
    world.kill()
    assert raised(world)[-1] == (TWIN, True), "said again after a restart"
    world.skip(70)
    assert world.sent == []
    world.perform(world.plant.settle(machine.id, TWIN, world.now))
    assert raised(world)[-1] == (TWIN, False)
    machine.read(temperature=2)
    world.skip(3)
    assert world.sent != []
    for _ in range(3):
        twin.beat()
    assert raised(world)[-1] == (TWIN, True), "it can be found again"


def test_the_same_old_message_three_times_is_a_replay() -> None:
    world = World()
    _, twin = twins(world)
    message = twin.make("heartbeat", **twin.heartbeat_body())
    assert [world.refusal_of(*message) for _ in range(4)] == ["replayed"] * 4
    assert raised(world) == []


def test_old_messages_of_an_old_boot_are_replays() -> None:
    world = World()
    machine = Machine(world).join()
    recorded = [machine.make("heartbeat", **machine.heartbeat_body()) for _ in range(4)]
    machine.reboot()
    machine.beat()
    for message in recorded:
        assert world.refusal_of(*message) == "replayed"
    world.skip(70)
    for message in recorded:
        assert world.refusal_of(*message) == "replayed"
    assert raised(world) == []


def test_a_lower_boot_without_a_clock_proves_nothing() -> None:
    world = World()
    _, twin = twins(world)
    twin.tq = 0
    assert [twin.beat() for _ in range(4)] == ["replayed"] * 4
    assert raised(world) == []


def test_a_reported_number_that_is_not_ours_is_a_second_commander() -> None:
    world = World()
    machine = Machine(world).join()
    machine.beat(hseq=machine.hseq + 1)
    assert raised(world) == [(FOREIGN, True)]
    machine.read(temperature=1)
    world.skip(70)
    assert world.sent == []
    world.kill()
    assert raised(world)[-1] == (FOREIGN, True)
    world.perform(world.plant.settle(machine.id, FOREIGN, world.now))
    machine.read(temperature=1)
    machine.beat(hseq=machine.hseq + 1)
    world.skip(3)
    assert raised(world)[-1] == (FOREIGN, False)
    assert min(payload["hseq"] for payload in world.down("stored")) > machine.hseq + 1


def test_a_number_in_an_answer_is_judged_as_well() -> None:
    world = World()
    machine = Machine(world).join()
    machine.send("ack", cid="x", status="done", hseq=machine.hseq + 1)
    assert raised(world) == [(FOREIGN, True)]


def test_an_answer_of_a_boot_that_nobody_knows_yet_is_not_judged() -> None:
    world = World()
    machine = Machine(world).join()
    old = machine.hseq
    machine.reboot()
    machine.send("ack", cid="x", status="done", hseq=old + 1)
    assert raised(world) == []


def test_a_number_in_a_boot_in_which_nothing_was_sent_is_a_second_commander() -> None:
    world = World()
    machine = Machine(world).join()
    machine.reboot()
    machine.beat(hseq=1)
    assert raised(world) == [(FOREIGN, True)]


def test_numbers_of_before_a_restart_of_the_hub_are_its_own() -> None:
    world = World()
    machine = Machine(world).join()
    world.kill()
    world.pass_time(3)
    machine.obey()
    machine.beat()
    assert raised(world) == []
    assert machine.connection == "live"


def test_deciding_about_nobody_does_nothing() -> None:
    world = World()
    machine = Machine(world).join()
    assert world.plant.settle("nobody", TWIN, world.now) == []
    effects = world.plant.settle(machine.id, "device_clock_wrong", world.now)
    assert not [effect for effect in effects if isinstance(effect, Notice)]


def test_numbers_reserved_for_a_boot_are_not_used_in_the_next() -> None:
    world = World()
    machine = Machine(world).join()
    with world.slow_store():
        machine.read(temperature=1)
        world.pass_time(1)
        world.plant._site.entropy = lambda size: b"\x01".rjust(size, b"\x00")  # it starts low this time
        machine.reboot()
        machine.beat()
        world.finish_commits(hold=True)
        downlink = machine.member.device.downlink
        assert downlink.nonce == machine.nonce
        assert not downlink.can_send, "nothing is reserved on disk for this boot yet"
    world.pass_time(2)
    assert downlink.can_send
    world.kill()
    assert machine.member.device.downlink.nonce == machine.nonce
    assert machine.member.device.downlink.reserved >= downlink.last
