"""Canonical JSON (protocol.md, Envelope): written one way, read strictly.

Reading refuses what two receivers could understand differently: duplicate keys, lone
surrogates, control characters in texts, NaN, numbers beyond a double, deep nesting.
"""

import json
import math
from typing import Any, Final

import orjson

from ..errors import Code, Refusal

MAX_DEPTH: Final = 8
"""Objects and lists in each other; the deepest message of the protocol has 5."""

_PLAIN: Final = bytes(byte for byte in range(0x21, 0x7F) if byte != ord("\\"))
"""Printable ASCII without space and backslash: text in which `":` ends keys and nothing else."""

_NESTED: Final = frozenset({dict, list})
_SAFE_INT: Final = 1 << 63


def encode(payload: dict[str, Any]) -> bytes:
    """Canonical bytes of `payload`; raises ValueError for what JSON or UTF-8 cannot carry."""
    return orjson.dumps(payload, option=orjson.OPT_SORT_KEYS)


def decode(span: bytes) -> dict[str, Any]:
    """Parse the payload span.

    The quick way decides most messages: in text free of white space and escapes every key
    token ends with `":`, so when there are as many of these as keys came out, none stood
    twice. All other texts are read again by a parser that sees each pair.
    """
    try:
        payload = orjson.loads(span)
    except orjson.JSONDecodeError as err:
        raise Refusal(Code.MALFORMED, "the payload is not JSON") from err
    if type(payload) is not dict:
        raise Refusal(Code.MALFORMED, "the payload is not an object")
    if span.translate(None, _PLAIN) or span.count(b'":') != _count_keys(payload, 1):
        return _decode_strictly(span)
    return payload


def _count_keys(node: dict[str, Any], depth: int) -> int:
    if depth > MAX_DEPTH:
        raise Refusal(Code.MALFORMED, "the payload is nested too deeply")
    count = len(node)
    for value in node.values():
        kind = type(value)
        if kind is dict:
            count += _count_keys(value, depth + 1)
        elif kind is list:
            count += _count_in_list(value, depth + 1)
    return count


def _count_in_list(items: list[Any], depth: int) -> int:
    if depth > MAX_DEPTH:
        raise Refusal(Code.MALFORMED, "the payload is nested too deeply")
    if _NESTED.isdisjoint(map(type, items)):
        return 0
    count = 0
    for value in items:
        kind = type(value)
        if kind is dict:
            count += _count_keys(value, depth + 1)
        elif kind is list:
            count += _count_in_list(value, depth + 1)
    return count


def _decode_strictly(span: bytes) -> dict[str, Any]:
    try:
        payload = json.loads(
            span.decode("utf-8"),
            object_pairs_hook=unique,
            parse_float=_finite,
            parse_int=_bounded,
            parse_constant=no_constant,
        )
    except Refusal:
        raise
    except (ValueError, RecursionError) as err:
        raise Refusal(Code.MALFORMED, "the payload is not JSON") from err
    _check_texts(payload, 1)
    return payload  # type: ignore[no-any-return]  # the quick parser saw an object


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of its members; raises `Refusal(malformed)` when a key stands twice."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Refusal(Code.MALFORMED, "a key stands twice")
    return found


def _finite(token: str) -> float:
    value = float(token)
    if math.isinf(value):
        raise Refusal(Code.MALFORMED, "a number is beyond a double")
    return value


def _bounded(token: str) -> int | float:
    if len(token) > 309:  # digits of the largest double
        raise Refusal(Code.MALFORMED, "a number is beyond a double")
    value = int(token)
    return value if -_SAFE_INT <= value < 2 * _SAFE_INT else _finite(token)


def no_constant(token: str) -> None:
    """Refuse NaN and infinity."""
    raise Refusal(Code.MALFORMED, f"{token} is not a number")


def _check_texts(node: object, depth: int) -> None:
    if isinstance(node, str):
        if not is_clean_text(node):
            raise Refusal(Code.MALFORMED, "a text holds control characters or half a surrogate pair")
        return
    if isinstance(node, (dict, list)):
        if depth > MAX_DEPTH:
            raise Refusal(Code.MALFORMED, "the payload is nested too deeply")
        for child in node:
            _check_texts(child, depth + 1)
        if isinstance(node, dict):
            for child in node.values():
                _check_texts(child, depth + 1)


def is_clean_text(text: str) -> bool:
    """Whether `text` is free of C0 and C1 control characters, DEL and surrogates."""
    if text.isascii() and text.isprintable():
        return True
    return not any(ch < " " or "\x7f" <= ch <= "\x9f" or "\ud800" <= ch <= "\udfff" for ch in text)
