"""The tail: rows as they came, one JSON text for each message, until there are enough of them for a chunk."""

from typing import Any

import orjson

from .damage import DamagedError
from .rows import Column, Origin, Rows


def write(rows: Rows) -> bytes:
    """Write rows that are in the order of their time."""
    return orjson.dumps([rows.times_ns, list(rows.origin), {key: list(one) for key, one in rows.columns.items()}])


def read(body: bytes) -> Rows:
    """Give the rows back; raises `DamagedError`."""
    try:
        times, origin, columns = orjson.loads(body)
        rows = Rows(times, Origin(*origin), {key: Column(*column) for key, column in columns.items()})
    except (orjson.JSONDecodeError, TypeError, ValueError, AttributeError) as err:
        raise DamagedError("rows that are not sealed yet cannot be read") from err
    if not _is_whole(rows):
        raise DamagedError("rows that are not sealed yet lack something")
    return rows


def _is_whole(rows: Rows) -> bool:
    lists: list[Any] = [rows.times_ns, *rows.origin]
    for column in rows.columns.values():
        lists += [column.values, column.values if column.quality is None else column.quality]
    return all(type(one) is list and len(one) == len(rows.times_ns) for one in lists)
