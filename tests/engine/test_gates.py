"""A value passes the gate of its channel, or it does not."""

from typing import Any

import pytest

from iiot_engine.devices.manifest import Channel
from iiot_engine.ingest.gates import gate_of
from iiot_engine.values import Kind, Quality

GOOD, UNCERTAIN, BAD = Quality.GOOD, Quality.UNCERTAIN, Quality.BAD


@pytest.mark.parametrize(
    ("kind", "raw", "expected"),
    [
        (Kind.FLOAT, 20.5, (20.5, GOOD)),
        (Kind.FLOAT, 20, (20, GOOD)),
        (Kind.FLOAT, None, (None, BAD)),
        (Kind.FLOAT, -41, (None, BAD)),
        (Kind.FLOAT, 125.1, (None, BAD)),
        (Kind.FLOAT, True, None),
        (Kind.FLOAT, "20", None),
        (Kind.FLOAT, [1], None),
        (Kind.INT, 5, (5, GOOD)),
        (Kind.INT, 5.0, (5, GOOD)),
        (Kind.INT, 5.5, None),
        (Kind.INT, None, (None, BAD)),
        (Kind.INT, 500, (None, BAD)),
        (Kind.INT, False, None),
        (Kind.BOOL, True, (True, GOOD)),
        (Kind.BOOL, None, (None, BAD)),
        (Kind.BOOL, 1, None),
        (Kind.TEXT, "Süd", ("Süd", GOOD)),
        (Kind.TEXT, "x" * 4097, (None, BAD)),
        (Kind.TEXT, None, (None, BAD)),
        (Kind.TEXT, 1, None),
        (Kind.ENUM, "run", ("run", GOOD)),
        (Kind.ENUM, "halt", (None, BAD)),
        (Kind.ENUM, None, (None, BAD)),
        (Kind.ENUM, 1, None),
    ],
)
def test_a_value_passes_the_gate_of_its_kind(kind: Kind, raw: Any, expected: Any) -> None:
    channel = Channel(key="x", name="X", kind=kind, minimum=-40, maximum=125, options=("idle", "run"))
    judged = gate_of(channel)(raw)
    assert judged == expected
    assert judged is None or type(judged[0]) in (type(raw), type(None), int)


@pytest.mark.parametrize("raw", [1e300, -1e300, 2**63, 2**64 - 1, -(2.0**64)])
def test_a_whole_number_beyond_64_bits_is_out_of_range(raw: float) -> None:
    assert gate_of(Channel(key="x", name="X", kind=Kind.INT))(raw) == (None, BAD)


def test_the_range_is_judged_after_scale_and_offset() -> None:
    gate = gate_of(Channel(key="x", name="X", kind=Kind.FLOAT, scale=0.1, offset=-5, minimum=0, maximum=46.2))
    assert gate(512) == (pytest.approx(46.2), GOOD)
    assert gate(49) == (None, BAD)
    huge = gate_of(Channel(key="x", name="X", kind=Kind.FLOAT, scale=1e200))
    assert huge(1e200) == (None, BAD)
    counted = gate_of(Channel(key="x", name="X", kind=Kind.INT, scale=0.5))
    assert counted(3) == (1.5, GOOD)
    assert counted(4) == (2, GOOD)
