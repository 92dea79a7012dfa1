"""What breaks readers: values at the ends of ranges, tokens that JSON does not have, and mutations of bytes."""

from collections.abc import Callable
from random import Random
from typing import Any, Final

WHOLE: Final = (
    *(0, 1, -1, 2, 3, 7, 8, 9, 63, 64, 65, 255, 256, 257, 1023, 1024, 1025, 4096, 65_535, 65_536),
    *(10**9 - 1, 10**9, 1_795_190_400, 2**31 - 1, 2**31, 2**32 - 2, 2**32 - 1, 2**32, 2**33 - 1, 2**33),
    *(2**41 - 1, 2**41, 2**53, 2**53 + 1, 2**62, 2**63 - 1, 2**63, 2**64 - 1, -(2**31), -(2**63)),
)
FRACTIONS: Final = (
    *(0.0, -0.0, 0.1, 0.5, 1.0, -1.5, 5e-324, 1e-300, 2.0**53, 1e22, 9.3e18, 1e300, 1e308, -1e308),
    *(1.7976931348623157e308, 4e9, 1e12),
)
TEXTS: Final = (
    *("", "a", "loc", "temperature", "hub", "constructor", "__proto__", "Süd 😀", "\u202egnol", "\ufeffbom", "\uffff"),
    *("\u2028line", "0", "null", "../../etc/passwd", "iiot/press-07/data", "{{ states }}", "%s%n", "'; drop table"),
    *("\x00", "\x1b[31m", "\x7f", "\x85", "a" * 64, "a" * 65, "é" * 128, "x" * 257, "y" * 4_096, "z" * 4_097),
    *("0123456789abcdef", "0badcafe", "COMM", "bad", "float", "enum", "e\u0301" * 40, "\U0010ffff", " ", "\u00a0"),
)
TOKENS: Final = (
    *(
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b"1e999",
        b"-1e999",
        b"-0",
        b"-0.0",
        b"1E5",
        b"01",
        b"1.",
        b".5",
        b"+1",
        b"0x10",
    ),
    *(b"1e", b"--1", b"99999999999999999999", b"1" * 309, b"1" * 310, b"9" * 4_301, b"0." + b"1" * 400, b"1e-999"),
    *(
        b'"\\ud800"',
        b'"\\udc00\\ud800"',
        b'"\\ud83d\\ude00"',
        b'"\\u0000"',
        b'"\\u0041"',
        b'"\\x41"',
        b'"\\"',
        b'"\\/"',
    ),
    *(
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b'"\xc0\xaf"',
        b'"\xf4\x90\x80\x80"',
        b'"\xef\xbf\xbf"',
        b'"\x00"',
        b'"\n"',
        b'"\x7f"',
    ),
    *(b"nul", b"True", b"undefined", b"", b"{}", b"[]", b"null", b'":"', b'["a",":b"]', b'{"":""}', b'{"a":1,"a":1}'),
    *(
        b'{"a":1,"\\u0061":2}',
        b" 1",
        b"1 ",
        b"\xef\xbb\xbf1",
        b"1,",
        b'"a":',
        b"//",
        b"/**/1",
        b"'a'",
        b"[1,]",
        b'{"a":1,}',
    ),
    *(
        b"[" * 7 + b"]" * 7,
        b"[" * 9 + b"]" * 9,
        b'{"a":' * 8 + b"1" + b"}" * 8,
        b"[" * 1_025 + b"]" * 1_025,
        b"[" * 3_000,
    ),
    *(
        b'{"a":' * 2_000 + b"1" + b"}" * 2_000,
        b"[" * 200_000,
        b'{"' + b"k" * 9_000 + b'":1}',
        b"[" + b"0," * 9_000 + b"0]",
    ),
    *(b"[" + b"{}," * 3_000 + b"{}]", b'"' + b"\\u0041" * 2_000 + b'"'),
)
PIECES: Final = (
    *(
        b'"',
        b"\\",
        b"{",
        b"}",
        b"[",
        b"]",
        b":",
        b",",
        b"\x00",
        b"\xff",
        b"\xef\xbb\xbf",
        b" ",
        b"\n",
        b"\r\n",
        b"=",
        b"/",
    ),
    *(b'":', b'",', b'{"hmac":"', b'","payload":{', b'{"payload":{', b'},"hmac":"', b'"}', b"}}", b'"kid":9', b'"v":2'),
    *(b'"boot":', b'"seq":', b'"kid":99999999999', b'"type":"data"', b"\\ud800", b"\\u0022", b"\xed\xa0\x80", b"1e999"),
)


def scalar(random: Random) -> Any:
    """One value of any type, seldom a comfortable one."""
    pick = random.random()
    if pick < 0.4:
        return random.choice(WHOLE)
    if pick < 0.55:
        return random.choice(FRACTIONS)
    if pick < 0.85:
        return random.choice(TEXTS)
    return random.choice((None, True, False))


def value(random: Random, depth: int = 0) -> Any:
    """A value that may hold others."""
    pick = random.random()
    if pick < 0.6 or depth > 2:
        return scalar(random)
    size = random.choice((0, 1, 2, 2, 3, 5))
    if pick < 0.85:
        return [value(random, depth + 1) for _ in range(size)]
    return {random.choice(TEXTS)[:40]: value(random, depth + 1) for _ in range(size)}


# --- bytes -----------------------------------------------------------------------------------


def _flip(data: bytes, random: Random) -> bytes:
    at = random.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << random.randrange(8)]) + data[at + 1 :]


def _cut(data: bytes, random: Random) -> bytes:
    at = random.randrange(len(data))
    return data[:at] + data[at + random.choice((1, 1, 2, 8, 64)) :]


def _end(data: bytes, random: Random) -> bytes:
    return data[: random.randrange(len(data))]


def _put(data: bytes, random: Random) -> bytes:
    at = random.randrange(len(data) + 1)
    return data[:at] + random.choice(PIECES) + data[at:]


def _noise(data: bytes, random: Random) -> bytes:
    at = random.randrange(len(data) + 1)
    return data[:at] + random.randbytes(random.choice((1, 2, 4, 16))) + data[at:]


def _copy(data: bytes, random: Random) -> bytes:
    start, at = random.randrange(len(data)), random.randrange(len(data) + 1)
    return data[:at] + data[start : start + random.choice((1, 4, 16, 64, 256))] + data[at:]


def _token(data: bytes, random: Random) -> bytes:
    """Put a token in the place of a value: after some colon, comma or bracket."""
    places = [at + 1 for at, byte in enumerate(data[:4_096]) if byte in b":,["]
    if not places:
        return _put(data, random)
    at = random.choice(places)
    ends = [end for mark in b",}]" if (end := data.find(mark, at)) >= 0]
    return data[:at] + random.choice(TOKENS) + data[min(ends, default=at) :]


_WAYS: Final[tuple[Callable[[bytes, Random], bytes], ...]] = (_flip, _cut, _end, _put, _noise, _copy, _token, _token)


def mutated(data: bytes, random: Random) -> bytes:
    """`data` with one to three mutations."""
    for _ in range(random.choice((1, 1, 2, 3))):
        data = random.choice(_WAYS)(data or b"{}", random)
    return data


# --- documents -------------------------------------------------------------------------------


def spoiled(node: Any, random: Random) -> Any:
    """A document with one member somewhere in it replaced, left out, added, doubled or moved."""
    if isinstance(node, dict) and node and random.random() < 0.9:
        return _spoil_object(dict(node), random)
    if isinstance(node, list) and node and random.random() < 0.8:
        return _spoil_list(list(node), random)
    return value(random)


def _spoil_object(node: dict[str, Any], random: Random) -> dict[str, Any]:
    key = random.choice(list(node))
    pick = random.random()
    if pick < 0.75:
        node[key] = spoiled(node[key], random)
    elif pick < 0.85:
        del node[key]
    elif pick < 0.95:
        node[random.choice(TEXTS)[:70]] = value(random)
    else:
        node[random.choice(list(node))] = node[key]
    return node


def _spoil_list(node: list[Any], random: Random) -> list[Any]:
    at = random.randrange(len(node))
    pick = random.random()
    if pick < 0.7:
        node[at] = spoiled(node[at], random)
    elif pick < 0.8:
        del node[at]
    elif pick < 0.9:
        node.insert(at, node[at])
    elif pick < 0.97:
        node.append(value(random))
    else:
        node *= random.choice((2, 17, 65, 257))
    return node
