"""The intake in memory: for tests and dry runs. Nothing of it outlives the process."""

from collections import Counter, deque
from typing import Final

from ..errors import StoreError
from ..ports import CLOSED_COMMANDS, Batch, Extent, JournalEntry, JournalRow, Kept, KeptCommand, Trimmed

LAST_VALUES: Final = "last_values"
ROW_BYTES: Final = 128
"""What a row takes beside its message and topic, about."""
TRIM_STEP: Final = 5_000
"""Rows dropped by one call, as in the durable stores."""


class MemoryIntake:
    """`IntakeStore` over lists and dictionaries."""

    def __init__(self) -> None:
        self._states: dict[str, bytes] = {}
        self._manifests: dict[str, bytes] = {}
        self._values: dict[str, bytes] = {}
        self._commands: dict[str, KeptCommand] = {}
        self._journal: deque[JournalEntry] = deque()
        self._position = 0
        self._size = 0
        self._cursors: dict[str, int] = {LAST_VALUES: 0}
        self._is_open = True

    def load(self) -> list[Kept]:
        """See `IntakeStore`."""
        self._check_open()
        return [
            Kept(
                device_id,
                state,
                self._manifests.get(device_id),
                self._values.get(device_id),
                self._commands_of(device_id),
            )
            for device_id, state in self._states.items()
        ]

    def commit(self, batch: Batch) -> None:
        """See `IntakeStore`."""
        self._check_open()
        for row in batch.rows:
            self._position += 1
            self._size += _size_of(row)
            self._journal.append(JournalEntry(self._position, row))
        self._states.update(batch.states)
        self._commands.update({command.cid: command for command in batch.commands})
        self._manifests.update(self._known(batch.manifests))
        if batch.values is not None:
            self._values.update(self._known(batch.values))
            self._cursors[LAST_VALUES] = self._position

    def cursor(self, reader: str) -> int:
        """See `IntakeStore`."""
        self._check_open()
        return self._cursors.get(reader, 0)

    def move_cursor(self, reader: str, position: int) -> None:
        """See `IntakeStore`."""
        self._check_open()
        self._cursors[reader] = position

    def read_after(self, position: int, limit: int) -> list[JournalEntry]:
        """See `IntakeStore`."""
        self._check_open()
        return [entry for entry in self._journal if entry.position > position][:limit]

    def trim(self, *, before_ns: int, max_bytes: int) -> Trimmed:
        """See `IntakeStore`."""
        self._check_open()
        if not self._journal:
            return Trimmed(0, {}, more=False)
        step_end = min(self._journal[0].position + TRIM_STEP - 1, self._position)
        if self._size > max_bytes:
            return self._drop_upto(step_end, more=True)
        taken = min(self._cursors.values())
        old = max(
            (at for at, row in self._journal if at <= min(step_end, taken) and row.received_ns < before_ns),
            default=None,
        )
        if old is None:
            return Trimmed(0, {}, more=False)
        return self._drop_upto(old, more=old == step_end)

    def size_bytes(self) -> int:
        """See `IntakeStore`."""
        self._check_open()
        return self._size

    def extent(self) -> Extent:
        """See `IntakeStore`."""
        self._check_open()
        cursors = dict(self._cursors)
        if not self._journal:
            return Extent(self._size, None, None, 0, cursors)
        first, last = self._journal[0], self._journal[-1]
        return Extent(self._size, first.position, first.row.received_ns, last.position, cursors)

    def close(self) -> None:
        """See `IntakeStore`."""
        self._is_open = False

    def _commands_of(self, device_id: str) -> tuple[KeptCommand, ...]:
        found = sorted(command for command in self._commands.values() if command.device_id == device_id)
        closed = [command.cid for command in found if not command.is_open][-CLOSED_COMMANDS:]
        return tuple(command for command in found if command.is_open or command.cid in closed)

    def _known(self, entries: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
        return [(device_id, content) for device_id, content in entries if device_id in self._states]

    def _drop_upto(self, position: int, *, more: bool) -> Trimmed:
        gone = [entry.position for entry in self._journal if entry.position <= position]
        lost = {
            reader: count for reader, at in self._cursors.items() if (count := sum(number > at for number in gone)) > 0
        }
        shares: Counter[str] = Counter()
        for _ in gone:
            row = self._journal.popleft().row
            self._size -= _size_of(row)
            shares[row.device_id] += len(row.message)
        noisiest = min(shares, key=lambda found: (-shares[found], found)) if lost else None
        return Trimmed(len(gone), lost, more=more, noisiest=noisiest)

    def _check_open(self) -> None:
        if not self._is_open:
            raise StoreError("the journal is closed")


def _size_of(row: JournalRow) -> int:
    return ROW_BYTES + len(row.topic) + len(row.message)
