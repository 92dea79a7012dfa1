"""Messages to devices: signed, addressed, numbered from reserved blocks, and sent when due."""

from itertools import pairwise

import pytest

from iiot_engine.devices.downlink import LEAP
from iiot_engine.effects import Notice, Publish
from iiot_engine.plant.outbox import make_cid
from iiot_engine.values import NS_PER_S
from iiot_engine.wire import canonical, codec, signing
from tests.builders import Machine, World


def test_every_message_is_signed_addressed_and_numbered_upward() -> None:
    world = World()
    machine = Machine(world)
    world.adopt(machine)
    machine.beat()
    for _ in range(10):
        machine.rows(["temperature"], [[world.now.wall_ns // NS_PER_S, 0, 1]], late=True)
        world.pass_time(2)
    assert {effect.topic.rsplit("/", 1)[1] for effect in world.of(Publish)} == {"poll", "command", "stored"}
    numbers = []
    for effect in world.sent:
        envelope = codec.split(effect.message)
        assert signing.is_signed_by(machine.key, envelope.span, envelope.mac)
        payload = canonical.decode(envelope.span)
        assert envelope.span == canonical.encode(payload), "canonical"
        assert effect.topic == f"iiot/{machine.id}/{payload['type']}"
        assert (payload["v"], payload["kid"], payload["id"], payload["nonce"]) == (1, 1, machine.id, machine.nonce)
        assert effect.qos == {"poll": 0, "stored": 1, "command": 2}[payload["type"]]
        numbers.append(payload["hseq"])
    assert numbers == sorted(set(numbers))


def test_numbers_are_reserved_on_disk_before_they_are_used() -> None:
    world = World()
    machine = Machine(world).join()
    for round_ in range(40):
        for at in range(20):
            stamp = world.now.wall_ns // NS_PER_S
            machine.rows(["temperature"], [[stamp, at, 20]], late=True)
            world.pass_time(1, step_s=0.5)
        if round_ % 4 == 0:
            world.kill()
            assert machine.member.device.downlink.last >= machine.hseq
        numbers = [payload["hseq"] for payload in machine.obey()]
        assert numbers == sorted(set(numbers))
        assert not machine.member.device.is_foreign
    assert machine.hseq - numbers[0] < 10 * LEAP + 4_000, "ten starts, each of which leaves numbers out"


def test_a_message_without_a_free_number_is_not_sent() -> None:
    world = World()
    machine = Machine(world).join()
    machine.reboot()
    with world.slow_store():
        world.perform(world.plant.tick(world.now))
        machine.beat(manifest="ff" * 8)
        world.pass_time(3)
        assert world.sent == []
    world.pass_time(3)
    assert [payload["cmd"] for payload in world.down("command")] == ["describe"]


def test_no_number_is_used_that_is_not_reserved() -> None:
    world = World()
    machine = Machine(world).join()
    downlink = machine.member.device.downlink
    world.plant.set_connected(False, world.now)
    machine.beat(manifest="ff" * 8)
    world.pass_time(3)
    downlink.reserved = downlink.last + 1
    world.plant.set_connected(True, world.now)
    with world.slow_store():
        world.pass_time(3)
        assert [effect.topic for effect in world.sent] == ["iiot/press-07/poll"]
        assert not downlink.can_send
    world.skip(70)
    assert [payload["cmd"] for payload in world.down("command")] == ["describe"]


def test_numbers_do_not_run_out_for_a_device_that_is_silent() -> None:
    world = World()
    machine = Machine(world).join()
    for _ in range(600):
        world.plant.set_connected(False, world.now)
        world.plant.set_connected(True, world.now)
        world.pass_time(1.1, step_s=1.1)
    assert len(world.down("poll")) >= 590
    machine.obey()
    machine.beat()
    assert world.of(Notice) == []


def test_after_a_restart_each_device_is_asked_within_a_minute() -> None:
    world = World()
    machines = [Machine(world, f"m-{at}").join() for at in range(30)]
    world.pass_time(2)
    world.kill()
    world.clear()
    world.pass_time(1)
    assert 0 < len(world.down("poll")) < 30, "spread over time"
    world.pass_time(59)
    polls = world.down("poll")
    assert sorted(payload["id"] for payload in polls) == sorted(machine.id for machine in machines)
    assert all(payload["ch"] == [] and len(payload["pid"]) == 8 for payload in polls)


def test_an_unknown_manifest_is_asked_for_every_minute_then_more_seldom() -> None:
    world = World()
    machine = Machine(world, interval=50)
    world.adopt(machine)
    asked = []
    for second in range(0, 3 * 3600, 30):
        machine.beat()
        before = len(world.down("command"))
        world.pass_time(30, step_s=1)
        asked += [second] * (len(world.down("command")) - before)
    pauses = [later - earlier for earlier, later in pairwise(asked)]
    assert pauses[:5] == pytest.approx([60] * 5, abs=30)
    assert pauses[5:10] == pytest.approx([600] * 5, abs=30)
    assert pauses[10] == pytest.approx(3600, abs=30)


def test_a_manifest_that_is_not_the_wanted_one_does_not_quicken_the_asking() -> None:
    world = World()
    machine = Machine(world, interval=50)
    world.adopt(machine)
    for number in range(60):
        machine.beat(manifest=f"{number % 2:016x}")
        machine.tell_manifest(digest="aa" * 8)
        world.pass_time(10, step_s=1)
    assert len(world.down("command")) <= 11


def test_a_lost_device_is_not_asked_for_its_manifest() -> None:
    world = World()
    machine = Machine(world, tq=0)
    world.adopt(machine)
    machine.beat()
    world.skip(300)
    assert world.down("command") == []


def test_a_command_id_is_a_ulid() -> None:
    cid = make_cid(1_795_190_400_000 * 1_000_000, lambda size: b"\xff" * size)
    assert len(cid) == 26
    assert cid.endswith("Z" * 16)
    assert make_cid(0, bytes) == "0" * 26
    assert make_cid(1_795_190_400_001 * 1_000_000, bytes) > cid
