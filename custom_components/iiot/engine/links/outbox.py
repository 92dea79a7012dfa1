"""Messages on their way to the broker: each QoS, over reconnects, no more at once than the broker takes.

It does no I/O: what it gives is to be written, what the broker answers is handed in. MQTT 5.0, sections 4.3 (QoS), 4.4
(what is sent again) and 4.9 (how many at once); in 3.1.1 the same but for the reasons.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from .packets import PacketError

PUBACK: Final = 0x40
PUBREC: Final = 0x50
PUBCOMP: Final = 0x70
WINDOW: Final = 20
"""How many may be unanswered at a broker that does not say it: Mosquitto's own bound."""
FAILURES: Final = 0x80
"""A reason from here on says that the message was not taken."""
_PUBLISH: Final = 0x30
_DUPLICATE: Final = 0x08
_PUBREL: Final = b"\x62\x02"


class Answered(NamedTuple):
    """What follows from an answer of the broker."""

    packets: bytes
    """To be written now."""
    refusal: int
    """Reason for which it did not take the message; 0: it did, or has not decided."""


class _Flight:
    """A message of QoS 1 or 2 that the broker has not taken."""

    __slots__ = ("content", "head", "is_released", "name")

    def __init__(self, head: int, name: bytes, content: bytes) -> None:
        self.head: Final = head
        self.name: Final = name
        """Topic, with its length."""
        self.content: Final = content
        """What follows the number."""
        self.is_released = False
        """The broker has it, and is told that it may be passed on."""


class Outbox:
    """Messages of one session."""

    def __init__(self, number: Callable[[], int], *, mqtt5: bool) -> None:
        self._number: Final = number
        """Gives the next packet identifier, 1 to 65,535 and from the beginning again."""
        self._properties: Final = b"\x00" if mqtt5 else b""
        self._window = WINDOW
        self._flights: Final[dict[int, _Flight]] = {}
        """In the order in which they were sent first."""
        self._queued: Final[deque[_Flight]] = deque()

    @property
    def waiting(self) -> int:
        """Messages of QoS 1 and 2 that the broker has not taken."""
        return len(self._flights) + len(self._queued)

    def publish(self, topic: str, message: bytes, qos: int, *, retain: bool) -> bytes:
        """Take a message; gives what is to be written now, nothing while the broker has enough."""
        name = topic.encode()
        name = len(name).to_bytes(2) + name
        head = _PUBLISH | qos << 1 | retain
        if not qos:
            return _packet(head, name + self._properties + message)
        self._queued.append(_Flight(head, name, self._properties + message))
        return b"".join(self._sent())

    def answer(self, head: int, body: bytes) -> Answered:
        """Act on a PUBACK, PUBREC or PUBCOMP; raises `PacketError`."""
        if len(body) < 2:
            raise PacketError
        number = int.from_bytes(body[:2])
        reason = body[2] if len(body) > 2 else 0
        flight = self._flights.get(number)
        if head == PUBREC and reason < FAILURES:
            if flight is not None:
                flight.is_released = True
            return Answered(_PUBREL + body[:2], 0)
        if flight is None:
            return Answered(b"", 0)
        del self._flights[number]
        # That the number is unknown says that the message has been passed on before (section 3.7.2.1).
        refusal = reason if reason >= FAILURES and head != PUBCOMP else 0
        return Answered(b"".join(self._sent()), refusal)

    def resume(self, window: int | None, *, has_session: bool) -> bytes:
        """Give what is to be written at the beginning of a connection.

        `window`: how many the broker takes at once. Without `has_session` it knows nothing of what was before, and a
        message that it had not passed on is gone there: so each one begins anew.
        """
        self._window = window or WINDOW
        flights = list(self._flights.items())
        self._flights.clear()
        if has_session:
            # All of them count as unanswered there, too, so they are within its bound.
            self._flights.update(flights)
            again = [self._again(number, flight) for number, flight in flights]
            return b"".join([*again, *self._sent()])
        for _, flight in reversed(flights):
            flight.is_released = False
            self._queued.appendleft(flight)
        return b"".join(self._sent())

    def _sent(self) -> Iterator[bytes]:
        while self._queued and len(self._flights) < self._window:
            flight = self._queued.popleft()
            number = self._number()
            while number in self._flights:
                number = self._number()
            self._flights[number] = flight
            yield _packet(flight.head, flight.name + number.to_bytes(2) + flight.content)

    def _again(self, number: int, flight: _Flight) -> bytes:
        if flight.is_released:
            return _PUBREL + number.to_bytes(2)
        return _packet(flight.head | _DUPLICATE, flight.name + number.to_bytes(2) + flight.content)


def _packet(head: int, body: bytes) -> bytes:
    left, length = len(body), bytearray()
    while left > 0x7F:
        length.append(left & 0x7F | 0x80)
        left >>= 7
    return bytes([head, *length, left]) + body
