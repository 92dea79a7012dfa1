"""The waiting room for devices that nobody has approved yet. Bounded in every direction."""

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple

from ..values import NS_PER_S
from ..wire import signing
from ..wire.codec import Envelope
from ..wire.heartbeat import Heartbeat
from .downlink import Downlink
from .keys import enrolled_key
from .templates import Spoken

CAPACITY: Final = 1000
REMOVED: Final = "removed"
"""Why a device that a person took out calls in vain."""
CARDS_A_MINUTE: Final = 10
"""New cards of devices that nothing proves; those that hold a key have as many of their own."""
CARD_WINDOW_NS: Final = 60 * NS_PER_S
MOST_UNVERIFIED_CARDS: Final = 20
"""Cards of devices that nothing proves, at any time."""
MOST_CALLS: Final = 4
MOST_CALL_BYTES: Final = 8_192
"""Different messages kept of one device that nothing proves, and their size together."""
MOST_KEYS: Final = 256
"""Derived keys remembered, so that nobody has the hub derive the same one again and again."""


class Trust(StrEnum):
    """How far a waiting device has shown that it holds a key of this hub."""

    UNVERIFIED = "unverified"
    """No key of ours makes its MAC."""
    SIGNED = "signed"
    """Its MAC is good; the message could still be an old one."""
    VERIFIED = "verified"
    """It answered a fresh message of this hub."""


class Call(NamedTuple):
    """A heartbeat as it came, kept so that a pasted key can be tried on it."""

    kid: int
    """Key id that it names: true when the key fits, anybody's word otherwise."""
    envelope: Envelope


@dataclass(kw_only=True, slots=True)
class Waiting:
    """One device that called and is not registered."""

    id: str
    trust: Trust = Trust.UNVERIFIED
    reason: str = "unknown_device"
    """Why it waits: a `Code`, or `REMOVED`."""
    key: bytes | None = field(default=None, repr=False)
    """Key derived from the fleet key, when its MAC proves it."""
    kid: int = 1
    """Number of `key`; says nothing while there is none."""
    name: str = ""
    model: str = ""
    fw: str = ""
    place: str | None = None
    calls: list[Call] = field(default_factory=list)
    """Its last heartbeat, or the last different ones that came in its name while nothing proves any."""
    heartbeat: Heartbeat | None = None
    """Its last heartbeat, once it holds a key."""
    boot: int = 0
    seq: int = 0
    """Highest message of the holder of the key, so that nothing is taken twice after approval."""
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
    spoken: Spoken | None = None
    """What it has said, when it speaks on topics of a template and not the protocol."""

    def keep(self, call: Call) -> None:
        """Keep one more message that nothing proves; of too many the oldest goes, of too large ones the largest."""
        if call in self.calls:
            return
        self.calls.append(call)
        if len(self.calls) > MOST_CALLS:
            del self.calls[0]
        while sum(len(kept.envelope.span) for kept in self.calls) > MOST_CALL_BYTES:
            self.calls.remove(max(self.calls, key=lambda kept: len(kept.envelope.span)))

    def kid_of(self, key: bytes) -> int | None:
        """Number under which the device names `key`, by a message that it signed with it; None: it signed none."""
        for kid, (mac, span) in reversed(self.calls):
            if signing.is_signed_by(key, span, mac):
                return kid
        return None


class Inbox:
    """At most 1,000 waiting devices. One that holds a key never makes room for one that holds none."""

    def __init__(self) -> None:
        self._unproven: Final[OrderedDict[str, Waiting]] = OrderedDict()
        self._proven: Final[OrderedDict[str, Waiting]] = OrderedDict()
        self._shown: Final = {proven: deque[int](maxlen=CARDS_A_MINUTE) for proven in (False, True)}
        """Steady times of the last cards."""
        self._unverified_cards: Final[set[str]] = set()
        self.key_of: Final = lru_cache(MOST_KEYS)(enrolled_key)
        self.dropped = 0
        """Waiting devices that had to go for newer ones."""

    def __len__(self) -> int:
        return len(self._unproven) + len(self._proven)

    @property
    def undecided(self) -> int:
        """How many wait for a person. One that was taken out and goes on calling is decided."""
        return sum(entry.reason != REMOVED for waiting in (self._proven, self._unproven) for entry in waiting.values())

    def get(self, device_id: str) -> Waiting | None:
        """Find the waiting device."""
        return self._proven.get(device_id) or self._unproven.get(device_id)

    def entries(self) -> list[Waiting]:
        """All that wait, the one heard last at the end."""
        return sorted([*self._proven.values(), *self._unproven.values()], key=lambda entry: entry.last_ns)

    def make_room(self, *, proven: bool) -> Waiting | None:
        """Let one go for a newcomer, and give it back; None: nobody goes for somebody who holds no key."""
        if self._unproven:
            _, gone = self._unproven.popitem(last=False)
        elif proven:
            signed = (entry.id for entry in self._proven.values() if entry.trust is Trust.SIGNED)
            gone = self._proven.pop(next(signed, next(iter(self._proven))))
        else:
            return None
        self._unverified_cards.discard(gone.id)
        self.dropped += 1
        return gone

    @property
    def is_full(self) -> bool:
        """Whether a newcomer needs room."""
        return len(self) >= CAPACITY

    def note(self, device_id: str, now_ns: int) -> Waiting:
        """Count a call of an unknown device; `make_room` comes first when it is new."""
        entry = self.get(device_id)
        if entry is None:
            entry = self._unproven[device_id] = Waiting(id=device_id, first_ns=now_ns)
        (self._proven if device_id in self._proven else self._unproven).move_to_end(device_id)
        entry.count += 1
        entry.last_ns = now_ns
        return entry

    def prove(self, entry: Waiting) -> None:
        """Its MAC is good: from now on it stands before all that hold no key."""
        if self._unproven.pop(entry.id, None) is not None:
            entry.trust = Trust.SIGNED
            self._proven[entry.id] = entry
            self._unverified_cards.discard(entry.id)

    def take(self, device_id: str) -> Waiting | None:
        """Let a device out."""
        self._unverified_cards.discard(device_id)
        return self._proven.pop(device_id, None) or self._unproven.pop(device_id, None)

    def may_offer(self, entry: Waiting, steady_ns: int) -> bool:
        """Whether one more card fits; counts it when it does. Devices that hold a key have a budget of their own."""
        proven = entry.trust is not Trust.UNVERIFIED
        shown = self._shown[proven]
        if len(shown) == CARDS_A_MINUTE and steady_ns - shown[0] < CARD_WINDOW_NS:
            return False
        if not proven and len(self._unverified_cards) >= MOST_UNVERIFIED_CARDS:
            return False
        shown.append(steady_ns)
        if not proven:
            self._unverified_cards.add(entry.id)
        return True

    def forget_card(self, device_id: str) -> None:
        """A person does not want to be asked: the card is gone and leaves its place to another."""
        self._unverified_cards.discard(device_id)

    def reoffer(self, device_id: str) -> None:
        """A person wants to be asked again: a card is offered at the next call."""
        entry = self.get(device_id)
        if entry is not None:
            entry.card = False
