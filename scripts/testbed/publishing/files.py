"""Every file of data can be read."""

from collections.abc import Iterator

from .tree import Tree, UnreadableError


def unreadable(tree: Tree) -> Iterator[str]:
    """Every JSON and YAML file loads, and no key stands twice in it."""
    for read, suffixes in ((tree.json, (".json",)), (tree.yaml, (".yaml", ".yml"))):
        for path in tree.files(*suffixes):
            try:
                read(path)
            except UnreadableError as err:
                yield str(err)
