"""The replay window of one device: each (boot, seq) is accepted once, whatever the order."""

from typing import Any, Final

from ..errors import Code, Refusal
from ..values import whole

WIDTH: Final = 1024
"""How far behind the highest `seq` of the boot a message may come."""
_MASK: Final = (1 << WIDTH + 1) - 1  # the newest one and 1,024 behind it


class ReplayWindow:
    """Highest boot, highest seq in it, and which of those before it were seen.

    `check` never moves it; `move` is called after every other check has passed.
    """

    __slots__ = ("boot", "high", "seen")

    def __init__(self, *, boot: int = 0, high: int = 0, seen: int = 0) -> None:
        self.boot = boot
        """Highest boot accepted; a fresh device has to come above its provisioned one."""
        self.high = high
        self.seen = seen
        """Bit i is set when seq `high - i` was accepted."""

    def check(self, boot: int, seq: int) -> None:
        """Raise `Refusal` (`duplicate`, `replayed`) unless this message is new."""
        if boot != self.boot:
            if boot < self.boot:
                raise Refusal(Code.REPLAYED, "an earlier boot of the device", boot=boot, seq=seq)
            return
        behind = self.high - seq
        if behind < 0:
            return
        if behind > WIDTH:
            raise Refusal(Code.REPLAYED, "too far behind the newest message", boot=boot, seq=seq)
        if self.seen >> behind & 1:
            raise Refusal(Code.DUPLICATE, "accepted before", boot=boot, seq=seq)

    def move(self, boot: int, seq: int) -> None:
        """Take note of an accepted message."""
        if boot != self.boot:
            self.boot, self.high, self.seen = boot, seq, 1
            return
        ahead = seq - self.high
        if ahead > 0:
            self.seen = (self.seen << ahead | 1) & _MASK if ahead <= WIDTH else 1
            self.high = seq
        else:
            self.seen |= 1 << -ahead

    def state(self) -> list[Any]:
        """What has to be durable; the argument of `restored`."""
        return [self.boot, self.high, f"{self.seen:x}"]

    @classmethod
    def restored(cls, state: list[Any]) -> ReplayWindow:
        """Build the window that `state` described."""
        boot, high, seen = state
        return cls(boot=whole(boot, 0), high=whole(high, 0), seen=whole(int(seen, 16), 0, _MASK))
