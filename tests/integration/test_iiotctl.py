"""`iiotctl` through Home Assistant: its web socket interface, a token, and the integration's actions."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant as Hass
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from iiot_ctl.errors import RefusedError, UnreachableError
from iiot_ctl.fleet import Order
from iiot_ctl.home_assistant import HomeAssistant
from iiot_ctl.web_socket import Socket
from testbed.ports import free_ports

from .plant_floor import Machine


@pytest.fixture
async def url(hass: Hass, entry: ConfigEntry, hass_client: ClientSessionGenerator) -> str:
    """Where Home Assistant answers."""
    assert await async_setup_component(hass, "websocket_api", {})
    assert await async_setup_component(hass, "auth", {})
    assert await async_setup_component(hass, "config", {})
    return str((await hass_client()).make_url("/"))


@pytest.fixture
async def way(url: str, hass_access_token: str) -> AsyncIterator[HomeAssistant]:
    """An administrator's way in."""
    async with HomeAssistant(url, hass_access_token) as way:
        yield way


async def ask(way: HomeAssistant, machine: Machine, order: Order, status: str = "done", **facts: Any) -> Any:
    """Ask, and let the machine answer; gives what it was told and what came of it."""
    asking = asyncio.create_task(way.order(order, [machine.id]))
    told = await machine.obey(status, **facts)
    (outcome,) = await asking
    return told, outcome


async def test_devices_are_listed_with_state_and_values(way: HomeAssistant, machine: Machine, hass: Hass) -> None:
    await machine.read(flap=12.5, program="run")
    (seen,) = await way.devices()
    assert (seen.id, seen.name, seen.model, seen.state) == ("press-07", "Press-07", "demo", "live")
    assert {value.key: value.value for value in seen.values}.items() >= {"flap": "12.5", "program": "run"}.items()
    await machine.read(flap=13.5)
    async with asyncio.timeout(10):
        while "13.5" not in {value.value for value in (await way.devices())[0].values}:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("order", "name", "args"),
    [
        (Order(name="sleep", args={"for_s": 60.0}), "sleep", {"for_s": 60.0}),
        (Order(name="awake"), "awake", {}),
        (Order(name="set_interval", args={"s": 5.0, "ch": "flap"}), "set_interval", {"s": 5.0, "ch": "flap"}),
        (Order(name="set_rate", args={"hz": 2.0}), "set_rate", {"hz": 2.0}),
        (Order(name="set", args={"key": "fan", "value": True}), "set", {"key": "fan", "value": True}),
    ],
)
async def test_orders_are_the_integrations_actions(
    way: HomeAssistant, machine: Machine, order: Order, name: str, args: dict[str, Any]
) -> None:
    told, outcome = await ask(way, machine, order)
    assert (told["cmd"], told["args"]) == (name, args)
    assert (outcome.id, outcome.status, outcome.is_fine) == ("press-07", "done", True)
    assert outcome.command_id == told["cid"]


async def test_a_poll_brings_what_was_read_and_what_was_not(way: HomeAssistant, machine: Machine) -> None:
    await machine.beat(caps=["confirm", "poll"])
    asking = asyncio.create_task(way.order(Order(name="poll", args={"ch": ["flap", "gate"]}), ["press-07"]))
    async with asyncio.timeout(10):
        while not (polls := [one for one in machine._unread() if one["type"] == "poll" and one["ch"]]):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    assert polls[0]["ch"] == ["flap", "gate"]
    await machine.send("data", {"r": {"flap": 20.5}, "e": {"gate": "COMM"}, "poll": polls[0]["pid"]})
    (outcome,) = await asking
    assert (outcome.status, outcome.reason) == ("failed", "gate COMM")
    assert outcome.result["failed"] == {"gate": "COMM"}
    assert outcome.result["values"]["flap"] == 20.5


async def test_what_the_device_says_against_it_is_brought(way: HomeAssistant, machine: Machine) -> None:
    _, outcome = await ask(way, machine, Order(name="restart"), "rejected", reason="valve_open")
    assert (outcome.status, outcome.reason, outcome.is_fine) == ("rejected", "valve_open", False)


async def test_a_command_under_way_is_shown(way: HomeAssistant, machine: Machine) -> None:
    await way.devices()
    asking = asyncio.create_task(way.order(Order(name="restart"), ["press-07"]))
    order = await machine.next_order()
    async with asyncio.timeout(10):
        while (await way.devices())[0].pending != "restart: sent":  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    await machine.answer(order)
    await asking
    async with asyncio.timeout(10):
        while (await way.devices())[0].pending:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_what_cannot_be_asked_is_refused_in_words(way: HomeAssistant, machine: Machine) -> None:
    with pytest.raises(RefusedError, match="there is no device pump; there are: press-07"):
        await way.order(Order(name="awake"), ["pump"])
    with pytest.raises(RefusedError):
        await way.order(Order(name="set_rate", args={"hz": -1.0}), ["press-07"])


async def test_a_house_without_devices_says_so(way: HomeAssistant) -> None:
    assert await way.devices() == []
    with pytest.raises(RefusedError, match="no device of this integration"):
        await way.order(Order(name="awake"), [])


async def test_a_person_who_is_no_administrator_is_told_what_the_hub_says(
    hass: Hass, url: str, machine: Machine, hass_read_only_access_token: str
) -> None:
    async with HomeAssistant(url, hass_read_only_access_token) as way:
        assert [seen.id for seen in await way.devices()] == ["press-07"]
        (outcome,) = await way.order(Order(name="restart"), [])
    assert outcome.status == "refused"
    assert "administrator" in outcome.reason


async def test_a_token_that_is_not_taken_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(RefusedError, match="does not take this token") as told:
        await Socket.connect(url, "secret-token", None)
    assert "secret-token" not in str(told.value)


async def test_who_is_not_there_is_not_reachable(url: str) -> None:
    (port,) = free_ports(1)
    with pytest.raises(UnreachableError, match="nobody listens"):
        await Socket.connect(f"http://127.0.0.1:{port}", "token", None)
    with pytest.raises(UnreachableError, match="is not Home Assistant"):
        await Socket.connect(f"{url}nowhere", "token", None)
    with pytest.raises(UnreachableError, match="is no address"):
        await Socket.connect("nowhere", "token", None)


async def test_a_connection_that_ends_is_told(way: HomeAssistant) -> None:
    socket = way._socket
    await socket._socket.close()
    with pytest.raises(UnreachableError, match="was lost"):
        await socket.ask("get_states")


async def test_an_answer_that_does_not_come_is_told(way: HomeAssistant) -> None:
    with pytest.raises(UnreachableError, match="gave no answer"):
        await way._socket.ask("get_states", within_s=0)
    with pytest.raises(RefusedError, match="install or update the integration"):
        await way._socket.ask("iiot/nothing")
