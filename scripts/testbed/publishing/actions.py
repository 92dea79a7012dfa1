"""Actions, triggers, conditions and icons: their descriptions, their words and their icons name the same things."""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import probatio
from homeassistant.helpers import condition, service
from homeassistant.helpers.trigger import descriptions

from .tree import Tree, UnreadableError
from .words import ENGLISH

ICON: Final = re.compile(r"mdi:[a-z0-9]+(?:-[a-z0-9]+)*")
REGISTERS: Final = {
    "async_register",
    "async_register_admin_service",
    "async_register_platform_entity_service",
    "async_register_entity_service",
    "async_register_batched_admin_service",
}
KINDS: Final[dict[str, tuple[str, Callable[[Any], Any]]]] = {
    "services": ("services.py", service._SERVICES_SCHEMA),  # noqa: SLF001  # Home Assistant's own, as it loads them
    "triggers": ("trigger.py", descriptions._TRIGGERS_DESCRIPTION_SCHEMA),  # noqa: SLF001
    "conditions": ("condition.py", condition._CONDITIONS_DESCRIPTION_SCHEMA),  # noqa: SLF001
}
"""Kind → the module that has them, and what Home Assistant reads the description with."""


def actions(tree: Tree) -> Iterator[str]:
    """What is described can be read, is named in English, has an icon; and nothing else has."""
    for kind, (module, schema) in KINDS.items():
        path = tree.integration / f"{kind}.yaml"
        if not path.exists():
            if Path(module) in tree.sources or (kind == "services" and _registers(tree)):
                yield f"{kind}.yaml: is missing, yet the code has {kind}"
            described: dict[str, Any] = {}
        else:
            described = tree.yaml(path)
            try:
                schema(described)
            except probatio.Invalid as err:
                yield f"{kind}.yaml: {err}"
                continue
        yield from _same(kind, described, tree)


def _registers(tree: Tree) -> bool:
    calls = (node.func for module in tree.sources.values() for node in ast.walk(module) if isinstance(node, ast.Call))
    attributes = [func for func in calls if isinstance(func, ast.Attribute)]
    return any(
        func.attr in REGISTERS and (func.attr != "async_register" or ast.unparse(func.value).endswith("services"))
        for func in attributes
    )


def _same(kind: str, described: dict[str, Any], tree: Tree) -> Iterator[str]:
    named = tree.languages.get(ENGLISH, {}).get(kind, {})
    drawn = tree.json(tree.integration / "icons.json").get(kind, {})
    for name in sorted(described.keys() | named.keys() | drawn.keys()):
        for where, there in ((f"{kind}.yaml", described), ("en.json", named), ("icons.json", drawn)):
            if name not in there:
                yield f"{where}: {kind} {name} is missing"
        fields = set((described.get(name) or {}).get("fields", {}))
        for field in sorted(fields ^ set(named.get(name, {}).get("fields", {}))):
            yield f"{kind} {name}: the field {field} is not both in {kind}.yaml and en.json"


def icons(tree: Tree) -> Iterator[str]:
    """Every icon is of Material Design, and belongs to an entity that has words."""
    try:
        drawn = tree.json(tree.integration / "icons.json")
    except UnreadableError as err:
        yield str(err)
        return
    for path, text in _leaves(drawn, ""):
        if not ICON.fullmatch(str(text)):
            yield f"icons.json: {path}: '{text}' is no icon of Material Design"
    for key in sorted(drawn.keys() - KINDS.keys() - {"entity"}):
        yield f"icons.json: {key}: Home Assistant does not read it"
    named = tree.languages.get(ENGLISH, {}).get("entity", {})
    for domain, entities in drawn.get("entity", {}).items():
        for key in sorted(entities.keys() - named.get(domain, {}).keys()):
            yield f"icons.json: {domain}.{key} has no words in en.json"


def _leaves(node: Any, path: str) -> Iterator[tuple[str, Any]]:
    if not isinstance(node, dict):
        yield path, node
        return
    for key, child in node.items():
        yield from _leaves(child, f"{path}.{key}" if path else key)
