"""Messages to one device: numbered by `hseq`, reserved on disk before use, bound to its boot."""

from collections import deque
from typing import Any, Final

from ..ports import Entropy
from ..values import NS_PER_S, Leaf, Now, maybe_text, whole
from ..wire import codec
from ..wire.frames import MAX_UINT32, VERSION

BLOCK: Final = 256
"""Numbers reserved at a time."""
LOW_WATER: Final = 64
"""The next block is reserved when fewer are left."""
FRESH_NS: Final = 10 * NS_PER_S
"""A message that names one of ours sent less than this ago is fresh."""
LEAP: Final = 1 << 20
"""Numbers left out at most where an outsider could know the next one."""
LAST: Final = MAX_UINT32 - BLOCK
"""Beyond it nothing is sent: only a device that lies about its numbers leads there."""
NOBODYS_NONCE: Final = "0" * 16
"""Of no boot: a device that hears it answers by a heartbeat, and obeys nothing (protocol.md, Checks downward, 4)."""
REMEMBERED: Final = 64
"""Sent numbers whose time is remembered."""


class Downlink:
    """The numbering of one device's down messages in its present boot."""

    __slots__ = ("_reserving", "_sent", "is_blind", "is_told", "last", "nonce", "reserved", "used")

    def __init__(self, *, nonce: str | None = None, last: int = 0, reserved: int = 0) -> None:
        self.nonce = nonce
        """Nonce of the device's present boot; None before the first heartbeat."""
        self.last = last
        """The next message takes the number after this one."""
        self.used = last
        """Highest number sent in this boot; after a restart of the hub, highest reserved."""
        self.reserved = reserved
        """Numbers up to this one are durably ours."""
        self.is_told = False
        """The device has told, since the hub's start, which number it stands at."""
        self.is_blind = False
        """The hub has started, and the device has not told its number since: one of ours could hide a higher one."""
        self._reserving = reserved
        self._sent: deque[tuple[int, int]] = deque(maxlen=REMEMBERED)

    def begin(self, nonce: str, reported: int, entropy: Entropy) -> None:
        """Start numbering for a new boot, at random and above what the device reports."""
        self.nonce = nonce
        self.last = self.reserved = self._reserving = int.from_bytes(entropy(3)) or 1  # below 2^24
        self.used = 0
        self.is_blind = False
        self._sent.clear()
        if reported > self.last:
            self._leap(reported, entropy)

    def go_above(self, reported: int, entropy: Entropy) -> None:
        """Continue above a number that somebody has used, and take it for ours."""
        self.is_blind = False
        self.used = max(self.used, reported)
        if reported > self.last:
            self._leap(reported, entropy)

    def resume(self, entropy: Entropy) -> None:
        """The hub starts again: what was reserved may have been used, and what follows must not be foretold."""
        if self.nonce is not None:
            used = self.used
            self._leap(self.last, entropy)
            self.used, self.is_blind = used, True

    def _leap(self, above: int, entropy: Entropy) -> None:
        """Go on at a random distance, so that no old message happens to name the next number."""
        self.last = self.reserved = self._reserving = above + 1 + int.from_bytes(entropy(3)) % LEAP

    def is_foreign(self, reported: int) -> bool:
        """Whether the device has obeyed a number that this hub never used."""
        return reported > self.used

    def proves_fresh(self, reported: int, steady_ns: int) -> bool:
        """Whether a message that names `reported` was made after one that we sent just now."""
        if not reported:
            return False
        return any(number == reported and steady_ns - sent_ns < FRESH_NS for number, sent_ns in self._sent)

    def wanted(self) -> int | None:
        """New end of the reserved numbers when more have to be reserved with the next commit."""
        if self.nonce is None or self.last >= LAST or self._reserving - self.last >= LOW_WATER:
            return None
        self._reserving = max(self._reserving, self.last) + BLOCK
        return self._reserving

    def reserve(self, upto: int) -> None:
        """Note that numbers up to `upto` are durable."""
        self.reserved = max(self.reserved, upto)

    @property
    def reserving(self) -> int:
        """End of the numbers that the next commit reserves."""
        return self._reserving

    @property
    def is_used_up(self) -> bool:
        """Whether no number will ever be free in this boot of the device."""
        return self.last >= max(LAST, self.reserved)

    @property
    def can_send(self) -> bool:
        """Whether a number is free to use right now."""
        return self.nonce is not None and self.last < self.reserved and not self.is_blind

    def seal(
        self,
        leaf: Leaf,
        device_id: str,
        kid: int,
        key: bytes,
        now: Now,
        body: dict[str, Any],
    ) -> bytes:
        """Use the next number for a signed message. Only when `can_send`."""
        self.last += 1
        self.used = self.last
        self._sent.append((self.last, now.steady_ns))
        seconds, nanos = divmod(now.wall_ns, NS_PER_S)
        return codec.seal(
            key,
            {
                **body,
                "v": VERSION,
                "type": leaf,
                "id": device_id,
                "kid": kid,
                "ts": seconds,
                "ts_ns": nanos,
                "nonce": self.nonce,
                "hseq": self.last,
            },
        )

    def state(self) -> list[Any]:
        """What has to be durable; the argument of `restored`."""
        return [self.nonce, self._reserving]

    @classmethod
    def restored(cls, state: list[Any]) -> Downlink:
        """Build the downlink that `state` described; every reserved number counts as used."""
        nonce, reserved = maybe_text(state[0]), whole(state[1], 0)
        return cls(nonce=nonce, last=reserved, reserved=reserved)
