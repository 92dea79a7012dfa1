"""Looks at the tree that it lies in, and prints what is not fit to be published (`scripts/check`)."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from .actions import actions, icons
from .files import unreadable
from .manifest import dependencies, manifest, set_up
from .scale import scale
from .store import brand, layout, licence, store
from .tree import Tree, UnreadableError
from .words import languages, words
from .workflows import workflows

CHECKS: tuple[Callable[[Tree], Iterator[str]], ...] = (
    unreadable,
    manifest,
    dependencies,
    set_up,
    words,
    languages,
    actions,
    icons,
    store,
    layout,
    licence,
    brand,
    scale,
    workflows,
)


def findings(root: Path) -> list[str]:
    """Return everything that is wrong with a tree, each once."""
    tree = Tree(root)
    found: list[str] = []
    for check in CHECKS:
        try:
            found += check(tree)
        except UnreadableError as err:
            found.append(str(err))
    return list(dict.fromkeys(found))


if __name__ == "__main__":
    wrong = findings(Path(__file__).parents[3])
    print("\n".join(wrong), file=sys.stderr)
    sys.exit(bool(wrong))
