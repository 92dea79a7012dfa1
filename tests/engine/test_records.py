"""What people wrote about a device is read whole, or refused with the place and the reason."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iiot_engine import records
from iiot_engine.errors import RecordError
from iiot_engine.plant.policy import Policy
from iiot_engine.records import Bounds, Matching


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


type Name = Annotated[str, Matching("[a-z]+", "must be small letters")]


@dataclass(frozen=True, kw_only=True, slots=True)
class Wheel:
    """A wheel.

    It turns.
    """

    size: Annotated[float, Bounds(0, 10)]
    spokes: Annotated[int | None, Bounds(low=3)] = None
    weight: Annotated[float, Bounds(high=5)] = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Cart:
    wheels: tuple[Wheel, ...] = ()
    colour: Colour = Colour.RED
    way: Literal["in", "out"] = "in"
    names: Mapping[Name, str] = field(default_factory=dict)
    is_full: bool = False
    load: float | int | bool | str = 0


FULL = {
    "wheels": [{"size": 1, "spokes": 12}, {"size": 2.5}],
    "colour": "blue",
    "way": "out",
    "names": {"front": "Süd"},
    "is_full": True,
    "load": "stones",
}


def test_a_record_is_read_and_written_without_loss():
    cart = records.read(Cart, FULL)
    assert cart.wheels == (Wheel(size=1.0, spokes=12), Wheel(size=2.5))
    assert (cart.colour, cart.way, cart.is_full, cart.load) == (Colour.BLUE, "out", True, "stones")
    assert records.write(cart) == FULL


def test_what_stands_at_its_default_is_not_written():
    assert records.write(Cart()) == {}
    assert records.write(Wheel(size=1.0)) == {"size": 1.0}


@pytest.mark.parametrize(
    ("raw", "path", "reason"),
    [
        (7, "", "must have fields"),
        ({"doors": 1}, "doors", "is not known; there are: wheels, colour, way, names, is_full, load"),
        ({"wheels": {}}, "wheels", "must be a list"),
        ({"wheels": [{}]}, "wheels[0].size", "is missing"),
        ({"wheels": [{"size": 11}]}, "wheels[0].size", "must lie between 0 and 10"),
        ({"wheels": [{"size": True}]}, "wheels[0].size", "must be a number"),
        ({"wheels": [{"size": float("nan")}]}, "wheels[0].size", "must be a number"),
        ({"wheels": [{"size": 1, "spokes": 2}]}, "wheels[0].spokes", "must be at least 3"),
        ({"wheels": [{"size": 1, "spokes": 2.5}]}, "wheels[0].spokes", "must be a whole number"),
        ({"wheels": [{"size": 1, "weight": 6}]}, "wheels[0].weight", "must be at most 5"),
        ({"colour": "green"}, "colour", "must be one of: red, blue"),
        ({"way": 3}, "way", "must be one of: in, out"),
        ({"names": []}, "names", "must have fields"),
        ({"names": {"Front": "x"}}, "names.Front", "must be small letters"),
        ({"names": {"front": "x" * 1025}}, "names.front", "must be a text of at most 1024 characters"),
        ({"names": {"front": "\ud800"}}, "names.front", "must be a text of at most 1024 characters"),
        ({"is_full": 1}, "is_full", "must be true or false"),
        ({"load": None}, "load", "must be a number"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(raw: Any, path: str, reason: str):
    with pytest.raises(RecordError) as caught:
        records.read(Cart, raw)
    assert (caught.value.path, caught.value.reason) == (path, reason)


def test_the_schema_says_what_the_reader_checks():
    wheel = {
        "type": "object",
        "description": "A wheel.",
        "properties": {
            "size": {"type": "number", "minimum": 0, "maximum": 10},
            "spokes": {"anyOf": [{"type": "integer"}, {"type": "null"}], "minimum": 3},
            "weight": {"type": "number", "maximum": 5},
        },
        "additionalProperties": False,
        "required": ["size"],
    }
    properties = records.schema(Cart)["properties"]
    assert properties["wheels"] == {"type": "array", "items": wheel}
    assert properties["colour"] == {"enum": ["red", "blue"]}
    assert properties["way"] == {"enum": ["in", "out"]}
    assert properties["names"] == {
        "type": "object",
        "propertyNames": {"type": "string", "pattern": "^(?:[a-z]+)$"},
        "additionalProperties": {"type": "string"},
    }


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)


@given(JSON | st.fixed_dictionaries({"interlocks": JSON}) | st.fixed_dictionaries({"wheels": st.lists(JSON)}))
def test_whatever_comes_is_read_or_refused(raw: Any):
    for kind in (Cart, Policy):
        with suppress(RecordError):
            record = records.read(kind, raw)
            assert records.read(kind, records.write(record)) == record
