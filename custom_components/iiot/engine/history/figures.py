"""Figures of one channel and one day, as bytes."""

from collections.abc import Sequence

from . import chunk, column, ints
from .rollup import Bucket


def seal(buckets: Sequence[Bucket]) -> bytes:
    """Pack buckets that are in the order of their time."""
    starts, values, sizes = zip(*buckets, strict=True)
    return chunk.shut((len(buckets).to_bytes(4, "little"), ints.pack(starts), column.pack(values), ints.pack(sizes)))


def unseal(body: bytes) -> list[Bucket]:
    """Give the buckets back; raises `DamagedError`."""
    said, starts, values, sizes = chunk.opened(body, 4)
    count = int.from_bytes(said, "little")
    whole = ints.unpack(starts, count), column.unpack(values, count), ints.unpack(sizes, count)
    return [Bucket(*bucket) for bucket in zip(*whole, strict=True)]
