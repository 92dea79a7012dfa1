"""The words that people read, and the source that asks for them."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter
from typing import Any

FOLDER = Path(__file__).parents[2] / "custom_components" / "iiot"
WORDS: dict[str, Any] = json.loads((FOLDER / "translations" / "en.json").read_text("utf-8"))
PLACING = ("assets", "relations")
BARE_FLOW = tuple(f"flows/{name}.py" for name in ("bare", "bare_commands", "channels", "interlocks", *PLACING))
DEVICE_PAGES = (
    "device",
    "keys",
    *PLACING,
    "interlocks",
    "polling",
    "channels",
    "life",
    "display",
    "sampling",
    "provisioning",
)
DEVICE_FLOW = tuple(f"flows/{name}.py" for name in DEVICE_PAGES)
OPTION_FLOW = tuple(
    f"flows/{name}.py"
    for name in ("options", "roles", "connectivity", "waiting", "removed", "joining", "serials", "templates")
)
"""Sources of each kind of flow."""


def source(*names: str) -> str:
    return "\n".join((FOLDER / name).read_text("utf-8") for name in names)


def texts(node: Any, path: str = "") -> Iterator[tuple[str, str]]:
    for key, child in node.items():
        if isinstance(child, dict):
            yield from texts(child, f"{path}.{key}")
        else:
            yield f"{path}.{key}", child


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def aborts_in(text: str) -> set[str]:
    return set(re.findall(r'(?:reason=|AbortFlow\()\s*"(\w+)"', text))
