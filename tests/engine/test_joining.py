"""Strangers knock, people adopt and remove; nothing without a key gets further than the inbox."""

import pytest

from iiot_engine.devices.inbox import CAPACITY, Trust
from iiot_engine.devices.keys import KeyRing, enrolled_key
from iiot_engine.effects import ConnectionChanged, Enrol, Notice, Offer, Publish, Refused
from iiot_engine.errors import DeviceExistsError
from iiot_engine.values import NS_PER_S, Discovery
from iiot_engine.wire import signing
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


def test_only_heartbeats_open_the_inbox() -> None:
    world = World()
    machine = Machine(world)
    assert machine.read(temperature=1) == "unknown_device"
    assert machine.send("heartbeat", name="x") == "malformed"
    assert machine.beat(id="press-08") == "wrong_topic"
    assert world.refusal_of("iiot/a/b/c", machine.make("data", r={})[1]) == "malformed"
    assert len(world.plant.inbox) == 0
    assert world.plant.strangers == {"unknown_device": 1, "malformed": 2, "wrong_topic": 1}


def test_nobody_without_the_key_takes_the_place_of_one_who_holds_it() -> None:
    world = World()
    machine = Machine(world)
    first = machine.make("heartbeat", **machine.heartbeat_body())
    world.receive(*first)
    forger = Machine(world, key=STRANGE_KEY, boot=7)
    assert forger.beat(name="evil") == "bad_mac"
    assert world.refusal_of(*first) == "duplicate"
    machine.reboot()
    machine.beat()
    assert world.refusal_of(*first) == "replayed"
    (entry,) = world.plant.inbox.entries()
    assert entry.name == "Machine press-07"


def test_a_device_that_was_rekeyed_is_known_along_its_steps() -> None:
    salts = ["00" * 16, "11" * 16]
    key = signing.derive_device_key(FLEET_KEY, "press-07", 1)
    for kid, salt in enumerate(salts, start=2):
        key = signing.derive_next_key(key, bytes.fromhex(salt), "press-07", kid)
    world = World()
    machine = Machine(world, kid=3, key=key)
    machine.beat(rekeyed=[[3, salts[1]], [2, salts[0]]])
    assert waiting(world, machine) is Trust.SIGNED
    assert enrolled_key(FLEET_KEY, "press-07", 2, ((2, salts[0]), (3, salts[1]))) != key


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
    assert len(world.of(Offer)) == 10, "ten cards a minute"
    world.skip(61)
    Machine(world, "flood-1040", key=STRANGE_KEY).beat()
    assert len(world.of(Offer)) == 11
    assert world.of(Refused) == []


def test_when_all_that_wait_hold_a_key_the_oldest_goes() -> None:
    world = World()
    for number in range(CAPACITY + 1):
        world.plant.inbox.note(f"m-{number}", 0).trust = Trust.SIGNED
    assert world.plant.inbox.get("m-0") is None
    assert world.plant.inbox.take("m-1") is not None
    assert len(world.plant.inbox) == CAPACITY - 1


def test_a_stranger_cannot_fill_the_memory() -> None:
    world = World()
    stranger = Machine(world, key=STRANGE_KEY)
    assert stranger.beat(extra=[[] for _ in range(20_000)]) == "too_large"
    assert len(world.plant.inbox) == 0
    assert stranger.beat(extra=[[] for _ in range(2_000)]) == "unknown_device"
    (entry,) = world.plant.inbox.entries()
    assert entry.heartbeat is not None
    assert entry.heartbeat.source == {}


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
