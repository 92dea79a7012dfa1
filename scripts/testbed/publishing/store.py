"""What HACS asks of the repository."""

import hashlib
import re
import struct
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from awesomeversion import AwesomeVersion

from .tree import DOMAIN, Tree, UnreadableError

STORE_KEYS: Final = {
    "content_in_root": bool,
    "country": list,
    "filename": str,
    "hacs": str,
    "hide_default_branch": bool,
    "homeassistant": str,
    "name": str,
    "persistent_directory": str,
    "zip_release": bool,
}
TERMS: Final = "09ae9bf1886f530f7338"
"""Start of the SHA-256 of the terms of Apache-2.0, white space folded: GitHub knows a licence by its text."""

PNG: Final = b"\x89PNG\r\n\x1a\n"
SIDES: Final = {"icon": 256, "icon@2x": 512}
LOGO_HEIGHTS: Final = {"logo": (128, 256), "logo@2x": (256, 512)}
PICTURES: Final = {f"{dark}{name}.png" for dark in ("", "dark_") for name in (*SIDES, *LOGO_HEIGHTS)}
NEEDED: Final = {"icon.png", "icon@2x.png", "logo.png", "logo@2x.png"}


def store(tree: Tree) -> Iterator[str]:
    """hacs.json holds what HACS knows, and nothing else."""
    try:
        told = tree.json(tree.root / "hacs.json")
    except UnreadableError as err:
        yield str(err)
        return
    for key, value in told.items():
        if key not in STORE_KEYS:
            yield f"hacs.json: HACS does not know '{key}'"
        elif not isinstance(value, STORE_KEYS[key]):
            yield f"hacs.json: '{key}' is no {STORE_KEYS[key].__name__}"
    if not told.get("name"):
        yield "hacs.json: 'name' is missing"
    if not AwesomeVersion(str(told.get("homeassistant"))).valid:
        yield "hacs.json: 'homeassistant' says no release of Home Assistant"
    if told.get("zip_release") and not str(told.get("filename", "")).endswith(".zip"):
        yield "hacs.json: zip_release needs the name of the archive in 'filename'"
    if told.get("content_in_root"):
        yield "hacs.json: the integration lies in custom_components, not in the root"


def layout(tree: Tree) -> Iterator[str]:
    """HACS takes the first folder below custom_components, and puts it where the domain says."""
    folders = [
        path.name
        for path in sorted((tree.root / "custom_components").iterdir())
        if path.is_dir() and path.name != "__pycache__"
    ]
    if folders != [DOMAIN]:
        yield f"custom_components: holds {', '.join(folders)}; HACS needs {DOMAIN} alone"
    if not (tree.root / "README.md").is_file() or not (tree.root / "README.md").read_text("utf-8").strip():
        yield "README.md: HACS shows it, and it is missing"


def licence(tree: Tree) -> Iterator[str]:
    """The licence is the one that pyproject.toml names, in the words by which it is recognised."""
    path = tree.root / "LICENSE"
    found = re.search(r"Apache License.*?(?=END OF TERMS AND CONDITIONS)", _text(path), re.DOTALL)
    terms = " ".join(found[0].split()) if found else ""
    if not hashlib.sha256(terms.encode()).hexdigest().startswith(TERMS):
        yield "LICENSE: is not the text of Apache-2.0, word by word"
    project = tomllib.loads(_text(tree.root / "pyproject.toml")).get("project", {})
    if project.get("license") != "Apache-2.0":
        yield "pyproject.toml: the licence is not Apache-2.0"


def _text(path: Path) -> str:
    return path.read_text("utf-8") if path.is_file() else ""


def brand(tree: Tree) -> Iterator[str]:
    """The pictures have the names and sizes by which Home Assistant shows them."""
    folder = tree.integration / "brand"
    there = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    for name in sorted(NEEDED - there):
        yield f"brand/{name}: is missing"
    for name in sorted(there - PICTURES):
        yield f"brand/{name}: Home Assistant does not look for it"
    for name in sorted(there & PICTURES):
        if (fault := _fault_of(folder / name)) is not None:
            yield f"brand/{name}: {fault}"


def _fault_of(picture: Path) -> str | None:
    header = picture.read_bytes()[:24]
    if not header.startswith(PNG) or len(header) < 24:
        return "is no PNG"
    width, height = struct.unpack(">II", header[16:24])
    name = picture.stem.removeprefix("dark_")
    if (side := SIDES.get(name)) is not None:
        return None if (width, height) == (side, side) else f"is {width} by {height}, not {side} by {side}"
    low, high = LOGO_HEIGHTS[name]
    if not low <= height <= high or width < height:
        return f"is {width} by {height}: a logo is {low} to {high} high, and not higher than wide"
    return None
