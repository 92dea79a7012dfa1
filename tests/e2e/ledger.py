"""Row by row: what the devices made, what was signed for, and what lies in the hub's journal."""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from iiot_engine.values import NS_PER_S, Leaf, TimeFlag
from iiot_engine.wire import canonical, codec, frames, signing
from iiot_engine.wire.data import RELATIVE_BELOW_S, Data, read_data

WORDS = ("q", "e", "loc", "wave")
PLACED_WITHIN_NS = NS_PER_S
UNPLACED_OR_OLD = TimeFlag.LATE | TimeFlag.DELAYED


class Identity(NamedTuple):
    """What a row is known by."""

    device_id: str
    boot: int
    number: int
    """Its place in the boot, from 1."""


class Content(NamedTuple):
    """What a row says; as JSON, so that two rows are the same when their texts are."""

    s: int
    ns: int
    values: str
    words: str


class Frame(NamedTuple):
    """One message of the journal."""

    device_id: str
    boot: int
    seq: int
    topic: str
    flags: int
    anchor_ns: int | None
    """Hub time of the start of this boot."""
    message: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Produced:
    """What the simulated devices of one folder have made and what they still keep."""

    rows: dict[Identity, Content] = field(default_factory=dict)
    made_ns: dict[Identity, int] = field(default_factory=dict)
    """When each row was made, true time."""
    kept: frozenset[Identity] = frozenset()

    @property
    def answered(self) -> set[Identity]:
        """Rows that a receipt has freed."""
        return self.rows.keys() - self.kept


def produced(folder: Path, devices: set[str]) -> Produced:
    """Read what those devices have made, then what they keep: a row that is in the first only was answered."""
    rows: dict[Identity, Content] = {}
    made_ns: dict[Identity, int] = {}
    for device_id in devices:
        for one in _lines(folder / "produced" / f"{device_id}.jsonl"):
            identity = Identity(device_id, one["boot"], one["index"])
            words = {name: one[name] for name in WORDS if name in one}
            rows[identity] = _content(one["s"], one["ns"], one["values"], words)
            made_ns[identity] = one["unix_ns"]
    kept: set[Identity] = set()
    for device_id in devices:
        for one in _lines(folder / f"{device_id}.rows"):
            if "keep" in one:
                kept.add(Identity(device_id, *one["keep"][:2]))
            else:
                kept.discard(Identity(device_id, *one["free"]))
    return Produced(rows=rows, made_ns=made_ns, kept=frozenset(kept))


class Journal:
    """The journal of one hub as it lies on the disk, read without the hub."""

    def __init__(self, file: Path, keys: Mapping[str, bytes]) -> None:
        self.frames = _frames(file)
        self.rows: dict[Identity, Content] = {}
        """Numbered rows; of several with one identity the first counts, as for every reader."""
        self.faults: list[str] = []
        """What must never be: a message twice, one with nothing new in it, two contents of one row, a bad signature."""
        self.newest: dict[str, tuple[Data, int]] = {}
        """Device → its last live message of readings, and that message's boot."""
        self.placed_ns: dict[Identity, int] = {}
        """Hub time of rows that a device without a clock stamped with its time since boot."""
        seen: set[tuple[str, int, int]] = set()
        for frame in self.frames:
            identity = (frame.device_id, frame.boot, frame.seq)
            if identity in seen:
                self.faults.append(f"twice in the journal: {identity}")
            seen.add(identity)
            envelope = codec.split(frame.message)
            if not signing.is_signed_by(keys[frame.device_id], envelope.span, envelope.mac):
                self.faults.append(f"not signed by its device: {identity}")
            elif frame.topic.endswith(f"/{Leaf.DATA}"):
                self._take(frame, canonical.decode(envelope.span))

    def compare(self, made: Produced, rows: set[Identity]) -> list[str]:
        """Tell every way in which the journal does not hold exactly `rows`, and nothing that nobody made."""
        alien = [f"made by nobody: {row}" for row in self.rows.keys() - made.rows.keys()]
        missing = [f"missing: {row}" for row in sorted(rows - self.rows.keys())]
        other = [
            f"other than made: {row}: {content} instead of {made.rows[row]}"
            for row, content in self.rows.items()
            if row in made.rows and content != made.rows[row]
        ]
        misplaced = [
            f"placed {(placed_ns - made.made_ns[row]) / NS_PER_S} s off: {row}"
            for row, placed_ns in self.placed_ns.items()
            if row in made.made_ns and abs(placed_ns - made.made_ns[row]) > PLACED_WITHIN_NS
        ]
        return [*self.faults, *alien, *missing, *other, *misplaced]

    def _take(self, frame: Frame, payload: dict[str, Any]) -> None:
        data = read_data(payload)
        if not frame.flags & UNPLACED_OR_OLD and data.wave is None:
            self.newest[frame.device_id] = (data, frame.boot)
        if data.first is None:
            return
        boot, index = data.first
        is_new = False
        for at, content in enumerate(_contents(payload, data)):
            identity = Identity(frame.device_id, boot, index + at)
            is_new |= identity not in self.rows
            if content.s < RELATIVE_BELOW_S and boot == frame.boot and frame.anchor_ns is not None:
                time_ns = frame.anchor_ns + content.s * NS_PER_S + content.ns
                self.placed_ns.setdefault(identity, time_ns)
            if self.rows.setdefault(identity, content) != content:
                self.faults.append(f"two contents: {identity}")
        if not is_new:
            self.faults.append(f"nothing new in it: {frame.device_id} {frame.boot} {frame.seq}")


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """Lines of a file that grows meanwhile; the last one may be cut."""
    if not path.exists():
        return
    for line in path.read_bytes().splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            continue


def _frames(file: Path) -> list[Frame]:
    database = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    try:
        query = "SELECT device_id, boot, seq, topic, flags, anchor_ns, message FROM frames ORDER BY position"
        return [Frame(*row) for row in database.execute(query)]
    finally:
        database.close()


def _contents(payload: dict[str, Any], data: Data) -> Iterator[Content]:
    """Rows of a message, as the device made them."""
    words = {name: payload[name] for name in WORDS if name in payload}
    if data.wave is not None:
        wave = {name: value for name, value in payload["wave"].items() if name != "t0"}
        s, ns = payload["wave"]["t0"]
        yield _content(s, ns, {}, {"wave": wave})
    elif data.moment is not None:
        header = frames.read_header(payload)
        yield _content(*divmod(header.ts_ns or header.up_ns, NS_PER_S), data.moment, words)
    else:
        for s, ns, *values in data.rows:
            read = dict(zip(data.cols, values, strict=True))
            place = {"loc": read.pop("loc")} if "loc" in read else {}
            good = {key: value for key, value in read.items() if key not in data.failed}
            yield _content(s, ns, good, words | place)


def _content(s: int, ns: int, values: dict[str, Any], words: dict[str, Any]) -> Content:
    return Content(s, ns, json.dumps(values, sort_keys=True), json.dumps(words, sort_keys=True))
