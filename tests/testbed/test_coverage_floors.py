"""Every part of the product is held to its own floor."""

import json
from pathlib import Path

import pytest

from testbed.coverage_floors import main, part_of


def report(folder: Path, **files: tuple[int, int]) -> Path:
    measured = {
        path.replace("__", "/") + ".py": {
            "summary": {"num_statements": lines, "covered_lines": ran, "num_branches": 0, "covered_branches": 0},
            "missing_lines": list(range(ran, lines)),
            "missing_branches": [],
        }
        for path, (ran, lines) in files.items()
    }
    file = folder / "coverage.json"
    file.write_text(json.dumps({"files": measured}), encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("custom_components/iiot/engine/wire/codec.py", "engine"),
        ("custom_components/iiot/config_flow.py", "flows"),
        ("custom_components/iiot/sensor.py", "integration"),
        ("simulator/device.py", "simulator"),
    ],
)
def test_a_file_counts_for_one_part(path: str, part: str) -> None:
    assert part_of(path) == part


def test_the_floors_are_reached(tmp_path: Path) -> None:
    assert main(report(tmp_path, custom_components__iiot__sensor=(95, 100), simulator__device=(100, 100))) == 0


def test_a_line_of_the_engine_that_no_test_runs_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(report(tmp_path, custom_components__iiot__engine__plant=(99, 100))) == 1
    assert "custom_components/iiot/engine/plant.py: lines 99" in capsys.readouterr().out


def test_a_good_file_does_not_make_up_for_a_bad_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = {"custom_components__iiot__sensor": (990, 990), "custom_components__iiot__event": (9, 10)}
    assert main(report(tmp_path, **files)) == 1
    assert "custom_components/iiot/event.py: lines 9" in capsys.readouterr().out
