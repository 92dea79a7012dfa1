"""A relay between a client and the broker that sees each MQTT packet, and holds the line at one of them."""

import asyncio
import struct
from collections.abc import Callable
from contextlib import suppress
from enum import IntEnum
from types import TracebackType
from typing import Final, NamedTuple, Self

from testbed.ports import LOOPBACK


class Kind(IntEnum):
    """Packets that matter here: upper half of the first byte, MQTT 3.1.1 and 5 (2.1.2)."""

    PUBLISH = 3
    PUBREC = 5
    PUBREL = 6
    PUBCOMP = 7


class Packet(NamedTuple):
    """One packet on its way."""

    from_client: bool
    kind: int
    topic: str
    """Of a `PUBLISH`, else empty."""


type Wanted = Callable[[Packet], bool]

_SEVEN_BITS: Final = 0x7F
_MORE: Final = 0x80


class Relay:
    """Listens on a port of its own. `hold` names a packet: when it comes, it and all after it get lost here."""

    def __init__(self, broker_port: int, port: int) -> None:
        self.port: Final = port
        self._broker_port = broker_port
        self._server: asyncio.Server | None = None
        self._lines: set[asyncio.Task[None]] = set()
        self._wanted: Wanted | None = None
        self._held = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, LOOPBACK, self.port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        await self.cut()

    def hold(self, wanted: Wanted) -> None:
        """Hold the line from the next such packet on."""
        self._wanted = wanted
        self._held.clear()

    async def until_held(self, *, within_s: float) -> None:
        """Wait until that packet came."""
        async with asyncio.timeout(within_s):
            await self._held.wait()

    async def cut(self) -> None:
        """End all connections; what is held is lost, and the next ones pass."""
        lines, self._wanted = list(self._lines), None
        for line in lines:
            line.cancel()
        await asyncio.gather(*lines, return_exceptions=True)
        self._held.clear()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = asyncio.current_task()
        assert line is not None
        self._lines.add(line)
        try:
            up_reader, up_writer = await asyncio.open_connection(LOOPBACK, self._broker_port)
        except OSError:
            writer.close()
            self._lines.discard(line)
            return
        ways = [
            asyncio.ensure_future(self._carry(reader, up_writer, from_client=True)),
            asyncio.ensure_future(self._carry(up_reader, writer, from_client=False)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for end in (writer, up_writer):
                end.close()
            self._lines.discard(line)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, from_client: bool) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                raw, packet = await _read(reader, from_client=from_client)
                if self._wanted is not None and self._wanted(packet):
                    self._held.set()
                if self._held.is_set():
                    continue
                writer.write(raw)
                await writer.drain()


async def _read(reader: asyncio.StreamReader, *, from_client: bool) -> tuple[bytes, Packet]:
    head = await reader.readexactly(1)
    size, shift, more = 0, 0, True
    while more:
        head += (byte := await reader.readexactly(1))
        size |= (byte[0] & _SEVEN_BITS) << shift
        shift, more = shift + 7, bool(byte[0] & _MORE)
    body = await reader.readexactly(size)
    kind = head[0] >> 4
    topic = ""
    if kind == Kind.PUBLISH:
        (length,) = struct.unpack_from(">H", body)
        topic = body[2 : 2 + length].decode()
    return head + body, Packet(from_client, kind, topic)
