"""Refusals: counted always, said seldom."""

from iiot_engine.effects import Notice, Refused
from iiot_engine.errors import Code
from iiot_engine.wire import codec
from tests.builders import FLEET_KEY, Machine, World


def test_a_refusal_is_said_once_a_minute_and_counted_always() -> None:
    world = World()
    machine = Machine(world).join()
    forger = Machine(world, machine.id, key=bytes(32), boot=machine.boot)
    for _ in range(90):
        forger.read(temperature=1)
        world.pass_time(1)
    said = world.of(Refused)
    assert [(one.device_id, one.code) for one in said] == [(machine.id, Code.BAD_MAC)] * 2
    assert [one.count for one in said] == [1, 61]
    assert machine.member.health().refused == 90
    assert machine.member.health().refused_by_code == {"bad_mac": 90}
    machine.beat()
    world.pass_time(1)
    world.kill()
    assert machine.member.health().refused == 90


def test_a_newer_protocol_is_refused_in_words_once_and_moves_nothing() -> None:
    world = World()
    machine = Machine(world).join()
    window, accepted = machine.member.device.window.state(), world.plant.accepted
    for _ in range(90):
        assert machine.send("heartbeat", v=2, said="in another way") == "newer_version"
        world.pass_time(1)
    assert machine.member.device.window.state() == window
    assert world.plant.accepted == accepted
    words = "this device speaks version 2 of the protocol, this hub knows 1: update the integration"
    assert world.of(Refused) == [Refused(machine.id, Code.NEWER_VERSION, words, 1)]
    assert world.of(Notice) == [Notice("newer_protocol", machine.id, True, {"version": 2, "known": 1})]
    assert machine.member.health().refused_by_code == {"newer_version": 90}
    world.clear()
    assert machine.beat() is None
    assert world.of(Notice) == [Notice("newer_protocol", machine.id, False, {})]


def test_nobody_without_a_key_can_pretend_a_newer_protocol() -> None:
    world = World()
    machine = Machine(world).join()
    forger = Machine(world, machine.id, key=bytes(32), boot=machine.boot)
    assert forger.send("data", v=2) == "bad_mac"
    assert world.of(Notice) == []


def test_a_stranger_of_a_newer_protocol_stays_outside() -> None:
    world = World()
    assert Machine(world, "press-08").beat(v=2) == "unknown_device"
    assert len(world.plant.inbox) == 0


def test_a_redelivery_is_counted_and_nobodys_fault() -> None:
    world = World()
    machine = Machine(world).join()
    message = machine.make("data", r={"temperature": 1})
    world.receive(*message)
    assert world.refusal_of(*message) == "duplicate"
    assert world.of(Refused) == []
    assert machine.member.health().refused == 0
    assert machine.member.health().refused_by_code == {"duplicate": 1}


def test_all_refusals_of_a_site_are_counted_together() -> None:
    world = World()
    machine = Machine(world).join()
    world.receive("iiot/press-07/data", b"?")
    world.receive("iiot/press-08/data", b"?")
    world.receive(*machine.make("data", r={}), retained=True)
    assert world.plant.refused == 3
    assert world.plant.strangers == {"malformed": 1}
    assert world.plant.refused_by_code == {"malformed": 2, "retained": 1}
    assert world.plant.settings is world.settings


def test_a_message_names_the_key_that_signed_it() -> None:
    world = World()
    machine = Machine(world).join()
    world.plant.rekey(machine.id, {1: machine.key, 2: bytes(32)}, world.now)
    assert machine.send("data", r={"temperature": 1}, kid=2) == "bad_mac"
    assert machine.read(temperature=1) is None
    machine.key, machine.kid = bytes(32), 2
    assert machine.read(temperature=1) is None


def test_a_new_key_ends_the_suspicion_of_a_twin() -> None:
    world = World()
    machine = Machine(world).join()
    machine.member.device.has_twin = True
    assert machine.member.device.is_muted
    world.plant.rekey(machine.id, {2: bytes(32)}, world.now)
    assert not machine.member.device.is_muted


def test_only_a_signed_manifest_raises_a_repair() -> None:
    world = World()
    machine = Machine(world).join()
    topic, _ = machine.make("manifest")
    world.receive(topic, b"garbage")
    world.receive(topic, codec.seal(FLEET_KEY, {"digest": 1}))
    assert world.of(Notice) == []
    channels = [{"key": f"k{at}"} for at in range(5_000)]
    assert machine.tell_manifest(channels) == "too_large"
    assert machine.tell_manifest(channels[:257]) == "malformed"
    (notice,) = world.of(Notice)
    assert (notice.kind, notice.active) == ("manifest_refused", True)
    assert notice.facts == {"reason": "257 channels; at most 256 fit one device"}
    assert machine.tell_manifest() is None
    assert world.of(Notice)[-1].active is False
