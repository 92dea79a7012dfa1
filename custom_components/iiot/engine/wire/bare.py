"""Bare topics: the envelope with `ts`, `ts_ns` and values, and nothing else (protocol.md, Bare topics)."""

import json
import re
from typing import Any, Final, NamedTuple

from ..errors import Code, Refusal
from ..values import NS_PER_S
from . import canonical, codec, signing
from .codec import Envelope
from .frames import MAX_TS_S, malformed

_SPACE: Final = b" \t\r\n"
_MAC: Final = re.compile(r"[A-Za-z0-9+/]{43}=")
_MEMBERS: Final = {"hmac", "payload"}


class Stamped(NamedTuple):
    """What a bare message says."""

    time_ns: int
    """When it was made, by the device's clock, Unix nanoseconds."""
    values: dict[str, Any]
    """Every member but the time."""


class _Token(str):
    """A number as it was written: printing it anew could change its digits, and the MAC with them."""

    __slots__ = ()


def verify(message: bytes, key: bytes) -> Envelope:
    """Take a message apart and check its MAC; raises `Refusal` (`too_large`, `malformed`, `bad_mac`).

    One with white space is written canonically once, and tried again: then that is what was signed, and what is read.
    """
    try:
        envelope = codec.split(message)
    except Refusal as refusal:
        if refusal.code is Code.TOO_LARGE or not _has_space(message):
            raise
    else:
        if signing.is_signed_by(key, envelope.span, envelope.mac):
            return envelope
    if _has_space(message):
        envelope = canonicalised(message)
        if signing.is_signed_by(key, envelope.span, envelope.mac):
            return envelope
    raise Refusal(Code.BAD_MAC, "the signature does not fit the message")


def opened(message: bytes) -> Envelope:
    """Take a message apart that was verified before; raises `Refusal`."""
    try:
        return codec.split(message)
    except Refusal:
        return canonicalised(message)


def canonicalised(message: bytes) -> Envelope:
    """Write the payload of a message canonically: keys sorted, no white space, numbers as they stand.

    Raises `Refusal(malformed)` unless the message is an object of `hmac` and `payload`.
    """
    try:
        found = json.loads(
            message.decode("utf-8"),
            object_pairs_hook=canonical.unique,
            parse_float=_Token,
            parse_int=_Token,
            parse_constant=canonical.no_constant,
        )
    except (ValueError, RecursionError) as err:
        raise malformed("the message is not JSON") from err
    if type(found) is not dict or found.keys() != _MEMBERS:
        raise malformed("not an envelope of hmac and payload")
    mac, payload = found["hmac"], found["payload"]
    if type(mac) is not str or not _MAC.fullmatch(mac) or type(payload) is not dict:
        raise malformed("not an envelope of hmac and payload")
    try:
        return Envelope(mac.encode(), _written(payload, 1).encode("utf-8"))
    except UnicodeEncodeError as err:
        raise malformed("a text holds half a surrogate pair") from err


def read(span: bytes) -> Stamped:
    """Read a verified payload; raises `Refusal(malformed)`."""
    payload = canonical.decode(span)
    seconds, nanos = payload.pop("ts", None), payload.pop("ts_ns", None)
    if type(seconds) is not int or type(nanos) is not int or not 0 < seconds < MAX_TS_S or not 0 <= nanos < NS_PER_S:
        raise malformed("ts and ts_ns are not a time")
    return Stamped(seconds * NS_PER_S + nanos, payload)


def seal(key: bytes, time_ns: int, values: dict[str, Any]) -> bytes:
    """Sign values with their time, and put them into the envelope."""
    seconds, nanos = divmod(time_ns, NS_PER_S)
    return codec.seal(key, {**values, "ts": seconds, "ts_ns": nanos})


def _has_space(message: bytes) -> bool:
    return len(message.translate(None, _SPACE)) != len(message)


def _written(node: Any, depth: int) -> str:
    if isinstance(node, _Token):
        return node
    if isinstance(node, dict | list):
        if depth > canonical.MAX_DEPTH:
            raise malformed("the payload is nested too deeply")
        if isinstance(node, list):
            return f"[{','.join(_written(value, depth + 1) for value in node)}]"
        members = (f"{_written(name, depth)}:{_written(node[name], depth + 1)}" for name in sorted(node))
        return f"{{{','.join(members)}}}"
    return json.dumps(node, ensure_ascii=False)
