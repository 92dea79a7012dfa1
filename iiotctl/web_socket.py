"""A connection to Home Assistant's web socket interface, with a token."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Any, Final, Self

import aiohttp

from .errors import RefusedError, UnreachableError, why_no_connection

CONNECT_S: Final = 15.0
REPLY_S: Final = 30.0
LARGEST_MESSAGE: Final = 64 * 1024 * 1024
"""The registries of some thousand devices come as one message."""
NOT_FOUND: Final = {"not_found", "unknown_command"}
GONE: Final = "the connection to Home Assistant was lost; try again"


class Socket:
    """Commands with a reply, and subscriptions. The token is used once and kept nowhere."""

    def __init__(self, session: aiohttp.ClientSession, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._session = session
        self._socket = socket
        self._last_id = 0
        self._replies: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._heard: dict[int, Callable[[dict[str, Any]], None]] = {}
        self._reader = asyncio.create_task(self._read(), name="iiotctl socket")

    @classmethod
    async def connect(cls, url: str, token: str, tls: ssl.SSLContext | None) -> Self:
        """Connect and log in; raises `UnreachableError`, or `RefusedError` when the token is not taken."""
        session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S))
        try:
            return cls(session, await _log_in(session, url, token, tls))
        except BaseException:
            await session.close()
            raise

    async def close(self) -> None:
        """Close the connection."""
        await self._socket.close()
        await self._reader
        await self._session.close()

    async def ask(self, command: str, *, within_s: float = REPLY_S, **members: Any) -> Any:
        """Give the result of a command; raises `RefusedError` in Home Assistant's words."""
        return await self._ask(self._next_id(), command, within_s, members)

    async def subscribe(self, heard: Callable[[dict[str, Any]], None], command: str, **members: Any) -> None:
        """Have `heard` called with each event from now on."""
        number = self._next_id()
        self._heard[number] = heard
        await self._ask(number, command, REPLY_S, members)

    def _next_id(self) -> int:
        self._last_id += 1
        return self._last_id

    async def _ask(self, number: int, command: str, within_s: float, members: dict[str, Any]) -> Any:
        reply = self._replies[number] = asyncio.get_running_loop().create_future()
        try:
            await self._socket.send_json({"id": number, "type": command, **members})
            async with asyncio.timeout(within_s):
                told = await reply
        except TimeoutError as err:
            raise UnreachableError(f"Home Assistant gave no answer within {within_s:g} s") from err
        except ConnectionError as err:
            raise UnreachableError(GONE) from err
        finally:
            del self._replies[number]
        if not told["success"]:
            error = told["error"]
            raise RefusedError(_words(error.get("code", ""), error.get("message", "")))
        return told["result"]

    async def _read(self) -> None:
        async for frame in self._socket:
            if frame.type is not aiohttp.WSMsgType.TEXT:
                continue
            told = frame.json()
            if told["type"] == "event":
                self._heard[told["id"]](told["event"])
            elif told["type"] == "result":
                waiting = self._replies.get(told["id"])
                if waiting is not None and not waiting.done():
                    waiting.set_result(told)
        for waiting in self._replies.values():
            if not waiting.done():
                waiting.set_exception(UnreachableError(GONE))


async def _log_in(
    session: aiohttp.ClientSession, url: str, token: str, tls: ssl.SSLContext | None
) -> aiohttp.ClientWebSocketResponse:
    try:
        socket = await session.ws_connect(
            f"{url.rstrip('/')}/api/websocket",
            max_msg_size=LARGEST_MESSAGE,
            ssl=True if tls is None else tls,
        )
        try:
            await _show(socket, token)
        except BaseException:
            await socket.close()
            raise
    except aiohttp.ClientConnectorError as err:
        raise why_no_connection(err.os_error, "Home Assistant", "--url") from err
    except aiohttp.InvalidURL as err:
        raise UnreachableError(f"{url} is no address: http://HOST:8123 is what --url looks like") from err
    except (aiohttp.ClientError, OSError, TypeError, ValueError) as err:
        raise UnreachableError("what answers at --url is not Home Assistant") from err
    return socket


async def _show(socket: aiohttp.ClientWebSocketResponse, token: str) -> None:
    """Show the token; raises `RefusedError` when it is not taken, `UnreachableError` when nobody looks."""
    try:
        async with asyncio.timeout(CONNECT_S):
            await socket.receive_json()  # auth_required
            await socket.send_json({"type": "auth", "access_token": token})
            said = await socket.receive_json()
    except TimeoutError as err:
        raise UnreachableError("Home Assistant is not reachable: no answer; it may still be starting") from err
    if said["type"] != "auth_ok":
        raise RefusedError("Home Assistant does not take this token: make a new one on your profile page")


def _words(code: str, message: str) -> str:
    if code == "unauthorized":
        return "the user of this token may not do this: ask an administrator for a role, or use a token of another user"
    if code in NOT_FOUND:
        return f"Home Assistant does not know this ({message}): install or update the integration"
    return message or code
