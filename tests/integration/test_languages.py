"""Every language says all that English says, in its own words."""

import json
import re
from typing import Any

import pytest

from .words import FOLDER, WORDS, placeholders, texts

ENGLISH = dict(texts(WORDS))
SAME = {
    "de": {"Industrial IoT", "{name} ({model})", "Name", "Version", "Position", "Logger", "Hops", "Firmware", "Topic"},
    "es": {"Industrial IoT", "{name} ({model})", "Error", "Firmware", "Topic"},
}
"""Language → words that are the same as in English."""
STRAY = {
    "de": r'"|(?<![:.] )\b(?:Sie|Ihnen|Ihr|Ihre[mnrs]?)\b|\b(?:the|and|of|device|site|key)\b',
    "es": r'"|\bUsted\b|\busted\b|\b(?:the|and|of|device|site|key)\b|(?<![¿¡\w])\?',
}
"""Language → what a careful writer of it does not leave behind: straight quotation marks, the polite form, English."""
MARKS = re.compile(r"`[^`]*`|```.*?```|\*\*|> \[!\w+\]|^- |\n\n", re.DOTALL | re.MULTILINE)


def language(name: str) -> dict[str, str]:
    told: dict[str, Any] = json.loads((FOLDER / "translations" / f"{name}.json").read_text("utf-8"))
    return dict(texts(told))


def test_these_are_the_languages() -> None:
    assert {path.stem for path in (FOLDER / "translations").glob("*.json")} == {"en", *SAME}


@pytest.mark.parametrize("name", SAME)
def test_nothing_is_missing_and_nothing_is_left_over(name: str) -> None:
    told = language(name)
    assert list(told) == list(ENGLISH), "in the order of the English file, so that they can be read side by side"
    assert {text for path, text in told.items() if text == ENGLISH[path]} == SAME[name]


@pytest.mark.parametrize("name", SAME)
def test_a_text_fills_in_what_the_english_one_does(name: str) -> None:
    for path, text in language(name).items():
        assert placeholders(text) == placeholders(ENGLISH[path]), path
        assert MARKS.findall(text) == MARKS.findall(ENGLISH[path]), f"{path}: paragraphs, lists, code, bold"


@pytest.mark.parametrize("name", SAME)
def test_a_text_is_written_in_its_own_language(name: str) -> None:
    code = re.compile(r"\{\w+\}|`[^`]*`")
    stray = re.compile(STRAY[name])
    found = {path: hit[0] for path, text in language(name).items() if (hit := stray.search(code.sub("", text)))}
    assert not found


@pytest.mark.parametrize("name", SAME)
def test_the_same_english_words_are_the_same_words_unless_they_stand_for_something_else(name: str) -> None:
    told = language(name)
    meanings: dict[str, set[str]] = {}
    for path, text in told.items():
        meanings.setdefault(ENGLISH[path], set()).add(text)
    assert {english for english, texts in meanings.items() if len(texts) > 1} <= {"Live", "Late", "Asleep", "Lost"}
