"""Rows in columns: what goes in comes out, in little room, and what a disk has changed is found."""

import math
import random
import struct
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from iiot_engine.history import chunk, column, ints, tail
from iiot_engine.history.damage import DamagedError
from iiot_engine.history.rows import Column, Origin, Rows, join

NS = 1_000_000_000
START_NS = 1_795_190_400 * NS
WIDEST = st.integers(-(1 << 63), (1 << 63) - 1)


def rows(times: list[int], **columns: list[object]) -> Rows:
    """Rows as a device sends them that numbers its rows and has a clock."""
    count = len(times)
    origin = Origin([3] * count, list(range(1, count + 1)), [1] * count, [8] * count, [0] * count)
    return Rows(times, origin, {key: Column(values, None) for key, values in columns.items()})


# --- whole numbers ----------------------------------------------------------------------------


@given(st.lists(WIDEST))
def test_whole_numbers_come_back(numbers: list[int]) -> None:
    assert ints.unpack(ints.pack(numbers), len(numbers)) == numbers


@given(st.lists(st.integers(-300, 300).map(lambda step: step * 1_000_000), min_size=1))
def test_times_with_jitter_come_back(steps: list[int]) -> None:
    times = [START_NS + at * NS + step for at, step in enumerate(steps)]
    assert ints.unpack(ints.pack(times), len(times)) == times


def test_what_changes_regularly_takes_no_room() -> None:
    regular = [START_NS + at * NS for at in range(10_000)]
    assert len(ints.pack(regular)) < 32
    faster_and_faster = [at * at for at in range(10_000)]
    assert len(ints.pack(faster_and_faster)) < 40


def test_times_in_whole_milliseconds_count_milliseconds() -> None:
    random.seed(7)
    times = [START_NS + at * NS + random.randrange(100) * 1_000_000 for at in range(1_000)]
    assert len(ints.pack(times)) < 1_100, "one byte each"


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        b"\x00",
        b"\x01" + bytes(8),
        bytes((0x30,)) + bytes(24),
        bytes((0x10,)) + bytes(15),
        bytes((0x10,)) + bytes(17),
        b"\x09" + bytes(80),
        bytes((0x12,)) + bytes(40),
    ],
)
def test_bytes_that_are_no_numbers_are_found(packed: bytes) -> None:
    with pytest.raises(DamagedError):
        ints.unpack(packed, 2)


# --- values -----------------------------------------------------------------------------------

SCALARS = st.one_of(
    st.lists(st.none() | st.booleans()),
    st.lists(st.none() | WIDEST),
    st.lists(st.none() | st.floats(allow_nan=False)),
    st.lists(st.none() | st.floats(-1e6, 1e6).map(lambda number: round(number, 2))),
    st.lists(st.none() | st.text(max_size=20)),
    st.lists(st.lists(st.floats(-180, 180), min_size=2, max_size=3)),
    st.lists(st.dictionaries(st.text(max_size=4), st.integers(0, 9), max_size=3)),
    st.lists(st.one_of(st.none(), st.booleans(), st.integers(0, 9), st.text(max_size=3))),
)


@given(SCALARS)
@example([0.0, -0.0])
@example([0.0, 1.5])
def test_values_come_back_exactly(values: list[object]) -> None:
    found = column.unpack(column.pack(values), len(values))
    assert repr(found) == repr(values), "0.0 is not -0.0, 1 is not 1.0 and not True"


def test_not_a_number_comes_back() -> None:
    (found,) = column.unpack(column.pack([math.nan]), 1)
    assert math.isnan(found)


@pytest.mark.parametrize(
    ("packed", "count"),
    [
        (b"", 1),
        (b"i", 1),
        (b"i\x02", 1),
        (b"z\x00" + ints.pack([1]), 1),
        (b"j\x00" + struct.pack("<I", 5) + b'["a"]' + ints.pack([1]), 1),
        (b"j\x00" + struct.pack("<I", 4) + b'["a"' + ints.pack([0]), 1),
        (b"j\x00" + struct.pack("<I", 1) + b"7" + ints.pack([0]), 1),
        (b"j\x00" + struct.pack("<I", 5) + b'["a"]' + ints.pack([-1]), 1),
        (b"i\x01\x08" + ints.pack([1]), 3),
    ],
)
def test_bytes_that_are_no_values_are_found(packed: bytes, count: int) -> None:
    with pytest.raises(DamagedError):
        column.unpack(packed, count)


# --- rows -------------------------------------------------------------------------------------


def test_rows_are_put_in_the_order_of_their_time() -> None:
    late = replace(rows([START_NS + 5, START_NS + 1]), columns={"temperature": Column([5.0, 1.0], [0, 2])})
    found = late.sorted()
    assert found.times_ns == [START_NS + 1, START_NS + 5]
    assert found.columns == {"temperature": Column([1.0, 5.0], [2, 0])}
    assert found.origin.indices == [2, 1]


def test_rows_of_several_messages_are_put_behind_each_other() -> None:
    first = rows([1, 2], temperature=[1.0, 2.0], humidity=[40.0, 41.0])
    second = replace(rows([3]), columns={"temperature": Column([None], [2])})
    found = join([first, second])
    assert found.times_ns == [1, 2, 3]
    assert found.origin.indices == [1, 2, 1]
    assert found.columns["temperature"] == Column([1.0, 2.0, None], [0, 0, 2])
    assert found.columns["humidity"] == Column([40.0, 41.0, None], None)


# --- chunks -----------------------------------------------------------------------------------


def a_chunk() -> tuple[Rows, chunk.Chunk]:
    random.seed(3)
    whole = rows(
        [START_NS + at * NS for at in range(1_000)],
        temperature=[round(20 + math.sin(at / 90) + random.gauss(0, 0.05), 2) for at in range(1_000)],
        state=["run" if at % 300 < 200 else "stop" for at in range(1_000)],
    )
    return whole, chunk.seal(whole)


def test_a_chunk_gives_its_rows_back() -> None:
    whole, sealed = a_chunk()
    times, origin = chunk.open_head(sealed.head, sealed.rows)
    columns = {key: chunk.open_column(body, sealed.rows) for key, body in sealed.columns.items()}
    assert Rows(times, origin, columns) == whole
    assert chunk.open_times(sealed.head, sealed.rows) == whole.times_ns
    assert (sealed.first_ns, sealed.last_ns) == (whole.times_ns[0], whole.times_ns[-1])


def test_a_chunk_is_small() -> None:
    """Temperature in hundredths of a degree once a second: under two bytes a reading with its time and origin."""
    whole, sealed = a_chunk()
    assert len(sealed.head) + len(sealed.columns["temperature"]) < 2 * len(whole)


def test_a_channel_without_a_value_takes_no_room() -> None:
    whole = rows([1, 2], temperature=[1.0, 2.0], humidity=[None, None])
    failed = replace(whole, columns=whole.columns | {"pressure": Column([None, None], [3, 3])})
    sealed = chunk.seal(failed)
    assert set(sealed.columns) == {"temperature", "pressure"}
    assert chunk.open_column(sealed.columns["pressure"], 2) == Column([None, None], [3, 3])


@given(st.data())
def test_a_changed_byte_is_found(data: st.DataObject) -> None:
    _, sealed = a_chunk()
    part = bytearray(sealed.columns["temperature"])
    at = data.draw(st.integers(0, len(part) - 1))
    part[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(DamagedError):
        chunk.open_column(bytes(part), sealed.rows)


def test_a_chunk_that_lacks_a_piece_is_found() -> None:
    whole, sealed = a_chunk()
    with pytest.raises(DamagedError):
        chunk.open_column(sealed.head, len(whole))
    with pytest.raises(DamagedError):
        chunk.open_times(sealed.columns["temperature"], len(whole))


# --- the tail ---------------------------------------------------------------------------------


def test_rows_that_are_not_sealed_come_back() -> None:
    whole = rows([START_NS], temperature=[20.5], place=[[48.1, 11.5]])
    assert tail.read(tail.write(whole)) == whole


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"7",
        b"[]",
        b"[[],[],{}]",
        b"[[1],[[1],[1],[1],[1],[1]],[]]",
        b'[[1],[[1],[1],[1],[1],[1]],{"a":[]}]',
        b'[[1],[[1],[1],[1],[1],[]],{"a":[[1],null]}]',
        b'[[1],[[1],[1],[1],[1],[1]],{"a":[[1],[]]}]',
        b'[1,[[1],[1],[1],[1],[1]],{"a":[[1],null]}]',
    ],
)
def test_a_tail_that_cannot_be_read_is_found(body: bytes) -> None:
    with pytest.raises(DamagedError):
        tail.read(body)
