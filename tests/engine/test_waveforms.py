"""A channel that only ever comes as waveforms has no value, and so nothing to show, until a value comes."""

from typing import Any

from iiot_engine.effects import ManifestChanged
from iiot_engine.values import NS_PER_S
from tests.builders import CHANNELS, Machine, World


def wave(world: World, channel: str = "temperature") -> dict[str, Any]:
    return {"ch": channel, "t0": [world.now.wall_ns // NS_PER_S, 0], "dt_ns": 1_000, "v": [1, 2]}


def test_the_first_waveform_says_that_a_channel_has_no_values() -> None:
    world = World()
    machine = Machine(world).join()
    assert machine.member.board.waves == set()
    machine.send("data", wave=wave(world))
    assert machine.member.board.waves == {"temperature"}
    assert world.of(ManifestChanged) == [ManifestChanged(machine.id)]
    machine.send("data", wave=wave(world))
    machine.send("data", wave=wave(world, "unknown"))
    assert len(world.of(ManifestChanged)) == 1


def test_the_first_value_brings_the_channel_back() -> None:
    world = World()
    machine = Machine(world).join()
    machine.send("data", wave=wave(world))
    world.clear()
    machine.read(strokes=1)
    machine.send("data", r={}, e={"temperature": "COMM"})
    assert machine.member.board.waves == {"temperature"}, "a failed reading is no value"
    assert world.of(ManifestChanged) == []
    machine.read(temperature=20)
    assert machine.member.board.waves == set()
    assert world.of(ManifestChanged) == [ManifestChanged(machine.id)]
    machine.send("data", wave=wave(world))
    assert machine.member.board.waves == set(), "it has values, and waveforms besides"


def test_it_is_known_after_a_restart_and_forgotten_with_the_channel() -> None:
    world = World()
    machine = Machine(world).join()
    machine.send("data", wave=wave(world))
    machine.send("data", wave=wave(world, "strokes"))
    world.pass_time(2)
    world.kill()
    assert machine.member.board.waves == {"temperature", "strokes"}
    world.stop()
    assert machine.member.board.waves == {"temperature", "strokes"}
    machine.tell_manifest(CHANNELS[:1])
    assert machine.member.board.waves == {"temperature"}
