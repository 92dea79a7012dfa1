"""A path leads to one value of a payload, whatever else is in it; proposals name those that nobody has named."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iiot_engine.devices.bare import BareChannel
from iiot_engine.devices.guesses import proposals, propose
from iiot_engine.errors import Code, Refusal
from iiot_engine.wire import bare, canonical, paths, signing, topics
from iiot_engine.wire.paths import Leaf

KEY = bytes(range(32))
NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | NAMES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
PATHS = st.from_regex(re.compile(paths.PATTERN), fullmatch=True)


@pytest.mark.parametrize(
    ("path", "steps"),
    [
        ("temp", ("temp",)),
        ("env.temp", ("env", "temp")),
        ("motors[2].rpm", ("motors", 2, "rpm")),
        ("motors[*].rpm", ("motors", None, "rpm")),
        ("a[0][*]", ("a", 0, None)),
        ("Größe in m", ("Größe in m",)),
    ],
)
def test_a_path_has_steps(path: str, steps: tuple[Any, ...]) -> None:
    assert re.fullmatch(paths.PATTERN, path)
    assert paths.steps_of(path) == steps


@pytest.mark.parametrize(
    "path", ["", ".a", "a.", "a..b", "[0]", "a[", "a[x]", "a[*].b[*]", "a[12345]", "a" * 65, "a\n"]
)
def test_what_is_no_path(path: str) -> None:
    assert not re.fullmatch(paths.PATTERN, path)


@given(path=PATHS)
def test_every_path_can_be_taken_apart_and_put_into_a_tree(path: str) -> None:
    steps = paths.steps_of(path)
    assert 1 <= len(steps) <= 8
    root = paths.tree([(path, Leaf("x", is_whole=False))])
    assert paths.leads_to_leaf(root, path)


@given(values=st.dictionaries(NAMES, VALUES, max_size=5), found=st.lists(PATHS, max_size=5))
def test_any_payload_is_taken_or_refused(values: dict[str, Any], found: list[str]) -> None:
    root = paths.tree([(path, Leaf(f"k{at}", is_whole=at == 0)) for at, path in enumerate(found)])
    try:
        picked = paths.pick(root, values)
    except Refusal as refusal:
        code: Code | None = refusal.code
    else:
        code = None
        assert not any(isinstance(value, dict | list) for value in picked.values.values())
    assert code in (None, Code.WRONG_SHAPE)


@given(values=st.dictionaries(NAMES, VALUES, max_size=5))
def test_proposals_cover_what_paths_can_name(values: dict[str, Any]) -> None:
    found = proposals(values, (), ())
    assert len({channel.key for channel in found}) == len(found)
    assert {channel.path for channel in found} == set(paths.flattened(values))
    assert proposals(values, found, ()) == []


@given(values=st.dictionaries(NAMES, VALUES, max_size=5), indent=st.sampled_from([None, 1]))
def test_white_space_changes_nothing(values: dict[str, Any], indent: int | None) -> None:
    span = canonical.encode({**values, "ts": 5, "ts_ns": 7})
    mac = signing.mac(KEY, span).decode()
    spread = f'{{ "payload" : {span.decode()} , "hmac" : "{mac}" }}'.encode()
    assert bare.verify(spread, KEY).span == span
    assert bare.opened(spread).span == span
    assert bare.opened(bare.seal(KEY, 5 * 10**9 + 7, values)).span == span


def test_numbers_keep_their_digits() -> None:
    span = b'{"a":[1.50,-0.0,1E+2],"b":true,"c":null,"ts":5,"ts_ns":0}'
    mac = signing.mac(KEY, span).decode()
    loose = f'{{"hmac": "{mac}", "payload": {{"ts_ns": 0, "ts": 5, "c": null, "b": true, "a": [1.50, -0.0, 1E+2]}}}}'
    assert bare.verify(loose.encode(), KEY).span == span


@pytest.mark.parametrize(
    "message",
    [
        b"{ ",
        b'{"hmac": 5, "payload": {}}',
        b'{"hmac": "x", "payload": {}}',
        b'{"hmac": "' + b"A" * 43 + b'=", "payload": 5}',
        b'{"hmac": "' + b"A" * 43 + b'=", "payload": {}, "more": 1}',
        b'{"hmac": "' + b"A" * 43 + b'=", "payload": {"a": 1, "a": 2}}',
        b'{"hmac": "' + b"A" * 43 + b'=", "payload": {"a": NaN}}',
        b'{"hmac": "' + b"A" * 43 + b'=", "payload": {"a": "\\ud800"}}',
        b'{"hmac": "' + b"A" * 43 + b'=", "payload": {"a": ' + b"[" * 9 + b"]" * 9 + b"}}",
        b" " + b"[" * 60_000,
        b"\xff ",
    ],
)
def test_white_space_saves_nothing_that_is_malformed(message: bytes) -> None:
    with pytest.raises(Refusal) as refused:
        bare.verify(message, KEY)
    assert refused.value.code is Code.MALFORMED


@given(message=st.binary(max_size=200))
def test_any_bytes_are_refused(message: bytes) -> None:
    with pytest.raises(Refusal):
        bare.verify(message, KEY)


@pytest.mark.parametrize(
    ("path", "sample", "expected"),
    [
        ("temperature", 20.5, ("temperature", "°C", "float")),
        ("env.roomTemp", 20.5, ("temperature", "°C", "float")),
        ("temp1", 20, ("temperature", "°C", "float")),
        ("pressure", 1013.2, ("pressure", "hPa", "float")),
        ("pressure", 101_320, ("pressure", "Pa", "float")),
        ("pressure", 6.2, ("pressure", "bar", "float")),
        ("temperature", 5_000, (None, None, "float")),
        ("co2", None, ("carbon_dioxide", "ppm", "float")),
        ("door", True, (None, None, "bool")),
        ("mode", "run", (None, None, "text")),
        ("x9", 3, (None, None, "float")),
    ],
)
def test_a_value_is_guessed_by_its_name_and_size(path: str, sample: Any, expected: tuple[Any, ...]) -> None:
    found = propose(path, sample, ())
    assert (found.device_class, found.unit, found.kind) == expected


def test_keys_of_proposals_differ_from_those_that_are_taken() -> None:
    assert propose("env.temp", 1, ["env_temp", "env_temp_2"]).key == "env_temp_3"
    assert propose("ß", 1, ()).key == "value"
    assert propose("x" * 64, 1, ()).key == "x" * 56


def test_so_many_values_are_proposed_and_no_more() -> None:
    assert len(proposals({f"v{number}": number for number in range(300)}, (), ())) == paths.MAX_UNNAMED


def test_what_is_taken_whole_is_not_proposed_in_parts() -> None:
    whole = BareChannel(path="env", key="env", kind="json")
    assert proposals({"env": {"temp": 1}, "hum": 5}, [whole], ()) == [propose("hum", 5, ())]


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ("a/b", "a/b", True),
        ("a/b", "a/c", False),
        ("a/+", "a/b", True),
        ("a/+", "a/b/c", False),
        ("a/#", "a", True),
        ("a/#", "a/b/c", True),
        ("#", "x", True),
        ("+/b", "a/+", True),
        ("a/b/c", "a/b", False),
    ],
)
def test_filters_overlap(one: str, other: str, both: bool) -> None:
    assert topics.overlap(one, other) is both
    assert topics.overlap(other, one) is both


@pytest.mark.parametrize("text", ["a", "a/b", "a/+/c", "a/#", "#", "+", "ä/ö"])
def test_a_filter(text: str) -> None:
    assert topics.check_filter(text) == text


@pytest.mark.parametrize("text", ["", "/a", "a//b", "a/", "a/b+", "#/a", "a/#/b", "$SYS/x", "a\n", "x" * 257])
def test_what_is_no_filter(text: str) -> None:
    with pytest.raises(topics.FilterError):
        topics.check_filter(text)


@pytest.mark.parametrize("text", ["mqtt-message-signing-key", "x" * 64, KEY.hex(), "ä" * 8])
def test_a_text_is_a_key(text: str) -> None:
    key = signing.parse_text_key(text)
    assert 32 <= len(key) <= 64
    if text != KEY.hex():
        assert signing.mac(key, b"x") == signing.mac(text.encode(), b"x"), "HMAC fills up with zeros, too"


@pytest.mark.parametrize("text", ["short", "x" * 65, ""])
def test_what_is_too_short_or_too_long_is_no_key(text: str) -> None:
    with pytest.raises(signing.KeyFormError):
        signing.parse_text_key(text)
