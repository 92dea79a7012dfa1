"""Pages and the blocks in them that come from the code."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[2]
_BLOCK: Final = re.compile(r"(<!-- generated: ([a-z0-9_. -]+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)
_MESSAGE: Final = re.compile(r"^```json message ([^\n]*)\n(.*?)\n```$", re.DOTALL | re.MULTILINE)


def pages() -> list[Path]:
    """Every page that people read."""
    return [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def refreshed(text: str, blocks: dict[str, str]) -> str:
    """The page with each generated block as `blocks` says; raises KeyError for a block that nobody makes."""
    return _BLOCK.sub(lambda found: f"{found[1]}\n{blocks[found[2]]}\n\n{found[4]}", text)


def block_names(text: str) -> list[str]:
    """Names of the generated blocks of a page."""
    return [found[2] for found in _BLOCK.finditer(text)]


class Example(NamedTuple):
    """A message as it stands in a page, with what the page says of it."""

    words: dict[str, str]
    message: bytes


def examples(text: str) -> Iterator[Example]:
    """The messages of a page in their order."""
    for found in _MESSAGE.finditer(text):
        yield Example(dict(word.split("=", 1) for word in found[1].split()), found[2].encode())
