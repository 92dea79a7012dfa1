"""A real broker and a real Home Assistant for a test, in a folder of its own; ended by their process ids."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_socket

from testbed.broker import Broker
from testbed.hass import HomeAssistant
from testbed.plant import Plant, new_fleet_key
from testbed.ports import free_ports


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """What a test starts, stops and kills; everything that still runs afterwards is ended."""

    folder: Path
    broker: Broker
    hass: HomeAssistant
    plant: Plant
    fleet_key: str


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(autouse=True)
def _sockets_of_this_machine() -> None:
    """Allow sockets, to the loopback address only."""
    pytest_socket.enable_socket()
    pytest_socket.socket_allow_hosts(["127.0.0.1"])


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """A broker and a Home Assistant that knows it, both running; the hub and the plant are left to the test."""
    port, broker_port = free_ports(2)
    key_file = tmp_path / "fleet.key"
    key = new_fleet_key(key_file)
    broker = Broker(tmp_path / "broker", broker_port)
    hass = HomeAssistant(tmp_path / "hass", port=port, broker_port=broker_port)
    plant = Plant(tmp_path / "plant", broker_port=broker_port, fleet_key_file=key_file)
    async with AsyncExitStack() as stack:
        for one in (broker.process, hass.process, plant.process):
            stack.push_async_callback(one.stop)
        await broker.start()
        await hass.start()
        yield Site(folder=tmp_path, broker=broker, hass=hass, plant=plant, fleet_key=key)
