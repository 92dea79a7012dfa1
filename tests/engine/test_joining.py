"""Strangers knock, people adopt and remove; nothing without a key gets further than the inbox."""

import timeit
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iiot_engine.devices.inbox import (
    CAPACITY,
    CARDS_A_MINUTE,
    MOST_CALL_BYTES,
    MOST_CALLS,
    MOST_UNVERIFIED_CARDS,
    Trust,
)
from iiot_engine.devices.keys import KeyRing, enrolled_key
from iiot_engine.effects import ConnectionChanged, Enrol, Notice, Offer, Publish, Refused, Withdraw
from iiot_engine.errors import DeviceExistsError
from iiot_engine.values import NS_PER_S, Discovery
from iiot_engine.wire import canonical, signing
from tests.builders import FLEET_KEY, Machine, World

STRANGE_KEY = bytes(32)


def waiting(world: World, machine: Machine) -> Trust | None:
    entry = world.plant.inbox.get(machine.id)
    return entry.trust if entry else None


def answer(world: World, machine: Machine) -> None:
    """Answer the hub's question with a heartbeat."""
    machine.obey()
    machine.beat()


# --- knocking --------------------------------------------------------------------------------


def test_a_device_of_the_fleet_is_asked_once_and_then_verified_and_offered() -> None:
    world = World()
    machine = Machine(world)
    assert machine.beat() == "unknown_device"
    assert waiting(world, machine) is Trust.SIGNED
    assert world.of(Offer) == []
    assert len(world.down("poll")) == 1
    answer(world, machine)
    assert waiting(world, machine) is Trust.VERIFIED
    assert world.of(Offer) == [Offer(machine.id)]
    machine.beat()
    assert len(world.of(Offer)) == 1
    assert world.journal() == []


def test_a_device_that_does_not_answer_is_offered_as_signed() -> None:
    world = World()
    machine = Machine(world)
    machine.beat()
    world.skip(30)
    machine.beat()
    assert waiting(world, machine) is Trust.SIGNED
    assert world.of(Offer) == [Offer(machine.id)]
    assert len(world.down("poll")) == 1
    world.skip(31)
    machine.beat()
    assert len(world.down("poll")) == 2, "asked again after a minute"


def test_an_answer_after_ten_seconds_verifies_nobody() -> None:
    world = World()
    machine = Machine(world)
    machine.beat()
    machine.obey()
    world.skip(11)
    machine.beat()
    assert waiting(world, machine) is Trust.SIGNED


def test_a_stranger_waits_unverified_and_is_asked_nothing() -> None:
    world = World()
    machine = Machine(world, key=STRANGE_KEY)
    assert machine.beat(name="<script>alert(1)</script>", place="Hall 2") == "unknown_device"
    assert waiting(world, machine) is Trust.UNVERIFIED
    assert world.of(Offer) == [Offer(machine.id)]
    assert world.of(Publish) == []
    assert world.of(Refused) == [], "an unknown device is no fault"
    (entry,) = world.plant.inbox.entries()
    assert (entry.name, entry.place, entry.key) == ("<script>alert(1)</script>", "Hall 2", None)
    assert world.plant.fits_key(machine.id, STRANGE_KEY) is True
    assert world.plant.fits_key(machine.id, FLEET_KEY) is False
    assert world.plant.fits_key("nobody", FLEET_KEY) is None


def test_a_hub_without_a_fleet_key_verifies_nobody() -> None:
    world = World()
    world.fleet_key = None
    world.kill()
    machine = Machine(world)
    machine.beat()
    assert waiting(world, machine) is Trust.UNVERIFIED


def test_a_listen_only_hub_asks_nobody_and_believes_the_second_heartbeat() -> None:
    world = World(listen_only=True)
    machine = Machine(world)
    machine.beat()
    machine.beat()
    assert waiting(world, machine) is Trust.VERIFIED
    assert world.of(Publish) == []


def test_nobody_is_asked_while_the_broker_is_away() -> None:
    world = World()
    world.plant.set_connected(False, world.now)
    machine = Machine(world)
    machine.beat()
    assert world.of(Publish) == []


def test_a_closed_hub_shows_nobody() -> None:
    world = World(discovery=Discovery.CLOSED)
    Machine(world, key=STRANGE_KEY).beat()
    machine = Machine(world, "press-08")
    machine.beat()
    answer(world, machine)
    assert world.of(Offer) == []
    assert len(world.plant.inbox) == 2


def test_a_hub_that_accepts_verified_devices_enrols_them() -> None:
    world = World(discovery=Discovery.VERIFIED)
    Machine(world, "stranger", key=STRANGE_KEY).beat()
    machine = Machine(world)
    machine.beat()
    assert world.of(Enrol) == []
    answer(world, machine)
    assert world.of(Enrol) == [Enrol(machine.id)]


def test_only_heartbeats_open_the_inbox_and_nothing_else_is_more_than_counted() -> None:
    world = World()
    machine, stranger = Machine(world), Machine(world, "stranger", key=STRANGE_KEY)
    topic, reading = machine.make("data", r={"temperature": 1})
    assert world.refusal_of(topic, reading) == "unknown_device"
    assert world.refusal_of("iiot/a/b/c", reading) == "unknown_device"
    assert world.refusal_of("iiot/hub/heartbeat", reading) == "unknown_device"
    for one in (machine, stranger):
        assert one.send("heartbeat", name="x") == "unknown_device", "no nonce, no model"
        assert one.beat(id="press-08") == "unknown_device"
        assert one.beat(type="data") == "unknown_device"
        assert one.beat(boot="3") == "unknown_device"
        assert one.beat(v=2) == "unknown_device"
        assert one.beat(pad="x" * 20_000) == "unknown_device"
        assert one.beat(pad=[[] for _ in range(300)]) == "unknown_device"
        for span in (b"{]}", b'{"a":' + b"[" * 200 + b"}", b"{1}", b'{"id":null}'):
            message = b'{"hmac":"' + b"A" * 43 + b'=","payload":' + span + b"}"
            assert world.refusal_of(f"iiot/{one.id}/heartbeat", message) == "unknown_device"
    assert stranger.beat(name=7) == "unknown_device"
    assert len(world.plant.inbox) == 0
    assert set(world.plant.strangers) == {"unknown_device"}
    assert world.of(Refused) == [], "a stranger writes nothing into the log"


@pytest.mark.parametrize("spoilt", [b',"v":1}', b',"pad":NaN}', b',"pad":"\\u0007"}'])
def test_a_signed_heartbeat_that_two_receivers_could_read_differently_opens_nothing(spoilt: bytes) -> None:
    world = World()
    machine = Machine(world)
    span = canonical.encode(machine.payload("heartbeat", machine.heartbeat_body()))[:-1] + spoilt
    message = b'{"hmac":"' + signing.mac(machine.key, span) + b'","payload":' + span + b"}"
    assert world.refusal_of("iiot/press-07/heartbeat", message) == "unknown_device"
    assert len(world.plant.inbox) == 0


def test_nobody_without_the_key_takes_the_place_of_one_who_holds_it() -> None:
    world = World()
    machine = Machine(world)
    first = machine.make("heartbeat", **machine.heartbeat_body())
    world.receive(*first)
    (entry,) = world.plant.inbox.entries()
    forger = Machine(world, key=STRANGE_KEY, boot=7)
    assert forger.beat(name="evil") == "unknown_device"
    assert world.refusal_of(*first) == "unknown_device"
    assert (entry.name, entry.count) == ("Machine press-07", 1), "nothing counts twice"
    machine.reboot()
    machine.beat()
    assert world.refusal_of(*first) == "unknown_device"
    assert (entry.boot, entry.count) == (2, 2), "an earlier boot takes nothing back"
    assert world.of(Refused) == []


def test_a_device_that_was_rekeyed_is_known_along_its_steps() -> None:
    salts = ["00" * 16, "11" * 16]
    key = signing.derive_device_key(FLEET_KEY, "press-07", 1)
    for kid, salt in enumerate(salts, start=2):
        key = signing.derive_next_key(key, bytes.fromhex(salt), "press-07", kid)
    world = World()
    machine = Machine(world, kid=3, key=key)
    machine.beat(rekeyed=[[3, salts[1]], [2, salts[0]]])
    assert waiting(world, machine) is Trust.SIGNED
    (entry,) = world.plant.inbox.entries()
    assert (entry.kid, entry.key) == (3, key)
    assert enrolled_key(FLEET_KEY, "press-07", 2, ((2, salts[0]), (3, salts[1]))) != key


@pytest.mark.parametrize(
    "rekeyed",
    [5, {}, [5], [[2]], [[2, "0"]], [[2, "0g"]], [["2", "00"]], [[True, "00"]], [[2, "00" * 65]], [[2, "00"]] * 17],
)
def test_key_steps_that_cannot_be_read_prove_nothing(rekeyed: object) -> None:
    world = World()
    stranger = Machine(world, kid=2, key=STRANGE_KEY)
    assert stranger.beat(rekeyed=rekeyed) == "unknown_device"
    assert waiting(world, stranger) is Trust.UNVERIFIED
    assert Machine(world, "press-08").beat(rekeyed=rekeyed) == "unknown_device"
    assert world.plant.inbox.get("press-08") is None, "well signed, and no heartbeat all the same"


def test_what_nothing_proves_is_kept_short_and_clean() -> None:
    world = World()
    stranger = Machine(world, key=STRANGE_KEY)
    stranger.beat(name="ä" * 500, model="a\u0007b", fw="1.0", place=["Hall 2"])
    (entry,) = world.plant.inbox.entries()
    assert (entry.name, entry.model, entry.fw, entry.place) == ("ä" * 64, "", "1.0", None)
    assert entry.heartbeat is None
    assert (entry.boot, entry.seq, entry.key) == (0, 0, None), "it has no say in any number"


def test_one_forged_heartbeat_hides_no_device_from_the_key_that_a_person_enters() -> None:
    world = World()
    pump = Machine(world, "pump", key=STRANGE_KEY, kid=5)
    pump.beat()
    for number in range(3):
        Machine(world, "pump", key=bytes([number + 1]) * 32, kid=2**32 - 1).beat()
    assert world.plant.fits_key("pump", STRANGE_KEY) is True
    (entry,) = world.plant.inbox.entries()
    assert entry.kid_of(STRANGE_KEY) == 5, "its own message names the number"
    assert entry.kid_of(FLEET_KEY) is None
    assert entry.key is None


def test_of_many_messages_in_one_name_the_last_few_are_kept_and_no_large_one_pushes_the_small_out() -> None:
    world = World()
    pump = Machine(world, "pump", key=STRANGE_KEY)
    first = pump.make("heartbeat", **pump.heartbeat_body())
    for _ in range(5):
        world.receive(*first)
    (entry,) = world.plant.inbox.entries()
    assert len(entry.calls) == 1, "the same one is kept once"
    for number in range(3):
        Machine(world, "pump", key=bytes([number + 1]) * 32).beat(pad="x" * 7_500)
    assert entry.kid_of(STRANGE_KEY) == 1
    assert sum(len(call.envelope.span) for call in entry.calls) <= MOST_CALL_BYTES
    for number in range(9):
        Machine(world, "pump", key=bytes([number + 1]) * 32).beat()
    assert len(entry.calls) == MOST_CALLS
    assert entry.kid_of(STRANGE_KEY) is None
    pump.beat()
    assert entry.kid_of(STRANGE_KEY) == 1


def test_a_device_that_shows_its_key_is_no_stranger_any_more() -> None:
    world = World()
    machine = Machine(world)
    Machine(world, key=STRANGE_KEY, kid=9, boot=40).beat(name="evil", place="Cellar")
    machine.beat()
    (entry,) = world.plant.inbox.entries()
    assert (entry.trust, entry.kid, entry.boot) == (Trust.SIGNED, 1, 1)
    assert (entry.name, entry.place) == ("Machine press-07", None)
    assert entry.kid_of(STRANGE_KEY) is None


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=200)
@given(st.data(), st.booleans())
def test_whatever_a_stranger_says_ends_as_an_unknown_device(data: st.DataObject, signed: bool) -> None:
    world = World()
    machine = Machine(world) if signed else Machine(world, key=STRANGE_KEY)
    payload = machine.payload("heartbeat", machine.heartbeat_body(rekeyed=[]))
    for name in data.draw(st.lists(st.sampled_from(sorted(payload)), max_size=3)):
        payload[name] = data.draw(ANY_JSON)
    try:
        span = canonical.encode(payload)
    except TypeError, UnicodeEncodeError:
        return
    at, put = data.draw(st.integers(0, 1 << 12)), data.draw(st.binary(max_size=2))
    span = b"{" + span[1:][: at % len(span)] + put + span[1:][at % len(span) :] if put else span
    message = b'{"hmac":"' + signing.mac(machine.key, span) + b'","payload":' + span + b"}"
    assert world.refusal_of(f"iiot/{machine.id}/heartbeat", message) in {"unknown_device", "malformed"}
    assert world.plant.accepted == 0
    for entry in world.plant.inbox.entries():
        assert all(canonical.is_clean_text(text) for text in (entry.name, entry.model, entry.fw, entry.place or ""))


def test_a_retained_heartbeat_is_a_ghost() -> None:
    world = World()
    machine = Machine(world)
    assert world.refusal_of(*machine.make("heartbeat", **machine.heartbeat_body()), retained=True) == "retained"
    assert len(world.plant.inbox) == 0


# --- bounds ----------------------------------------------------------------------------------


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
            answer(world, honest)
        for effect in world.effects:
            if isinstance(effect, Offer):
                open_cards.add(effect.device_id)
            elif isinstance(effect, Withdraw):
                open_cards.discard(effect.device_id)
        most = max(most, len(open_cards - {"honest"}))
        world.clear()
        world.skip(1)
    assert "honest" in open_cards
    assert waiting(world, honest) is Trust.VERIFIED
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
    world.plant.inbox.forget_card("press-0")
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


# --- adopting --------------------------------------------------------------------------------


def test_an_adopted_device_is_live_at_once_and_goes_on_where_it_was() -> None:
    world = World()
    machine = Machine(world)
    seen = machine.make("heartbeat", **machine.heartbeat_body())
    world.receive(*seen)
    answer(world, machine)
    world.clear()
    world.adopt(machine)
    assert machine.connection == "live"
    assert ConnectionChanged(machine.id) in world.of(ConnectionChanged)
    assert machine.member.health().firmware == "1.0.0"
    assert world.refusal_of(*seen) is None, "it was never taken before"
    world.pass_time(1.5)
    assert [payload["cmd"] for payload in world.down("command")] == ["describe"]
    assert world.down("poll")[0]["hseq"] > machine.hseq
    machine.obey()
    machine.beat()
    assert world.of(Notice) == []


def test_a_device_adopted_long_after_it_called_is_lost() -> None:
    world = World()
    machine = Machine(world)
    machine.beat()
    answer(world, machine)
    world.skip(100)
    world.adopt(machine)
    assert machine.connection == "lost"


def test_a_device_that_was_only_signed_is_not_believed_yet() -> None:
    world = World()
    machine = Machine(world)
    machine.beat()
    world.adopt(machine)
    assert machine.connection == "lost"
    assert machine.member.device.heartbeat is None
    assert machine.member.device.window.high == machine.seq
    machine.read(temperature=1)
    world.pass_time(2)
    assert world.down("command") == []
    assert len(world.down("poll")) == 2, "it is asked again"


def test_a_device_with_a_key_of_its_own_is_adopted_with_it() -> None:
    world = World()
    machine = Machine(world, key=STRANGE_KEY)
    machine.beat(hseq=500)
    world.adopt(machine)
    assert machine.beat(hseq=500) is None
    assert world.of(Notice) == [], "a number above ours is continued, not suspected, right after adoption"
    assert machine.connection == "live"
    world.pass_time(2)
    assert world.down("poll")[0]["hseq"] > 500


def test_a_device_may_be_added_before_it_exists() -> None:
    world = World()
    machine = Machine(world)
    world.adopt(machine)
    assert machine.connection == "lost"
    assert machine.beat() is None
    assert machine.connection == "live"


def test_the_same_device_twice_is_told_so() -> None:
    world = World()
    machine = Machine(world).join()
    with pytest.raises(DeviceExistsError) as error:
        world.plant.adopt(machine.id, {1: machine.key}, world.now)
    assert error.value.code == "already_configured"
    assert error.value.facts == {"device_id": machine.id}


# --- removing --------------------------------------------------------------------------------


def test_a_removed_device_is_unknown_and_does_not_come_back_by_itself() -> None:
    world = World(discovery=Discovery.VERIFIED)
    machine = Machine(world).join()
    machine.read(temperature=20)
    world.remove(machine)
    world.clear()
    assert machine.beat() == "unknown_device"
    answer(world, machine)
    (entry,) = world.plant.inbox.entries()
    assert entry.reason == "removed"
    assert world.of(Offer) == world.of(Enrol) == world.of(Publish) == []
    world.perform(world.plant.remove("nobody", world.now))


@pytest.mark.parametrize("restart", [False, True])
def test_the_window_holds_over_removal_restart_and_adoption(restart: bool) -> None:
    world = World()
    machine = Machine(world).join()
    machine.read(temperature=20)
    recorded = [machine.make("data", r={"temperature": at}) for at in range(3)]
    for message in recorded[:2]:
        world.receive(*message)
    boot = machine.boot
    world.remove(machine)
    world.pass_time(1)
    assert world.plant.highest_boot(machine.id) == boot
    if restart:
        world.kill()
        assert world.plant.members == {}
        assert world.plant.highest_boot(machine.id) == boot
    world.adopt(machine)
    assert world.refusal_of(*recorded[0]) == "duplicate"
    assert machine.shown("temperature") is None, "no value of before its removal"
    machine.reboot()
    assert machine.beat() is None
    assert world.refusal_of(*recorded[2]) == "replayed"
    assert world.plant.highest_boot("nobody") == 0


def test_values_of_before_its_removal_do_not_return_after_a_restart() -> None:
    world = World()
    machine = Machine(world).join()
    machine.read(temperature=20)
    world.stop()
    assert machine.value("temperature") == 20
    world.remove(machine)
    world.adopt(machine)
    world.stop()
    assert machine.shown("temperature") is None


def test_what_was_accepted_before_its_removal_stays_accepted_when_it_knocked_meanwhile() -> None:
    world = World()
    machine = Machine(world).join()
    accepted = machine.make("data", r={"temperature": 20})
    world.receive(*accepted)
    world.remove(machine)
    machine.beat()
    world.adopt(machine)
    assert machine.member.device.window.high == machine.seq
    assert world.refusal_of(*accepted) == "duplicate"


def test_an_old_heartbeat_in_the_inbox_takes_nothing_back() -> None:
    world = World()
    machine = Machine(world).join()
    old = machine.make("heartbeat", **machine.heartbeat_body())
    machine.reboot()
    machine.beat()
    world.pass_time(2)
    machine.obey()
    world.remove(machine)
    world.receive(*old)
    assert len(world.plant.inbox) == 1
    window = world.plant.highest_boot(machine.id)
    world.clear()
    world.adopt(machine)
    assert machine.member.device.window.boot == window == 2
    machine.beat()
    assert world.of(Notice) == []


def test_numbers_go_on_above_those_of_before_the_removal() -> None:
    world = World()
    machine = Machine(world).join()
    machine.obey()
    world.remove(machine)
    world.pass_time(1)
    world.clear()
    world.adopt(machine)
    machine.beat()
    world.pass_time(2)
    assert world.down("poll")[0]["hseq"] > machine.hseq
    assert world.of(Notice) == []


def test_no_number_is_used_twice_when_a_removed_device_called_before_it_came_back() -> None:
    world = World()
    machine = Machine(world).join()
    machine.read(temperature=20)
    world.pass_time(15)
    assert world.sent, "a receipt that the device never got, so it reports an older number"
    used = machine.member.device.downlink.last
    assert used > machine.hseq
    world.remove(machine)
    world.plant._site.entropy = bytes
    machine.beat(hseq=0)
    (entry,) = world.plant.inbox.entries()
    assert entry.downlink.last < used, "the inbox numbers for itself, by chance below"
    world.clear()
    world.adopt(machine)
    world.pass_time(2)
    assert world.down("poll")[0]["hseq"] > used
    machine.obey()
    machine.beat()
    assert world.of(Notice) == []


def test_a_removed_device_that_started_again_is_numbered_for_its_new_boot() -> None:
    world = World()
    machine = Machine(world).join()
    world.remove(machine)
    machine.reboot()
    machine.beat()
    world.adopt(machine)
    assert machine.member.device.downlink.nonce == machine.nonce
    world.pass_time(2)
    machine.obey()
    assert machine.beat() is None
    assert world.of(Notice) == []


def test_a_device_that_reports_the_last_number_there_is_is_asked_nothing() -> None:
    world = World()
    machine = Machine(world)
    assert machine.beat(hseq=2**32 - 1) == "unknown_device"
    assert waiting(world, machine) is Trust.SIGNED
    assert world.of(Publish) == []


def test_adopting_anew_is_a_decision_about_twins_and_commanders() -> None:
    world = World()
    machine = Machine(world).join()
    machine.beat(hseq=2**31)
    assert [notice.active for notice in world.of(Notice)] == [True]
    world.remove(machine)
    assert [notice.active for notice in world.of(Notice)] == [True, False]
    world.adopt(machine)
    assert not machine.member.device.is_muted


def test_a_device_provisioned_with_another_key_speaks_under_it() -> None:
    world = World()
    machine = Machine(world).join()
    world.plant.rekey(machine.id, {2: STRANGE_KEY}, world.now)
    assert machine.beat() == "unknown_key"
    machine.key, machine.kid = STRANGE_KEY, 2
    machine.reboot()
    assert machine.beat(hseq=77) is None
    assert not machine.member.device.is_muted


def test_two_keys_are_valid_at_most_and_the_newest_signs() -> None:
    ring = KeyRing({1: b"a" * 32, 3: b"c" * 32, 2: b"b" * 32})
    assert ring.current == (3, b"c" * 32)
    assert [ring.holds(kid) for kid in (1, 2, 3)] == [False, True, True]
    assert ring.signer(b"x", signing.mac(b"b" * 32, b"x")) == 2
    assert ring.signer(b"x", signing.mac(b"a" * 32, b"x")) is None
    assert ring.fingerprint == signing.fingerprint(b"c" * 32)
    assert "KeyRing(kids=[3, 2])" in repr(ring)


def test_no_key_shows_in_any_text() -> None:
    world = World()
    machine = Machine(world)
    machine.beat()
    answer(world, machine)
    entry = world.plant.inbox.get(machine.id)
    world.adopt(machine)
    texts = [repr(entry), repr(machine.member), repr(world.plant._site), *map(repr, world.effects)]
    assert not [text for text in texts if machine.key.hex() in text or repr(machine.key)[2:-1] in text]
    assert not [text for text in texts if repr(FLEET_KEY)[2:-1] in text]


def test_an_age_of_hours_is_a_number_in_the_inbox() -> None:
    world = World()
    machine = Machine(world, key=STRANGE_KEY)
    machine.beat()
    world.skip(3_600)
    machine.beat()
    (entry,) = world.plant.inbox.entries()
    assert entry.last_ns - entry.first_ns == 3_600 * NS_PER_S
    assert entry.count == 2
