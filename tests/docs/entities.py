"""Entities of a device and of a hub, read from the tables that make them."""

import json

from custom_components.iiot.bridge import health, points
from custom_components.iiot.bridge.health import FigureDescription

from .pages import ROOT

_WORDS = json.loads((ROOT / "custom_components/iiot/translations/en.json").read_text(encoding="utf-8"))["entity"]


def blocks() -> dict[str, str]:
    """Tables of the entities that are no channel."""
    return {"entities health": _table(health.HEALTH), "entities fleet": _table(health.FLEET), "entities pace": _pace()}


def _table(rows: tuple[FigureDescription, ...]) -> str:
    lines = ["| entity | key | unit | enabled | available while lost |", "|---|---|---|---|---|"]
    for row in rows:
        words = _WORDS["sensor"][row.key.replace(".", "_")]
        unit = row.unit or words.get("unit_of_measurement") or "-"
        enabled = "yes" if row.is_enabled else "no"
        if getattr(row, "is_optional", False):
            enabled += ", once reported"
        stays = "yes" if getattr(row, "is_always_available", True) else "no"
        lines.append(f"| {words['name']} | `{row.key}` | {unit} | {enabled} | {stays} |")
    return "\n".join(lines)


def _pace() -> str:
    lines = ["| what | written at most |", "|---|---|"]
    lines += [
        "| number of a channel | once in the *shortest time between two states* (option, 1 s) |",
        f"| bool, enum or text of a channel | every {points.PROMPT_S:g} s |",
        f"| last seen | every {health.SEEN_EVERY_S:g} s |",
        f"| figures of the hub | every {health.FLEET_EVERY_S:g} s |",
        f"| refusals of devices that the site does not hold | every {points.FLEET_EVERY.total_seconds():g} s |",
        f"| warning about the number of enabled entities of a site | from {points.BUDGET:,} |",
    ]
    return "\n".join(lines)
