"""What every connection to a broker offers and asks for."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final, NamedTuple, Protocol

from ..ports import Link, Received

MAX_WAIT_S: Final = 60.0


class LinkDownError(ConnectionError):
    """There is no connection, so the message did not leave."""


class LinkFullError(OSError):
    """As many messages wait for the broker as are allowed to; this one was not taken."""


class LinkRefusedError(ConnectionRefusedError):
    """The broker is there and refuses the connection."""

    def __init__(self, reason: object) -> None:
        super().__init__(f"the broker refuses: {reason}")
        self.reason = str(reason)
        """In MQTT's words (5.0, section 3.2.2.2)."""


class LinkForeignError(ConnectionError):
    """What answers does not speak as a broker does."""


class LinkPlainError(ConnectionError):
    """What answers hangs up on somebody who speaks TLS."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Broker:
    """Where a broker is and how it lets us in."""

    host: str
    port: int = 1883
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = None
    path: str | None = None
    """Of its web sockets; None: bare TCP."""


class Message(NamedTuple):
    """A message from the broker."""

    topic: str
    message: bytes
    retained: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Will:
    """What the broker publishes when the connection ends without a farewell."""

    topic: str
    message: bytes
    qos: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Subscription:
    """A topic filter with the highest QoS wanted for it."""

    topic_filter: str
    qos: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Station:
    """Who uses a connection: its name, what it wants to hear, and what it does when something happens."""

    client_id: str
    received: Received
    subscriptions: tuple[Subscription, ...] = ()
    received_together: Callable[[list[Message]], None] | None = None
    """Takes all messages of QoS 0 and 1 of one read, instead of `received`; the broker is told afterwards that they
    are here."""
    keep_alive_s: int = 60
    session_s: int = 3600
    """How long the broker keeps the session when the connection is away."""
    will: Callable[[], Will | None] = lambda: None
    """Asked before each attempt, so that a will can be signed for the session it belongs to."""
    login: Callable[[], tuple[str, str] | None] = lambda: None
    """Asked before each attempt for user and password; None: those of the broker's description."""
    connected: Callable[[], None] = lambda: None
    """Called when the broker has accepted the connection; subscriptions are on their way."""
    subscribed: Callable[[list[str]], None] = lambda _: None
    """Called with the filters that the broker refused, when it has answered to all."""
    denied: Callable[[str], None] = lambda _: None
    """Called with the reason when the broker does not pass a message on that it was given."""
    gone: Callable[[], None] = lambda: None
    """Called when an accepted connection has ended, for whatever reason."""
    failed: Callable[[OSError], None] = lambda _: None
    """Called when an attempt to connect came to nothing; the next one follows by itself."""


class BrokerLink(Link, Protocol):
    """A connection that can be opened, ended and opened again."""

    def open(self) -> None:
        """Connect, and keep connecting again until `close`."""
        ...

    def send(self, topic: str, message: bytes, qos: int, *, retain: bool = False) -> None:
        """Hand a message over; raises `LinkDownError` or `LinkFullError`."""
        ...

    async def drain(self, within_s: float) -> None:
        """Wait until the broker has taken every message, but no longer than that."""
        ...

    async def close(self) -> None:
        """Send what waits, take leave (the will is not published) and stay away; idempotent."""
        ...

    async def drop(self) -> None:
        """End without a farewell (the will is published) and stay away; idempotent."""
        ...


def wait_before(attempt: int, random: Random) -> float:
    """Seconds before connection attempt number `attempt` after a loss: 1, 2, 4 … 60 s ± 50 %."""
    wait = min(MAX_WAIT_S, 2.0 ** min(attempt - 1, 16))
    return wait * random.uniform(0.5, 1.5)


def is_match(topic_filter: str, topic: str) -> bool:
    """Whether `topic` falls under `topic_filter` (MQTT 5.0, section 4.7)."""
    if topic.startswith("$") and topic_filter[:1] in ("+", "#"):
        return False
    wanted, levels = topic_filter.split("/"), topic.split("/")
    for at, level in enumerate(wanted):
        if level == "#":
            return True
        if at >= len(levels) or level not in ("+", levels[at]):
            return False
    return len(wanted) == len(levels)
