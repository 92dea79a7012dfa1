"""Fields of the forms, read from the flows and their translations."""

import json
from typing import Any

from custom_components.iiot import config_flow as hub_flow
from custom_components.iiot.flows import forms, options

from .pages import ROOT

_WORDS = json.loads((ROOT / "custom_components/iiot/translations/en.json").read_text(encoding="utf-8"))


def blocks() -> dict[str, str]:
    """Tables of the forms."""
    return {"options": _options(), "hub form": _hub_form(), "device form": _device_form()}


def _options() -> str:
    sections = _WORDS["options"]["step"]["preferences"]["sections"]
    lines = ["| section | field | name in the entry | range | default | meaning |", "|---|---|---|---|---|---|"]
    for section, fields in options._SECTIONS.items():
        words = sections[section]
        for name, (default, selector) in fields.items():
            label, meaning = words["data"][name], words["data_description"][name]
            row = (words["name"], label, f"`{name}`", _range(name, selector), _value(name, default), meaning)
            lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines)


def _hub_form() -> str:
    words = _WORDS["config"]["step"]["site"]
    lines = ["| field | answers | proposed | meaning |", "|---|---|---|---|"]
    for marker, selector in hub_flow._NEW_HUB.schema.items():
        name = str(marker)
        default = marker.default() if callable(getattr(marker, "default", None)) else None
        row = (words["data"][name], _range(name, selector), _value(name, default), words["data_description"][name])
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines)


def _device_form() -> str:
    words = _WORDS["config_subentries"]["device"]["step"]["user"]
    names = ["device_id", *(str(marker) for marker in forms.details()), "key_source"]
    answers = {
        "device_id": "1-64 of `A-Z a-z 0-9 _ -`, not `hub`",
        "key_source": _choices("key_source", ["derived", "paste", "generate"]),
        "area": "an area",
    }
    lines = ["| field | answers | meaning |", "|---|---|---|"]
    for name in names:
        row = (words["data"][name], answers.get(name, "text"), words["data_description"][name])
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines)


def _choices(name: str, options: list[str]) -> str:
    words = _WORDS["selector"][name]["options"]
    return "; ".join(words[option] for option in options)


def _range(name: str, selector: Any) -> str:
    config = selector.config
    if "options" in config:
        return _choices(name, config["options"])
    if "min" in config:
        unit = config.get("unit_of_measurement", "")
        return f"{config['min']:,g}-{config['max']:,g} {unit}, steps of {config['step']:g}".replace(" ,", ",")
    return "yes, no" if type(selector).__name__ == "BooleanSelector" else "text"


def _value(name: str, default: Any) -> str:
    if default is None or type(default).__name__ == "Undefined":
        return "-"
    if isinstance(default, bool):
        return "yes" if default else "no"
    words = _WORDS["selector"].get(name, {}).get("options", {})
    return words.get(str(default), f"`{default}`" if isinstance(default, str) else f"{default:g}")
