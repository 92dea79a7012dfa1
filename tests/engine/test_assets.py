"""Assets: where a device stands below its area, and what it is to others."""

from itertools import pairwise

import pytest

from iiot_engine import records
from iiot_engine.actuation.roles import Level, Node, cell_node, line_node, way_to
from iiot_engine.devices.assets import Asset, Flaw, Relation, RelationKind, flaw_of, part_of, renamed
from iiot_engine.errors import RecordError
from iiot_engine.plant.policy import Policy

PART_OF, FEEDS, MEASURES = RelationKind


def part(target: str) -> Relation:
    return Relation(kind=PART_OF, target=target)


@pytest.mark.parametrize("name", ["L", "Line 1", "Straße 7 (süd)", "x" * 64])
def test_a_line_is_called_as_people_call_it(name: str) -> None:
    read = records.read(Asset, {"line": name, "cell": name})
    assert read == Asset(line=name, cell=name)
    assert records.write(read) == {"line": name, "cell": name}


@pytest.mark.parametrize("name", ["", " ", " Line", "Line ", "Line/1", "Line\n1", "x" * 65, "\x7f"])
def test_a_line_has_a_name_that_can_stand_in_a_path(name: str) -> None:
    with pytest.raises(RecordError) as refused:
        records.read(Policy, {"asset": {"line": name}})
    assert refused.value.path == "asset.line"
    assert "without /" in refused.value.reason


def test_a_cell_is_in_a_line() -> None:
    with pytest.raises(RecordError) as refused:
        records.read(Policy, {"asset": {"cell": "Cell 2"}})
    assert (refused.value.path, refused.value.reason) == ("asset.cell", "needs a line in which it is")


def test_lines_of_one_name_in_two_areas_are_two_nodes_however_they_are_written() -> None:
    assert line_node("hall", "Line 1") == line_node("hall", "LINE 1") != line_node("yard", "Line 1")
    assert line_node(None, "Line 1") == Node(level=Level.LINE, id="/line 1")
    assert cell_node("hall", "Line 1", "Cell") != cell_node("hall", "Line 2", "Cell")
    assert way_to(line_node("hall", "Line 1")) == ("hall", "line 1", None)
    assert way_to(cell_node(None, "Line 1", "Cell")) == (None, "line 1", "cell")


def test_relations_are_read_and_written() -> None:
    raw = [
        {"kind": "part_of", "target": "press-07"},
        {"kind": "measures", "target": "0123456789abcdef0123456789abcdef", "channel": "flow"},
    ]
    policy = records.read(Policy, {"relations": raw})
    assert policy.relations[0] == part("press-07")
    assert records.write(policy) == {"relations": raw}
    assert part_of(policy.relations) == "press-07"
    assert part_of(policy.relations[1:]) is None


@pytest.mark.parametrize(
    ("relations", "at", "flaw"),
    [
        ([part("tank")], None, None),
        ([part("tank"), Relation(kind=FEEDS, target="tank"), Relation(kind=MEASURES, target="tank")], None, None),
        ([part("tank"), Relation(kind=PART_OF, target="press", channel="flow")], None, None),
        ([Relation(kind=MEASURES, target="pump", channel="flow")], None, None),
        ([part("tank"), part("tank")], 1, Flaw.TWICE),
        ([Relation(kind=FEEDS, target="pump")], 0, Flaw.ITSELF),
        ([part("tank"), part("press")], 1, Flaw.TWO_WHOLES),
    ],
)
def test_what_a_pump_can_be_to_others(relations: list[Relation], at: int | None, flaw: Flaw | None) -> None:
    found = flaw_of("pump", tuple(relations), {"pump": relations[0].target})
    assert (found and (found.at, found.flaw)) == (None if at is None else (at, flaw))


@pytest.mark.parametrize("others", [1, 2, 5])
def test_nothing_is_part_of_what_is_part_of_it(others: int) -> None:
    chain = [f"asset-{at}" for at in range(others + 1)]
    parents = dict(pairwise(chain))
    assert flaw_of(chain[-1], (part("somewhere"),), parents) is None
    found = flaw_of(chain[-1], (part(chain[0]),), parents | {chain[-1]: chain[0]})
    assert found == (0, Flaw.RING)


def test_a_ring_of_others_ends_the_search() -> None:
    assert flaw_of("pump", (part("a"),), {"pump": "a", "a": "b", "b": "a"}) is None


def test_what_feeds_may_go_round() -> None:
    parents: dict[str, str] = {}
    assert flaw_of("pump", (Relation(kind=FEEDS, target="tank"),), parents) is None
    assert flaw_of("tank", (Relation(kind=FEEDS, target="pump"),), parents) is None


def test_other_hardware_takes_the_place_of_a_target() -> None:
    before = (part("press-07"), Relation(kind=MEASURES, target="tank", channel="level"))
    assert renamed(before, "press-07", "press-08") == (part("press-08"), before[1])
