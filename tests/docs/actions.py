"""The actions, read from their descriptions and words."""

import json
from typing import Any

import yaml

from .pages import ROOT

_FOLDER = ROOT / "custom_components/iiot"
_COMMON = ("config_entry_id", "line", "cell", "wait_for_device", "lifetime")


def blocks() -> dict[str, str]:
    """Blocks by name."""
    described = yaml.safe_load((_FOLDER / "services.yaml").read_text(encoding="utf-8"))
    words = json.loads((_FOLDER / "translations/en.json").read_text(encoding="utf-8"))["services"]
    first = next(iter(described))
    common = {name: described[first]["fields"][name] for name in _COMMON}
    return {"actions": _actions(described, words), "action fields": _fields(common, words[first]["fields"])}


def _actions(described: dict[str, Any], words: dict[str, Any]) -> str:
    parts = []
    for name, action in described.items():
        is_command = "lifetime" in action["fields"]
        own = {field: facts for field, facts in action["fields"].items() if field not in _COMMON or not is_command}
        parts.append(f"### `iiot.{name}`\n\n{words[name]['description']}")
        if own:
            parts.append(_fields(own, words[name]["fields"]))
    return "\n\n".join(parts)


def _fields(fields: dict[str, Any], words: dict[str, Any]) -> str:
    lines = ["| field | needed | default | meaning |", "|---|---|---|---|"]
    for name, facts in fields.items():
        needed = "yes" if facts.get("required") else "-"
        default = f"`{json.dumps(facts['default'])}`" if "default" in facts else "-"
        lines.append(f"| `{name}` | {needed} | {default} | {words[name]['description']} |")
    return "\n".join(lines)
