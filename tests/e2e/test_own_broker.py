"""A site with a broker of its own, over TLS with logins and rules, beside one on Home Assistant's connection."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from benchmarks.device import Device
from iiot_engine.links.broker import Broker, Station
from iiot_engine.links.paho import PahoLink
from iiot_engine.links.tls import context_of
from iiot_engine.values import Leaf
from testbed.api import Api
from testbed.plant import DOMAIN, add_hub, must_start, own_broker
from testbed.ports import LOOPBACK
from tests.authority import Authority
from tests.guarded_broker import HUB, GuardedBroker

from .house import House, until

PLANT = Authority()
FLEET_KEY = bytes(range(32))
ROWS = 200


async def add_site(api: Api, broker: GuardedBroker, device: Device) -> str:
    """Set the site up, and register its device by hand."""
    encryption = {"tls": True, "authority": PLANT.pem}
    answers = own_broker(broker.port, user=HUB[0], password=HUB[1], encryption=encryption)
    entry_id = await add_hub(api, name="Hall 5", prefix=DOMAIN, discovery="ask", broker=answers)
    await must_start(api, entry_id)
    step = await api.start_subentry_flow(entry_id, "device")
    step = await api.answer(step, {"device_id": device.id, "name": device.name, "key_source": "paste"})
    asked = {"kid": 1} if any(field["name"] == "kid" for field in step["data_schema"]) else {}
    step = await api.answer(step, {"key": device.key.hex(), **asked})
    assert step["type"] == "create_entry", step
    return entry_id


def rows_in(house: House, entry_id: str) -> list[int]:
    """Numbers of the readings in a site's journal."""
    file = house.hass.folder / DOMAIN / entry_id / "intake.sqlite"
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as journal:
        return [seq for (seq,) in journal.execute("SELECT seq FROM frames WHERE topic LIKE '%/data' ORDER BY seq")]


async def test_what_comes_while_home_assistant_restarts_waits_at_the_sites_own_broker(
    house: House, tmp_path: Path
) -> None:
    broker = GuardedBroker(tmp_path / "own", papers=PLANT.papers(), logins=True)
    await broker.start()
    device = Device(1, FLEET_KEY, time.time_ns())
    there = Broker(host=LOOPBACK, port=broker.port, user=device.id, password="bench", tls=context_of(PLANT.pem, None))
    link = PahoLink(there, Station(client_id=device.id, received=lambda *_: None))
    try:
        async with house.api() as api:
            neighbour = await add_hub(api, name="Hall 4", prefix=DOMAIN)
            entry_id = await add_site(api, broker, device)
        link.open()
        await until(connected(link), bool, "a connection of the device")

        def send(leaf: Leaf, message: bytes) -> None:
            link.send(f"{DOMAIN}/{device.id}/{leaf}", message, 1)

        send(Leaf.HEARTBEAT, device.heartbeat(time.time_ns()))
        send(Leaf.MANIFEST, device.manifest(time.time_ns()))
        send(Leaf.DATA, device.data(time.time_ns()))

        async def kept() -> list[int]:
            return rows_in(house, entry_id)

        await until(kept, lambda rows: len(rows) == 1, "the first reading in the journal")
        await house.hass.stop()
        for _ in range(ROWS):
            send(Leaf.DATA, device.data(time.time_ns()))
        await link.drain(10.0)
        assert link.waiting == 0
        await house.hass.start()
        rows = await until(kept, lambda rows: len(rows) == ROWS + 1, "every reading in the journal")
        assert rows == list(range(3, ROWS + 4)), "each once, in the order in which they were made"
        assert rows_in(house, neighbour) == [], "the same prefix at another broker is another site"
    finally:
        await link.close()
        await broker.stop()
    house.expect(r"Hall 5: no connection to")
    assert not house.surprises()


def connected(link: PahoLink):
    """Ask a link whether it stands."""

    async def look() -> bool:
        return link.is_connected

    return look
