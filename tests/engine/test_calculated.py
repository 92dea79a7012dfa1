"""Calculated channels: whatever text comes is read or refused, and a value is as good as the worst that goes in."""

import math
import string
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iiot_engine.effects import ManifestChanged, ValuesChanged
from iiot_engine.errors import RecordError
from iiot_engine.ingest.calculated import MAX_CALCULATED, Calculated
from iiot_engine.ingest.checks import Checks
from iiot_engine.ingest.expression import FUNCTIONS, MAX_LENGTH, ExpressionError, Flaw, read_expression
from iiot_engine.plant.policy import Policy
from iiot_engine.records import read
from iiot_engine.values import Quality
from tests.builders import CHANNELS, Machine, World

GOOD, UNCERTAIN, BAD = Quality.GOOD, Quality.UNCERTAIN, Quality.BAD
NUMBERS = {"a": 6.0, "b": 4.0, "in": 3.0, "2nd": 2.0, "zero": 0.0, "minus": -8.0}


# --- the formula --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", 6),
        ("a + b * 2", 14),
        ("(a + b) * 2", 20),
        ("a - b - 1", 1),
        ("-a + +b", -2),
        ("2 ** 3 ** 2 + 0*a", 512),
        ("a / b", 1.5),
        ("in * 2nd", 6),
        ("abs(minus)", 8),
        ("min(a, b, in) + max(a, b)", 9),
        ("sqrt(b)", 2),
        ("round(a / in / b)", 0),
        ("round(1 / in, 2)", 0.33),
        ("round(a, 99)", 6),
        ("1.5e1 + .5 + 2. + a*0", 17.5),
        ("a / zero", None),
        ("minus ** 0.5", None),
        ("sqrt(minus)", None),
        ("a ** 10000", None),
        ("1e999 * a", None),
        ("round(a, 1e308*b)", None),
        ("gone + a", None),
        ("(" * 120 + "a" + ")" * 120, 6),
    ],
)
def test_a_formula_has_a_value_or_none(text: str, expected: float | None) -> None:
    found = read_expression(text).value(NUMBERS)
    assert found == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(
    ("text", "flaw"),
    [
        ("", Flaw.FORM),
        ("  ", Flaw.FORM),
        ("a +", Flaw.FORM),
        ("a b", Flaw.FORM),
        ("(a", Flaw.FORM),
        ("a, b", Flaw.FORM),
        ("a(b)", Flaw.FORM),
        ("abs(*a)", Flaw.FORM),
        ("abs(**a)", Flaw.FORM),
        ("f(a)", Flaw.FORM),
        ("1 + 2", Flaw.NO_CHANNEL),
        ("a.real", Flaw.CHARACTER),
        ("a[0]", Flaw.CHARACTER),
        ("a if b else c", Flaw.FORM),
        ("lambda: a", Flaw.CHARACTER),
        ("__import__('os')", Flaw.CHARACTER),
        ("a // b", Flaw.FORM),
        ("a; b", Flaw.CHARACTER),
        ("A", Flaw.CHARACTER),
        ("a\x00", Flaw.CHARACTER),
        ("abs()", Flaw.CALL),
        ("abs(a, b)", Flaw.CALL),
        ("min(" + ",".join("a" * 17) + ")", Flaw.CALL),
        ("a" * (MAX_LENGTH + 1), Flaw.TOO_LONG),
        ("+".join("a" * 120), Flaw.TOO_LONG),
        ("-" * 100 + "a", Flaw.TOO_LONG),
    ],
)
def test_what_is_no_formula_is_refused_with_the_reason(text: str, flaw: Flaw) -> None:
    with pytest.raises(ExpressionError) as found:
        read_expression(text)
    assert found.value.flaw is flaw
    assert found.value.reason


def test_a_word_of_a_function_is_a_channel_where_it_is_not_called() -> None:
    assert read_expression("abs(min) + max").names == {"min", "max"}


PIECES = st.sampled_from(
    [*FUNCTIONS, "a", "b", "in", "2nd", "1e5", "0x1f", "1", ".5", "9" * 40, *"+-*/(),.[]'\"\\ ", "**", "if", "or", "\n"]
)
TEXTS = st.one_of(
    st.text(max_size=300),
    st.text(alphabet=string.printable, max_size=300),
    st.lists(PIECES, max_size=90).map("".join),
    st.lists(PIECES, max_size=90).map(" ".join),
)


@settings(max_examples=600, deadline=None)
@given(TEXTS, st.floats(), st.floats())
def test_whatever_comes_is_read_or_refused_and_never_slow(text: str, first: float, second: float) -> None:
    begun = time.perf_counter()
    try:
        found = read_expression(text)
    except ExpressionError:
        pass
    else:
        value = found.value(dict.fromkeys(found.names, first) | {"a": second})
        assert value is None or math.isfinite(value)
    assert time.perf_counter() - begun < 1


@given(st.integers(-100, 100), st.integers(-100, 100), st.integers(1, 100))
def test_arithmetic_is_that_of_python(a: int, b: int, c: int) -> None:
    values = {"a": float(a), "b": float(b), "c": float(c)}
    assert read_expression("a + b * c - (a - b) / c").value(values) == pytest.approx(a + b * c - (a - b) / c)


# --- the channel --------------------------------------------------------------------------


def line(world: World, expression: str = "temperature * 2", **policy: Any) -> Machine:
    machine = Machine(world).join()
    row = Calculated(name="Twice", expression=expression, unit="°C", precision=1)
    world.perform(world.plant.set_policy(machine.id, Policy(calculated={"twice": row}, **policy)))
    return machine


def test_a_calculated_channel_follows_what_goes_into_it() -> None:
    world = World()
    machine = line(world)
    assert world.of(ManifestChanged) == [ManifestChanged(machine.id)]
    assert machine.judged("twice") == (None, BAD)
    world.clear()
    machine.read(temperature=20.5)
    assert machine.judged("twice") == (41, GOOD)
    assert world.of(ValuesChanged) == [ValuesChanged(machine.id, ["temperature", "twice"])]
    shown = machine.shown("twice")
    assert shown is not None
    assert shown.time_ns == world.now.wall_ns
    world.clear()
    machine.read(strokes=5)
    assert world.of(ValuesChanged) == [ValuesChanged(machine.id, ["strokes"])]


def test_it_is_as_good_as_the_worst_and_nothing_without_one() -> None:
    world = World()
    machine = line(world, "temperature + strokes + guard")
    machine.read(temperature=20, guard=True)
    assert machine.judged("twice") == (None, BAD)
    machine.read(strokes=2)
    assert machine.judged("twice") == (23, GOOD)
    machine.send("data", r={"temperature": 21}, q={"temperature": "uncertain"})
    assert machine.judged("twice") == (24, UNCERTAIN)
    machine.read(temperature=500)
    assert machine.judged("twice") == (None, BAD)
    machine.read(temperature=20)
    machine.read(program="run")
    assert machine.judged("twice") == (23, GOOD)


def test_texts_go_into_no_formula() -> None:
    world = World()
    machine = line(world, "note + 1")
    machine.read(note="12")
    assert machine.judged("twice") == (None, BAD)


def test_it_passes_gates_like_any_other() -> None:
    world = World()
    machine = line(world, channels={"twice": Checks(high=30, deadband=3)})
    machine.read(temperature=10)
    machine.read(temperature=11)
    assert machine.value("twice") == 20
    machine.read(temperature=16)
    assert machine.judged("twice") == (None, BAD)
    assert machine.member.board.reasons == {"twice": "range"}


def test_it_is_there_after_a_restart_and_follows_the_manifest() -> None:
    world = World()
    machine = line(world)
    machine.read(temperature=10)
    policy = machine.member.policy
    world.stop()
    world.perform(world.plant.set_policy(machine.id, policy))
    assert machine.judged("twice") == (20, GOOD)
    assert [channel.key for channel in machine.member.board.calculated] == ["twice"]
    machine.tell_manifest([{"key": "twice", "kind": "int"}, *CHANNELS], digest=machine.digest)
    assert machine.member.board.calculated == [], "the device's own channel goes before"
    assert machine.shown("twice") is None
    machine.read(twice=3)
    assert machine.value("twice") == 3
    machine.tell_manifest(CHANNELS[1:])
    assert machine.judged("twice") == (None, BAD)


def test_a_calculated_channel_that_is_taken_away_leaves_nothing() -> None:
    world = World()
    machine = line(world)
    machine.read(temperature=10)
    world.perform(world.plant.set_policy(machine.id, Policy()))
    assert machine.shown("twice") is None
    assert machine.member.board.calculated == []


@pytest.mark.parametrize(
    ("calculated", "path"),
    [
        ({"strokes": "temperature"}, "calculated.strokes"),
        ({"sum": "temperature + level"}, "calculated.sum.expression"),
        ({f"c{number}": "temperature" for number in range(MAX_CALCULATED + 1)}, "calculated"),
        ({"sum": "temperature + strokes"}, None),
    ],
)
def test_a_policy_has_to_fit_the_device(calculated: dict[str, str], path: str | None) -> None:
    world = World()
    machine = Machine(world).join()
    policy = Policy(calculated={key: Calculated(name=key, expression=text) for key, text in calculated.items()})
    if path is None:
        world.plant.check_policy(machine.id, policy)
        return
    with pytest.raises(RecordError) as found:
        world.plant.check_policy(machine.id, policy)
    assert found.value.path == path
    unknown = world.adopt(Machine(world, "press-08"))
    if path != "calculated":
        world.plant.check_policy(unknown.id, policy)


def test_a_formula_is_checked_where_it_is_written_down() -> None:
    with pytest.raises(RecordError) as found:
        read(Policy, {"calculated": {"sum": {"name": "Sum", "expression": "a +"}}})
    assert found.value.path == "calculated.sum.expression"
    policy = read(Policy, {"calculated": {"sum": {"name": "", "expression": "a + b"}}})
    assert policy.calculated["sum"].flaw() is None
