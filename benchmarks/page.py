"""The tables of docs/explain/speed.md, written from what the benchmark has written."""

from pathlib import Path
from typing import Any, Final

from . import figure

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "docs" / "explain" / "speed.md"
RESULTS: Final = Path(__file__).parent / "results"
TABLES: Final = {
    "ingest": RESULTS / "ingest.json",
    "ingest-own": RESULTS / "ingest-own.json",
    "command": RESULTS / "command.json",
    "engine": RESULTS / "ingest-profile.json",
    "latency": RESULTS / "latency.json",
    "fleet": RESULTS / "fleet.json",
    "waveform": RESULTS / "waveform.json",
}
OWN_LOAD: Final = 1.5
"""Processes for each core that want to run because of a benchmark itself, at most."""


def renew() -> None:
    """Write the tables anew between their marks."""
    PAGE.write_text(rendered(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


def rendered(text: str) -> str:
    """Return the page with its tables as the results say."""
    for name, file in TABLES.items():
        begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"
        before, _, rest = text.partition(begin)
        _, _, after = rest.partition(end)
        text = before + begin + _section(file) + end + after
    return text


def _section(file: Path) -> str:
    figures = figure.read(file)
    run = ", ".join(f"{name.replace('_', ' ')} {_told(value)}" for name, value in figures[0].run.items() if value != "")
    return f"\n{figure.table(figures)}\n\n{conditions(figures[0].run)} {run}.\n\n"


def conditions(run: dict[str, Any]) -> str:
    """Say whether others worked on the machine: by more than half of its cores at the begin, or at the end."""
    cores = run["cores"]
    was_busy = run["load_before"] > cores / 2 or run.get("load_after", 0) > cores * OWN_LOAD
    return f"Measured on a machine {'with' if was_busy else 'without'} other work:"


def _told(value: Any) -> str:
    return "/".join(str(part) for part in value.values()) if isinstance(value, dict) else str(value)
