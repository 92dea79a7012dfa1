"""What a broker is told so that its logins are those of the registry, and what it makes of it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_socket

from iiot_engine.links import control, packets, paho
from iiot_engine.links.broker import Broker, Message, Station, Subscription
from iiot_engine.links.control import ControlError, reconcile
from iiot_engine.links.faults import Fault
from iiot_engine.links.logins import NOT_OURS, Found, Login, Refused, found_in, refusals, steps, strangers
from iiot_engine.links.outbox import Outbox
from iiot_engine.links.paho import PahoLink
from testbed.ports import LOOPBACK, free_ports
from tests.dynamic_broker import HEARD, HUB, TOLD, DynamicBroker
from tests.guarded_broker import GuardedBroker

SOON_S = 10.0
PRESS = Login(device_id="press-07", password="first", mark="key 1 aaaa")
VALVE = Login(device_id="valve", password="of the valve", mark="key 1 bbbb")
KNOWN = {"press-07": Found("IIoT iiot", "key 1 aaaa", frozenset({"iiot/press-07"}), True)}


@pytest.fixture(autouse=True)
def _sockets_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest_socket.enable_socket()
    pytest_socket.socket_allow_hosts([LOOPBACK])
    monkeypatch.setattr(paho, "wait_before", lambda _attempt, _random: 0.05)


@asynccontextmanager
async def running[B: DynamicBroker | GuardedBroker](broker: B) -> AsyncIterator[B]:
    await broker.start()
    try:
        yield broker
    finally:
        await broker.stop()


def at(broker: DynamicBroker | GuardedBroker, login: tuple[str, str] = HUB) -> Broker:
    user, password = login
    return Broker(host=LOOPBACK, port=broker.port, user=user, password=password)


def names(changes: list[list[dict[str, Any]]]) -> list[list[str]]:
    return [[command["command"] for command in change] for change in changes]


def told(wanted: list[Login], found: dict[str, Found], *, registered: set[str] | None = None) -> list[list[str]]:
    devices = {login.device_id for login in wanted} if registered is None else registered
    return names(steps("iiot", wanted, devices, found))


async def soon(is_so: Callable[[], object]) -> None:
    async with asyncio.timeout(SOON_S):
        while not is_so():  # noqa: ASYNC110 - a look at what others do
            await asyncio.sleep(0.01)


# --- what is told -------------------------------------------------------------------------


def test_a_device_gets_a_login_under_its_id_with_exactly_its_topics() -> None:
    ((_, role, client),) = steps("hall/3", [PRESS], {"press-07"}, {})
    assert client == {
        "command": "createClient",
        "username": "press-07",
        "clientid": "press-07",
        "password": "first",
        "textname": "IIoT hall/3",
        "textdescription": "key 1 aaaa",
        "roles": [{"rolename": "hall/3/press-07"}],
    }
    rules = {(acl["acltype"], acl["topic"]) for acl in role["acls"]}
    says = {("publishClientSend", f"hall/3/press-07/{leaf}") for leaf in HEARD}
    hears = {
        (kind, f"hall/3/press-07/{leaf}") for leaf in TOLD for kind in ("subscribeLiteral", "publishClientReceive")
    }
    assert rules == says | hears
    assert "first" not in repr(PRESS)


def test_what_is_as_it_should_be_is_left_alone() -> None:
    assert told([PRESS], KNOWN) == []


def test_another_key_is_another_password_and_revoked_is_blocked() -> None:
    assert told([replace(PRESS, mark="key 2 cccc")], KNOWN) == [["modifyClient"]]
    assert told([replace(PRESS, is_enabled=False)], KNOWN) == [["disableClient"]]
    blocked = {"press-07": KNOWN["press-07"]._replace(is_enabled=False)}
    assert told([PRESS], blocked) == [["enableClient"]]
    assert told([replace(PRESS, is_enabled=False)], blocked) == []
    assert told([replace(PRESS, is_enabled=False)], {}) == [
        ["deleteRole", "createRole", "createClient", "disableClient"]
    ]


def test_a_role_that_somebody_took_away_comes_back() -> None:
    bare = {"press-07": KNOWN["press-07"]._replace(roles=frozenset())}
    assert told([PRESS], bare) == [["deleteRole", "createRole", "addClientRole"]]


def test_a_device_that_is_gone_takes_its_login_along_and_one_without_a_key_keeps_it() -> None:
    assert told([], KNOWN) == [["deleteClient", "deleteRole"]]
    assert told([], KNOWN, registered={"press-07"}) == []


def test_logins_of_people_and_of_other_sites_are_left_alone() -> None:
    for owner in ("", "IIoT hall/4"):
        theirs = {"press-07": KNOWN["press-07"]._replace(owner=owner)}
        assert told([replace(PRESS, mark="key 2 cccc")], theirs) == []
        assert told([], theirs) == []
        assert strangers("iiot", [PRESS, VALVE], theirs) == [Refused("press-07", NOT_OURS)]
    assert strangers("iiot", [PRESS], KNOWN) == []


def test_what_the_broker_did_not_do_is_told_but_for_a_role_that_was_not_there() -> None:
    commands = [
        {"command": "deleteRole", "rolename": "a"},
        {"command": "createRole", "rolename": "b"},
        {"command": "createClient", "username": "c"},
        {"command": "enableClient"},
    ]
    answers = [{"error": "Role not found"}, {"error": "Internal error"}, {}, {"error": "Unknown"}]
    assert refusals(commands, answers) == [Refused("b", "Internal error"), Refused("", "Unknown")]


def test_logins_are_read_as_the_broker_tells_them() -> None:
    press = {"username": "press-07", "textname": "IIoT iiot", "textdescription": "key 1", "disabled": True}
    told = [press | {"roles": [{"rolename": "r"}]}, {"username": "x"}]
    assert found_in(told) == {
        "press-07": Found("IIoT iiot", "key 1", frozenset({"r"}), False),
        "x": Found("", "", frozenset(), True),
    }


# --- what the broker makes of it ------------------------------------------------------------


async def test_a_device_may_do_what_is_its_own_and_nothing_else_and_a_stranger_nothing(tmp_path: Path) -> None:
    async with running(DynamicBroker(tmp_path / "broker")) as broker:
        assert await reconcile(at(broker), "hub-logins", "iiot", [PRESS, VALVE], {"press-07", "valve"}) == []
        heard: list[str] = []
        denied: list[str] = []
        refused: list[str] = []
        failed: list[str] = []

        def party(login: tuple[str, str], name: str, *filters: str) -> PahoLink:
            station = Station(
                client_id=name,
                received=lambda topic, *_: heard.append(topic),
                subscriptions=tuple(Subscription(topic_filter=one, qos=1) for one in filters),
                denied=denied.append,
                subscribed=refused.extend,
                failed=lambda trouble: failed.append(str(trouble)),
            )
            link = PahoLink(at(broker, login), station)
            link.open()
            return link

        hub = party(HUB, "hub", "iiot/+/data")
        press = party(("press-07", "first"), "press-07", "iiot/press-07/command", "iiot/valve/command", "iiot/+/data")
        await soon(lambda: hub.is_connected and press.is_connected and refused)
        assert refused == ["iiot/valve/command", "iiot/+/data"]
        for topic in ("iiot/valve/data", "iiot/press-07/command", "$CONTROL/dynamic-security/v1", "iiot/press-07/data"):
            press.send(topic, b"{}", 1)
        await soon(lambda: heard and press.waiting == 0)
        hub.send("iiot/press-07/command", b"{}", 2)
        await soon(lambda: len(heard) == 2)
        assert (heard, denied) == (["iiot/press-07/data", "iiot/press-07/command"], ["Not authorized"] * 3)
        for login, name in ((("press-07", "guess"), "press-07"), (("x", "x"), "x"), (("valve", "of the valve"), "hub")):
            failed.clear()
            stranger = party(login, name)
            await soon(lambda: failed)
            assert not stranger.is_connected
            await stranger.drop()
        assert hub.is_connected, "nobody takes its place under its name"
        await press.close()
        await hub.close()


async def test_logins_follow_the_registry_however_many_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "PAGE", 3)
    many = [Login(device_id=f"d{number}", password="x", mark="key 1") for number in range(45)]
    async with running(DynamicBroker(tmp_path / "broker")) as broker:
        for wanted in (many, many, [replace(many[0], password="y", mark="key 2", is_enabled=False)]):
            registered = {login.device_id for login in wanted}
            assert await reconcile(at(broker), "hub-logins", "iiot", wanted, registered) == []
            found = broker.logins()
            assert found.keys() == registered | {"hub"}
            assert broker.roles() == {f"iiot/{name}" for name in registered} | {"hub", "admin"}
        assert (found["d0"]["disabled"], found["d0"]["textdescription"]) == (True, "key 2")
        stranger = replace(many[1], device_id="hub")
        assert await reconcile(at(broker), "hub-logins", "iiot", [stranger], {"hub"}) == [Refused("hub", NOT_OURS)]


async def test_a_broker_that_does_not_let_the_hub_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(DynamicBroker(tmp_path / "able")) as broker:
        assert await control.attempt(at(broker), "hub-try") is None
        assert await control.attempt(at(broker, ("hub", "guess")), "hub-try") is Fault.LOGIN
    async with running(DynamicBroker(tmp_path / "no rights", admin=False)) as broker:
        assert await control.attempt(at(broker), "hub-try") is Fault.LOGINS
    monkeypatch.setattr(control, "WITHIN_S", 0.5)
    async with running(GuardedBroker(tmp_path / "no plugin")) as plain:
        assert await control.attempt(at(plain), "hub-try") is Fault.LOGINS
    with pytest.raises(ControlError) as caught:
        await reconcile(Broker(host=LOOPBACK, port=free_ports(1)[0]), "hub-logins", "iiot", [PRESS], {"press-07"})
    assert caught.value.fault is Fault.REFUSED


@asynccontextmanager
async def answering(*answers: bytes) -> AsyncIterator[Broker]:
    """Something that lets everybody in, and says this to each request."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            found = packets.read(data, mqtt5=True)
            for packet in found.packets:
                if isinstance(packet, Message):
                    out = Outbox(lambda: 1, mqtt5=True)
                    writer.writelines(out.publish(control.ANSWERS, answer, 0, retain=False) for answer in answers)
                elif packet.head == 0x10:
                    writer.write(bytes.fromhex("2003000000"))
                elif packet.head == 0x82:
                    writer.write(b"\x90\x04" + packet.body[:2] + b"\0\1")
            writer.writelines(b"\x40\x02" + number for number in found.acks)
        writer.close()

    server = await asyncio.start_server(serve, LOOPBACK, 0)
    yield Broker(host=LOOPBACK, port=server.sockets[0].getsockname()[1])
    server.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"no JSON",
        b"[]",
        b'{"responses":[1]}',
        b'{"responses":[{"correlationData":"1"}]}',
        b'{"responses":[{"correlationData":"1","error":"Unknown"}]}',
        b'{"responses":[{"correlationData":"1","data":{"clients":[{}],"totalCount":1}}]}',
        b'{"responses":[{"correlationData":"1","data":{"clients":[1],"totalCount":1}}]}',
        b'{"responses":[{"correlationData":"1","data":{"clients":[{"username":[]}],"totalCount":1}}]}',
    ],
)
async def test_an_answer_that_is_none_is_told(answer: bytes) -> None:
    async with answering(answer) as broker:
        assert await control.attempt(broker, "hub-try") is Fault.LOGINS


async def test_an_answer_to_another_question_is_none_and_a_second_one_is_passed_over() -> None:
    good = b'{"responses":[{"correlationData":"1","data":{"clients":[],"totalCount":7}}]}'
    async with answering(b'{"responses":[]}') as broker:
        task = asyncio.create_task(control.attempt(broker, "hub-try"))
        await asyncio.sleep(0.2)
        assert not task.done()
        task.cancel()
    async with answering(good, good) as broker:
        assert await control.attempt(broker, "hub-try") is None
        assert await reconcile(broker, "hub-logins", "iiot", [], set()) == [], "it has no more than it tells"


async def test_a_connection_that_ends_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(DynamicBroker(tmp_path / "broker")) as broker:
        page = control._Control.page

        async def late(self: Any, *arguments: Any) -> Any:
            await broker.stop()
            await soon(lambda: not self._link.is_connected)
            return await page(self, *arguments)

        with monkeypatch.context() as patch:
            patch.setattr(control._Control, "page", late)
            assert await control.attempt(at(broker), "hub-try") is Fault.GONE
        await broker.start()


async def test_a_password_stands_in_no_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with running(DynamicBroker(tmp_path / "broker")) as broker:
        secret = replace(PRESS, password="that nobody should read")
        await reconcile(at(broker), "hub-logins", "iiot", [secret], {"press-07"})
        assert "nobody should read" not in caplog.text + broker.process.log.read_text(encoding="utf-8")
