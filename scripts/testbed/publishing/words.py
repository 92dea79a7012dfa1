"""What may stand in the translations, and where; the languages agree."""

import re
from collections.abc import Iterator
from string import Formatter
from typing import Any, Final

from .tree import Tree

ENGLISH: Final = "en"
ANY: Final = "*"
"""Stands for every key that is not named."""

TEXT: Final = "text"
FIXED: Final = "fixed"
"""A text without placeholders."""

Shape = str | dict[str, Any]
"""TEXT, FIXED, or key → shape; a key that ends with ! has to be there."""

TEXTS: Final[Shape] = {ANY: TEXT}
FIELD: Final[Shape] = {"name!": TEXT, "description!": TEXT, "example": TEXT}
SECTION: Final[Shape] = {"name": TEXT, "description": TEXT, "data": TEXTS, "data_description": TEXTS}
STEP: Final[Shape] = {
    "title": TEXT,
    "description": TEXT,
    "data": TEXTS,
    "data_description": TEXTS,
    "menu_options": TEXTS,
    "menu_option_descriptions": TEXTS,
    "sections": {ANY: SECTION},
    "submit": TEXT,
}
FLOW: Final[dict[str, Shape]] = {
    "flow_title": TEXT,
    "step!": {ANY: STEP},
    "error": TEXTS,
    "abort": TEXTS,
    "progress": TEXTS,
    "create_entry": TEXTS,
}
SUBENTRY: Final[Shape] = FLOW | {"entry_type!": TEXT, "initiate_flow!": {"user!": TEXT, ANY: TEXT}}
STATES: Final[Shape] = {ANY: FIXED}
ENTITY: Final[Shape] = {
    "name": TEXT,
    "state": STATES,
    "state_attributes": {ANY: {"name": FIXED, "state": STATES}},
    "unit_of_measurement": FIXED,
}
CALLED: Final[dict[str, Shape]] = {"name!": TEXT, "description!": TEXT, "fields": {ANY: FIELD}}
WORDS: Final[Shape] = {
    "title": TEXT,
    "config": FLOW | {"initiate_flow": {"user!": TEXT, ANY: TEXT}},
    "config_subentries": {ANY: SUBENTRY},
    "options": FLOW,
    "selector": {ANY: {"options": TEXTS, "choices": TEXTS, "fields": {ANY: FIELD}, "unit_of_measurement": TEXTS}},
    "device_automation": {ANY: TEXTS},
    "issues": {ANY: {"title!": TEXT, "description": TEXT, "fix_flow": FLOW}},
    "system_health": {"info": TEXTS},
    "config_panel": TEXTS,
    "exceptions": {ANY: {"message": TEXT}},
    "device": {ANY: {"name": TEXT}},
    "entity": {ANY: {ANY: ENTITY}},
    "services": {ANY: CALLED | {"sections": {ANY: {"name!": TEXT, "description": TEXT}}}},
    "triggers": {ANY: CALLED},
    "conditions": {ANY: CALLED},
    "common": TEXTS,
}

SLUG: Final = re.compile(r"[a-z0-9]+(?:[_-][a-z0-9]+)*")
FAULTS: Final = (
    (re.compile(r"^\s|\s$"), "stray white space"),
    (re.compile(r"  "), "two spaces"),
    (re.compile(r"<\s*/?\s*[a-zA-Z!]"), "HTML"),
    (re.compile(r"(?:\b[a-z][a-z0-9+.-]*://|\bwww\.)\S", re.IGNORECASE), "an address of the web"),
    (re.compile(r"'\{\w+\}'"), "a placeholder in single quotes"),
    (re.compile(r"\[%|%\]"), "a reference, which only Home Assistant's own build resolves"),
)


def words(tree: Tree) -> Iterator[str]:
    """Each language has the form that Home Assistant reads, and texts that can be shown."""
    if ENGLISH not in tree.languages:
        yield "translations: there is no en.json"
    for language, told in tree.languages.items():
        for path, fault in _misfits(told, WORDS, ""):
            yield f"{language}.json: {path}: {fault}"
    for path in ("translations.json", "strings.json"):
        if (tree.integration / path).exists():
            yield f"{path}: a custom integration has its words in translations/<language>.json only"


def languages(tree: Tree) -> Iterator[str]:
    """Every language says all that English says, with the same placeholders, and nothing else."""
    english = dict(texts(tree.languages.get(ENGLISH, {})))
    for language, told in tree.languages.items():
        own = dict(texts(told))
        for path in sorted(english.keys() - own.keys()):
            yield f"{language}.json: {path}: is missing"
        for path in sorted(own.keys() - english.keys()):
            yield f"{language}.json: {path}: English does not know it"
        for path in sorted(own.keys() & english.keys()):
            if _named(own[path]) != _named(english[path]):
                yield f"{language}.json: {path}: not the placeholders of the English text"


def texts(node: dict[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    """Yield every text with its path."""
    for key, child in node.items():
        name = f"{path}.{key}" if path else key
        if isinstance(child, dict):
            yield from texts(child, name)
        else:
            yield name, child


def _misfits(told: Any, shape: Shape, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(shape, str):
        yield from ((path, fault) for fault in _faults(told, may_name=shape == TEXT))
        return
    if not isinstance(told, dict):
        yield path, "texts stand below it, it is none itself"
        return
    known = {key.removesuffix("!"): below for key, below in shape.items()}
    for key in sorted(key.removesuffix("!") for key in shape if key.endswith("!")):
        if key not in told:
            yield path, f"'{key}' is missing"
    for key, child in told.items():
        below = known.get(key, known.get(ANY))
        name = f"{path}.{key}" if path else key
        if below is None:
            yield name, "Home Assistant does not read it"
        elif not SLUG.fullmatch(key):
            yield name, "a key has small letters, digits, and single dashes or underscores between them"
        else:
            yield from _misfits(child, below, name)
    if "data_description" in known:
        for key in sorted(told.get("data_description", {}).keys() - told.get("data", {}).keys()):
            yield path, f"'{key}' is described, and is no field"


def _faults(text: Any, *, may_name: bool) -> Iterator[str]:
    if not isinstance(text, str) or not text:
        yield "no text"
        return
    yield from (fault for found, fault in FAULTS if found.search(text))
    try:
        names = _named(text)
    except ValueError:
        yield "a brace that is no placeholder"
        return
    if any(not name.isidentifier() for name in names):
        yield "a placeholder without a proper name"
    if names and not may_name:
        yield "a placeholder where none is filled in"


def _named(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}
