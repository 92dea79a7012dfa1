"""How devices reach the others: a real broker, or a bus in memory whose messages are printed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import TextIO

from iiot_engine.links.broker import Broker, BrokerLink, Station, Subscription
from iiot_engine.links.memory import MemoryBus, MemoryLink
from iiot_engine.links.paho import PahoLink
from iiot_engine.links.pulse import Pulse

type Connect = Callable[[Station], BrokerLink]
"""Makes the connection for a station; it is not open yet."""


def over_broker(broker: Broker, *, mqtt5: bool, seed: int, own_logins: bool = False) -> Connect:
    """Connections to a real broker; call inside the event loop that will use them.

    With `own_logins` each device logs in as itself, by its key, otherwise all as the broker's description says.
    """
    pulse = Pulse()
    random = Random(seed)

    def connect(station: Station) -> BrokerLink:
        station = station if own_logins else replace(station, login=lambda: None)
        return PahoLink(broker, station, pulse=pulse, mqtt5=mqtt5, random=random)

    return connect


def over_memory(bus: MemoryBus) -> Connect:
    """Connections to a bus in memory."""
    return lambda station: MemoryLink(bus, station)


def printing_bus(stream: TextIO) -> MemoryBus:
    """Make a bus that prints every message: topic, then the message as it would be sent."""
    bus = MemoryBus()

    def show(topic: str, message: bytes, _retain: bool) -> None:  # noqa: FBT001 - as links call it
        stream.write(f"{topic} {message.decode()}\n")

    MemoryLink(bus, Station(client_id="", received=show, subscriptions=(Subscription(topic_filter="#", qos=0),))).open()
    return bus
