"""A device takes its next key: whatever is lost, killed or repeated on the way, hub and device find each other."""

from random import Random
from typing import Any

import pytest

from iiot_engine.actuation.command import Step
from iiot_engine.effects import Happened, KeysChanged
from iiot_engine.errors import Code, RequestError
from iiot_engine.plant.orders import AwayError
from iiot_engine.plant.rotation import LastKeyError
from iiot_engine.values import Happening
from iiot_engine.wire import signing
from tests.builders import Machine, World
from tests.engine.rotating import WISH, Rotating, agree, store_step, tell

OLD, NEW = bytes(range(32)), bytes(range(1, 33))


def stand(**options: object) -> tuple[World, Rotating]:
    world = World()
    return world, Rotating(world, **options).stand()


def take(machine: Rotating) -> dict[str, Any]:
    """Obey the newest order."""
    order = machine.orders()[-1]
    machine.take(order)
    return order


# --- the way it goes ------------------------------------------------------------------------


def test_a_device_takes_its_next_key_and_both_use_it() -> None:
    world, machine = stand()
    before = machine.key
    command = tell(world, machine)
    order = machine.orders()[-1]
    assert order["kid"] == 1, "it is told under the key that it has"
    assert (
        signing.derive_next_key(before, bytes.fromhex(order["args"]["salt"]), machine.id, 2)
        == (world.keys[machine.id][2])
    )
    machine.take(order)
    world.clear()
    assert machine.acknowledge(order) is None
    assert command.step is Step.DONE
    assert agree(world, machine)
    assert world.of(KeysChanged) == [KeysChanged(machine.id)]
    assert Happened(machine.id, Happening.REKEYED) in world.of(Happened)
    assert world.steps == {machine.id: None}


def test_what_goes_down_after_the_proof_is_signed_with_the_new_key() -> None:
    world, machine = stand()
    tell(world, machine)
    machine.acknowledge(take(machine))
    world.plant.ask(machine.id, world.now)
    world.pass_time(2)
    assert {payload["kid"] for payload in machine.obey()} == {2}
    assert machine.before is None


def test_the_old_key_counts_for_five_minutes_more() -> None:
    world, machine = stand()
    twin = Machine(world)
    twin.boot, twin.seq, twin.born_ns, twin.nonce = machine.boot, machine.seq + 100, machine.born_ns, machine.nonce
    tell(world, machine)
    machine.acknowledge(take(machine))
    world.skip(299)
    assert twin.read(temperature=1.0) is None
    world.skip(2)
    assert twin.read(temperature=2.0) == "unknown_key"
    assert world.keys[machine.id] == {2: machine.key}
    assert machine.beat() is None


def test_a_step_that_nothing_proves_keeps_both_keys_for_ever() -> None:
    world, machine = stand()
    tell(world, machine)
    order = machine.orders()[-1]
    for _ in range(3):
        world.skip(3600)
        assert machine.beat() is None, "the old key"
    machine.take(order)
    assert machine.beat() is None, "the new one"
    assert agree(world, machine)


# --- what is lost -------------------------------------------------------------------------------


def test_a_lost_command_is_sent_again_with_the_same_step() -> None:
    world, machine = stand()
    tell(world, machine)
    (lost,) = machine.orders()
    world.pass_time(6)
    (again,) = machine.orders()
    assert (again["args"], again["cid"]) == (lost["args"], lost["cid"])
    machine.take(again)
    machine.acknowledge(again)
    assert agree(world, machine)


def test_a_lost_answer_is_made_good_by_the_next_message() -> None:
    world, machine = stand()
    command = tell(world, machine)
    take(machine)
    assert machine.read(temperature=1.0) is None
    assert agree(world, machine)
    world.pass_time(60)
    assert command.step is Step.UNKNOWN, "the answer itself never came"


def test_asking_again_repeats_the_step_until_it_is_proved() -> None:
    world, machine = stand()
    tell(world, machine)
    first = machine.orders()[-1]["args"]
    world.pass_time(60)
    machine.beat()
    tell(world, machine)
    second = machine.orders()[-1]
    assert second["args"] == first
    machine.take(second)
    machine.acknowledge(second)
    machine.beat()
    tell(world, machine)
    third = machine.orders()[-1]["args"]
    assert third["kid"] == 3
    assert third["salt"] != first["salt"]


def test_a_device_that_starts_anew_in_between_keeps_its_key() -> None:
    world, machine = stand()
    tell(world, machine)
    take(machine)
    machine.reboot()
    assert machine.beat() is None
    assert agree(world, machine)


def test_a_hub_that_dies_between_keeping_and_sending_repeats_the_step() -> None:
    world, machine = stand()
    store_step(world, machine)
    kept = world.steps[machine.id]
    world.kill(away_s=5)
    machine.beat()
    assert machine.orders() == []
    tell(world, machine)
    assert machine.orders()[-1]["args"] == {"kid": kept.kid, "salt": kept.salt}


def test_a_hub_that_dies_after_sending_knows_the_new_key() -> None:
    world, machine = stand()
    tell(world, machine)
    order = take(machine)
    world.kill(away_s=5)
    assert machine.beat() is None
    assert agree(world, machine)
    machine.acknowledge(order)
    command = world.plant.command_of(machine.id, order["cid"])
    assert command is not None
    assert command.step is Step.DONE


def test_a_hub_that_dies_after_the_proof_speaks_under_the_new_key_at_once() -> None:
    world, machine = stand()
    tell(world, machine)
    machine.acknowledge(take(machine))
    world.pass_time(1)
    world.kill()
    assert machine.member.device.keys.current == (2, machine.key)
    assert set(machine.member.device.keys.all) == {1, 2}
    world.pass_time(1)
    world.skip(301)
    assert machine.member.device.keys.all == {2: machine.key}, "the five minutes begin anew, and end"


def test_a_proof_that_could_not_be_written_is_found_again() -> None:
    world, machine = stand()
    world.key_file_fails = True
    tell(world, machine)
    machine.acknowledge(take(machine))
    world.kill()
    assert machine.member.device.keys.step is not None
    assert machine.beat() is None
    assert agree(world, machine)


# --- a hub that is older than the device's last steps -------------------------------------------


def restored(steps: int = 3) -> tuple[World, Rotating]:
    """A device that has taken steps of which the hub's key file knows nothing."""
    world, machine = stand()
    backup = dict(world.keys[machine.id])
    for _ in range(steps):
        tell(world, machine)
        machine.acknowledge(take(machine))
        world.skip(301)
        machine.beat()
    world.keys[machine.id] = backup
    world.kill()
    return world, machine


def test_a_restored_hub_follows_the_steps_in_a_heartbeat() -> None:
    world, machine = restored()
    assert machine.read(temperature=1.0) == "unknown_key", "only a heartbeat names the steps"
    world.clear()
    assert machine.beat() is None
    assert agree(world, machine)
    assert world.keys[machine.id][4] == machine.key
    assert Happened(machine.id, Happening.REKEYED) in world.of(Happened)
    assert machine.read(temperature=2.0) is None


def test_steps_that_lead_elsewhere_are_not_followed() -> None:
    world, machine = restored()
    steps = machine.steps
    for wrong in ([[2, "00"]], [*steps[:-1], [steps[-1][0], "ff" * 16]], steps[:-1], [[4, steps[-1][1]]]):
        machine.steps = wrong
        assert machine.beat() == "unknown_key"
    assert machine.member.device.keys.all == world.keys[machine.id]
    machine.steps = steps
    assert machine.beat() is None


def test_what_is_no_heartbeat_of_steps_is_not_looked_into() -> None:
    world, machine = restored()
    assert machine.beat(padding="x" * 9000) == "unknown_key"
    topic = f"iiot/{machine.id}/heartbeat"
    for text in ('["rekeyed"]', '{"rekeyed":[[2,"00"]],,}', '{"kid":4,"rekeyed":5}'):
        span = text.encode()
        message = b'{"hmac":"' + signing.mac(machine.key, span) + b'","payload":' + span + b"}"
        assert world.refusal_of(topic, message) in (Code.UNKNOWN_KEY, Code.BAD_MAC, Code.MALFORMED)
    assert machine.beat() is None


def test_an_old_key_leads_nowhere() -> None:
    """Who has the key of before derives its next one himself, and is not believed."""
    world, machine = stand()
    old = machine.key
    tell(world, machine)
    machine.acknowledge(take(machine))
    thief = Rotating(world, key=signing.derive_next_key(old, b"\x00", machine.id, 9), kid=9, boot=machine.boot)
    thief.steps = [[9, "00"]]
    assert thief.beat() == "unknown_key"
    assert agree(world, machine)


def test_a_replayed_heartbeat_moves_no_key() -> None:
    world, machine = stand()
    tell(world, machine)
    machine.acknowledge(take(machine))
    seen = machine.make("heartbeat", **machine.heartbeat_body(rekeyed=machine.steps))
    world.receive(*seen)
    world.pass_time(1)
    world.keys[machine.id] = {1: Machine(world).key}
    world.kill()
    assert world.refusal_of(*seen) == "duplicate"
    assert machine.member.device.keys.current[0] == 1


# --- what stands in the way ---------------------------------------------------------------------


def test_a_device_that_is_away_gets_no_step_unless_somebody_waits() -> None:
    world, machine = stand()
    world.skip(600)
    hurried = WISH.__class__(name=WISH.name, args={}, actor=WISH.actor)
    with pytest.raises(AwayError):
        world.plant.propose_step(machine.id, hurried)
    command = tell(world, machine)
    assert command.step is Step.REQUESTED
    machine.beat()
    world.pass_time(1)
    machine.acknowledge(take(machine))
    assert agree(world, machine)


def test_a_device_that_does_not_know_how_gets_no_step() -> None:
    world = World()
    machine = Machine(world).join()
    with pytest.raises(RequestError) as refused:
        world.plant.propose_step(machine.id, WISH)
    assert refused.value.code == "command_unsupported"


def test_there_is_no_key_after_the_last() -> None:
    world, machine = stand(kid=2**32 - 1)
    with pytest.raises(LastKeyError):
        world.plant.propose_step(machine.id, WISH)


def test_a_key_by_cable_ends_a_step_under_way() -> None:
    world, machine = stand()
    tell(world, machine)
    machine.key, machine.kid, machine.steps = NEW, 7, []
    world.perform(world.plant.rekey(machine.id, {7: NEW}, world.now))
    assert machine.beat() is None
    assert agree(world, machine)


# --- whatever happens ----------------------------------------------------------------------------


class Misfortunes:
    """What happens to a rotation: orders and answers are lost, hub and device die, the key file fails."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.world, self.machine = stand()
        self.held: dict[str, Any] | None = None
        self.kinds = (
            self.tell,
            self.keep_only,
            self.take,
            self.lose,
            self.answer,
            self.kill,
            self.machine.reboot,
            self.wait,
            self.fail_file,
        )

    def strike(self) -> None:
        """Let one of them happen."""
        self.random.choice(self.kinds)()

    def tell(self) -> None:
        if len(self.machine.steps) < 16:
            tell(self.world, self.machine)

    def keep_only(self) -> None:
        store_step(self.world, self.machine)
        self.world.kill(away_s=self.random.choice((0, 10)))

    def take(self) -> None:
        orders = self.machine.orders()
        if orders:
            self.held = self.random.choice(orders)
            self.machine.take(self.held)

    def lose(self) -> None:
        self.machine.orders()

    def answer(self) -> None:
        if self.held is not None:
            assert self.machine.acknowledge(self.held) is None

    def kill(self) -> None:
        self.world.kill(away_s=self.random.choice((0, 1, 400)))

    def wait(self) -> None:
        self.world.skip(self.random.choice((1, 40, 400)))

    def fail_file(self) -> None:
        self.world.key_file_fails = not self.world.key_file_fails


@pytest.mark.parametrize("seed", range(40))
def test_a_device_is_never_locked_out(seed: int) -> None:
    """Whatever happens, each message of the device still counts, and in the end both use the same key."""
    story = Misfortunes(seed)
    world, machine = story.world, story.machine
    for _ in range(30):
        story.strike()
        assert machine.beat() is None, seed
        world.pass_time(0.5)
    world.key_file_fails = False
    tell(world, machine)
    for _ in range(12):  # an order that was under way comes first, and is closed after 30 s
        for order in machine.orders():
            machine.take(order)
            assert machine.acknowledge(order) is None, seed
        assert machine.beat() is None, seed
        world.pass_time(6)
    assert agree(world, machine), seed
