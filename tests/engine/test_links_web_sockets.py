"""A connection inside encrypted web sockets, against a server that packs much into one record."""

import asyncio
import base64
import hashlib
import re
import ssl
from pathlib import Path

import pytest
import pytest_socket
from paho.mqtt.enums import MQTTErrorCode

from iiot_engine.links.broker import Broker, Message, Station
from iiot_engine.links.paho import PahoLink
from testbed.ports import LOOPBACK
from tests.certificate import write_certificate

SOON_S = 10.0


@pytest.fixture(autouse=True)
def _sockets_of_this_machine() -> None:
    pytest_socket.enable_socket()
    pytest_socket.socket_allow_hosts([LOOPBACK])


async def test_messages_that_came_in_one_record_through_web_sockets_are_all_read(tmp_path: Path) -> None:
    certificate, key = write_certificate(tmp_path)
    accept, message = bytes.fromhex("8205 2003000000"), bytes.fromhex("8207 30050001610078")  # a frame each
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate, key)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"\r\n\r\n")
        (mine,) = re.findall(rb"Sec-WebSocket-Key: (\S+)", asked)
        proof = base64.b64encode(hashlib.sha1(mine + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n")
        writer.write(b"Sec-WebSocket-Accept: " + proof + b"\r\n\r\n")
        await reader.read(100)
        writer.write(accept + 20 * message)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, LOOPBACK, 0, ssl=serving)
    together: list[list[Message]] = []
    link = PahoLink(
        Broker(
            host=LOOPBACK,
            port=server.sockets[0].getsockname()[1],
            tls=ssl.create_default_context(cafile=certificate),
            path="/mqtt",
        ),
        Station(client_id="ear", received=lambda *_: None, received_together=together.append),
    )
    assert link._client.loop_read() is MQTTErrorCode.MQTT_ERR_NO_CONN
    link.open()
    async with asyncio.timeout(SOON_S):
        while sum(len(one) for one in together) < 20:  # noqa: ASYNC110 - a look at what others do
            await asyncio.sleep(0.01)
    await link.drop()
    server.close()
