"""A formula over the channels of one device: read once into a small tree of functions, then fed with numbers.

Whatever text comes is read or refused in bounded time, and a formula that was read always ends: all numbers are
doubles, so that no power grows without bound, and there are no loops, no names but channels, no attributes, no calls
but those of `_FUNCTIONS`.
"""

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple

from ..errors import RequestError

MAX_LENGTH: Final = 256
MAX_PARTS: Final = 384
MAX_DEPTH: Final = 64
MAX_DIGITS: Final = 12
"""Digits that a number can be rounded to."""

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?(?![a-z0-9_.]))"
    r"|(?P<word>[a-z0-9_]+)|(?P<sign>\*\*|[-+*/(),]))"
)
_FUNCTIONS: Final[dict[str, tuple[int, int, Callable[..., float]]]] = {
    "abs": (1, 1, abs),
    "max": (1, 16, max),
    "min": (1, 16, min),
    "round": (1, 2, lambda value, digits=0.0: round(value, min(MAX_DIGITS, max(0, int(digits))))),
    "sqrt": (1, 1, math.sqrt),
}
"""Name → least and most arguments, and what it does."""
FUNCTIONS: Final = tuple(_FUNCTIONS)
_OPERATORS: Final[dict[type, Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: math.pow,
}
_SIGNS: Final[dict[type, Callable[[Any], Any]]] = {ast.UAdd: operator.pos, ast.USub: operator.neg}
_CHANNEL: Final = "c_"
"""Stands before each channel's key while it is read, so that a key may be a word of Python or begin with a digit."""

type Values = Mapping[str, float]
type _Run = Callable[[Values], Any]


class Flaw(StrEnum):
    """Why a text is no formula."""

    TOO_LONG = "too_long"
    CHARACTER = "character"
    FORM = "form"
    CALL = "call"
    NO_CHANNEL = "no_channel"


_WORDS: Final[dict[Flaw, str]] = {
    Flaw.TOO_LONG: f"is longer than {MAX_LENGTH} characters, or has too many parts",
    Flaw.CHARACTER: "has a character that has no place in it",
    Flaw.FORM: "is not complete: look for a missing operand, comma or bracket",
    Flaw.CALL: "gives a function too few or too many values",
    Flaw.NO_CHANNEL: "names no channel",
}


class ExpressionError(RequestError):
    """The text is no formula; `reason` says why, in plain words."""

    code = "invalid_expression"

    def __init__(self, flaw: Flaw) -> None:
        super().__init__(reason=_WORDS[flaw])
        self.flaw: Final = flaw
        self.reason: Final = _WORDS[flaw]


class Expression(NamedTuple):
    """A formula that was read."""

    names: frozenset[str]
    """Channels that it needs."""
    run: _Run

    def value(self, values: Values) -> float | None:
        """Work it out; None when it has no value for these numbers, such as a division by zero."""
        try:
            found = self.run(values)
        except ArithmeticError, ValueError, KeyError:
            return None
        return float(found) if type(found) is float and math.isfinite(found) else None


def read_expression(text: str) -> Expression:
    """Read a formula; raises `ExpressionError`."""
    if len(text) > MAX_LENGTH:
        raise ExpressionError(Flaw.TOO_LONG)
    source = _with_marked_channels(text)
    try:
        tree = ast.parse(source, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as err:
        raise ExpressionError(Flaw.FORM) from err
    if sum(1 for _ in ast.walk(tree)) > MAX_PARTS:
        raise ExpressionError(Flaw.TOO_LONG)
    names: set[str] = set()
    run = _read(tree, names, MAX_DEPTH)
    if not names:
        raise ExpressionError(Flaw.NO_CHANNEL)
    return Expression(frozenset(names), run)


def _with_marked_channels(text: str) -> str:
    """Take the text apart, and put it together with every channel marked; raises for what has no place in it."""
    parts: list[str] = []
    at = 0
    end = len(text.rstrip())
    while at < end:
        found = _TOKEN.match(text, at, end)
        if found is None:
            raise ExpressionError(Flaw.CHARACTER)
        at = found.end()
        word = found["word"]
        if word is None:
            parts.append(_number(found["number"]) if found["number"] else found["sign"])
        else:
            is_call = word in _FUNCTIONS and text[at:].lstrip().startswith("(")
            parts.append(word if is_call else _CHANNEL + word)
    return " ".join(parts)


def _number(digits: str) -> str:
    """Every number is a double, whatever it looks like."""
    return repr(min(float(digits), 1e308))


def _read(node: ast.AST, names: set[str], depth: int) -> _Run:
    if depth == 0:
        raise ExpressionError(Flaw.TOO_LONG)
    match node:
        case ast.Constant(value=float(number)):
            return lambda _: number
        case ast.Name(id=name) if name.startswith(_CHANNEL):
            key = name.removeprefix(_CHANNEL)
            names.add(key)
            return operator.itemgetter(key)
        case ast.UnaryOp(op=sign, operand=operand) if type(sign) in _SIGNS:
            change, inner = _SIGNS[type(sign)], _read(operand, names, depth - 1)
            return lambda values: change(inner(values))
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _OPERATORS:
            act, first, second = _OPERATORS[type(sign)], _read(left, names, depth - 1), _read(right, names, depth - 1)
            return lambda values: act(first(values), second(values))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _FUNCTIONS:
            return _read_call(name, args, names, depth)
    raise ExpressionError(Flaw.FORM)


def _read_call(name: str, args: list[ast.expr], names: set[str], depth: int) -> _Run:
    least, most, act = _FUNCTIONS[name]
    if not least <= len(args) <= most:
        raise ExpressionError(Flaw.CALL)
    inner = [_read(arg, names, depth - 1) for arg in args]
    return lambda values: act(*(one(values) for one in inner))
