"""Every member's range in the reference page is the range that the engine enforces."""

from copy import deepcopy
from typing import Any

import pytest

from . import members
from .members import ALWAYS, BASES, Member
from .world import START_S, World, seal, up


def outcome(leaf: str, body: dict[str, Any], **header: Any) -> str:
    """What a hub says of a message with this body and these header members changed."""
    message = seal({**up(leaf, 3, 1, 61_000, ts=START_S), **body, **header})
    return World().receive(f"iiot/press-07/{leaf}", message)


def body_with(leaf: str, name: str, value: object) -> dict[str, Any]:
    body = deepcopy(BASES[leaf])
    if name == "for_s":
        body["state"] = "asleep"
    if (name == "e" and leaf == "data") or name == "wave":
        del body["r"]
    target, _, inner = name.partition(".")
    if inner:
        body[target] = {inner: value}
    else:
        body[target] = value
    return body


def cases(kind: str) -> list[Any]:
    return [
        pytest.param(leaf, member.name, value, id=f"{leaf}-{member.name}-{str(value)[:20]}")
        for leaf, rows in members.BY_LEAF.items()
        for member in rows
        for value in getattr(member, kind)
    ]


@pytest.mark.parametrize(("leaf", "name", "value"), cases("good"))
def test_what_the_page_allows_is_accepted(leaf: str, name: str, value: object):
    assert outcome(leaf, body_with(leaf, name, value)) == "accepted"


@pytest.mark.parametrize(("leaf", "name", "value"), cases("bad"))
def test_what_the_page_excludes_is_malformed(leaf: str, name: str, value: object):
    assert outcome(leaf, body_with(leaf, name, value)) == "malformed"


@pytest.mark.parametrize("leaf", members.BY_LEAF)
def test_what_the_page_calls_needed_is_needed(leaf: str):
    for member in members.BY_LEAF[leaf]:
        body = {key: value for key, value in BASES[leaf].items() if key != member.name}
        if member.name in BASES[leaf] and member.need == ALWAYS:
            assert outcome(leaf, body) == "malformed", member.name
        elif member.need == ALWAYS:
            pytest.fail(f"{member.name} is called needed and the base of the test does without it")


@pytest.mark.parametrize("member", members.HEADER, ids=lambda member: member.name)
def test_the_header_is_as_the_page_says(member: Member):
    for value in member.good:
        assert outcome("log", BASES["log"], **{member.name: value}) == "accepted", value
    for value in member.bad:
        assert outcome("log", BASES["log"], **{member.name: value}) == "malformed", value


@pytest.mark.parametrize("member", members.CHANNEL, ids=lambda member: member.name)
def test_a_channel_is_as_the_page_says(member: Member):
    for value in member.good:
        assert manifest({"key": "x", member.name: value}) == "accepted", value
    for value in member.bad:
        assert manifest({"key": "x", member.name: value}) == "malformed", value


@pytest.mark.parametrize("member", members.ACTUATOR, ids=lambda member: member.name)
def test_an_actuator_is_as_the_page_says(member: Member):
    base = {"key": "x", "kind": "switch"}
    for value in member.good:
        assert manifest({**base, member.name: value}, "actuators") == "accepted", value
    for value in member.bad:
        assert manifest({**base, member.name: value}, "actuators") == "malformed", value


def test_exactly_one_form_of_data():
    for body in ({}, {"r": {}, "rows": [[1, 0, 1]], "cols": ["a"]}, {"wave": {}, "r": {}}):
        assert outcome("data", body) == "malformed", body
    assert outcome("data", {"e": {}}) == "accepted"


def manifest(entry: dict[str, Any], member: str = "channels") -> str:
    return outcome("manifest", {**BASES["manifest"], member: [entry]})
