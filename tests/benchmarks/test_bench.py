"""The benchmarks run, and what they write has its shape. How fast it was is nobody's business here."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import figure, page
from benchmarks.figure import Figure

ROOT = Path(__file__).parents[2]
MEMBERS = {"name", "value", "unit", "peer", "peer_value", "ratio"}


def bench(*arguments: str) -> None:
    """Run it as `scripts/bench` does."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV"))}
    command = [sys.executable, "-m", "benchmarks", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=kept, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def figures_of(tmp_path: Path, *arguments: str) -> list[dict[str, Any]]:
    """Measure for seconds, and read what was written."""
    file = tmp_path / "figures.json"
    bench(*arguments, "--short", "--json", str(file))
    found: list[dict[str, Any]] = json.loads(file.read_text())
    for one in found:
        assert one.keys() >= MEMBERS
        assert one["value"] >= 0 or one["name"].endswith(".rest"), "only a difference of two measurements may be below"
        assert {"date", "cpu", "homeassistant", "load_before"} <= one["run"].keys()
        assert (one["peer"] is None) == (one["ratio"] is None)
    return found


def test_every_message_arrives_and_each_figure_has_its_peer(tmp_path: Path) -> None:
    figures = figures_of(tmp_path, "ingest")
    assert [one["name"] for one in figures] == [
        "ingest.vs_mqtt_sensors",
        "ingest.vs_bare_mac_callback",
        "ingest.vs_bare_callback",
        "ingest.state_writes",
        "ingest.5_a_second.vs_mqtt_sensors",
        "ingest.5_a_second.state_writes",
    ]
    assert all(one["value"] > 0 and one["peer_value"] > 0 for one in figures if one["unit"] == "messages/CPU s")


def test_a_hub_with_a_connection_of_its_own_is_measured_by_the_same_peers(tmp_path: Path) -> None:
    names = {one["name"] for one in figures_of(tmp_path, "ingest", "--own")}
    assert {"ingest.own_vs_mqtt_sensors", "ingest.own_vs_bare_callback", "ingest.own_state_writes"} <= names


def test_every_command_is_done_and_a_fleet_sleeps_wakes_and_is_polled(tmp_path: Path) -> None:
    names = [one["name"].removeprefix("command.") for one in figures_of(tmp_path, "command")]
    timed = [f"{part}_ms_{count}" for count in (1, 3) for part in ("p50", "p99")]
    connections = ["", "tcp_nodelay.", "own.", "own.tcp_nodelay."]
    assert names == [
        *(f"{connection}{name}" for connection in connections for name in timed),
        "sleep_4_s",
        "awake_4_asked_s",
        "awake_4_s",
        "poll_4_off_p50_ms",
        "poll_4_off_p99_ms",
        "poll_4_kept",
    ]


def test_the_profile_tells_every_stage(tmp_path: Path) -> None:
    names = [one["name"].removeprefix("ingest.engine.") for one in figures_of(tmp_path, "ingest", "--profile")]
    assert names == ["whole", "split", "verify", "decode", "check", "order", "judge", "show", "rest", "commit"]


def test_every_message_becomes_a_state_and_says_after_which_time(tmp_path: Path) -> None:
    figures = figures_of(tmp_path, "latency")
    assert [one["name"] for one in figures] == [
        "latency.p50_ms_10",
        "latency.p99_ms_10",
        "latency.default_interval.p99_ms_10",
        "latency.default_interval.states_10",
        "latency.tcp_nodelay.p50_ms_10",
        "latency.tcp_nodelay.p99_ms_10",
    ]
    assert all(one["value"] > 0 for one in figures)


def test_a_fleet_joins_comes_back_and_tells_its_memory(tmp_path: Path) -> None:
    figures = figures_of(tmp_path, "fleet")
    assert [one["name"].removeprefix("fleet.") for one in figures] == [
        "join_s",
        "join_cpu_s",
        "restart_s",
        "restart_cpu_s",
        "restart_over_bare_s",
        "memory_mib",
        "memory_kib",
        "engine.50.messages_per_cpu_s",
        "engine.50.join_us",
        "engine.50.restore_s",
        "engine.50.memory_kib",
    ]


def test_waveforms_of_both_forms_are_taken_in(tmp_path: Path) -> None:
    figures = figures_of(tmp_path, "waveform")
    assert [one["name"] for one in figures] == ["waveform.i16.samples_per_cpu_s", "waveform.v.samples_per_cpu_s"]
    assert all(one["value"] > 0 for one in figures)


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


@pytest.mark.parametrize(
    ("before", "after", "said"), [(0.9, 2.8, "without"), (0.9, None, "without"), (1.2, 2.8, "with"), (0.4, 9.9, "with")]
)
def test_the_page_says_whether_others_worked_on_the_machine(before: float, after: float | None, said: str) -> None:
    run = {"cores": 2, "load_before": before} | ({} if after is None else {"load_after": after})
    assert page.conditions(run) == f"Measured on a machine {said} other work:"
