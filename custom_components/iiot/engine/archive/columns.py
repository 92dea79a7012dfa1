"""Raw values of one message as columns, and where its rows come from."""

from collections.abc import Sequence
from typing import Any, Final

from ..devices.manifest import Channel
from ..history.quality import Standing
from ..history.rows import Column, Origin
from ..ports import JournalRow
from ..values import NS_PER_MS, TimeFlag
from .readings import Kept, kept

_KEPT_FLAGS: Final = ~(TimeFlag.QUARANTINED | TimeFlag.DELAYED)


def column_of(channel: Channel | None, values: Sequence[Any], word: str | None) -> Column | None:
    """Judge the raw values of a channel; None when one of them does not fit it, or there is no such channel."""
    if channel is None:
        return None
    nothing: Kept = (None, Standing.BAD if word == "bad" else Standing.GOOD)
    found: list[Any] = []
    quality: list[int] = []
    for raw in values:
        one = nothing if raw is None else kept(channel, raw, word)
        if one is None:
            return None
        found.append(one[0])
        quality.append(int(one[1]))
    return Column(found, quality if any(quality) else None)


def origin_of(row: JournalRow, times: list[int], boot: int, numbers: list[int]) -> Origin:
    """Say of each row where it comes from."""
    count = len(times)
    lags = [(row.received_ns - time_ns) // NS_PER_MS for time_ns in times]
    return Origin([boot] * count, numbers, [row.kid] * count, lags, [row.flags & _KEPT_FLAGS] * count)
