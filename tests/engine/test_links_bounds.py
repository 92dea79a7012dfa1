"""What a connection does not take from its broker, and what the broker does not take from it."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_socket

from iiot_engine.links import paho
from iiot_engine.links.broker import Broker, Message, Station, Subscription
from iiot_engine.links.faults import Fault, fault_of
from iiot_engine.links.packets import MAX_PACKET_BYTES
from iiot_engine.links.paho import PahoLink
from testbed.ports import LOOPBACK
from tests.guarded_broker import HUB, GuardedBroker

SOON_S = 10.0
USER, PASSWORD = HUB


@pytest.fixture(autouse=True)
def _sockets_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest_socket.enable_socket()
    pytest_socket.socket_allow_hosts([LOOPBACK])
    monkeypatch.setattr(paho, "wait_before", lambda _attempt, _random: 0.05)


@pytest.fixture
async def mosquitto(tmp_path: Path) -> AsyncIterator[GuardedBroker]:
    """A broker that takes at most three unanswered messages, and keeps sessions over a power cut of a second."""
    keeping = ("persistence true", f"persistence_location {tmp_path}/", "autosave_interval 1")
    broker = GuardedBroker(tmp_path / "broker", logins=True, lines=("max_inflight_messages 3", *keeping))
    await broker.start()
    yield broker
    await broker.stop()


class Party:
    """Somebody at the broker."""

    def __init__(self, broker: GuardedBroker, user: str, password: str, *filters: str) -> None:
        self.heard: list[Message] = []
        self.denied: list[str] = []
        self.gone = 0
        station = Station(
            client_id=user,
            received=lambda *_: None,
            received_together=self.heard.extend,
            subscriptions=tuple(Subscription(topic_filter=one, qos=1) for one in filters),
            denied=self.denied.append,
            gone=self._count,
        )
        self.link = PahoLink(Broker(host=LOOPBACK, port=broker.port, user=user, password=password), station)

    async def up(self) -> Party:
        self.link.open()
        await soon(lambda: self.link.is_connected)
        await asyncio.sleep(0.1)  # its subscriptions arrive
        return self

    def _count(self) -> None:
        self.gone += 1


async def soon(is_so: Callable[[], object]) -> None:
    async with asyncio.timeout(SOON_S):
        while not is_so():  # noqa: ASYNC110 - a look at what others do
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("qos", [1, 2])
async def test_what_the_broker_does_not_pass_on_is_told_for_commands_too(mosquitto: GuardedBroker, qos: int) -> None:
    party = await Party(mosquitto, USER, PASSWORD).up()
    party.link.send("iiot/press-07/data", b"x", qos)
    await soon(lambda: party.denied)
    assert (party.denied, party.link.waiting) == (["Not authorized"], 0)
    await party.link.close()


def test_a_reason_without_words_is_told_by_its_number() -> None:
    assert paho._words_of(0xFE) == "reason 254"


async def test_a_message_that_is_far_too_large_never_comes_and_those_behind_it_do(mosquitto: GuardedBroker) -> None:
    hub = await Party(mosquitto, USER, PASSWORD, "iiot/+/data").up()
    press = await Party(mosquitto, "press-07", "press").up()
    sizes = (100_000, MAX_PACKET_BYTES + 1, 5)
    for size in sizes:
        press.link.send("iiot/press-07/data", bytes(size), 1)
    await soon(lambda: len(hub.heard) == 2)
    assert ([len(one.message) for one in hub.heard], hub.gone) == ([100_000, 5], 0)
    await press.link.close()
    await hub.link.close()


async def test_what_the_broker_had_not_taken_arrives_though_it_dies_between_the_steps(
    mosquitto: GuardedBroker, tmp_path: Path
) -> None:
    kept = tmp_path / "mosquitto.db"
    press = await Party(mosquitto, "press-07", "press", "iiot/press-07/command").up()
    since = time.time()
    await soon(lambda: kept.exists() and kept.stat().st_mtime > since)  # the subscription is on the disk
    hub = await Party(mosquitto, USER, PASSWORD).up()
    sent = {b"%d" % number for number in range(50)}
    for text in sent:
        hub.link.send("iiot/press-07/command", text, 2)
    async with asyncio.timeout(SOON_S):
        while hub.link.waiting == len(sent):  # noqa: ASYNC110 - the first is done, three are between the steps
            await asyncio.sleep(0)
    os.kill(mosquitto.process.pid, signal.SIGSTOP)
    await mosquitto.kill()
    await soon(lambda: hub.gone and press.gone)
    outbox = hub.link._outbox
    # What it had taken and not passed on may be gone with it: it writes its memory down once a second.
    untaken = {one.content[1:] for one in (*outbox._flights.values(), *outbox._queued) if not one.is_released}
    assert len(untaken) > len(sent) / 2
    await mosquitto.start()
    await soon(lambda: hub.link.is_connected and hub.link.waiting == 0)
    await soon(lambda: untaken <= {one.message for one in press.heard})
    await press.link.close()
    await hub.link.close()


async def test_other_topics_are_listened_to_and_left_again(mosquitto: GuardedBroker) -> None:
    hub = await Party(mosquitto, USER, PASSWORD).up()
    press = await Party(mosquitto, "press-07", "press").up()
    for leaf in ("data", "manifest"):
        hub.link.follow([Subscription(topic_filter=f"iiot/+/{leaf}", qos=1)])
        await asyncio.sleep(0.1)  # the broker knows it
        press.link.send("iiot/press-07/data", leaf.encode(), 1)
        press.link.send("iiot/press-07/manifest", leaf.encode(), 1)
    await soon(lambda: len(hub.heard) == 2)
    assert [(one.topic, one.message) for one in hub.heard] == [
        ("iiot/press-07/data", b"data"),
        ("iiot/press-07/manifest", b"manifest"),
    ]
    await press.link.close()
    await hub.link.close()
    hub.link.follow([])


async def test_a_farewell_that_nobody_waits_for_leaves_nothing_running(mosquitto: GuardedBroker) -> None:
    hub = await Party(mosquitto, USER, PASSWORD).up()
    os.kill(mosquitto.process.pid, signal.SIGSTOP)
    hub.link.send("iiot/press-07/command", b"x", 2)
    farewell = asyncio.create_task(hub.link.close())
    await asyncio.sleep(0.05)
    farewell.cancel()
    with pytest.raises(asyncio.CancelledError):
        await farewell
    os.kill(mosquitto.process.pid, signal.SIGCONT)
    assert hub.link._task is None
    assert not hub.link.is_connected


async def test_an_end_that_is_cancelled_is_cancelled_and_ends_the_connection(mosquitto: GuardedBroker) -> None:
    hub = await Party(mosquitto, USER, PASSWORD).up()
    end = asyncio.create_task(hub.link.drop())
    await asyncio.sleep(0)
    end.cancel()
    with pytest.raises(asyncio.CancelledError):
        await end
    assert not hub.link.is_connected


async def test_who_calls_is_asked_before_each_attempt(mosquitto: GuardedBroker) -> None:
    logins = iter([(USER, "guess"), (USER, PASSWORD)])
    failed: list[str] = []
    station = Station(
        client_id=USER,
        received=lambda *_: None,
        login=lambda: next(logins),
        failed=lambda trouble: failed.append(str(trouble)),
    )
    link = PahoLink(Broker(host=LOOPBACK, port=mosquitto.port), station)
    link.open()
    await soon(lambda: link.is_connected)
    assert failed == ["the broker refuses: Not authorized"]
    await link.close()


async def test_a_host_that_no_machine_can_be_named_is_told_and_tried_again() -> None:
    failed: list[Fault] = []
    station = Station(
        client_id="hub", received=lambda *_: None, failed=lambda trouble: failed.append(fault_of(trouble))
    )
    link = PahoLink(Broker(host="", port=1883), station)
    link.open()
    await soon(lambda: len(failed) > 1)
    assert set(failed) == {Fault.NAME}
    await link.drop()
