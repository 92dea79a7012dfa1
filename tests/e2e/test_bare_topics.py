"""A device that signs and knows nothing else of the protocol, at a real broker and a real Home Assistant."""

import time
from typing import Any

import pytest
import pytest_asyncio

from iiot_engine.wire import bare
from testbed.api import Api
from testbed.plant import add_hub

from .house import House, allow_sockets, until
from .visitor import Hall
from .wiretap import Wiretap

TOPIC = "sensors/lab1/bme280"
SENSOR_ID = f"topic:{TOPIC}"
KEY = b"mqtt-message-signing-key"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def lab(house: House) -> Hall:
    """A site without a fleet key."""
    allow_sockets()
    async with house.api() as api:
        entry_id = await add_hub(api, name="Lab", prefix="lab", fleet_key=None, discovery="ask")
        step = await api.start_subentry_flow(entry_id, "bare")
        about = {"topic": TOPIC, "name": "Climate", "interval_s": 60, "key_source": "paste"}
        step = await api.answer(step, about)
        step = await api.answer(step, {"key": KEY.decode()})
        assert step["type"] == "create_entry", step
    return Hall(entry_id=entry_id, prefix="lab", fleet_key=b"", keys={SENSOR_ID: KEY})


def message(**values: Any) -> bytes:
    """Sign values at the present time."""
    return bare.seal(KEY, time.time_ns(), values)


async def sensor(house: House, lab: Hall) -> dict[str, Any]:
    """What diagnostics say of the sensor."""
    (found,) = (one for one in (await house.facts(lab))["devices"] if one["device_id"] == SENSOR_ID)
    facts: dict[str, Any] = found
    return facts


async def open_channels(api: Api, house: House, lab: Hall) -> dict[str, Any]:
    """Open the page on which values are named."""
    subentry_id = (await house.view(lab)).subentries[SENSOR_ID]
    body = {"handler": [lab.entry_id, "bare"], "subentry_id": subentry_id}
    menu = await api.post("/api/config/config_entries/subentries/flow", body)
    return await api.answer(menu, {"next_step_id": "channels"})


async def test_values_are_named_and_shown_and_no_replay_counts(house: House, lab: Hall) -> None:
    async def subscribed() -> set[str]:
        return house.broker.subscriptions()

    await until(subscribed, lambda found: TOPIC in found, "a subscription")
    async with Wiretap(house.broker.port, listens=False) as wire:
        await wire.say((TOPIC, message(temperature=20.5, humidity=61)))

        async def messages() -> int:
            return int((await sensor(house, lab))["messages"])

        await until(messages, lambda count: count == 1, "a message that counts")
        async with house.api() as api:
            form = await open_channels(api, house, lab)
            rows = form["data_schema"][0]["description"]["suggested_value"]
            assert [(row["path"], row["unit"]) for row in rows] == [("humidity", "%"), ("temperature", "°C")]
            await api.answer(form, {"channels": rows})

        async def temperature() -> str | None:
            return (await house.view(lab)).value(SENSOR_ID, "temperature")

        await until(temperature, lambda value: value == "20.5", "20.5 °C")
        last = message(temperature=21.5, humidity=62)
        forged = last.replace(b"21.5", b"99.5")
        await wire.say((TOPIC, last), (TOPIC, last), (TOPIC, forged))
        await until(temperature, lambda value: value == "21.5", "21.5 °C")

        async def refused() -> dict[str, int]:
            counts: dict[str, int] = (await sensor(house, lab))["refused"]
            return counts

        await until(refused, lambda counts: counts == {"duplicate": 1, "bad_mac": 1}, "both refused")

        async def durable() -> int:
            return int((await house.facts(lab))["journal"]["last"])

        await until(durable, lambda rows: rows == 2, "both messages on the disk")
        await house.until_saved(lab, "temperature")
        await house.hass.kill()
        await house.hass.start()
        await until(temperature, lambda value: value == "21.5", "the value after a kill")
        await until(subscribed, lambda found: TOPIC in found, "a subscription again")
        await wire.say((TOPIC, last))
        await until(refused, lambda counts: counts.get("duplicate", 0) == 2, "the replay refused after a kill")
        await wire.say((TOPIC, message(temperature=22.5, humidity=62)))
        await until(temperature, lambda value: value == "22.5", "22.5 °C")
    house.expect("refused a message of topic:")
    if problems := house.surprises():
        pytest.fail("\n".join(problems))
