"""The repairs as people read them, from the words of the integration."""

import json
import re
from typing import Any

from .pages import ROOT

_WORDS = json.loads((ROOT / "custom_components/iiot/translations/en.json").read_text(encoding="utf-8"))
_PLACEHOLDER = re.compile(r"\{\w+\}")


def blocks() -> dict[str, str]:
    """Blocks by name."""
    return {"repairs": _repairs()}


def _repairs() -> str:
    lines = ["| repair | button | what it says |", "|---|---|---|"]
    for issue in _WORDS["issues"].values():
        button = "yes" if "fix_flow" in issue else "-"
        lines.append(f"| {_flat(issue['title'])} | {button} | {_flat(_text(issue))} |")
    return "\n".join(lines)


def _text(issue: dict[str, Any]) -> str:
    if "fix_flow" not in issue:
        return str(issue["description"])
    return " ".join(step["description"] for step in issue["fix_flow"]["step"].values() if "description" in step)


def _flat(text: str) -> str:
    return " ".join(_PLACEHOLDER.sub("…", text).split()).replace("|", r"\|")
