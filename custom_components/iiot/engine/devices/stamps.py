"""Replay windows of bare topics: each stamp counts once on its topic, each signature on one topic of its key."""

from bisect import insort
from collections import OrderedDict
from typing import Any, Final

from ..errors import Code, Refusal
from ..values import NS_PER_S, whole

WIDTH: Final = 64
"""Messages that may come after a younger one of their topic."""
FRESH_NS: Final = 300 * NS_PER_S
"""How far the time of a message may lie from the hub's."""
MOST_MACS: Final = 65_536
"""Signatures remembered of one key."""
_MAC_LENGTH: Final = 12
"""Characters kept of a signature: 72 bits, enough to tell those apart that were made with the key."""


class StampWindow:
    """The newest stamps of one topic. `check` never moves it; `move` is called after every other check."""

    __slots__ = ("_macs", "_stamps", "floor_ns")

    def __init__(self) -> None:
        self.floor_ns = 0
        """Nothing up to this counts any more."""
        self._stamps: list[int] = []
        self._macs: dict[int, str] = {}

    @property
    def newest_ns(self) -> int:
        """The youngest stamp; the floor before the first."""
        return self._stamps[-1] if self._stamps else self.floor_ns

    def check(self, stamp_ns: int, mac: bytes) -> None:
        """Raise `Refusal` (`duplicate`, `replayed`) unless this message is new."""
        held = self._macs.get(stamp_ns)
        if held == _short(mac):
            raise Refusal(Code.DUPLICATE, "accepted before")
        if held is not None:
            raise Refusal(Code.REPLAYED, "another message of the topic has the same time")
        if stamp_ns <= self.floor_ns:
            raise Refusal(Code.REPLAYED, "too far behind the newest message of its topic")

    def move(self, stamp_ns: int, mac: bytes) -> None:
        """Take note of an accepted message."""
        insort(self._stamps, stamp_ns)
        self._macs[stamp_ns] = _short(mac)
        if len(self._stamps) > WIDTH + 1:
            self.floor_ns = self._stamps.pop(0)
            del self._macs[self.floor_ns]

    def state(self) -> list[Any]:
        """What has to be durable; the argument of `restored`."""
        return [self.floor_ns, [[stamp_ns, self._macs[stamp_ns]] for stamp_ns in self._stamps]]

    @classmethod
    def restored(cls, state: list[Any]) -> StampWindow:
        """Build the window that `state` described."""
        found = cls()
        floor_ns, stamps = state
        found.floor_ns = whole(floor_ns, 0)
        found._macs = {whole(stamp_ns, 0): str(mac) for stamp_ns, mac in stamps[-WIDTH - 1 :]}
        found._stamps = sorted(found._macs)
        return found


class KeyMemory:
    """Signatures made with one key that several topics share: each belongs to the topic on which it came first.

    They are remembered for as long as their time alone would not refuse them. What is older than the oldest one that
    was forgotten cannot be told from a copy, and is refused.
    """

    __slots__ = ("_forgotten_ns", "_macs")

    def __init__(self, forgotten_ns: int) -> None:
        self._forgotten_ns = forgotten_ns
        """Up to this stamp, signatures may have come that are not remembered."""
        self._macs: OrderedDict[str, tuple[str, int]] = OrderedDict()
        """Signature → its topic and its time, in the order in which they came."""

    def check(self, topic: str, stamp_ns: int, mac: bytes) -> None:
        """Raise `Refusal(replayed)` for what came, or may have come, on another topic."""
        held = self._macs.get(_short(mac))
        if held is not None and held[0] != topic:
            raise Refusal(Code.REPLAYED, "it came on another topic of this key before")
        if held is None and stamp_ns <= self._forgotten_ns:
            raise Refusal(Code.REPLAYED, "too old to be told from a copy of another topic of this key")

    def move(self, topic: str, stamp_ns: int, mac: bytes, now_ns: int) -> None:
        """Take note of an accepted message."""
        self._macs[_short(mac)] = (topic, stamp_ns)
        while self._macs:
            oldest, (_, oldest_ns) = next(iter(self._macs.items()))
            if oldest_ns + FRESH_NS >= now_ns and len(self._macs) <= MOST_MACS:
                return
            del self._macs[oldest]
            self.forget_upto(oldest_ns)

    def forget_upto(self, stamp_ns: int) -> None:
        """Signatures up to this stamp may have come that are not remembered."""
        self._forgotten_ns = max(self._forgotten_ns, stamp_ns)


def _short(mac: bytes) -> str:
    return mac[:_MAC_LENGTH].decode()
