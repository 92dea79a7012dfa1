"""A connection that is tried says what stands in its way: against a real Mosquitto, and against what is none."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_socket

from iiot_engine.links import paho, trial
from iiot_engine.links.broker import Broker, LinkRefusedError
from iiot_engine.links.faults import Fault, fault_of
from iiot_engine.links.tls import client_pem, context_of
from iiot_engine.links.trial import attempt
from iiot_engine.wire.topics import subscriptions
from testbed.ports import LOOPBACK, free_ports
from tests.authority import DAY, Authority
from tests.guarded_broker import HUB, GuardedBroker

PLANT, STRANGERS = Authority(), Authority("Strangers")
FILTERS = subscriptions("iiot")
TOPIC = "iiot/check-broker/poll"


@pytest.fixture(autouse=True)
def _sockets_of_this_machine() -> None:
    pytest_socket.enable_socket()
    pytest_socket.socket_allow_hosts([LOOPBACK])


@asynccontextmanager
async def running(broker: GuardedBroker) -> AsyncIterator[GuardedBroker]:
    await broker.start()
    try:
        yield broker
    finally:
        await broker.stop()


def at(broker: GuardedBroker, user: str | None = None, password: str | None = None, **more: object) -> Broker:
    return Broker(host=LOOPBACK, port=broker.port, user=user, password=password, **more)  # type: ignore[arg-type]


async def test_a_login_of_the_plant_may_listen_and_send(tmp_path: Path) -> None:
    async with running(GuardedBroker(tmp_path, logins=True)) as broker:
        assert await attempt(at(broker, *HUB), "hub-try", filters=FILTERS, topic=TOPIC) is None
        assert await attempt(at(broker, *HUB), "hub-try") is None


async def test_a_login_that_is_wrong_or_missing_is_told(tmp_path: Path) -> None:
    async with running(GuardedBroker(tmp_path, logins=True)) as broker:
        assert await attempt(at(broker, "hub", "wrong"), "hub-try") is Fault.LOGIN
        assert await attempt(at(broker, "nobody", "x"), "hub-try") is Fault.LOGIN
        assert await attempt(at(broker), "hub-try") is Fault.LOGIN


async def test_a_login_that_may_not_send_to_devices_is_told(tmp_path: Path) -> None:
    async with running(GuardedBroker(tmp_path, logins=True)) as broker:
        assert await attempt(at(broker, "mute", "x"), "hub-try", filters=FILTERS, topic=TOPIC) is Fault.SENDING


async def test_a_login_that_may_not_listen_is_told() -> None:
    def answer(data: bytes) -> bytes:
        if data[0] == 0x10:
            return bytes.fromhex("2003000000")
        number = data[3:5] if data[1] > 0x7F else data[2:4]
        return bytes([0x90, 3 + len(FILTERS)]) + number + b"\0" + b"\x87" * len(FILTERS)

    async with serving(lambda data: answer(data) if data[0] in (0x10, 0x82) else b"") as port:
        assert await attempt(Broker(host=LOOPBACK, port=port), "hub-try", filters=FILTERS) is Fault.LISTENING


async def test_encryption_checks_who_answers(tmp_path: Path) -> None:
    trusting, papers = context_of(PLANT.pem, None), PLANT.papers()
    async with running(GuardedBroker(tmp_path, papers=papers)) as broker:
        assert await attempt(at(broker, tls=trusting), "hub-try", filters=FILTERS, topic=TOPIC) is None
        assert await attempt(at(broker, tls=context_of(STRANGERS.pem, None)), "hub-try") is Fault.UNTRUSTED
        assert await attempt(at(broker, tls=context_of(None, None)), "hub-try") is Fault.UNTRUSTED
        assert await attempt(at(broker), "hub-try") is Fault.FOREIGN


@pytest.mark.parametrize(
    ("hosts", "begin", "end", "fault"),
    [
        (("broker.plant",), -DAY, DAY, Fault.HOST_NAME),
        ((LOOPBACK,), -2 * DAY, timedelta(minutes=-1), Fault.EXPIRED),
        ((LOOPBACK,), DAY, 2 * DAY, Fault.NOT_YET_VALID),
    ],
)
async def test_a_certificate_that_does_not_fit_is_told(
    tmp_path: Path, hosts: tuple[str, ...], begin: timedelta, end: timedelta, fault: Fault
) -> None:
    papers = PLANT.papers(hosts=hosts, begin=begin, end=end)
    async with running(GuardedBroker(tmp_path, papers=papers)) as broker:
        assert await attempt(at(broker, tls=context_of(PLANT.pem, None)), "hub-try") is fault


async def test_a_broker_that_asks_for_a_certificate_gets_one_of_its_own_authority(tmp_path: Path) -> None:
    def showing(authority: Authority) -> ssl.SSLContext:
        papers = authority.papers("hub")
        return context_of(PLANT.pem, client_pem(papers.certificate, papers.key))

    async with running(GuardedBroker(tmp_path, papers=PLANT.papers(), clients=PLANT)) as broker:
        assert await attempt(at(broker, tls=showing(PLANT)), "hub-try", filters=FILTERS) is None
        assert await attempt(at(broker, tls=context_of(PLANT.pem, None)), "hub-try") is Fault.CERTIFICATE_WANTED
        assert await attempt(at(broker, tls=showing(STRANGERS)), "hub-try") is Fault.CERTIFICATE_REFUSED


@pytest.mark.parametrize("encrypted", [False, True])
async def test_web_sockets_carry_the_same(tmp_path: Path, encrypted: bool) -> None:
    papers = PLANT.papers() if encrypted else None
    context = context_of(PLANT.pem, None) if encrypted else None
    async with running(GuardedBroker(tmp_path, papers=papers, web_sockets=True)) as broker:
        there = at(broker, tls=context, path="/mqtt")
        assert await attempt(there, "hub-try", filters=FILTERS, topic=TOPIC) is None
        assert await attempt(at(broker, tls=context), "hub-try") is Fault.FOREIGN


async def test_encryption_where_there_is_none_is_told(tmp_path: Path) -> None:
    async with running(GuardedBroker(tmp_path)) as broker:
        assert await attempt(at(broker, tls=context_of(PLANT.pem, None)), "hub-try") is Fault.NO_TLS


async def test_where_nobody_listens_and_names_that_do_not_exist_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await attempt(Broker(host=LOOPBACK, port=free_ports(1)[0]), "hub-try") is Fault.REFUSED

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    with monkeypatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", unknown)  # a test does not ask the network for names
        assert await attempt(Broker(host="nowhere.invalid"), "hub-try") is Fault.NAME
    assert await attempt(Broker(host=f"{'x' * 64}.plant"), "hub-try") is Fault.NAME


@asynccontextmanager
async def serving(answer: Callable[[bytes], bytes | None]) -> AsyncIterator[int]:
    """Something that answers each stretch of bytes; None: it hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(4096):
            said = answer(data)
            if said is None:
                break
            writer.write(said)
        writer.close()

    server = await asyncio.start_server(serve, LOOPBACK, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (lambda _: None, Fault.FOREIGN),
        (lambda _: b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n" + b"x" * 100, Fault.FOREIGN),
        (lambda _: b"\xff" * 100, Fault.FOREIGN),
        (lambda _: bytes.fromhex("20020001"), Fault.VERSION),
        (lambda _: bytes.fromhex("2003008a00"), Fault.FORBIDDEN),
        (lambda _: bytes.fromhex("2003008600"), Fault.LOGIN),
    ],
)
async def test_what_is_no_broker_or_lets_nobody_in_is_told(
    answer: Callable[[bytes], bytes | None], fault: Fault
) -> None:
    async with serving(answer) as port:
        assert await attempt(Broker(host=LOOPBACK, port=port), "hub-try") is fault


async def test_what_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(lambda _: b"") as port:
        monkeypatch.setattr(trial, "WITHIN_S", 0.2)
        assert await attempt(Broker(host=LOOPBACK, port=port), "hub-try") is Fault.TIMEOUT
        monkeypatch.setattr(trial, "WITHIN_S", 5.0)
        monkeypatch.setattr(paho, "ACCEPT_S", 0.1)
        assert await attempt(Broker(host=LOOPBACK, port=port), "hub-try") is Fault.TIMEOUT


async def test_a_broker_that_goes_while_it_is_tried_is_told() -> None:
    connack = bytes.fromhex("2003000000")
    async with serving(lambda data: connack if data[0] == 0x10 else None) as port:
        assert await attempt(Broker(host=LOOPBACK, port=port), "hub-try", filters=FILTERS) is Fault.FOREIGN
        assert await attempt(Broker(host=LOOPBACK, port=port), "hub-try", topic=TOPIC) is Fault.FOREIGN


def test_every_trouble_is_a_fault() -> None:
    assert fault_of(OSError(113, "No route to host")) is Fault.UNREACHABLE
    assert fault_of(ssl.SSLError(1, "[SSL: SOMETHING_NEW] something new")) is Fault.OTHER
    assert fault_of(LinkRefusedError("Server busy")) is Fault.FORBIDDEN
