"""A simulated device at a Mosquitto whose logins the hub keeps: let in when it is registered, by each of its keys."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iiot_engine.wire import signing
from testbed.plant import DOMAIN, Plant, add_hub, must_start, new_fleet_key, own_broker
from tests.dynamic_broker import HUB, DynamicBroker

from .house import House, until
from .press_shop import PRESS, SCENARIO


@dataclass(frozen=True)
class Shop:
    """The site."""

    entry_id: str


async def register(house: House, shop: Shop, key: bytes) -> None:
    """Add the press by hand."""
    async with house.api() as api:
        step = await api.start_subentry_flow(shop.entry_id, "device")
        step = await api.answer(step, {"device_id": PRESS, "name": "Press", "key_source": "paste"})
        asked = {"kid": 1} if any(field["name"] == "kid" for field in step["data_schema"]) else {}
        step = await api.answer(step, {"key": key.hex(), **asked})
        assert step["type"] == "create_entry", step


async def test_a_device_logs_in_as_itself_with_the_key_that_it_has_and_with_the_next(
    house: House, tmp_path: Path
) -> None:
    broker = DynamicBroker(tmp_path / "own", persistence=True)
    scenario, key_file = tmp_path / "shop.toml", tmp_path / "fleet.key"
    scenario.write_text(SCENARIO, encoding="utf-8")
    fleet_key = new_fleet_key(key_file)
    plant = Plant(tmp_path / "shop", broker_port=broker.port, fleet_key_file=key_file, prefix=DOMAIN)
    await broker.start()
    try:
        async with house.api() as api:
            answers = own_broker(broker.port, user=HUB[0], password=HUB[1], logins=True)
            shop = Shop(await add_hub(api, name="Shop", prefix=DOMAIN, fleet_key=fleet_key, broker=answers))
            await must_start(api, shop.entry_id)
        await plant.start(str(scenario), "--own-logins")
        await asyncio.sleep(2.0)
        assert f"as {PRESS}" not in broker.process.log.read_text(), "nobody lets a device in that is not registered"
        await register(house, shop, signing.derive_device_key(bytes.fromhex(fleet_key), PRESS, 1))

        async def connection() -> str | None:
            view = await house.view(shop)
            return view.value(PRESS, "health.connection") if PRESS in view.subentries else None

        async def mark() -> Any:
            return broker.logins()[PRESS]["textdescription"]

        await until(connection, lambda value: value == "live", "live", within_s=60.0)
        assert (await mark()).startswith("key 1 ")
        page = (await house.view(shop)).device(PRESS)["id"]
        async with house.api() as api:
            reply = await api.post(f"/api/services/{DOMAIN}/rekey?return_response", {"device_id": page})
        assert reply["service_response"]["devices"][page]["status"] == "done"
        await until(mark, lambda value: value.startswith("key 2 "), "another password")
        force = (await house.view(shop)).state(PRESS, "force")
        assert force is not None

        async def moved() -> str:
            state = (await house.view(shop)).state(PRESS, "force")
            assert state is not None
            return str(state["last_reported"])

        await until(moved, lambda at: at > force["last_reported"], "heard under the next key", within_s=60.0)
        await until(connection, lambda value: value == "live", "live again", within_s=60.0)
    finally:
        await plant.process.stop()
        await broker.stop()
    house.expect(r"Shop: no connection to")
    assert not house.surprises()
