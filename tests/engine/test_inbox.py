"""Bounds of the inbox: a flood fills nothing and displaces nobody who holds a key."""

import timeit
import tracemalloc

from iiot_engine.devices.inbox import (
    CAPACITY,
    CARDS_A_MINUTE,
    MOST_CALLS,
    MOST_UNVERIFIED_CARDS,
    Trust,
)
from iiot_engine.effects import Offer, Refused, Withdraw
from tests.builders import Machine, World

STRANGE_KEY = bytes(32)


def test_a_flood_of_strangers_fills_the_inbox_and_no_more() -> None:
    world = World()
    known = Machine(world, "known")
    known.beat()
    for number in range(CAPACITY + 50):
        Machine(world, f"flood-{number}", key=STRANGE_KEY).beat()
    assert len(world.plant.inbox) == CAPACITY
    assert world.plant.inbox.get("known") is not None, "the oldest unverified goes first"
    assert world.plant.inbox.get("flood-0") is None
    assert world.plant.inbox.dropped == 51
    offered = [effect.device_id for effect in world.of(Offer)]
    assert offered == [f"flood-{number}" for number in range(CARDS_A_MINUTE)]
    assert [effect.device_id for effect in world.of(Withdraw)] == offered, "who is not there any more has no card"
    world.skip(61)
    Machine(world, "flood-1040", key=STRANGE_KEY).beat()
    assert len(world.of(Offer)) == CARDS_A_MINUTE + 1
    assert world.of(Refused) == []


def test_a_flood_takes_no_card_from_a_device_that_holds_a_key() -> None:
    world = World()
    honest = Machine(world, "honest")
    open_cards: set[str] = set()
    most = 0
    for second in range(300):
        for number in range(5):
            Machine(world, f"flood-{second}-{number}", key=STRANGE_KEY).beat()
        if second == 150:
            honest.beat()
            honest.answer()
        for effect in world.effects:
            if isinstance(effect, Offer):
                open_cards.add(effect.device_id)
            elif isinstance(effect, Withdraw):
                open_cards.discard(effect.device_id)
        most = max(most, len(open_cards - {"honest"}))
        world.clear()
        world.skip(1)
    assert "honest" in open_cards
    assert honest.trust() is Trust.VERIFIED
    assert most == MOST_UNVERIFIED_CARDS
    assert open_cards <= {entry.id for entry in world.plant.inbox.entries()}


def test_devices_that_hold_a_key_are_offered_ten_a_minute() -> None:
    world = World()
    fleet = [Machine(world, f"press-{number}") for number in range(12)]
    for _ in range(2):
        for machine in fleet:
            machine.beat()
    assert len(world.of(Offer)) == CARDS_A_MINUTE
    world.skip(61)
    for machine in fleet:
        machine.beat()
    assert len(world.of(Offer)) == len(fleet)


def test_a_card_that_a_person_ignores_and_one_whose_device_shows_its_key_make_room_for_others() -> None:
    world = World()
    for number in range(MOST_UNVERIFIED_CARDS + 5):
        Machine(world, f"press-{number}", key=STRANGE_KEY).beat()
        world.skip(7)
    assert len(world.of(Offer)) == MOST_UNVERIFIED_CARDS
    late = Machine(world, "late", key=STRANGE_KEY)
    late.beat()
    assert late.id not in [effect.device_id for effect in world.of(Offer)]
    world.plant.forget_card("press-0")
    late.beat()
    assert world.of(Offer)[-1] == Offer(late.id)
    world.skip(7)
    Machine(world, "press-1").beat()
    later = Machine(world, "later", key=STRANGE_KEY)
    later.beat()
    assert world.of(Offer)[-1] == Offer(later.id)
    assert world.of(Withdraw) == [], "the card of who showed its key stays"


def test_who_holds_a_key_never_goes_for_who_holds_none() -> None:
    world = World()
    inbox = world.plant.inbox
    for number in range(CAPACITY):
        inbox.prove(inbox.note(f"m-{number}", number))
    verified = inbox.get("m-0")
    assert verified is not None
    verified.trust = Trust.VERIFIED
    stranger = Machine(world, key=STRANGE_KEY)
    assert stranger.beat() == "unknown_device"
    assert inbox.get(stranger.id) is None
    assert (len(inbox), inbox.dropped) == (CAPACITY, 0)
    Machine(world, "press-08").beat()
    assert inbox.get("press-08") is not None
    assert inbox.get("m-1") is None, "of those that hold a key the oldest goes that is not verified"
    assert inbox.take("m-2") is not None
    assert len(inbox) == CAPACITY - 1


def test_when_all_that_wait_are_verified_the_oldest_goes_for_one_that_holds_a_key() -> None:
    world = World()
    inbox = world.plant.inbox
    for number in range(CAPACITY):
        entry = inbox.note(f"m-{number}", number)
        inbox.prove(entry)
        entry.trust = Trust.VERIFIED
    Machine(world).beat()
    assert inbox.get("m-0") is None
    assert inbox.entries()[-1].id == "press-07"


def test_a_full_inbox_takes_eleven_megabytes_at_most() -> None:
    world = World()
    calls = []
    for number in range(CAPACITY):
        stranger = Machine(world, f"flood-{number}", key=STRANGE_KEY)
        body = stranger.heartbeat_body(
            name="😀" * 100, model="😀" * 100, fw="😀" * 100, place="😀" * 64, pad="x" * 1_000
        )
        calls.append([stranger.make("heartbeat", **body) for _ in range(MOST_CALLS)])
    tracemalloc.start()
    try:
        for messages in calls:
            for topic, message in messages:
                world.plant.on_message(topic, bytes(bytearray(message)), world.now)
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(world.plant.inbox) == CAPACITY
    assert taken < 11_000_000


def test_a_large_message_of_a_stranger_costs_the_hub_no_more_than_a_small_one() -> None:
    world = World()
    stranger = Machine(world, key=STRANGE_KEY)

    def cost(body: bytes) -> float:
        message = b'{"hmac":"' + b"A" * 43 + b'=","payload":' + body + b"}"
        return min(timeit.repeat(lambda: world.plant.on_message(topic, message, world.now), number=20, repeat=20))

    topic, small = stranger.make("heartbeat", **stranger.heartbeat_body())
    usual = min(timeit.repeat(lambda: world.plant.on_message(topic, small, world.now), number=20, repeat=20))
    assert cost(b'{"a b":[' + b",".join([b"[]"] * 21_000) + b"]}") < 5 * usual
    assert cost(b'{"a b":[' + b",".join([b"[]"] * 2_600) + b"]}") < 5 * usual
    assert cost(b'{"a b":[' + b",".join([b"1"] * 3_900) + b"]}") < 20 * usual


def test_an_ignored_device_is_offered_again_when_a_person_wants_it() -> None:
    world = World()
    machine = Machine(world, key=STRANGE_KEY)
    machine.beat()
    machine.beat()
    assert len(world.of(Offer)) == 1
    world.plant.reoffer(machine.id)
    world.plant.reoffer("nobody")
    machine.beat()
    assert len(world.of(Offer)) == 2
