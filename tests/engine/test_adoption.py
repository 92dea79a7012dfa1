"""People adopt and remove devices; their windows and numbers outlive both."""

import pytest

from iiot_engine.devices.inbox import (
    Trust,
)
from iiot_engine.devices.keys import KeyRing
from iiot_engine.effects import ConnectionChanged, Enrol, Happened, Notice, Offer, Publish
from iiot_engine.errors import DeviceExistsError
from iiot_engine.values import NS_PER_S, Discovery, Happening
from iiot_engine.wire import signing
from tests.builders import FLEET_KEY, Machine, World

STRANGE_KEY = bytes(32)


# --- adopting -----------------------------------------------------------------------------


def test_an_adopted_device_is_live_at_once_and_goes_on_where_it_was() -> None:
    world = World()
    machine = Machine(world)
    seen = machine.make("heartbeat", **machine.heartbeat_body())
    world.receive(*seen)
    machine.answer()
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
    machine.answer()
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


def test_joining_and_leaving_are_told_and_a_start_of_the_hub_is_neither() -> None:
    world = World()
    machine = Machine(world, "press-07")
    machine.beat()
    machine.answer()
    assert world.of(Happened) == [Happened("press-07", Happening.KEY_PROVED)]
    machine.beat()
    world.adopt(machine)
    world.pass_time(1)
    world.kill()
    world.remove(machine)
    assert [one.what for one in world.of(Happened)] == ["key_proved", "enrolled", "removed"]


def test_a_removed_device_that_calls_waits_for_nobody() -> None:
    world = World()
    machine = Machine(world).join()
    world.remove(machine)
    machine.beat()
    assert (len(world.plant.inbox), world.plant.inbox.undecided) == (1, 0)
    Machine(world, "press-08").beat()
    assert (len(world.plant.inbox), world.plant.inbox.undecided) == (2, 1)


# --- removing -----------------------------------------------------------------------------


def test_a_removed_device_is_unknown_and_does_not_come_back_by_itself() -> None:
    world = World(discovery=Discovery.VERIFIED)
    machine = Machine(world).join()
    machine.read(temperature=20)
    world.remove(machine)
    world.clear()
    assert machine.beat() == "unknown_device"
    machine.answer()
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
    assert machine.trust() is Trust.SIGNED
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
    machine.answer()
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
