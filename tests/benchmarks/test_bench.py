"""The benchmarks run, and what they write has its shape. How fast it was is nobody's business here."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import figure, page
from benchmarks.figure import Figure

ROOT = Path(__file__).parents[2]
MEMBERS = {"name", "value", "unit", "peer", "peer_value", "ratio"}
TINY = ("--devices", "3", "--messages", "30", "--rounds", "1")


def bench(*arguments: str) -> None:
    """Run it as `scripts/bench` does."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV"))}
    command = [sys.executable, "-m", "benchmarks", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=kept, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_message_arrives_and_each_figure_has_its_peer(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    bench("ingest", *TINY, "--pace", "5", "--pace-s", "1", "--quiet-s", "1", "--idle-s", "1", "--json", str(file))
    figures = json.loads(file.read_text())
    assert [one["name"] for one in figures] == [
        "ingest.vs_mqtt_sensors",
        "ingest.vs_bare_mac_callback",
        "ingest.vs_bare_callback",
        "ingest.state_writes",
        "ingest.5_a_second.vs_mqtt_sensors",
        "ingest.5_a_second.state_writes",
    ]
    for one in figures:
        assert one.keys() >= MEMBERS
        assert one["value"] > 0
        assert one["peer_value"] > 0
        assert one["peer"]
        assert {"date", "cpu", "homeassistant", "messages"} <= one["run"].keys()


def test_the_profile_tells_every_stage(tmp_path: Path) -> None:
    file = tmp_path / "profile.json"
    bench("ingest", "--profile", *TINY, "--json", str(file))
    names = [one["name"].removeprefix("ingest.engine.") for one in json.loads(file.read_text())]
    assert names == ["whole", "split", "verify", "decode", "check", "order", "judge", "show", "rest", "commit"]


def test_figures_are_kept_as_they_are(tmp_path: Path) -> None:
    one = Figure(name="a.b", value=1.5, unit="x", peer="other", peer_value=3, ratio=0.5, run={"date": "2026-01-01"})
    figure.write(tmp_path / "f.json", [one, one])
    assert figure.read(tmp_path / "f.json") == [one, one]


@pytest.mark.parametrize(
    ("value", "text"), [(None, ""), (0.123, "0.12"), (12.34, "12.3"), (1234.5, "1,234"), (-5.0, "-5.00")]
)
def test_numbers_are_shown_with_three_digits(value: float | None, text: str) -> None:
    assert figure.number(value) == text


def test_the_page_says_what_was_measured() -> None:
    text = page.PAGE.read_text(encoding="utf-8")
    assert page.rendered(text) == text, "run: scripts/bench page"
