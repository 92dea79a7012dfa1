"""A chunk: many rows of one device, sealed. Times stand once, each channel by itself, so that one can be read alone.

Every part is compressed and carries a checksum: what a disk has changed is found when it is read.
"""

from collections.abc import Iterable
from compression import zstd
from typing import Final, NamedTuple

from . import column, ints
from .damage import DamagedError
from .rows import Column, Origin, Rows

FORM: Final = 1
"""First byte of every part: how it is written."""
_LEVEL: Final = 3
_HOW: Final[dict[int, int]] = {
    zstd.CompressionParameter.compression_level: _LEVEL,
    zstd.CompressionParameter.checksum_flag: 1,
}


class Chunk(NamedTuple):
    """The parts of a chunk, as they are kept."""

    rows: int
    first_ns: int
    last_ns: int
    head: bytes
    """Times and origins."""
    columns: dict[str, bytes]
    """Channel key → its column; a channel without any value has none."""


def seal(rows: Rows) -> Chunk:
    """Pack rows that are in the order of their time."""
    columns = {
        key: shut((column.pack(one.values), ints.pack(one.quality or ())))
        for key, one in rows.columns.items()
        if one.quality is not None or any(value is not None for value in one.values)
    }
    head = shut(map(ints.pack, (rows.times_ns, *rows.origin)))
    return Chunk(len(rows), rows.times_ns[0], rows.times_ns[-1], head, columns)


def open_head(head: bytes, count: int) -> tuple[list[int], Origin]:
    """Give times and origins of a chunk with `count` rows; raises `DamagedError`."""
    times, *origin = (ints.unpack(part, count) for part in opened(head, 1 + len(Origin._fields)))
    return times, Origin(*origin)


def open_times(head: bytes, count: int) -> list[int]:
    """Give the times alone; raises `DamagedError`."""
    return ints.unpack(opened(head, 1 + len(Origin._fields))[0], count)


def open_column(body: bytes, count: int) -> Column:
    """Give one channel of a chunk with `count` rows; raises `DamagedError`."""
    values, quality = opened(body, 2)
    return Column(column.unpack(values, count), ints.unpack(quality, count) if quality else None)


def shut(pieces: Iterable[bytes]) -> bytes:
    """Compress pieces into one part with a checksum."""
    plain = b"".join(len(piece).to_bytes(4, "little") + piece for piece in pieces)
    return bytes((FORM,)) + zstd.compress(plain, options=_HOW)


def opened(part: bytes, count: int) -> list[bytes]:
    """Give the `count` pieces of a part back; raises `DamagedError`."""
    if part[:1] != bytes((FORM,)):
        raise DamagedError("a part of a chunk is written in a form that is not known")
    try:
        plain = zstd.decompress(part[1:])
    except zstd.ZstdError as err:
        raise DamagedError("a part of a chunk does not agree with its checksum") from err
    found = []
    at = 0
    for _ in range(count):
        end = at + 4 + int.from_bytes(plain[at : at + 4], "little")
        found.append(plain[at + 4 : end])
        at = end
    if at != len(plain):
        raise DamagedError("a part of a chunk does not have its pieces")
    return found
