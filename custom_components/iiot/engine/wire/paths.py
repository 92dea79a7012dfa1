"""Paths into a payload: `env.temp`, `motors[2].rpm`, and `motors[*].rpm` for one channel a member."""

import re
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import orjson

from ..errors import Code, Refusal

MAX_MEMBERS: Final = 64
"""Members of a list that `[*]` makes channels of."""
MAX_WHOLE_BYTES: Final = 4_096
"""Size of an object that is taken whole; a larger one is no value."""
MAX_UNNAMED: Final = 256
"""Values that no path names, of one message."""
EACH: Final = "[*]"
_NAME: Final = r"[^.\[\]\x00-\x1f\x7f]{1,64}"
PATTERN: Final = rf"(?!.*\[\*\].*\[\*\]){_NAME}(?:\.{_NAME}|\[(?:[0-9]{{1,4}}|\*)\]){{0,7}}"
"""At most eight steps, one of them `[*]`."""
WORDS: Final = "must be a path such as temp, env.temp, motors[2].rpm or motors[*].rpm"
_STEP: Final = re.compile(rf"\.?({_NAME})|\[([0-9]{{1,4}})\]|\[\*\]")


class Leaf(NamedTuple):
    """Where a path ends."""

    key: str
    """Channel; for a path with `[*]` the number of the member is put behind it."""
    is_whole: bool
    """Whether an object is taken as it is, as text."""


class Node:
    """One step of the paths of a topic, and where they go on from there."""

    __slots__ = ("each", "leaf", "steps")

    def __init__(self) -> None:
        self.steps: dict[str | int, Node] = {}
        self.each: Node | None = None
        self.leaf: Leaf | None = None


class Picked:
    """What the paths found in one payload."""

    __slots__ = ("members", "unnamed", "values")

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        """Channel → its value as it came; the text of an object where the channel takes it whole."""
        self.members: dict[str, int] = {}
        """Channel of a path with `[*]` → how many members the list has."""
        self.unnamed: dict[str, Any] = {}
        """Path → a value that no channel names."""


def steps_of(path: str) -> tuple[str | int | None, ...]:
    """Take a path that matches `PATTERN` apart; None stands for `[*]`."""
    found = _STEP.finditer(path)
    return tuple(step[1] or (None if step[2] is None else int(step[2])) for step in found)


def member_key(key: str, number: int) -> str:
    """Channel of one member of a list."""
    return f"{key}_{number}"


def tree(leaves: Iterable[tuple[str, Leaf]]) -> Node:
    """Put the paths of a topic together."""
    root = Node()
    for path, leaf in leaves:
        node = root
        for step in steps_of(path):
            if step is None:
                node.each = node.each or Node()
                node = node.each
            else:
                node = node.steps.setdefault(step, Node())
        node.leaf = leaf
    return root


def leads_to_leaf(root: Node, path: str) -> bool:
    """Whether what stands at a path is a channel, or inside of one that is taken whole."""
    node = root
    for step in steps_of(path):
        following = node.each if step is None else node.steps.get(step)
        if following is None:
            return False
        node = following
        if node.leaf is not None and node.leaf.is_whole:
            return True
    return node.leaf is not None


def pick(root: Node, values: dict[str, Any]) -> Picked:
    """Find what the paths name; raises `Refusal(wrong_shape)` for an object or a list that none does."""
    found = Picked()
    _descend(root, values, "", None, found)
    return found


def flattened(values: dict[str, Any]) -> dict[str, Any]:
    """Give a path to every value of a payload of which nothing is known; members of one list share theirs.

    At most `MAX_UNNAMED`; what no path can name is left out.
    """
    found: dict[str, Any] = {}
    _flatten(values, "", found)
    return {path: value for path, value in found.items() if re.fullmatch(PATTERN, path)}


def _descend(node: Node, value: Any, path: str, number: int | None, found: Picked) -> None:
    leaf = node.leaf
    if leaf is not None and (leaf.is_whole or not isinstance(value, dict | list)):
        key = leaf.key if number is None else member_key(leaf.key, number)
        found.values[key] = _text_of(value) if leaf.is_whole else value
        return
    if isinstance(value, dict) and _has_names(node):
        for name, inner in value.items():
            _follow(node.steps.get(name), inner, f"{path}.{name}" if path else name, number, found)
    elif isinstance(value, list) and _has_numbers(node):
        _descend_list(node, value, path, number, found)
    elif isinstance(value, dict | list):
        raise Refusal(Code.WRONG_SHAPE, f"no channel names the object {path[:64]}")
    else:
        _note_unnamed(found, path, value)


def _text_of(value: Any) -> str | None:
    text = orjson.dumps(value)
    return text.decode() if len(text) <= MAX_WHOLE_BYTES else None


def _has_names(node: Node) -> bool:
    return any(isinstance(step, str) for step in node.steps)


def _has_numbers(node: Node) -> bool:
    return node.each is not None or any(isinstance(step, int) for step in node.steps)


def _descend_list(node: Node, value: list[Any], path: str, number: int | None, found: Picked) -> None:
    if node.each is not None:
        if len(value) > MAX_MEMBERS:
            raise Refusal(Code.WRONG_SHAPE, f"{path[:64]} has more than {MAX_MEMBERS} members")
        for leaf in _leaves(node.each):
            found.members[leaf.key] = len(value)
    for at, inner in enumerate(value):
        exact = node.steps.get(at)
        if exact is None and node.each is not None:
            _descend(node.each, inner, f"{path}[{at}]", at, found)
        else:
            _follow(exact, inner, f"{path}[{at}]", number, found)


def _leaves(node: Node) -> Iterable[Leaf]:
    if node.leaf is not None:
        yield node.leaf
    for inner in node.steps.values():
        yield from _leaves(inner)


def _follow(node: Node | None, value: Any, path: str, number: int | None, found: Picked) -> None:
    _descend(_NOWHERE if node is None else node, value, path, number, found)


def _note_unnamed(found: Picked, path: str, value: Any) -> None:
    if len(found.unnamed) < MAX_UNNAMED:
        found.unnamed[path] = value


def _flatten(value: Any, path: str, found: dict[str, Any]) -> None:
    if isinstance(value, dict):
        for name, inner in value.items():
            _flatten(inner, f"{path}.{name}" if path else name, found)
    elif isinstance(value, list):
        for at, inner in enumerate(value[:MAX_MEMBERS]):
            _flatten(inner, f"{path}[{at}]" if EACH in path else path + EACH, found)
    elif len(found) < MAX_UNNAMED:
        found.setdefault(path, value)


_NOWHERE: Final = Node()
