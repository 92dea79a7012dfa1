"""One connection over paho-mqtt against a real Mosquitto: sessions, wills, reconnects, bounds."""

import asyncio
import ssl
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_socket

from iiot_engine.links import paho, pulse
from iiot_engine.links.broker import Broker, LinkDownError, LinkFullError, Station, Subscription, Will
from iiot_engine.links.paho import PahoLink
from iiot_engine.links.pulse import Pulse
from testbed.broker import Broker as Mosquitto
from testbed.ports import LOOPBACK, free_ports
from tests.certificate import write_certificate

SOON_S = 10.0


@pytest.fixture(autouse=True)
def _sockets_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest_socket.enable_socket()
    pytest_socket.socket_allow_hosts([LOOPBACK])
    monkeypatch.setattr(paho, "wait_before", lambda _attempt, _random: 0.05)


@pytest.fixture
async def mosquitto(tmp_path: Path) -> AsyncIterator[Mosquitto]:
    """A broker of its own."""
    broker = Mosquitto(tmp_path / "broker", free_ports(1)[0])
    await broker.start()
    yield broker
    await broker.stop()


class Ear:
    """A connection that remembers what it heard and what happened to it."""

    def __init__(
        self, port: int, name: str, *filters: str, will: bool = False, mqtt5: bool = True, max_waiting: int = 1000
    ) -> None:
        self.heard: list[tuple[str, bytes, bool]] = []
        self.happened: list[str] = []
        self.failed: list[str] = []
        self.sessions = 0
        station = Station(
            client_id=name,
            received=lambda topic, message, retain: self.heard.append((topic, message, retain)),
            subscriptions=tuple(Subscription(topic_filter=one, qos=2) for one in filters),
            keep_alive_s=15,
            will=self._will if will else lambda: None,
            connected=lambda: self.happened.append("connected"),
            gone=lambda: self.happened.append("gone"),
            failed=lambda trouble: self.failed.append(str(trouble)),
        )
        self.pulse = Pulse()
        broker = Broker(host=LOOPBACK, port=port, user="somebody", password="secret")
        self.link = PahoLink(broker, station, pulse=self.pulse, mqtt5=mqtt5, max_waiting=max_waiting)

    async def up(self) -> Ear:
        self.link.open()
        await soon(lambda: self.link.is_connected)
        await asyncio.sleep(0.1)  # its subscriptions arrive
        return self

    def _will(self) -> Will:
        self.sessions += 1
        return Will(topic=f"{self.link.station.client_id}/gone", message=b"%d" % self.sessions)


async def soon(is_so: Callable[[], object]) -> None:
    async with asyncio.timeout(SOON_S):
        while not is_so():  # noqa: ASYNC110 - a look at what others do
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("mqtt5", [True, False])
async def test_messages_of_every_qos_arrive(mosquitto: Mosquitto, mqtt5: bool) -> None:
    ear = await Ear(mosquitto.port, "ear", "a/+", mqtt5=mqtt5).up()
    for qos in (0, 1, 2):
        await ear.link.publish(f"a/{qos}", bytes([qos, 0xFF]), qos)
    await soon(lambda: len(ear.heard) == 3)
    assert sorted(ear.heard) == [(f"a/{qos}", bytes([qos, 0xFF]), False) for qos in (0, 1, 2)]
    await soon(lambda: ear.link.waiting == 0)
    await ear.link.close()
    assert ear.happened == ["connected", "gone"]


@pytest.mark.parametrize("mqtt5", [True, False])
async def test_the_broker_keeps_the_session_of_a_connection_that_is_away(mosquitto: Mosquitto, mqtt5: bool) -> None:
    ear = await Ear(mosquitto.port, "ear", "a", mqtt5=mqtt5).up()
    await ear.link.close()
    mouth = await Ear(mosquitto.port, "mouth").up()
    mouth.link.send("a", b"meanwhile", 1)
    await mouth.link.close()
    assert not ear.heard
    await ear.up()
    await soon(lambda: ear.heard == [("a", b"meanwhile", False)])
    await ear.link.close()


async def test_a_will_signed_for_the_session_is_published_unless_there_was_a_farewell(mosquitto: Mosquitto) -> None:
    ear = await Ear(mosquitto.port, "ear", "+/gone").up()
    mouth = await Ear(mosquitto.port, "mouth", will=True).up()
    await mouth.link.close()
    await mouth.up()
    await mouth.link.drop()
    await soon(lambda: ear.heard)
    assert ear.heard == [("mouth/gone", b"2", False)]
    await ear.link.close()


async def test_a_link_comes_back_when_the_broker_does_and_hears_again(mosquitto: Mosquitto) -> None:
    ear = await Ear(mosquitto.port, "ear", "a").up()
    await mosquitto.stop()
    await soon(lambda: not ear.link.is_connected)
    with pytest.raises(LinkDownError):
        ear.link.send("a", b"", 1)
    await asyncio.sleep(0.2)  # some attempts fail
    await mosquitto.start()
    await soon(lambda: ear.link.is_connected)
    ear.link.send("a", b"again", 1)
    await soon(lambda: ear.heard)
    await ear.link.close()
    assert ear.happened == ["connected", "gone", "connected", "gone"]


async def test_the_same_client_id_takes_the_connection_over(mosquitto: Mosquitto) -> None:
    first = await Ear(mosquitto.port, "twin").up()
    second = await Ear(mosquitto.port, "twin").up()
    await soon(lambda: "gone" in first.happened)
    await first.link.close()
    await second.link.close()


async def test_messages_that_wait_are_bounded(mosquitto: Mosquitto) -> None:
    ear = await Ear(mosquitto.port, "ear", max_waiting=3).up()
    for _ in range(3):
        ear.link.send("a", b"", 1)
    with pytest.raises(LinkFullError):
        ear.link.send("a", b"", 1)
    await soon(lambda: ear.link.waiting == 0)
    ear.link.send("a", b"", 1)
    await ear.link.close()


async def test_what_waits_leaves_before_a_close(mosquitto: Mosquitto) -> None:
    ear = await Ear(mosquitto.port, "ear", "a").up()
    mouth = await Ear(mosquitto.port, "mouth").up()
    for at in range(200):
        mouth.link.send("a", b"%d" % at, at % 3)
        if at == 99:
            await mouth.link.drain(SOON_S)
            assert mouth.link.waiting == 0
    await mouth.link.close()
    await soon(lambda: len(ear.heard) == 200)
    await ear.link.close()


async def test_messages_of_qos_0_that_wait_are_gone_with_the_connection(mosquitto: Mosquitto) -> None:
    ear = await Ear(mosquitto.port, "ear").up()
    for qos in (0, 1):
        ear.link.send("a", b"", qos)
    assert ear.link.waiting == 2
    ear.link._client.socket().close()
    ear.link._tear_down()
    assert ear.link.waiting == 1
    await ear.link.drop()


async def test_a_retained_message_comes_with_its_flag(mosquitto: Mosquitto) -> None:
    mouth = await Ear(mosquitto.port, "mouth").up()
    mouth.link.send("a", b"kept", 1, retain=True)
    await mouth.link.close()
    ear = await Ear(mosquitto.port, "ear", "a").up()
    await soon(lambda: ear.heard == [("a", b"kept", True)])
    await ear.link.close()


async def test_closing_what_never_connected_or_still_connects_does_no_harm() -> None:
    port = free_ports(1)[0]
    ear = Ear(port, "ear")
    await ear.link.close()
    ear.link.open()
    ear.link.open()
    await asyncio.sleep(0)
    await ear.link.close()
    await ear.link.close()
    await asyncio.sleep(0.1)  # the attempt fails after all
    assert ear.happened == []


async def test_an_attempt_that_is_abandoned_closes_its_socket(
    mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    ear = Ear(mosquitto.port, "ear")
    opened = []
    begun, given_up = threading.Event(), threading.Event()
    connect = PahoLink._connect_blocking

    def slowly(link: PahoLink, client: paho.Client) -> None:
        begun.set()
        given_up.wait(5)
        connect(link, client)
        opened.append(client.socket())

    monkeypatch.setattr(PahoLink, "_connect_blocking", slowly)
    ear.link.open()
    await soon(begun.is_set)
    await ear.link.drop()
    given_up.set()
    await soon(lambda: opened and opened[0].fileno() == -1)
    monkeypatch.undo()
    monkeypatch.setattr(paho, "wait_before", lambda _attempt, _random: 0.05)
    await ear.up()
    await ear.link.close()


async def test_an_abandoned_attempt_that_failed_has_nothing_to_close() -> None:
    attempt: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    attempt.set_exception(OSError())
    client = paho.Client(paho.CallbackAPIVersion.VERSION2)
    paho._abandon(client, attempt)
    assert client.socket() is None


async def test_a_refused_connection_is_tried_again(mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture) -> None:
    settings = mosquitto._settings().replace("allow_anonymous true", "allow_anonymous false\npassword_file /dev/null")
    mosquitto._settings = lambda: settings
    await mosquitto.restart()
    ear = Ear(mosquitto.port, "ear")
    ear.link.open()
    await soon(lambda: caplog.text.count("the broker refuses the connection") > 1)
    await mosquitto.stop()
    await soon(lambda: "Connection refused" in ear.failed[-1])
    await ear.link.close()
    assert (ear.happened, ear.failed[0]) == ([], "the broker refuses: Not authorized")


async def test_a_broker_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paho, "ACCEPT_S", 0.1)
    calls = []
    server = await asyncio.start_server(lambda reader, writer: calls.append((reader, writer)), LOOPBACK, 0)
    ear = Ear(server.sockets[0].getsockname()[1], "ear")
    ear.link.open()
    await soon(lambda: len(calls) >= 2)
    await ear.link.close()
    assert ear.happened == []
    for _, writer in calls:
        writer.close()
    server.close()


async def test_one_timer_serves_all_links(mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse, "BEAT_S", 0.02)
    one, other = Ear(mosquitto.port, "one"), Ear(mosquitto.port, "other")
    other.link._pulse = one.pulse
    beats: list[str] = []
    monkeypatch.setattr(PahoLink, "beat", lambda link: beats.append(link.station.client_id))
    await one.up()
    await other.up()
    await soon(lambda: {"one", "other"} <= set(beats))
    await other.link.close()
    assert one.pulse._timer is not None
    await one.link.close()
    assert one.pulse._timer is None


async def test_a_silent_broker_is_noticed_by_the_keep_alive(mosquitto: Mosquitto) -> None:
    ear = await Ear(mosquitto.port, "ear").up()
    ear.link._client._last_msg_in -= 100
    ear.link._client._last_msg_out -= 100
    ear.link._client._ping_t = 1.0
    ear.link.beat()
    await soon(lambda: "gone" in ear.happened)
    await ear.link.close()


async def test_a_broker_that_hangs_up_at_a_farewell_does_not_hold_it_up(
    mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paho, "FAREWELL_S", 0.1)
    ear = await Ear(mosquitto.port, "ear").up()
    ear.link._unwritten = 1
    await ear.link.close()
    assert ear.happened == ["connected", "gone"]


def test_a_password_does_not_show() -> None:
    assert "secret" not in repr(Broker(host="here", user="somebody", password="secret"))


async def test_a_link_speaks_tls_and_checks_who_answers(tmp_path: Path) -> None:
    certificate, key = write_certificate(tmp_path)
    mosquitto = Mosquitto(tmp_path / "broker", free_ports(1)[0])
    settings = f"{mosquitto._settings()}certfile {certificate}\nkeyfile {key}\n"
    mosquitto._settings = lambda: settings
    await mosquitto.start()
    trusting = ssl.create_default_context(cafile=certificate)
    heard: list[int] = []
    station = Station(
        client_id="ear",
        received=lambda _topic, message, _retain: heard.append(len(message)),
        subscriptions=(Subscription(topic_filter="a", qos=0),),
    )
    link = PahoLink(Broker(host=LOOPBACK, port=mosquitto.port, tls=trusting), station)
    stranger = PahoLink(
        Broker(host=LOOPBACK, port=mosquitto.port, tls=ssl.create_default_context()),
        Station(client_id="stranger", received=lambda *_: None),
    )
    try:
        link.open()
        stranger.open()
        await soon(lambda: link.is_connected)
        await asyncio.sleep(0.1)
        for _ in range(100):
            link.send("a", b"x" * 60, 0)
        await soon(lambda: len(heard) == 100)
        assert not stranger.is_connected
    finally:
        await stranger.close()
        await link.close()
        await mosquitto.stop()


async def test_messages_that_came_in_one_tls_record_are_all_read(tmp_path: Path) -> None:
    certificate, key = write_certificate(tmp_path)
    accept, message = bytes.fromhex("2003000000"), bytes.fromhex("30050001610078")  # topic a, payload x
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate, key)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(accept + 20 * message)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, LOOPBACK, 0, ssl=serving)
    heard: list[bytes] = []
    link = PahoLink(
        Broker(
            host=LOOPBACK,
            port=server.sockets[0].getsockname()[1],
            tls=ssl.create_default_context(cafile=certificate),
        ),
        Station(client_id="ear", received=lambda _topic, message, _retain: heard.append(message)),
    )
    link.open()
    await soon(lambda: len(heard) == 20)
    await link.drop()
    server.close()
