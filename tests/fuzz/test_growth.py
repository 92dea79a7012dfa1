"""Work and memory grow with the size of a message, not with its square; and what is kept of a device is bounded."""

import json
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from iiot_engine.errors import Code, Refusal
from iiot_engine.wire import canonical, codec
from tests.builders import Machine, World

from .target import timed

SMALL = 15_000
"""Bytes; the larger message has four times as many, just below the largest that there is."""
TIMES = 4
SLACK = 2.5
"""What a crowded machine may add. Work that grows with the square would take 16 times as long, not 4."""
FLOOR_NS = 300_000
"""Below this everything is quick, and nothing can be measured."""
MEMORY_A_BYTE = 120
"""Bytes of memory while one message is taken in, for each of its own. A list of its own for each `[]` is 56 of them."""


def of_size(size: int, unit: bytes, before: bytes, after: bytes) -> bytes:
    return before + unit * ((size - len(before) - len(after)) // len(unit)) + after


SPANS: dict[str, Callable[[int], bytes]] = {
    "many members": lambda n: b"{" + b",".join(b'"k%05d":0' % at for at in range(n // 11)) + b"}",
    "many members in escapes": lambda n: b"{" + b",".join(b'"\\u006b%05d":0' % at for at in range(n // 16)) + b"}",
    "the same key again and again": lambda n: of_size(n, b'"a":0,', b"{", b'"b":0}'),
    "many lists": lambda n: of_size(n, b"[],", b'{"a":[', b"0]}"),
    "many objects": lambda n: of_size(n, b"{},", b'{"a":[', b"0]}"),
    "deep lists": lambda n: b'{"a":' + b"[" * (n // 2) + b"]" * (n // 2) + b"}",
    "deep objects": lambda n: of_size(n, b'{"a":', b"", b""),
    "one long text": lambda n: of_size(n, b"x", b'{"a":"', b'"}'),
    "one long text of escapes": lambda n: of_size(n, b"\\u0041", b'{"a":"', b'"}'),
    "texts that look like keys": lambda n: of_size(n, b'":a",', b'{"a":[', b'"b"]}'),
    "one long number": lambda n: of_size(n, b"9", b'{"a":', b"}"),
    "many long numbers": lambda n: of_size(n, b"1" * 309 + b",", b'{"a":[ ', b"0]}"),
    "white space": lambda n: of_size(n, b" ", b'{"a":', b"0}"),
    "names of a key": lambda n: of_size(n, b'"kid":12345678901', b"{", b"}"),
    "no end of quotes": lambda n: of_size(n, b'"', b"{", b"}"),
}


def quickest(call: Callable[[], object], tries: int = 5) -> int:
    """Processor time of the quickest of some tries, in ns."""
    return min(timed(call)[1] for _ in range(tries))


def read(span: bytes) -> object:
    try:
        return canonical.decode(span)
    except Refusal as refusal:
        return refusal.code


@pytest.mark.parametrize("name", SPANS)
def test_reading_takes_time_and_memory_in_proportion_to_the_bytes(name: str) -> None:
    small, large = SPANS[name](SMALL), SPANS[name](TIMES * SMALL)
    assert quickest(lambda: read(large)) <= max(FLOOR_NS, TIMES * SLACK * quickest(lambda: read(small)))
    tracemalloc.start()
    try:
        read(large)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak <= MEMORY_A_BYTE * len(large)


def rows(width: int, count: int) -> dict[str, Any]:
    return {"cols": [f"k{at}" for at in range(width)], "rows": [[5, at, *([1] * width)] for at in range(count)]}


def channels(count: int, options: int) -> dict[str, Any]:
    one = {"kind": "enum", "options": [f"o{at}" for at in range(options)]}
    return {"digest": "0" * 16, "channels": [{"key": f"k{at}", **one} for at in range(count)]}


BODIES: dict[str, tuple[str, Callable[[int], dict[str, Any]]]] = {
    "many rows": ("data", lambda n: rows(1, n // 10)),
    "wide rows": ("data", lambda n: rows(250, n // 550)),
    "many readings": ("data", lambda n: {"r": {f"k{at}": at for at in range(n // 300)}}),
    "a long wave": ("data", lambda n: {"wave": {"ch": "v", "t0": [5, 0], "dt_ns": 1, "v": [1] * (n // 3)}}),
    "a packed wave": ("data", lambda n: {"wave": {"ch": "v", "t0": [5, 0], "dt_ns": 1, "i16": "AAAA" * 2 * (n // 12)}}),
    "many channels": ("manifest", lambda n: channels(n // 250, 20)),
    "many options": ("manifest", lambda n: channels(n // 900, 100)),
    "a long name": ("heartbeat", lambda n: {"name": "x" * n}),
    "what nobody asked for": ("heartbeat", lambda n: {"x": [[at] for at in range(n // 8)]}),
    "a long line": ("log", lambda n: {"level": "info", "msg": "x" * n}),
}


def cost_of(leaf: str, body: dict[str, Any]) -> int:
    """Processor time that the hub takes for one such message, however it judges it."""

    def once() -> int:
        world = World()
        machine = Machine(world).join()
        first = machine.heartbeat_body() if leaf == "heartbeat" else {}
        topic, message = machine.make(leaf, **first | body)
        assert len(message) <= codec.MAX_MESSAGE_BYTES
        return timed(lambda: world.receive(topic, message))[1]

    return min(once() for _ in range(3))


@pytest.mark.parametrize("name", BODIES)
def test_taking_a_message_in_takes_time_in_proportion_to_its_bytes(name: str) -> None:
    leaf, body = BODIES[name]
    assert cost_of(leaf, body(TIMES * SMALL)) <= max(FLOOR_NS, TIMES * SLACK * cost_of(leaf, body(SMALL)))


def test_a_stranger_costs_in_proportion_to_its_bytes() -> None:
    def cost(size: int) -> int:
        world = World()
        machine = Machine(world, key=bytes(32))
        message = machine.make("heartbeat", **machine.heartbeat_body(x="y" * size))
        return quickest(lambda: world.receive(*message))

    assert cost(7_000) <= max(FLOOR_NS, 4 * SLACK * cost(1_750))


def test_a_message_costs_no_more_however_many_holes_its_device_left() -> None:
    world = World()
    machine = Machine(world).join()

    def send(index: int) -> int:
        topic, message = machine.make("data", r={"temperature": 1}, n=[machine.boot, index])
        return timed(lambda: world.receive(topic, message))[1]

    first = min(send(2 * at) for at in range(100, 150))
    for at in range(150, 3_000):
        send(2 * at)
    last = min(send(2 * at) for at in range(3_000, 3_050))
    assert len(machine.member.positions.rows[machine.boot].above) <= 1_024, "the others are refused as busy"
    assert last <= max(FLOOR_NS, 4 * first)


def test_what_is_kept_of_a_device_that_never_ends_is_bounded() -> None:
    world = World()
    machine = Machine(world).join()
    filler = {"name": "n" * 128, "x": "y" * 50_000}
    for boot in range(60):
        machine.reboot()
        machine.beat(**filler | {"drop": [[machine.boot, 3 + 4 * at, 4 + 4 * at] for at in range(64)]})
        for at in range(60):
            machine.send("data", r={f"unheard_{boot}_{at}": "z" * 4_000}, n=[machine.boot, 5 + 3 * at])
        world.pass_time(1, step_s=0.5)
    (kept,) = world.store.load()
    assert len(kept.state) < 150_000
    assert len(machine.member.board.unjudged) <= 256
    assert len(machine.member.positions.rows) <= 32
    assert len(machine.member.device.clocks) <= 32


def test_a_message_that_is_refused_leaves_nothing_in_memory() -> None:
    world = World()
    machine = Machine(world).join()
    messages = [machine.make("data", r={"temperature": float(at)}, late=3) for at in range(2_000)]
    for message in messages[:100]:
        assert world.refusal_of(*message) is Code.MALFORMED
    world.clear()
    tracemalloc.start()
    try:
        for topic, message in messages[100:]:
            world.plant.on_message(topic, message, world.now)
        left, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert left < 20_000


def test_the_shapes_are_what_they_say() -> None:
    assert all(SMALL / 2 < len(shape(SMALL)) <= SMALL + 20 for shape in SPANS.values())
    assert json.loads(SPANS["many members"](SMALL)).keys() >= {"k00000", "k01299"}
