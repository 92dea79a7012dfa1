"""The ledger sees what is missing, doubled, altered or made by nobody: else the other tests would prove nothing."""

import json
from pathlib import Path

import pytest

from iiot_engine.ports import Batch, JournalRow
from iiot_engine.stores.sqlite_intake import SqliteIntake
from iiot_engine.wire import codec

from .ledger import Journal, Produced, produced

DEVICE, KEY = "press-07", b"\x07" * 32
BEGIN_S = 1_795_190_400


def message(seq: int, first: int, counts: list[int], key: bytes = KEY) -> JournalRow:
    """Make a message of rows as the device sends it: the first row's index, then a count a row."""
    payload = {
        "v": 1,
        "type": "data",
        "id": DEVICE,
        "kid": 1,
        "boot": 3,
        "seq": seq,
        "up": 1000 * seq,
        "ts": BEGIN_S + seq,
        "ts_ns": 0,
        "tq": 2,
        "n": [3, first],
        "cols": ["count"],
        "rows": [[BEGIN_S + first + at, 0, count] for at, count in enumerate(counts)],
    }
    text = codec.seal(key, payload)
    return JournalRow(1, DEVICE, f"iiot/{DEVICE}/data", 1, 3, seq, 0, None, None, text)


def journal(folder: Path, *messages: JournalRow) -> Journal:
    store = SqliteIntake(folder / "intake.sqlite")
    store.commit(Batch(1, list(messages), [], [], None))
    store.close()
    return Journal(folder / "intake.sqlite", {DEVICE: KEY})


def made(folder: Path, rows: int, kept: tuple[int, ...] = ()) -> Produced:
    """Write what the simulator writes of so many rows, each counting its own index."""
    lines = [
        {"boot": 3, "index": at, "s": BEGIN_S + at, "ns": 0, "up": at, "unix_ns": 0, "values": {"count": at}}
        for at in range(1, rows + 1)
    ]
    (folder / "produced").mkdir()
    (folder / "produced" / f"{DEVICE}.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    (folder / f"{DEVICE}.rows").write_text("".join(f'{{"keep": [3, {at}]}}\n' for at in kept))
    return produced(folder, {DEVICE})


def test_what_is_there_once_is_in_order(tmp_path: Path) -> None:
    facts = made(tmp_path, 4, kept=(4,))
    assert len(facts.answered) == 3
    assert journal(tmp_path, message(1, 1, [1, 2]), message(2, 3, [3])).compare(facts, facts.answered) == []


def test_a_message_may_carry_known_rows_beside_a_new_one(tmp_path: Path) -> None:
    facts = made(tmp_path, 3)
    assert journal(tmp_path, message(1, 1, [1, 2]), message(2, 1, [1, 2, 3])).compare(facts, facts.answered) == []


@pytest.mark.parametrize(
    ("messages", "fault"),
    [
        ([message(1, 1, [1])], "missing"),
        ([message(1, 1, [1, 2]), message(1, 1, [1, 2])], "twice in the journal"),
        ([message(1, 1, [1, 2]), message(2, 1, [1, 2])], "nothing new in it"),
        ([message(1, 1, [1, 9])], "other than made"),
        ([message(1, 1, [1, 2]), message(2, 2, [9, 3])], "two contents"),
        ([message(1, 1, [1, 2, 3, 4])], "made by nobody"),
        ([message(1, 1, [1, 2], b"\x08" * 32)], "not signed by its device"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, messages: list[JournalRow], fault: str) -> None:
    facts = made(tmp_path, 2)
    told = journal(tmp_path, *messages).compare(facts, facts.answered)
    assert any(line.startswith(fault) for line in told), told
