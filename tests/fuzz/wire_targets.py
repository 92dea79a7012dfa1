"""The border: envelope, canonical form, topics, and the members of each kind of message."""

import json
import math
import re
from collections.abc import Callable
from random import Random
from typing import Any, Final

from iiot_engine.devices.manifest_rules import read_manifest
from iiot_engine.errors import Code, DeviceIdError, KeyFormError, PrefixError, Refusal
from iiot_engine.wire import canonical, codec, frames, signing, topics
from iiot_engine.wire.data import read_data, row_time_ns, samples_of
from iiot_engine.wire.heartbeat import read_heartbeat

from . import nasty
from .grammar import LEAVES, Speech
from .target import ACCEPTED, BytesTarget, Verdict, ensure, golden, timed

KEY: Final = bytes(range(32))
SECOND: Final = 1_795_190_400
_MAC: Final = rb"[A-Za-z0-9+/]{43}="
_FORM: Final = re.compile(
    rb'\{"hmac":"(?P<mac>%b)","payload":(?P<span>\{.*\})\}|\{"payload":(?P<span2>\{.*\}),"hmac":"(?P<mac2>%b)"\}'
    % (_MAC, _MAC),
    re.DOTALL,
)
GOLDEN: Final = golden("good.json") + golden("bad.json") + golden("down_good.json")


def header(random: Random, leaf: str) -> dict[str, Any]:
    """Members of every upward payload, good ones."""
    tq = random.choice((0, 1, 2))
    return {
        "v": 1,
        "type": leaf,
        "id": "press-07",
        "kid": 1,
        "boot": 3,
        "seq": random.randint(1, 5_000),
        "up": random.choice((0, 61_000, 2**41 - 1)),
        "ts": SECOND if tq else 0,
        "ts_ns": 0,
        "tq": tq,
    }


def document(random: Random, leaf: str) -> dict[str, Any]:
    """A payload: as it should be, or spoiled in up to three places."""
    found = header(random, leaf) | Speech(random).body(leaf, random, 3, SECOND)
    for _ in range(random.choice((0, 1, 1, 2, 3))):
        found = nasty.spoiled(found, random)
    return found


def text_of(node: Any, random: Random) -> bytes:
    """A document as bytes: canonical, or in another of JSON's spellings, or mutated."""
    pick = random.random()
    if pick < 0.6:
        return json.dumps(node, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    if pick < 0.7:
        return json.dumps(node, ensure_ascii=random.random() < 0.5, indent=random.choice((None, 1))).encode()
    return nasty.mutated(json.dumps(node, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode(), random)


class EnvelopeTarget(BytesTarget[None]):
    """`codec.split` against a pattern of the whole envelope."""

    name = "envelope"
    share = 10

    def fresh(self, setup: dict[str, Any]) -> None:
        return None

    def draw(self, subject: None, random: Random) -> bytes:
        pick = random.random()
        if pick < 0.05:
            return random.randbytes(random.choice((0, 1, 60, 66, 300)))
        if pick < 0.07:
            return (
                b'{"hmac":"'
                + b"A" * 43
                + b'=","payload":{"x":"'
                + b"y" * random.choice((65_400, 65_450, 80_000))
                + b'"}}'
            )
        message = random.choice(GOLDEN)
        return message if pick < 0.12 else nasty.mutated(message[:4_096], random)

    def feed(self, subject: None, item: bytes) -> Verdict:
        expected = _FORM.fullmatch(item) if len(item) <= codec.MAX_MESSAGE_BYTES else None
        try:
            found, cost = timed(lambda: codec.split(item))
        except Refusal as refusal:
            right = Code.TOO_LARGE if len(item) > codec.MAX_MESSAGE_BYTES else Code.MALFORMED
            ensure(expected is None and refusal.code is right, f"refused as {refusal.code}, though it has the form")
            return Verdict(refusal.code, 0)
        ensure(expected is not None, "taken, though it has not the form")
        assert expected is not None
        mac, span = expected["mac"] or expected["mac2"], expected["span"] or expected["span2"]
        ensure(found == (mac, span), "another MAC or span than the pattern finds")
        return Verdict(ACCEPTED, cost)


class CanonicalTarget(BytesTarget[None]):
    """`canonical.decode`, whose quick way must find what a careful parser finds."""

    name = "canonical"
    share = 16

    def fresh(self, setup: dict[str, Any]) -> None:
        return None

    def draw(self, subject: None, random: Random) -> bytes:
        if random.random() < 0.1:
            return nasty.mutated(codec_span(random.choice(GOLDEN)), random)
        node = document(random, random.choice(LEAVES)) if random.random() < 0.6 else {"a": nasty.value(random)}
        return text_of(node, random)

    def feed(self, subject: None, item: bytes) -> Verdict:
        expected = carefully(item)
        try:
            found, cost = timed(lambda: canonical.decode(item))
        except Refusal as refusal:
            ensure(refusal.code is Code.MALFORMED, f"refused as {refusal.code}")
            ensure(expected is None, "refused, though a careful parser takes it")
            return Verdict(refusal.code, 0)
        ensure(expected is not None, "taken, though a careful parser refuses it")
        ensure(repr(found) == repr(expected), "read as something else than by a careful parser")
        return Verdict(ACCEPTED, cost)


def codec_span(message: bytes) -> bytes:
    """Payload of a golden message; of a bad one whatever stands there."""
    try:
        return codec.split(message).span
    except Refusal:
        return message[65:-1] or b"{}"


def carefully(span: bytes) -> dict[str, Any] | None:
    """Parse as the protocol page says, without any haste; None when it is malformed."""
    try:
        text = span.decode("utf-8")
        found = json.loads(text, object_pairs_hook=_once, parse_float=_double, parse_int=_whole, parse_constant=_never)
    except ValueError, RecursionError:
        return None
    return found if isinstance(found, dict) and _is_sound(found, 1) else None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValueError
    return dict(pairs)


def _double(token: str) -> float:
    if math.isinf(found := float(token)):
        raise ValueError
    return found


def _whole(token: str) -> float:
    return int(token) if len(token) < 21 and -(2**63) <= int(token) < 2**64 else _double(token)


def _never(token: str) -> None:
    raise ValueError(token)


def _is_sound(node: Any, depth: int) -> bool:
    if isinstance(node, str):
        return not re.search("[\x00-\x1f\x7f-\x9f\ud800-\udfff]", node)
    if isinstance(node, dict | list):
        inner = [*node, *node.values()] if isinstance(node, dict) else node
        return depth <= 8 and all(_is_sound(each, depth + 1) for each in inner)
    return True


# --- members ---------------------------------------------------------------------------------

_READERS: Final[dict[str, Callable[[dict[str, Any]], Any]]] = {
    "heartbeat": read_heartbeat,
    "manifest": read_manifest,
    "data": read_data,
    "alarm": frames.read_alarm,
    "log": frames.read_log,
    "ack": frames.read_ack,
    "status": frames.read_status,
}


class MembersTarget(BytesTarget[None]):
    """Readers of one kind of message: what they let through is within the bounds that the rooms inside rely on."""

    share = 4

    def __init__(self, leaf: str) -> None:
        self.leaf = leaf
        self.name = leaf  # type: ignore[misc]

    def fresh(self, setup: dict[str, Any]) -> None:
        return None

    def draw(self, subject: None, random: Random) -> bytes:
        return text_of(document(random, self.leaf), random)

    def feed(self, subject: None, item: bytes) -> Verdict:
        def read() -> tuple[dict[str, Any], Any]:
            payload = canonical.decode(item)
            frames.read_header(payload)
            return payload, _READERS[self.leaf](payload)

        try:
            (payload, body), cost = timed(read)
        except Refusal as refusal:
            ensure(refusal.code in (Code.MALFORMED, Code.NEWER_VERSION), f"refused as {refusal.code}")
            ensure(len(str(refusal)) < 400 and canonical.is_clean_text(str(refusal)), "a reason that nobody can print")
            return Verdict(refusal.code, 0)
        within_bounds(self.leaf, payload, body)
        return Verdict(ACCEPTED, cost)


def within_bounds(leaf: str, payload: dict[str, Any], body: Any) -> None:
    """Check what a reader let through."""
    match leaf:
        case "heartbeat":
            ensure(0.1 <= body.interval_s <= 604_800, "interval")
            numbers = [body.interval_s, body.sleep_s, body.wake_s, body.net.rssi, body.battery, body.volt]
            ensure(all(n is None or math.isfinite(n) for n in [*numbers, *(body.loc or ())]), "a number is not finite")
            ensure(len(body.drops) <= 64 and len(body.alarms) <= 32 and len(body.rekeyed) <= 16, "a long list")
        case "manifest":
            ensure(len(body.channels) <= 256 and len(body.actuators) <= 64, "too many channels")
            for channel in body.channels.values():
                numbers = [channel.scale, channel.offset, channel.minimum, channel.maximum, channel.period_s]
                ensure(all(n is None or math.isfinite(n) for n in numbers), "a number is not finite")
                ensure(0 < len(channel.name) <= 128 and channel.scale, "name or scale")
        case "data":
            ensure(body.rows_count >= 1, "no row")
            ensure(all(0 <= row_time_ns(row) < 2**63 for row in body.rows), "a row time leaves 64 bits")
            if body.wave is not None:
                samples = samples_of(payload["wave"])
                ensure(len(samples) == body.wave.samples, "samples")
                ensure(all(math.isfinite(sample) for sample in samples), "a sample is not finite")
        case "log":
            ensure(len(body.msg.encode()) <= 1_024, "msg")


class TopicsTarget(BytesTarget[None]):
    """Topics, prefixes, device ids and keys as texts of strangers."""

    name = "topics"
    share = 4

    def fresh(self, setup: dict[str, Any]) -> None:
        return None

    def draw(self, subject: None, random: Random) -> bytes:
        good = random.choice(("iiot/press-07/data", "a/b/c", "iiot", "press-07", "00" * 32, "0011-2233 " * 8, "hub"))
        text = good.encode() if random.random() < 0.2 else nasty.mutated(good.encode(), random)
        return text + random.choice((b"", b"", random.choice(nasty.TEXTS).encode("utf-8", "surrogatepass")))

    def feed(self, subject: None, item: bytes) -> Verdict:
        text = item.decode("utf-8", random_errors(item))
        code = "no topic"
        for prefix in ("iiot", "a/b"):
            found, cost = timed(lambda prefix=prefix: topics.parse_up(prefix, text))
            if found is not None:
                device_id, leaf = found
                ensure(text == topics.topic_of(prefix, device_id, leaf), "another topic than it was taken from")
                ensure(topics.is_device_id(device_id), "no device id")
                code = ACCEPTED
        code = _try(code, "prefix", lambda: topics.check_prefix(text), PrefixError)
        code = _try(code, "id", lambda: topics.check_device_id(text), DeviceIdError)
        code = _try(code, "key", lambda: ensure(len(signing.parse_key(text)) == 32, "length"), KeyFormError)
        return Verdict(code, cost)


def _try(code: str, name: str, call: Callable[[], object], error: type[Exception]) -> str:
    try:
        call()
    except error:
        return code
    return code if code == ACCEPTED else f"{code}, a {name}"


def random_errors(item: bytes) -> str:
    """Every other text keeps half surrogate pairs, as a text from JSON may have."""
    return "surrogateescape" if len(item) % 2 else "replace"


TARGETS: Final = (EnvelopeTarget(), CanonicalTarget(), TopicsTarget(), *(MembersTarget(leaf) for leaf in LEAVES))
