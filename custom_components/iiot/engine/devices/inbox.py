"""The waiting room for devices that nobody has approved yet. Bounded in every direction."""

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from ..values import NS_PER_S
from ..wire.heartbeat import Heartbeat
from .downlink import Downlink

CAPACITY: Final = 1000
CARDS_A_MINUTE: Final = 10
CARD_WINDOW_NS: Final = 60 * NS_PER_S


class Trust(StrEnum):
    """How far a waiting device has shown that it holds a key of this hub."""

    UNVERIFIED = "unverified"
    """No key of ours makes its MAC."""
    SIGNED = "signed"
    """Its MAC is good; the message could still be an old one."""
    VERIFIED = "verified"
    """It answered a fresh message of this hub."""


@dataclass(kw_only=True, slots=True)
class Waiting:
    """One device that called and is not registered."""

    id: str
    trust: Trust = Trust.UNVERIFIED
    reason: str = "unknown_device"
    """Why it waits: a `Code`, or `removed`."""
    kid: int = 1
    key: bytes | None = field(default=None, repr=False)
    """Key derived from the fleet key, when its MAC proves it."""
    name: str = ""
    model: str = ""
    fw: str = ""
    place: str | None = None
    heartbeat: Heartbeat | None = None
    message: bytes = b""
    """Its last heartbeat as it came: a pasted key is tried on it."""
    boot: int = 0
    seq: int = 0
    """Highest message seen, so that nothing is taken twice after approval."""
    up_ns: int = 0
    """Its time since boot in that heartbeat."""
    first_ns: int = 0
    last_ns: int = 0
    count: int = 0
    asked_ns: int | None = None
    """When it was last asked to prove that it is fresh."""
    card: bool = False
    """A discovery card was offered."""
    downlink: Downlink = field(default_factory=Downlink)


class Inbox:
    """At most 1,000 waiting devices; the oldest unverified one makes room."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, Waiting] = OrderedDict()
        self._cards: deque[int] = deque(maxlen=CARDS_A_MINUTE)
        self.dropped = 0
        """Waiting devices that had to go for newer ones."""

    def __len__(self) -> int:
        return len(self._waiting)

    def get(self, device_id: str) -> Waiting | None:
        """Find the waiting device."""
        return self._waiting.get(device_id)

    def entries(self) -> list[Waiting]:
        """All that wait, the one heard last at the end."""
        return list(self._waiting.values())

    def note(self, device_id: str, now_ns: int) -> Waiting:
        """Count a message of an unknown device, making room when it is new."""
        entry = self._waiting.get(device_id)
        if entry is None:
            self._make_room()
            entry = self._waiting[device_id] = Waiting(id=device_id, first_ns=now_ns)
        else:
            self._waiting.move_to_end(device_id)
        entry.count += 1
        entry.last_ns = now_ns
        return entry

    def take(self, device_id: str) -> Waiting | None:
        """Let a device out."""
        return self._waiting.pop(device_id, None)

    def may_offer(self, steady_ns: int) -> bool:
        """Whether one more card fits this minute; counts it when it does."""
        full = len(self._cards) == CARDS_A_MINUTE
        if full and steady_ns - self._cards[0] < CARD_WINDOW_NS:
            return False
        self._cards.append(steady_ns)
        return True

    def _make_room(self) -> None:
        if len(self._waiting) < CAPACITY:
            return
        victim = next(
            (e.id for e in self._waiting.values() if e.trust is Trust.UNVERIFIED),
            next(iter(self._waiting)),
        )
        del self._waiting[victim]
        self.dropped += 1
