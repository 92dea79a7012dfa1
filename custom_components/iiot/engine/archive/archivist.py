"""The archivist: entries of the journal go in, what history keeps of them comes out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final

import orjson

from ..devices.manifest_rules import read_manifest
from ..errors import Refusal, StoreError
from ..history.rows import Rows, join
from ..history.store import KeptDossier, Spoiled, Taking
from ..ports import JournalEntry, JournalRow
from ..values import NS_PER_S, Leaf, TimeFlag
from ..wire import canonical, codec
from .dossier import Described, Dossier
from .plain import unfold_adopted, unfold_bare, unfold_silence
from .unfold import Unfolded, unfold_data

BACK_NS: Final = 30 * 86_400 * NS_PER_S
"""A row that is older than this when it comes is set aside."""
AHEAD_NS: Final = 600 * NS_PER_S
"""So is one whose time lies further ahead."""
CROWD_NS: Final = 1_000_000
"""Rows of one time that are told apart, each a nanosecond behind the other."""
MISFIT: Final = "shape"
OUT_OF_TIME: Final = "window"
UNREADABLE: Final = "unreadable"
UNKNOWN: Final = "unknown_device"

type Times = Callable[[str, str, int, int], list[int]]
"""`HistoryStore.times`."""


class Archivist:
    """Reads on where history ended. Nothing that it gives out counts before `take` of the store has returned."""

    def __init__(self, kept: Mapping[str, KeptDossier], described: Mapping[str, Described], times: Times) -> None:
        """Take up what was kept; raises `StoreError`."""
        self._described: Final = described
        self._times: Final = times
        self._newest: dict[str, int] = {}
        """Name → time of its newest row since the start."""
        try:
            self._dossiers = {device_id: _restored(dossier) for device_id, dossier in kept.items()}
        except (ValueError, KeyError, TypeError, AttributeError, Refusal) as err:
            raise StoreError("what the history keeps of a device cannot be understood") from err

    def read(self, entries: Sequence[JournalEntry]) -> Taking:
        """Unfold entries, which follow those of the last call."""
        batch = _Batch()
        for entry in entries:
            described = self._described.get(entry.row.device_id)
            if described is None:
                batch.spoiled.append(Spoiled(entry.row, UNKNOWN))
                continue
            self._read_row(described, entry.row, batch)
        return Taking(
            entries[-1].position,
            [(name, self._apart(name, join(rows).sorted())) for name, rows in batch.rows.items()],
            [(device_id, orjson.dumps(dossier.state())) for device_id, dossier in batch.touched.items()],
            list(batch.manifests.items()),
            batch.spoiled,
        )

    def _read_row(self, described: Described, row: JournalRow, batch: _Batch) -> None:
        dossier = self._dossiers.get(row.device_id)
        if dossier is None:
            dossier = self._dossiers[row.device_id] = Dossier()
            dossier.channels = dict(described.channels)
        batch.touched[row.device_id] = dossier
        try:
            found = _unfolded(described, dossier, row, batch)
        except Refusal:
            batch.spoiled.append(Spoiled(row, UNREADABLE))
            return
        if found is None:
            return
        if found.misfits:
            batch.spoiled.append(Spoiled(row, MISFIT))
        if found.rows is not None:
            inside = _inside(found.rows, row)
            if len(inside) < len(found.rows):
                batch.spoiled.append(Spoiled(row, OUT_OF_TIME))
            if len(inside):
                batch.rows.setdefault(described.name, []).append(inside)

    def _apart(self, name: str, rows: Rows) -> Rows:
        """Move a row on by 1 ns whose channel and time are taken by another one, and call its time uncertain."""
        times = rows.times_ns
        newest = self._newest.get(name)
        self._newest[name] = times[-1] if newest is None else max(newest, times[-1])
        taken: dict[str, set[int]] = {}
        if newest is None or times[0] <= newest:
            taken = {key: set(self._times(name, key, times[0], times[-1] + CROWD_NS)) for key in rows.columns}
        elif all(before < after for before, after in pairwise(times)):
            return rows
        return _moved(rows, taken)


class _Batch:
    """What a call of `read` gathers."""

    __slots__ = ("manifests", "rows", "spoiled", "touched")

    def __init__(self) -> None:
        self.rows: dict[str, list[Rows]] = {}
        self.touched: dict[str, Dossier] = {}
        self.manifests: dict[str, bytes] = {}
        self.spoiled: list[Spoiled] = []


def _restored(kept: KeptDossier) -> Dossier:
    dossier = Dossier.restored(orjson.loads(kept.state))
    if kept.manifest is not None:
        dossier.channels = read_manifest(orjson.loads(kept.manifest)).channels
    return dossier


def _unfolded(described: Described, dossier: Dossier, row: JournalRow, batch: _Batch) -> Unfolded | None:
    """Read one row; None for what history does not keep."""
    if row.flags & TimeFlag.UNSIGNED:
        return unfold_adopted(described, row)
    if row.flags & TimeFlag.UNANSWERED:
        return unfold_silence(row)
    if not row.seq:
        return unfold_bare(described, row)
    leaf = row.topic.rpartition("/")[2]
    if leaf == Leaf.DATA:
        return unfold_data(dossier, row)
    dossier.follow_clock(row.boot, row.anchor_ns, row.skew_ns)
    if leaf == Leaf.MANIFEST:
        payload = canonical.decode(codec.split(row.message).span)
        dossier.channels = read_manifest(payload).channels
        batch.manifests[row.device_id] = orjson.dumps(payload)
    return None


def _inside(rows: Rows, row: JournalRow) -> Rows:
    """Leave out rows that lie too far from when they came."""
    first, last = row.received_ns - BACK_NS, row.received_ns + AHEAD_NS
    if first <= rows.times_ns[0] and rows.times_ns[-1] <= last:
        return rows
    return rows.pick(at for at, time_ns in enumerate(rows.times_ns) if first <= time_ns <= last)


def _moved(rows: Rows, taken: dict[str, set[int]]) -> Rows:
    times, flags = list(rows.times_ns), list(rows.origin.flags)
    for at, time_ns in enumerate(times):
        there = [taken.setdefault(key, set()) for key, one in rows.columns.items() if one.says(at)]
        moved = time_ns
        while any(moved in one for one in there):
            moved += 1
        if moved != time_ns:
            times[at] = moved
            flags[at] |= TimeFlag.UNCERTAIN_TIME
        for one in there:
            one.add(moved)
    return replace(rows, times_ns=times, origin=rows.origin._replace(flags=flags)).sorted()
