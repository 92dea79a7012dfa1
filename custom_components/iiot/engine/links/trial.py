"""A connection that is made once, to see whether it can be: before anything is saved."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from .broker import Broker, Station, Subscription
from .faults import Fault, fault_of
from .paho import PahoLink

WITHIN_S: Final = 20.0
"""How long name, connection, handshake and answers may take together."""
KEEP_ALIVE_S: Final = 10
"""It also bounds the handshake."""


async def attempt(
    broker: Broker, client_id: str, *, filters: Sequence[str] = (), topic: str | None = None
) -> Fault | None:
    """Connect, listen to `filters`, publish an empty message on `topic`; says what went wrong first, else None."""
    outcome: asyncio.Future[Fault | None] = asyncio.get_running_loop().create_future()

    def end(fault: Fault | None) -> None:
        if not outcome.done():
            outcome.set_result(fault)

    def connected() -> None:
        if not filters:
            end(None)

    station = Station(
        client_id=client_id,
        received=lambda _topic, _message, _retained: None,
        subscriptions=tuple(Subscription(topic_filter=one, qos=1) for one in filters),
        keep_alive_s=KEEP_ALIVE_S,
        session_s=0,
        connected=connected,
        subscribed=lambda refused: end(Fault.LISTENING if refused else None),
        denied=lambda _topic: end(Fault.SENDING),
        gone=lambda: end(Fault.FOREIGN),
        failed=lambda trouble: end(fault_of(trouble)),
    )
    link = PahoLink(broker, station)
    link.open()
    try:
        async with asyncio.timeout(WITHIN_S):
            fault = await outcome
            if fault is None and topic is not None:
                outcome = asyncio.get_running_loop().create_future()
                with suppress(OSError):
                    link.send(topic, b"", 1)
                await link.drain(WITHIN_S)
                end(None if link.is_connected else Fault.FOREIGN)
                fault = await outcome
    except TimeoutError:
        fault = Fault.TIMEOUT
    finally:
        await link.close()
    return fault
