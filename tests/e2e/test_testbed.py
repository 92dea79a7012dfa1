"""The ground the other end-to-end tests stand on: Home Assistant and the broker, started, stopped and killed."""

import asyncio

import pytest

from testbed.errors import ApiError
from testbed.websocket import WebSocket

from .conftest import Site


async def broker_entry(socket: WebSocket) -> str:
    entries = await socket.call("config_entries/get", domain="mqtt")
    return ", ".join(entry["state"] for entry in entries)


async def test_home_assistant_hears_the_broker(site: Site) -> None:
    async with site.hass.api() as api, await api.websocket() as socket:
        assert await broker_entry(socket) == "loaded"
        async with socket.subscribe("mqtt/subscribe", topic="plant/#") as messages, asyncio.timeout(20):
            while messages.empty():  # the subscription reaches the broker a moment later
                await api.act("mqtt", "publish", {"topic": "plant/hall", "payload": "21.5"})
                await asyncio.sleep(0.2)
            assert (await messages.get())["payload"] == "21.5"


async def test_home_assistant_comes_back_after_a_restart_and_after_a_kill(site: Site) -> None:
    await site.hass.restart()
    await site.hass.kill()
    await site.hass.start()
    async with site.hass.api() as api, await api.websocket() as socket:
        assert await broker_entry(socket) == "loaded"
        assert await socket.call("config/area_registry/list") == []


async def test_a_wrong_password_is_refused(site: Site) -> None:
    async with site.hass.api() as api:
        with pytest.raises(ApiError, match="login refused"):
            await api.login("demo", "wrong")
