"""Home Assistant's WebSocket interface."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import Any, Self

import aiohttp

from .errors import ApiError

REPLY_S = 30.0
# The device and entity registries of a thousand devices come as one message.
LARGEST_MESSAGE = 64 * 1024 * 1024


class WebSocket:
    """One authenticated connection: commands with a reply, and subscriptions."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._last_id = 0
        self._replies: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._events: dict[int, asyncio.Queue[Any]] = {}
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def connect(cls, session: aiohttp.ClientSession, url: str, token: str) -> Self:
        """Connect and authenticate; raises ApiError when the token is refused."""
        address = f"ws{url.removeprefix('http')}/api/websocket"
        socket = await session.ws_connect(address, max_msg_size=LARGEST_MESSAGE)
        await socket.receive_json()  # auth_required
        await socket.send_json({"type": "auth", "access_token": token})
        if (reply := await socket.receive_json())["type"] != "auth_ok":
            await socket.close()
            message = f"WebSocket: {reply}"
            raise ApiError(message)
        return cls(socket)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def call(self, command: str, **members: Any) -> Any:
        """Return the result of a command; raises ApiError with Home Assistant's code and text."""
        return (await self._ask(self._next_id(), command, members))["result"]

    @asynccontextmanager
    async def subscribe(self, command: str, **members: Any) -> AsyncIterator[asyncio.Queue[Any]]:
        """Subscribe; the events arrive in the queue until the block ends."""
        number = self._next_id()
        queue: asyncio.Queue[Any] = asyncio.Queue()
        self._events[number] = queue
        await self._ask(number, command, members)
        try:
            yield queue
        finally:
            del self._events[number]
            with suppress(ApiError, ConnectionError):
                await self.call("unsubscribe_events", subscription=number)

    async def close(self) -> None:
        """Close the connection; commands without a reply fail with ApiError."""
        await self._socket.close()
        await self._reader

    def _next_id(self) -> int:
        self._last_id += 1
        return self._last_id

    async def _ask(self, number: int, command: str, members: dict[str, Any]) -> dict[str, Any]:
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._replies[number] = future
        try:
            await self._socket.send_json({"id": number, "type": command, **members})
            async with asyncio.timeout(REPLY_S):
                reply = await future
        finally:
            self._replies.pop(number, None)
        if not reply["success"]:
            message = f"{command}: {reply['error']}"
            raise ApiError(message)
        return reply

    async def _read(self) -> None:
        async for frame in self._socket:
            if frame.type is aiohttp.WSMsgType.TEXT:
                self._take(frame.json())
        for future in self._replies.values():
            if not future.done():
                future.set_exception(ApiError("the WebSocket connection was closed"))

    def _take(self, message: dict[str, Any]) -> None:
        number = message["id"]
        if message["type"] == "event" and number in self._events:
            self._events[number].put_nowait(message["event"])
        elif message["type"] == "result" and (future := self._replies.get(number)) and not future.done():
            future.set_result(message)
