"""A message of the journal becomes rows: placed in time, judged, and each of them once."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from ..history.quality import Standing
from ..history.rows import Column, Rows
from ..ports import JournalRow
from ..values import NS_PER_S, ClockQuality, TimeFlag
from ..wire import canonical, codec, frames
from ..wire.data import LOC, RELATIVE_BELOW_S, Data, read_data, row_time_ns
from ..wire.frames import Header
from .columns import column_of, origin_of
from .dossier import Anchor, Dossier

EXACT_SKEW_NS: Final = 2 * NS_PER_S
_FAILURES: Final = {"COMM": Standing.COMM, "VALUE": Standing.VALUE}


class Unfolded(NamedTuple):
    """What a message holds."""

    rows: Rows | None
    """None: nothing that is not kept already."""
    misfits: list[str]
    """Columns that fit no channel: judged again at the next manifest."""


def unfold_data(dossier: Dossier, row: JournalRow) -> Unfolded:
    """Read a data message of the protocol; raises `Refusal` for what cannot be read."""
    payload = canonical.decode(codec.split(row.message).span)
    header, data = frames.read_header(payload), read_data(payload)
    dossier.follow_clock(row.boot, row.anchor_ns, row.skew_ns)
    made_ns = _made_ns(row, header)
    if data.moment is not None:
        times, raw = [made_ns], _of_moment(data, data.moment)
    elif data.wave is None:
        boot = row.boot if data.first is None else data.first[0]
        times, raw = _placed(dossier, boot, data, made_ns, row), _of_rows(data)
    else:
        return Unfolded(None, [])
    columns, misfits = _judged(dossier, data, raw)
    boot, first = (row.boot, 0) if data.first is None else data.first
    numbers = [0] * len(times) if data.first is None else list(range(first, first + len(times)))
    rows = Rows(times, origin_of(row, times, boot, numbers), columns)
    if data.first is not None:
        fresh = dossier.fresh(boot, first, first + len(times) - 1)
        if len(fresh) < len(times):
            rows = rows.pick(number - first for number in fresh)
    if len(rows) > 1:
        rows = rows.sorted()
    return Unfolded(rows if len(rows) else None, misfits)


def _made_ns(row: JournalRow, header: Header) -> int:
    """Hub time at which a message was made; when it was received, where nothing else is known."""
    if header.tq == ClockQuality.NONE or row.flags & TimeFlag.UNCERTAIN_TIME:
        return row.received_ns if row.anchor_ns is None else row.anchor_ns + header.up_ns
    if row.flags & TimeFlag.CORRECTED:
        return header.ts_ns - (row.skew_ns or 0)
    return header.ts_ns


def _placed(dossier: Dossier, boot: int, data: Data, made_ns: int, row: JournalRow) -> list[int]:
    """Hub time of each row; none is younger than its message."""
    anchor = dossier.anchors.get(boot)
    if anchor is None:
        anchor = Anchor(_before_next_boot(dossier, boot, data, row), None)
    skew = anchor.skew_ns
    shift = skew if skew is not None and abs(skew) > EXACT_SKEW_NS else 0
    return [
        min(made_ns, row_time_ns(one) - shift if one[0] >= RELATIVE_BELOW_S else anchor.began_ns + row_time_ns(one))
        for one in data.rows
    ]


def _before_next_boot(dossier: Dossier, boot: int, data: Data, row: JournalRow) -> int:
    """Where a boot of which the hub never heard lies: its newest row just before the next boot that is known."""
    later = min((known for known in dossier.anchors if known > boot), default=None)
    ends_ns = row.received_ns if later is None else dossier.anchors[later].began_ns
    return ends_ns - max(row_time_ns(one) for one in data.rows) - 1


def _of_moment(data: Data, moment: dict[str, Any]) -> Iterable[tuple[str, Sequence[Any], str | None]]:
    for key, value in moment.items():
        yield key, (value,), data.quality.get(key)
    if data.loc is not None:
        yield LOC, (list(data.loc),), None


def _of_rows(data: Data) -> Iterable[tuple[str, Sequence[Any], str | None]]:
    for at, key in enumerate(data.cols, start=2):
        yield key, [row[at] for row in data.rows], data.quality.get(key)


def _judged(
    dossier: Dossier, data: Data, raw: Iterable[tuple[str, Sequence[Any], str | None]]
) -> tuple[dict[str, Column], list[str]]:
    columns: dict[str, Column] = {}
    misfits: list[str] = []
    for key, values, word in raw:
        channel = dossier.channels.get(key)
        found = Column(list(values), None) if key == LOC and channel is None else column_of(channel, values, word)
        if found is None:
            misfits.append(key)
        else:
            columns[key] = found
    for key, word in data.failed.items():
        if key in dossier.channels:
            columns[key] = Column([None], [_FAILURES[word]])
    return columns, misfits
