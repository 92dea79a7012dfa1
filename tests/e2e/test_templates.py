"""A device of a template joins from the inbox and is told what to do, at a real broker and over a kill."""

import time
from collections.abc import Callable
from typing import Any

import pytest
import pytest_asyncio

from iiot_engine.wire import bare, canonical, codec, signing
from testbed.plant import add_hub

from .house import House, allow_sockets, until
from .visitor import Hall
from .wiretap import Wiretap

OPTIONS = "/api/config/config_entries/options/flow"
TEMPLATE = "plant/{area}/{device}/{channel}"
TEMPERATURE, RUNNING = "plant/Attic/fan-1/temperature", "plant/Attic/fan-1/running"
FAN = "topic:plant/Attic/fan-1/+"
TELL = "told/fan-1"
KEY, COMMAND_KEY = b"the key of the plant", bytes(range(32))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def plant(house: House) -> Hall:
    """A site that listens to a template."""
    allow_sockets()
    async with house.api() as api:
        entry_id = await add_hub(api, name="Plant", prefix="hall", fleet_key=None, discovery="ask")
        step = await api.post(OPTIONS, {"handler": entry_id})
        for answers in (
            {"next_step_id": "templates"},
            {"template": TEMPLATE, "key_source": "paste"},
            {"key": KEY.decode()},
        ):
            step = await api.post(f"{OPTIONS}/{step['flow_id']}", answers)
        assert step["type"] == "create_entry", step
    return Hall(entry_id=entry_id, prefix="hall", fleet_key=b"", keys={FAN: KEY})


def say(**values: Any) -> bytes:
    """Sign values at the present time."""
    return bare.seal(KEY, time.time_ns(), values)


def told(wire: Wiretap) -> list[dict[str, Any]]:
    """Commands that came for the fan."""
    found = []
    for heard in wire.heard:
        if heard.topic == TELL:
            envelope = codec.split(heard.message)
            assert signing.is_signed_by(COMMAND_KEY, envelope.span, envelope.mac)
            found.append(canonical.decode(envelope.span))
    return found


async def approve(house: House, plant: Hall) -> None:
    """Approve the fan on its card, and say what it can be told."""

    async def cards() -> dict[str, str]:
        return await house.cards(plant)

    flow = (await until(cards, lambda found: FAN in found, "a card"))[FAN]
    async with house.api() as api:
        form = await api.get(f"/api/config/config_entries/flow/{flow}")
        assert form["step_id"] == "confirm_topics", form
        about = {"name": "Fan", "new_area": "Attic", "interval_s": 60}
        done = await api.answer(form, about)
        assert done["reason"] == "device_added", done

        async def joined() -> str | None:
            return (await house.view(plant)).subentries.get(FAN)

        subentry_id = await until(joined, bool, "a device")
        body = {"handler": [plant.entry_id, "bare"], "subentry_id": subentry_id}
        menu = await api.post("/api/config/config_entries/subentries/flow", body)
        form = await api.answer(menu, {"next_step_id": "commands"})
        fan = {"key": "fan", "name": "Motor", "kind": "switch", "channel": "running"}
        about = {"command_topic": TELL, "actuators": [fan], "key_source": "paste"}
        done = await api.answer(await api.answer(form, about), {"key": COMMAND_KEY.hex()})
        assert done["reason"] == "reconfigure_successful", done


class Floor:
    """What Home Assistant shows of the fan."""

    def __init__(self, house: House, plant: Hall) -> None:
        self.house, self.plant = house, plant

    async def listens(self) -> None:
        async def subscribed() -> set[str]:
            return self.house.broker.subscriptions()

        await until(subscribed, lambda found: "plant/+/+/+" in found, "a subscription")

    async def temperature(self, wanted: str) -> None:
        async def value() -> str | None:
            return (await self.house.view(self.plant)).value(FAN, "temperature")

        await until(value, lambda found: found == wanted, f"{wanted} °C")

    async def motor(self, holds: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        async def state() -> dict[str, Any]:
            return (await self.house.view(self.plant)).state(FAN, "set.fan") or {"state": None, "attributes": {}}

        return await until(state, holds, what)

    async def durable(self, rows: int) -> None:
        async def last() -> int:
            return int((await self.house.facts(self.plant))["journal"]["last"])

        await until(last, lambda found: found >= rows, "the messages on the disk")


async def tell_the_motor(floor: Floor, wire: Wiretap) -> None:
    """Switch it on: one command leaves, and nothing but the device says that it runs."""
    state = await floor.motor(lambda found: found["state"] == "off", "a motor that stands")
    async with floor.house.api() as api:
        await api.act("switch", "turn_on", {"entity_id": state["entity_id"]})

    async def commands() -> list[dict[str, Any]]:
        return told(wire)

    (body,) = await until(commands, bool, "a command")
    assert (body["cmd"], body["args"], body["topic"]) == ("set", {"key": "fan", "value": True}, TELL)
    state = await floor.motor(lambda found: "pending" in found["attributes"], "what was sent")
    assert (state["state"], state["attributes"]["pending_step"]) == ("off", "sent")
    assert state["attributes"]["answered"] is False


async def test_a_device_of_a_template_joins_and_is_told_once(house: House, plant: Hall) -> None:
    floor = Floor(house, plant)
    await floor.listens()
    async with Wiretap(house.broker.port) as wire:
        await wire.say((TEMPERATURE, say(value=20.5)), (RUNNING, say(value=False)))
        await approve(house, plant)
        await floor.temperature("20.5")
        await tell_the_motor(floor, wire)
        await wire.say((RUNNING, last := say(value=True)))
        state = await floor.motor(lambda found: found["state"] == "on", "a motor that runs")
        assert "pending" not in state["attributes"]
        await floor.durable(1)
        await house.until_saved(plant, "temperature")
        await house.hass.kill()
        await house.hass.start()
        await floor.listens()
        await floor.motor(lambda found: found["state"] == "on", "the motor after a kill")
        await wire.say((RUNNING, last), ("plant/Attic/fan-2/running", last), (TEMPERATURE, say(value=21.5)))
        await floor.temperature("21.5")
        facts = await house.facts(plant)
        (fan,) = facts["devices"]
        assert fan["refused"] == {"duplicate": 1}
        assert facts["refused_of_strangers"].get("replayed") == 1
        assert len(told(wire)) == 1, "a command is not sent again"
    house.expect("refused a message of")
    if problems := house.surprises():
        pytest.fail("\n".join(problems))
