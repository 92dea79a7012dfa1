"""YAML is read with the line of everything, and refused in words."""

from itertools import pairwise

import pytest
import yaml

from custom_components.iiot.bridge import marked_yaml
from custom_components.iiot.bridge.marked_yaml import MAX_BYTES, MAX_DEPTH, FlawsError, read_marked

BOMB = "a: &a [x, x]\n" + "".join(f"{name}: &{name} [*{before}, *{before}]\n" for before, name in pairwise("abcde"))


def test_everything_has_its_line() -> None:
    found = read_marked("version: 1\ndevices:\n  007:\n    on: yes\n    list:\n      - 1\n      - {a.b: 2.5}\n")
    assert found.raw == {"version": 1, "devices": {"007": {"on": True, "list": [1, {"a.b": 2.5}]}}}
    assert found.line_of("devices.007.on") == 4
    assert found.line_of("devices.007.list[1].a.b") == 7
    assert found.line_of("devices.007.list[9].other") == 5
    assert found.line_of("devices.none") == 2
    assert found.line_of("nowhere") == 1


def test_texts_are_texts_when_they_stand_in_quotes() -> None:
    assert read_marked("a: '1'\nb: !!str 1\nc: |\n  1\n").raw == {"a": "1", "b": "1", "c": "1\n"}


def test_nothing_is_empty() -> None:
    assert read_marked("# only a comment\n").raw is None


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (BOMB, 2, "must not refer to another place"),
        ("a: 1\nb: 2\na: 3\n", 3, "stands twice; the first time in line 1"),
        ("a: 1\n---\nb: 1\n", 2, "must be one document"),
        ("a:\n  " + "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), 2, "levels deep"),
        ("[" * 100_000, 1, "levels deep"),
        ("a: 1\n? [x]\n: 1\n", 2, "must have names"),
        ("a: 2026-13-45\n", 1, "put a text into quotes"),
        ("a: " + "9" * 5000, 1, "put a text into quotes"),
        ("a: 1\nb: !!python/object:os.system x\n", 2, "is no YAML"),
        ("a: 1\nb: [\n", 3, "is no YAML"),
        ("a: 1\nb: \x07\n", 2, "is no YAML"),
        ("a: 1\nb: \ud800\n", 2, "has a character that is none"),
        ("#" * (MAX_BYTES + 1), 1, "must be at most 1,000,000 bytes long"),
    ],
)
@pytest.mark.parametrize("loader", [yaml.SafeLoader, yaml.CSafeLoader])
def test_a_flaw_has_its_line(text: str, line: int, words: str, loader: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marked_yaml, "_LOADER", loader)
    with pytest.raises(FlawsError) as found:
        read_marked(text)
    ((told, _, reason),) = found.value.flaws
    assert words in reason
    assert told == line
