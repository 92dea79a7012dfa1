"""Strangers knock; nothing without a key gets further than the inbox."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iiot_engine.devices.inbox import (
    MOST_CALL_BYTES,
    MOST_CALLS,
    Trust,
)
from iiot_engine.devices.keys import enrolled_key
from iiot_engine.effects import Enrol, Offer, Publish, Refused
from iiot_engine.values import Discovery
from iiot_engine.wire import canonical, signing
from tests.builders import FLEET_KEY, Machine, World

STRANGE_KEY = bytes(32)


def test_a_device_of_the_fleet_is_asked_once_and_then_verified_and_offered() -> None:
    world = World()
    machine = Machine(world)
    assert machine.beat() == "unknown_device"
    assert machine.trust() is Trust.SIGNED
    assert world.of(Offer) == []
    assert len(world.down("poll")) == 1
    machine.answer()
    assert machine.trust() is Trust.VERIFIED
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
    assert machine.trust() is Trust.SIGNED
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
    assert machine.trust() is Trust.SIGNED


def test_a_stranger_waits_unverified_and_is_asked_nothing() -> None:
    world = World()
    machine = Machine(world, key=STRANGE_KEY)
    assert machine.beat(name="<script>alert(1)</script>", place="Hall 2") == "unknown_device"
    assert machine.trust() is Trust.UNVERIFIED
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
    assert machine.trust() is Trust.UNVERIFIED


def test_a_listen_only_hub_asks_nobody_and_believes_the_second_heartbeat() -> None:
    world = World(listen_only=True)
    machine = Machine(world)
    machine.beat()
    machine.beat()
    assert machine.trust() is Trust.VERIFIED
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
    machine.answer()
    assert world.of(Offer) == []
    assert len(world.plant.inbox) == 2


def test_a_hub_that_accepts_verified_devices_enrols_them() -> None:
    world = World(discovery=Discovery.VERIFIED)
    Machine(world, "stranger", key=STRANGE_KEY).beat()
    machine = Machine(world)
    machine.beat()
    assert world.of(Enrol) == []
    machine.answer()
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
    assert machine.trust() is Trust.SIGNED
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
    assert stranger.trust() is Trust.UNVERIFIED
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
