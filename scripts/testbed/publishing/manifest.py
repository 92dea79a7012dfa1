"""What hassfest and HACS ask of the manifest, and of the code that it speaks for."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from awesomeversion import AwesomeVersion
from homeassistant.const import Platform

from .tree import DOMAIN, Tree

REQUIRED = {
    "codeowners",
    "config_flow",
    "documentation",
    "domain",
    "integration_type",
    "iot_class",
    "issue_tracker",
    "name",
    "version",
}
ALLOWED = REQUIRED | {"after_dependencies", "dependencies", "loggers", "quality_scale", "requirements"}
OWNER = re.compile(r"@[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?")
SEMANTIC = re.compile(r"\d+\.\d+\.\d+(?:b\d+)?")
COMPONENTS = "homeassistant.components"
# Always there before a custom integration is, or of use without being set up, as hassfest has it, too.
ALWAYS = {"homeassistant", "persistent_notification", "websocket_api", *(platform.value for platform in Platform)}


def manifest(tree: Tree) -> Iterator[str]:
    """Keys, their order, and what each of them says."""
    told = tree.manifest
    keys = list(told)
    if keys != ["domain", "name", *sorted(set(keys) - {"domain", "name"})]:
        yield "manifest.json: the keys are in this order: domain, name, then by the alphabet"
    for key in sorted(REQUIRED - told.keys()):
        yield f"manifest.json: '{key}' is missing"
    for key in sorted(told.keys() - ALLOWED):
        yield f"manifest.json: '{key}' is not a key that this integration needs"
    if told.get("domain") != DOMAIN:
        yield f"manifest.json: the domain is not the name of the folder, {DOMAIN}"
    yield from _links(tree)
    if told.get("iot_class") != "local_push" or told.get("integration_type") != "hub":
        yield "manifest.json: it is a hub, to which devices push"
    if not told.get("codeowners") or not all(OWNER.fullmatch(owner) for owner in told["codeowners"]):
        yield "manifest.json: codeowners are names of GitHub, each with an @"
    if not SEMANTIC.fullmatch(str(told.get("version"))) or not AwesomeVersion(told["version"]).valid:
        yield "manifest.json: the version is no number of three parts"
    if told.get("requirements") != []:
        yield "manifest.json: nothing may have to be downloaded: requirements is an empty list"


def _links(tree: Tree) -> Iterator[str]:
    for key in ("documentation", "issue_tracker"):
        parts = urlsplit(str(tree.manifest.get(key)))
        if parts.scheme != "https" or not parts.hostname:
            yield f"manifest.json: {key} is no https link"
        elif parts.hostname.endswith("home-assistant.io"):
            yield f"manifest.json: {key} leads to the pages of Home Assistant itself"


def dependencies(tree: Tree) -> Iterator[str]:
    """Whatever other integration the code imports is declared, once; and what is declared exists."""
    hard, soft = (set(tree.manifest.get(key, ())) for key in ("dependencies", "after_dependencies"))
    for name in sorted(hard & soft):
        yield f"manifest.json: {name} is both in dependencies and in after_dependencies"
    for path, module in tree.sources.items():
        # A platform of another integration may import that one: diagnostics.py, repairs.py.
        for name in sorted(_components(module) - hard - soft - ALWAYS - {path.stem, DOMAIN}):
            yield f"{path}: imports {name}, which manifest.json does not declare"


def _components(module: ast.Module) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(module):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == COMPONENTS:
            names = [f"{COMPONENTS}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        found |= {name.split(".")[2] for name in names if name.startswith(f"{COMPONENTS}.")}
    return found


def set_up(tree: Tree) -> Iterator[str]:
    """The code has what the manifest promises: a config flow, and no settings in YAML."""
    if tree.manifest.get("config_flow") is not True or Path("config_flow.py") not in tree.sources:
        yield "config_flow.py: the manifest promises a config flow, and it is there"
    root = tree.sources.get(Path("__init__.py"), ast.Module([], []))
    named = {
        target.id
        for node in root.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    if "CONFIG_SCHEMA" not in named and any(getattr(node, "name", "") == "async_setup" for node in root.body):
        yield "__init__.py: has async_setup, and no CONFIG_SCHEMA that says what YAML may hold"
