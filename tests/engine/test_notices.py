"""What a person is told stands until it shows that it is over, over restarts as well; and what they ask for is done."""

from iiot_engine.effects import Notice
from iiot_engine.errors import Refusal
from iiot_engine.wire import codec
from tests.builders import CHANNELS, Machine, World

KEY, CLOCK, HUB_CLOCK = "device_key_unknown", "device_clock_wrong", "hub_clock_in_doubt"
MANIFEST, STORE, TWIN, FOREIGN = (
    "manifest_refused",
    "intake_not_writable",
    "two_devices_hold_this_key",
    "second_commander",
)


def stranger_of(world: World, machine: Machine) -> Machine:
    """The same hardware, wiped and given a key that the hub does not hold."""
    return Machine(world, machine.id, key=bytes(32), kid=7, boot=machine.boot)


def test_a_lost_device_that_speaks_under_another_key_is_told() -> None:
    world = World()
    machine = Machine(world).join()
    wiped = stranger_of(world, machine)
    assert [wiped.beat() for _ in range(5)] == ["unknown_key"] * 5
    assert world.notices(KEY) == [], "the device is live: somebody else wrote them"
    world.skip(120)
    assert machine.connection == "lost"
    wiped.kid = machine.kid
    assert wiped.beat() == "bad_mac"
    assert wiped.beat() == "bad_mac"
    assert world.notices(KEY) == [(machine.id, True)], "said once"
    machine.beat()
    assert world.notices(KEY) == [(machine.id, True), (machine.id, False)]
    world.skip(120)
    assert wiped.beat() == "bad_mac"
    assert len(world.notices(KEY)) == 2, "counted anew since the device was heard"


def test_the_right_key_ends_it() -> None:
    world = World()
    machine = Machine(world).join()
    wiped = stranger_of(world, machine)
    world.skip(120)
    for _ in range(3):
        wiped.beat()
    world.perform(world.plant.rekey(machine.id, {7: wiped.key}, world.now))
    assert world.notices(KEY) == [(machine.id, True), (machine.id, False)]
    assert wiped.beat() is None


def test_a_person_who_settles_it_is_told_again_when_it_goes_on() -> None:
    world = World()
    machine = Machine(world).join()
    wiped = stranger_of(world, machine)
    world.skip(120)
    for _ in range(3):
        wiped.beat()
    world.perform(world.plant.settle(machine.id, KEY, world.now))
    world.clear()
    for _ in range(3):
        wiped.beat()
    assert world.notices(KEY) == [(machine.id, True)]


def test_what_stood_before_a_restart_goes_when_it_shows_that_it_is_over() -> None:
    world = World()
    machine = Machine(world).join()
    world.stop()
    kinds = (KEY, CLOCK, MANIFEST)
    world.standing = {(kind, machine.id) for kind in kinds} | {(STORE, None)}
    world.kill()
    world.clear()
    machine.beat()
    assert [notice.kind for notice in world.of(Notice)] == [CLOCK, KEY]
    world.pass_time(20)
    assert [notice.kind for notice in world.of(Notice)] == [CLOCK, KEY, STORE], "a commit came through"
    machine.tell_manifest([*CHANNELS, {"key": "more", "name": "More", "kind": "int"}])
    assert [notice.kind for notice in world.of(Notice)] == [CLOCK, KEY, STORE, MANIFEST]
    assert not any(notice.active for notice in world.of(Notice))


def test_what_stands_is_not_said_again_after_a_restart() -> None:
    world = World()
    machine = Machine(world).join()
    machine.clock_ahead_s = 1_000
    machine.beat()
    assert world.notices(CLOCK) == [(machine.id, True)]
    world.stop()
    world.standing = {(CLOCK, machine.id)}
    world.kill()
    world.clear()
    machine.beat()
    assert world.notices(CLOCK) == []


def test_a_suspicion_that_the_hub_no_longer_has_is_withdrawn_at_its_start() -> None:
    world = World()
    machine = Machine(world).join()
    world.stop()
    world.standing = {(TWIN, machine.id), (FOREIGN, machine.id)}
    world.clear()
    world.kill()
    assert world.notices(TWIN) == world.notices(FOREIGN) == [(machine.id, False)]


def test_the_doubt_of_the_hubs_clock_outlives_a_restart_until_enough_clocks_are_heard() -> None:
    world = World()
    machines = [Machine(world, f"press-{number}").join() for number in range(3)]
    world.stop()
    world.standing = {(HUB_CLOCK, None)}
    world.kill()
    world.clear()
    world.pass_time(5)
    assert world.notices(HUB_CLOCK) == []
    for machine in machines:
        machine.beat()
    world.pass_time(2)
    assert world.notices(HUB_CLOCK) == [(None, False)]


def test_without_clocks_the_doubt_ends_ten_minutes_after_a_start() -> None:
    world = World()
    Machine(world).join()
    world.stop()
    world.standing = {(HUB_CLOCK, None)}
    world.kill()
    world.clear()
    world.skip(590)
    assert world.notices(HUB_CLOCK) == []
    world.skip(20)
    assert world.notices(HUB_CLOCK) == [(None, False)]


def test_a_person_asks_a_device_how_it_is_and_what_it_measures() -> None:
    world = World()
    machine = Machine(world).join()
    machine.beat(manifest="ff" * 8)
    world.pass_time(2)
    assert len(world.down("command")) == 1, "asked by itself, and not again for a minute"
    world.clear()
    world.plant.ask("nobody", world.now)
    world.plant.ask(machine.id, world.now)
    world.pass_time(2)
    assert [message["cmd"] for message in world.down("command")] == ["describe"]
    assert [message["ch"] for message in world.down("poll")] == [[]]


def test_who_asks_is_told_why_a_message_was_refused() -> None:
    world = World()
    machine = Machine(world).join()
    refusals: list[Refusal] = []
    topic, message = machine.make("data", r={"temperature": 1})
    world.perform(world.plant.on_message(topic, message, world.now, refusals=refusals))
    assert refusals == []
    world.perform(world.plant.on_message(topic, message, world.now, refusals=refusals))
    world.perform(world.plant.on_message(topic, codec.seal(bytes(32), {}), world.now, refusals=refusals))
    assert [refusal.code for refusal in refusals] == ["duplicate", "bad_mac"]
