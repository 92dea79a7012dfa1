"""Links resolve, and what comes from the code is what the code says today."""

import re
from pathlib import Path

import pytest

from .generate import blocks
from .pages import ROOT, block_names, pages, refreshed

LINK = re.compile(r"(?<!\!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.DOTALL | re.MULTILINE)
MOST_LINES = 150


def anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, as the code host makes them."""
    text = CODE.sub(lambda found: found[0] if found[0].count("\n") == 0 else "", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower().replace("`", "")).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_resolve(page: Path):
    text = CODE.sub("", page.read_text(encoding="utf-8"))
    targets = [found[1] or found[2] for found in LINK.finditer(text)]
    assert [target for target in targets if "://" not in target and not resolves(page, target)] == []


def resolves(page: Path, target: str) -> bool:
    name, _, anchor = target.partition("#")
    aimed = (page.parent / name).resolve() if name else page
    if not aimed.is_relative_to(ROOT) or not aimed.exists():
        return False
    return not anchor or aimed.suffix != ".md" or anchor in anchors(aimed)


def test_generated_blocks_are_fresh():
    """Run `python -m tests.docs.generate` when this fails, and read what it changed."""
    made = blocks()
    stale = [page.name for page in pages() if refreshed(text := page.read_text(encoding="utf-8"), made) != text]
    assert not stale


def test_every_generated_block_is_shown_somewhere():
    shown = {name for page in pages() for name in block_names(page.read_text(encoding="utf-8"))}
    assert set(blocks()) == shown


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= MOST_LINES


@pytest.mark.parametrize("page", sorted((ROOT / "docs/adr").glob("*.md")), ids=lambda page: page.name)
def test_a_decision_record_has_its_parts(page: Path):
    text = page.read_text(encoding="utf-8")
    assert re.search(r"^Date: \d{4}-\d\d-\d\d$", text, re.MULTILINE)
    assert re.search(r"^Status: (proposed|accepted|superseded)", text, re.MULTILINE)
    for part in ("Context", "Options", "Decision", "Consequences"):
        assert f"## {part}" in text


def test_every_page_can_be_reached_from_the_readme():
    seen, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen or not page.exists():
            continue
        seen.add(page)
        for found in LINK.finditer(page.read_text(encoding="utf-8")):
            name = (found[1] or found[2]).partition("#")[0]
            if name.endswith(".md") and "://" not in name:
                waiting.append((page.parent / name).resolve())
    assert set(pages()) <= seen
