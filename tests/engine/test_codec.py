"""Bytes become an envelope and a payload, or a refusal with a code; nothing else ever comes out."""

import json
import math
import struct
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iiot_engine.errors import Code, DeviceIdError, KeyFormError, PrefixError, Refusal
from iiot_engine.values import Leaf
from iiot_engine.wire import canonical, codec, signing, topics
from iiot_engine.wire.data import read_data, samples_of
from tests.builders import FLEET_KEY, Machine, World

KEY = bytes(range(32))

TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8)
NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | NUMBERS | TEXTS
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4))
PAYLOADS = st.dictionaries(TEXTS, VALUES, max_size=5)


def depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


def decoded(span: bytes) -> dict[str, Any] | Code:
    try:
        return canonical.decode(span)
    except Refusal as refusal:
        return refusal.code


@settings(max_examples=60)
@given(PAYLOADS)
def test_what_is_written_is_read_again_as_pythons_json_reads_it(payload: dict[str, Any]) -> None:
    span = canonical.encode(payload)
    assert json.loads(span) == payload
    assert decoded(span) == (payload if depth(payload) <= canonical.MAX_DEPTH else Code.MALFORMED)


@settings(max_examples=60)
@given(PAYLOADS, st.booleans())
def test_both_ways_of_reading_find_the_same(payload: dict[str, Any], ascii_only: bool) -> None:
    """White space and escapes lead through the careful parser, their absence through the quick one."""
    plain = canonical.encode(payload)
    spaced = json.dumps(payload, ensure_ascii=ascii_only, indent=1).encode("utf-8")
    assert decoded(spaced) == decoded(plain)


@settings(max_examples=60)
@given(PAYLOADS.filter(bool), st.data())
def test_a_key_that_stands_twice_is_always_found(payload: dict[str, Any], data: st.DataObject) -> None:
    members = [f"{json.dumps(key, ensure_ascii=False)}:{json.dumps(value)}" for key, value in payload.items()]
    again = json.dumps(data.draw(st.sampled_from(sorted(payload))), ensure_ascii=data.draw(st.booleans()))
    members.insert(data.draw(st.integers(0, len(members))), f"{again}:{json.dumps(data.draw(SCALARS))}")
    inner = "{" + ",".join(members) + "}"
    span = data.draw(st.sampled_from([inner, f'{{"a":{inner}}}', f'{{"a":[1,{inner}]}}'])).encode("utf-8")
    assert decoded(span) == Code.MALFORMED


@given(st.binary(max_size=200) | st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_give_a_payload_or_a_refusal(span: bytes) -> None:
    for tried in (span, b'{"a":' + span + b"}", b'{"' + span + b'":1}'):
        found = decoded(tried)
        assert found is Code.MALFORMED or isinstance(found, dict)


def split(message: bytes) -> codec.Envelope | Code:
    try:
        return codec.split(message)
    except Refusal as refusal:
        return refusal.code


@given(st.binary(max_size=300))
def test_any_bytes_give_an_envelope_or_a_refusal(message: bytes) -> None:
    for tried in (message, b'{"hmac":"' + message + b"}}", b'{"payload":{' + message + b'"}'):
        found = split(tried)
        assert found is Code.MALFORMED or (found.span in tried and found.mac in tried)


MUTATED_WORLD = World()
MUTATED = MUTATED_WORLD.adopt(Machine(MUTATED_WORLD))
GOOD = [
    MUTATED.make("heartbeat", **MUTATED.heartbeat_body()),
    MUTATED.make("manifest", digest=MUTATED.digest, channels=[{"key": "a"}]),
    MUTATED.make("data", r={"a": 1}, n=[1, 1]),
    MUTATED.make("data", cols=["a"], rows=[[1, 2, 3]], late=True),
]


@settings(max_examples=100)
@given(st.sampled_from(GOOD), st.integers(0, 10_000), st.binary(min_size=0, max_size=3), st.integers(0, 3))
def test_an_altered_message_never_counts(sent: tuple[str, bytes], at: int, put: bytes, cut: int) -> None:
    topic, message = sent
    at %= len(message)
    altered = message[:at] + put + message[at + cut :]
    if altered == message:
        return
    code = MUTATED_WORLD.refusal_of(topic, altered)
    assert code in {Code.MALFORMED, Code.BAD_MAC, Code.UNKNOWN_KEY}
    assert MUTATED_WORLD.plant.accepted == 0


SIGNED_WORLD = World()
SIGNED = SIGNED_WORLD.adopt(Machine(SIGNED_WORLD))
MEMBERS = st.sampled_from(
    [
        "r",
        "rows",
        "cols",
        "wave",
        "q",
        "e",
        "n",
        "late",
        "bye",
        "poll",
        "loc",
        "name",
        "nonce",
        "session",
        "interval",
        "state",
        "manifest",
        "hseq",
        "held",
        "drop",
        "alarms",
        "rekeyed",
        "net",
        "power",
        "caps",
        "place",
        "buffered",
        "digest",
        "channels",
        "actuators",
        "commands",
        "code",
        "occ",
        "level",
        "msg",
        "cid",
        "status",
        "v",
        "kid",
        "ts",
        "ts_ns",
        "boot",
        "seq",
        "up",
        "tq",
    ],
)
PAIRS = st.sampled_from([[1, 1], [1, 5], [0, 0], [2**32 - 1, 2**32 - 1], [1, 2**32]])


@settings(max_examples=120)
@given(
    st.sampled_from(["heartbeat", "manifest", "data", "alarm", "log", "ack", "status"]),
    st.dictionaries(MEMBERS, VALUES | PAIRS | NUMBERS | st.lists(PAIRS), max_size=4),
)
def test_nonsense_under_a_good_signature_is_refused_or_kept_and_never_stops_the_hub(
    leaf: str, body: dict[str, Any]
) -> None:
    bodies = {
        "heartbeat": SIGNED.heartbeat_body(),
        "manifest": {"digest": SIGNED.digest, "channels": [{"key": "a", "kind": "int"}, {"key": "b"}]},
        "data": {"r": {"a": 1, "b": 2.5}},
        "alarm": {"code": "x", "state": "raised", "occ": 1},
        "log": {"level": "info", "msg": "x"},
        "ack": {"cid": "x", "status": "done", "hseq": 0},
        "status": {"state": "online", "session": SIGNED.session},
    }
    topic, _ = SIGNED.make(leaf)
    payload = SIGNED.payload(leaf, bodies[leaf] | body)
    if depth(payload) > 200:
        return
    SIGNED_WORLD.refusal_of(topic, codec.seal(SIGNED.key, payload))
    SIGNED_WORLD.skip(1)
    SIGNED_WORLD.skip(31)
    window = SIGNED.member.device.window
    if window.boot > SIGNED.boot:
        SIGNED.boot, SIGNED.seq = window.boot, 0
    SIGNED.seq = max(SIGNED.seq, window.high if window.boot == SIGNED.boot else 0)
    if SIGNED.seq > 2**32 - 10:
        SIGNED.boot, SIGNED.seq = SIGNED.boot + 1, 0
    assert SIGNED_WORLD.plant.commit_due_ns is None, "everything accepted is in the journal"


def test_a_message_of_exactly_65_535_bytes_fits() -> None:
    message = codec.seal(KEY, {"x": ""})
    message = codec.seal(KEY, {"x": "y" * (65_535 - len(message))})
    assert len(message) == 65_535
    assert codec.split(message).span.startswith(b'{"x":"yyy')
    with pytest.raises(Refusal) as refusal:
        codec.split(message + b" ")
    assert refusal.value.code is Code.TOO_LARGE
    assert refusal.value.facts == {"size": 65_536}


def test_a_text_of_escapes_is_read_once_and_well() -> None:
    assert decoded(b'{"a":"\\u00fc\\ud83d\\ude00\\"\\\\"}') == {"a": 'ü😀"\\'}


@pytest.mark.parametrize(
    ("span", "value"),
    [
        (b'{"a": 18446744073709551616}', 2.0**64),
        (b'{"a": 18446744073709551615}', 2**64 - 1),
        (b'{"a": -9223372036854775808}', -(2**63)),
        (b'{"a": -9223372036854775809}', -(2.0**63)),
        (b'{"a": 1e308}', 1e308),
        (b'{"a": 1e-999}', 0.0),
    ],
)
def test_large_numbers_are_the_same_in_both_parsers(span: bytes, value: float) -> None:
    assert decoded(span) == decoded(span.replace(b" ", b"")) == {"a": value}


@pytest.mark.parametrize("number", [b"1e999", b"-1e999", b"9" * 310, b"NaN", b"-Infinity", b"1e309"])
def test_a_number_beyond_a_double_is_found_by_both_parsers(number: bytes) -> None:
    for span in (b'{"a":' + number + b"}", b'{"a": ' + number + b"}"):
        assert decoded(span) is Code.MALFORMED
        with pytest.raises(Refusal):
            canonical._decode_strictly(span)


def test_the_careful_parser_alone_finds_what_the_quick_one_finds() -> None:
    for span in (b'{"a":1', b'{"a":"\xff"}', b'{"a":[' + b"[" * 9 + b"]" * 9 + b"]}", b'{"a":' + b"[" * 60_000):
        with pytest.raises(Refusal):
            canonical._decode_strictly(span)


def test_a_payload_is_an_object() -> None:
    assert decoded(b"[1]") is Code.MALFORMED
    assert decoded(b'"a"') is Code.MALFORMED


@pytest.mark.parametrize("levels", [7, 8])
@pytest.mark.parametrize("wrapped", ["[{0}]", '{{"a":{0}}}'])
def test_eight_levels_are_enough(levels: int, wrapped: str) -> None:
    text = "1"
    for _ in range(levels):
        text = wrapped.format(text)
    expected = dict if levels < 8 else Code
    for space in ("", " "):
        assert isinstance(decoded(f'{{"a":{space}{text}}}'.encode()), expected)


def test_json_cannot_carry_everything() -> None:
    for value in (2**64, "\ud800"):
        with pytest.raises((TypeError, ValueError)):
            canonical.encode({"a": value})


# --- keys and topics -------------------------------------------------------------------------


def test_a_key_is_typed_as_people_type_keys() -> None:
    digits = KEY.hex()
    spaced = "-".join(digits[at : at + 8].upper() for at in range(0, 64, 8)) + "\n"
    assert signing.parse_key(spaced) == KEY


@pytest.mark.parametrize("text", ["", "00", "zz" * 32, "00" * 33, "0x" + "00" * 31, "\u0660" * 64])
def test_what_is_no_key_is_told_so(text: str) -> None:
    with pytest.raises(KeyFormError) as error:
        signing.parse_key(text)
    assert str(error.value) == "invalid_key"


def test_a_fingerprint_tells_keys_apart_and_nothing_else() -> None:
    first, second = signing.fingerprint(KEY), signing.fingerprint(FLEET_KEY[::-1])
    assert first != second
    assert [len(part) for part in first.split("-")] == [4, 4, 4, 4]
    assert first.replace("-", "") not in KEY.hex()


@pytest.mark.parametrize("name", ["a", "press-07", "A_z-9", "x" * 64])
def test_a_serial_number_names_a_device(name: str) -> None:
    assert topics.check_device_id(name) == name


@pytest.mark.parametrize("name", ["", "hub", "x" * 65, "ü", "a b", "a/b", "+", "#", "a\n", "é"])
def test_what_names_no_device_is_told_so(name: str) -> None:
    with pytest.raises(DeviceIdError):
        topics.check_device_id(name)


@pytest.mark.parametrize("prefix", ["iiot", "plant/hall 2/iiot", "ü"])
def test_a_prefix_may_have_several_levels(prefix: str) -> None:
    assert topics.check_prefix(prefix) == prefix
    topic = topics.topic_of(prefix, "press-07", Leaf.DATA)
    assert topics.parse_up(prefix, topic) == ("press-07", Leaf.DATA)
    assert f"{prefix}/+/data" in topics.subscriptions(prefix)


@pytest.mark.parametrize("prefix", ["", "/iiot", "iiot/", "a//b", "a+", "#", "$SYS", "a\0b", "x" * 129, "\ud800"])
def test_what_is_no_prefix_is_told_so(prefix: str) -> None:
    with pytest.raises(PrefixError):
        topics.check_prefix(prefix)


@pytest.mark.parametrize(
    "topic",
    [
        "iiot",
        "iiot/",
        "iiot/press-07",
        "iiot/press-07/poll",
        "iiot/press-07/data/x",
        "other/press-07/data",
        "iiot/hub/data",
        "xiiot/press-07/data",
        "x/iiot/press-07/data",
        "iiot/a b/data",
        "iiot//data",
    ],
)
def test_only_upward_topics_of_devices_are_ours(topic: str) -> None:
    assert topics.parse_up("iiot", topic) is None


def test_nothing_that_the_hub_sends_comes_back_to_it() -> None:
    assert not {"poll", "stored", "command"} & {name.rsplit("/", 1)[1] for name in topics.subscriptions("iiot")}


def test_sixteen_bit_samples_are_unpacked_and_scaled() -> None:
    assert samples_of({"i16": "AQD//w==", "scale": 0.5, "offset": 1}) == [1.5, 0.5]
    assert samples_of({"v": [1, 2.5]}) == [1, 2.5]
    assert all(math.isfinite(sample) for sample in samples_of({"i16": "AQD//w=="}))


@settings(max_examples=60)
@given(st.lists(st.integers(-(2**15), 2**15 - 1), max_size=50))
def test_a_waveform_has_as_many_samples_as_come_out_of_it(samples: list[int]) -> None:
    packed = b64encode(struct.pack(f"<{len(samples)}h", *samples)).decode()
    head = {"ch": "x", "t0": [1, 0], "dt_ns": 40_000}
    for form in ({"v": samples}, {"i16": packed}):
        wave = read_data({"wave": head | form}).wave
        assert wave is not None
        assert wave.samples == len(samples)
        assert samples_of(head | form) == samples


@pytest.mark.parametrize("beyond", [{"scale": 1e308}, {"scale": 1e304, "offset": 1.7e308}])
def test_a_scale_that_leads_beyond_a_double_is_refused(beyond: dict[str, float]) -> None:
    with pytest.raises(Refusal, match="beyond a double"):
        samples_of({"i16": "AQD//w==", **beyond})
