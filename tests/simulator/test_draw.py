"""A plant at random is the same for the same seed, byte for byte, and can be run."""

import tomllib
from collections import Counter
from pathlib import Path

import pytest

from iiot_engine.devices.manifest_rules import read_manifest
from iiot_engine.wire.topics import is_device_id
from iiot_sim import cli, scenario
from iiot_sim.draw import KINDS, KINDS_FILE, Drawn, describe
from iiot_sim.scenario import ScenarioError
from tests.simulator.world import World


def test_the_same_seed_draws_the_same_plant_another_one_another() -> None:
    assert describe(50, 7) == describe(50, 7)
    assert describe(50, 7).splitlines()[2:] != describe(50, 8).splitlines()[2:]


def test_a_larger_plant_begins_with_the_smaller_one() -> None:
    few, many = Drawn(20, 3), Drawn(21, 3)
    assert many.profiles[:20] == few.profiles
    assert few.another() == many.profiles[20]


def test_kind_rate_heartbeat_and_serial_number_are_drawn() -> None:
    profiles = Drawn(400, 1).profiles
    assert {profile.model for profile in profiles} == {
        template["model"] for template in tomllib.loads(KINDS_FILE.read_text(encoding="utf-8"))["templates"].values()
    }
    assert len({profile.id for profile in profiles}) == 400
    assert len(Counter(profile.sample_s for profile in profiles)) > 5
    assert len(Counter(profile.interval_s for profile in profiles)) == 5
    for profile in profiles:
        kind = next(one for one in KINDS.values() if profile.id.startswith(f"{one.serial}-"))
        assert profile.sample_s in kind.samples_s
        assert is_device_id(profile.id)
        assert read_manifest({**profile.manifest}).channels


def test_the_hub_takes_everything_that_a_drawn_plant_sends() -> None:
    world = World(Drawn(40, 11).profiles)
    world.run(70)
    assert not world.refused
    assert all(member.board.values for member in world.hub.members.values())


@pytest.mark.parametrize("count", [0, 10_001])
def test_a_number_that_cannot_be_is_refused(count: int) -> None:
    with pytest.raises(ScenarioError, match=r"devices; 1 to 10,000 are possible"):
        describe(count, 1)


def test_ten_thousand_can_be_drawn() -> None:
    ids = {line for line in describe(10_000, 1).splitlines() if line.startswith("id = ")}
    assert len(ids) == 10_000


def test_the_description_can_be_printed_kept_and_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "drawn.toml"
    assert cli.main(["random", "5", "--seed", "9", "--print"]) == 0
    printed = capsys.readouterr().out
    assert cli.main(["random", "5", "--seed", "9", "--out", str(file), "--dry-run", "--duration", "0.6"]) == 0
    drawn = capsys.readouterr().out
    assert file.read_text(encoding="utf-8") == printed
    assert [one.id for one in scenario.load(str(file)).profiles] == [one.id for one in Drawn(5, 9).profiles]
    assert drawn.count("/heartbeat ") == 5
