"""When a device is owed a receipt: soon after a commit with late rows, else every ten seconds."""

from typing import Final

from ..values import NS_PER_S

EVERY_NS: Final = 9 * NS_PER_S
"""Ten seconds, less the commit that a receipt waits for."""


class ReceiptClock:
    """Due time of one device's next `stored`, in steady time."""

    __slots__ = ("_sent_ns", "due_ns")

    def __init__(self) -> None:
        self.due_ns: int | None = None
        """None: nothing is owed."""
        self._sent_ns: int | None = None

    def rows_came(self, steady_ns: int, *, urgent: bool) -> None:
        """Rows were taken; `urgent`: they were late, or the device wants to sleep."""
        due = steady_ns
        if not urgent and self._sent_ns is not None:
            due = self._sent_ns + EVERY_NS
        self.due_ns = due if self.due_ns is None else min(self.due_ns, due)

    def is_due(self, steady_ns: int) -> bool:
        """Whether a receipt should leave now, given that everything before is committed."""
        return self.due_ns is not None and steady_ns >= self.due_ns

    def sent(self, steady_ns: int) -> None:
        """Note that a receipt left."""
        self.due_ns = None
        self._sent_ns = steady_ns
