"""A measured figure, beside that of its peer; how figures are printed and kept."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """One line of a benchmark's answer."""

    name: str
    value: float
    unit: str
    peer: str | None = None
    """What it is compared with, measured in the same run."""
    peer_value: float | None = None
    ratio: float | None = None
    """value / peer_value."""
    low: float | None = None
    high: float | None = None
    """Lowest and highest over the rounds: of the ratio, or of the value when there is no peer."""
    run: dict[str, Any] = field(default_factory=dict)
    """Where and how it was measured."""


def write(file: Path, figures: Sequence[Figure]) -> None:
    """Write a JSON list, one figure a line."""
    lines = (json.dumps(asdict(figure), ensure_ascii=False) for figure in figures)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")


def read(file: Path) -> list[Figure]:
    """Read what `write` wrote."""
    return [Figure(**members) for members in json.loads(file.read_text(encoding="utf-8"))]


def table(figures: Sequence[Figure]) -> str:
    """Return the figures as a Markdown table, which is readable in a terminal as well."""
    rows = [("figure", "value", "unit", "peer", "peer's value", "ratio", "lowest … highest")]
    rows += [
        (
            figure.name,
            number(figure.value),
            figure.unit,
            figure.peer or "",
            number(figure.peer_value),
            number(figure.ratio),
            "" if figure.low is None else f"{number(figure.low)} … {number(figure.high)}",
        )
        for figure in figures
    ]
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def number(value: float | None) -> str:
    """Return a number with three significant digits or, from a hundred on, none after the point."""
    if value is None:
        return ""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
