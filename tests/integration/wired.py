"""A real broker beside Home Assistant, and devices that are connected to it."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import pytest_socket
from homeassistant.core import HomeAssistant

from custom_components.iiot.engine.links.broker import Broker, Station
from custom_components.iiot.engine.links.paho import PahoLink
from custom_components.iiot.engine.wire import codec
from testbed.ports import LOOPBACK
from tests.guarded_broker import GuardedBroker

from .field import FieldDevice

SOON_S = 15.0


@pytest.fixture(autouse=True)
def sockets_of_this_machine() -> None:
    """Allow sockets, to the loopback address only."""
    pytest_socket.enable_socket()
    pytest_socket.socket_allow_hosts([LOOPBACK])


def broker_form(broker: GuardedBroker, **more: Any) -> dict[str, Any]:
    """Fill in the form of a connection; members of its sections are found by themselves."""
    encryption: dict[str, Any] = {"tls": False}
    transport: dict[str, Any] = {"web_sockets": False, "path": "/mqtt", "keep_alive": 60}
    form: dict[str, Any] = {"host": LOOPBACK, "port": broker.port}
    for name, value in more.items():
        part = encryption if name in ("tls", "authority", "certificate", "client_key") else form
        (transport if name in transport else part)[name] = value
    return form | {"encryption": encryption, "transport": transport}


async def soon(is_so: Callable[[], object], what: str = "it") -> None:
    """Wait until something that comes over a socket has happened."""
    try:
        async with asyncio.timeout(SOON_S):
            while not is_so():  # noqa: ASYNC110 - a look at what others do
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"{what} did not happen") from None


class WiredDevice(FieldDevice):
    """A device with a connection of its own."""

    def __init__(self, hass: HomeAssistant, broker: Broker, device_id: str = "press-07") -> None:
        super().__init__(hass, device_id)
        station = Station(client_id=device_id, received=lambda topic, *_: self.heard.append(topic))
        self.heard: list[str] = []
        self.link = PahoLink(broker, station)

    async def connect(self) -> WiredDevice:
        self.link.open()
        await soon(lambda: self.link.is_connected, "the device's connection")
        return self

    def fire(self, leaf: str, body: dict[str, Any]) -> None:
        sealed = codec.seal(self.key, self.payload(leaf, body))
        self.link.send(f"iiot/{self.id}/{leaf}", sealed, 1)
