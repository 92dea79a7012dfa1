"""The ground the other end-to-end tests stand on: Home Assistant, its interfaces and its broker."""

import asyncio

import pytest

from testbed.errors import ApiError

from .works import Works


async def test_home_assistant_hears_the_broker(works: Works) -> None:
    async with works.api() as api, await api.websocket() as socket:
        (entry,) = await socket.call("config_entries/get", domain="mqtt")
        assert entry["state"] == "loaded"
        async with socket.subscribe("mqtt/subscribe", topic="hall/#") as messages, asyncio.timeout(20):
            while messages.empty():  # the subscription reaches the broker a moment later
                await api.act("mqtt", "publish", {"topic": "hall/north", "payload": "21.5"})
                await asyncio.sleep(0.2)
            assert (await messages.get())["payload"] == "21.5"


async def test_a_wrong_password_is_refused(works: Works) -> None:
    async with works.api() as api:
        with pytest.raises(ApiError, match="login refused"):
            await api.login("demo", "wrong")
