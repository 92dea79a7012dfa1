"""Many devices live in one event loop, over a bus in memory."""

import asyncio
import io

import pytest

from iiot_engine.links.broker import Station, Subscription
from iiot_engine.links.memory import MemoryBus, MemoryLink
from iiot_engine.values import Leaf
from iiot_sim import fleet as fleets
from iiot_sim import status
from iiot_sim.bus import over_memory
from iiot_sim.device import Device
from iiot_sim.fleet import Fleet
from iiot_sim.profile import Profile, Timing
from iiot_sim.state import MemoryStore
from tests.simulator.world import a_profile, key_of, payload_of

QUICK = {"sample_s": 0.05, "interval_s": 0.1}


class Listener:
    """Everything that devices say, as payloads."""

    def __init__(self, bus: MemoryBus) -> None:
        self.heard: list[dict] = []
        self.link = MemoryLink(
            bus,
            Station(
                client_id="listener",
                received=lambda _topic, message, _retain: self.heard.append(payload_of(message)),
                subscriptions=(
                    *(Subscription(topic_filter=f"iiot/+/{leaf}", qos=0) for leaf in ("data", "heartbeat", "status")),
                ),
            ),
        )
        self.link.open()

    def of(self, device_id: str, leaf: str) -> list[dict]:
        return [one for one in self.heard if one["id"] == device_id and one["type"] == leaf]


def a_device(profile: Profile) -> Device:
    return Device(profile, key_of(profile.id), MemoryStore())


async def live(devices: list[Device], bus: MemoryBus, seconds: float) -> Fleet:
    fleet = Fleet(devices, "iiot", over_memory(bus))
    await fleet.run(asyncio.Event(), seconds)
    return fleet


@pytest.fixture(autouse=True)
def _no_stagger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleets, "STAGGER_S", 0.001)


async def test_each_device_greets_reports_and_takes_leave() -> None:
    bus = MemoryBus()
    listener = Listener(bus)
    await live([a_device(a_profile(f"d{at}", **QUICK)) for at in range(5)], bus, 0.5)
    for at in range(5):
        assert [one["state"] for one in listener.of(f"d{at}", "status")] == ["online", "offline"]
        assert len(listener.of(f"d{at}", "data")) >= 3
        assert len(listener.of(f"d{at}", "heartbeat")) >= 3
    assert set(bus.links) == {"listener"}


async def test_a_gateway_carries_others_over_its_connection() -> None:
    bus = MemoryBus()
    listener = Listener(bus)
    behind = a_device(a_profile("behind", gateway="gate", net={"via": "gate"}, **QUICK))
    fleet = Fleet([behind, a_device(a_profile("gate", **QUICK))], "iiot", over_memory(bus))
    stop = asyncio.Event()
    running = asyncio.create_task(fleet.run(stop, None))
    await asyncio.sleep(0.2)
    assert set(bus.links) == {"listener", "gw-gate"}
    bus.links["gw-gate"].lose()
    offline = [one["id"] for one in listener.heard if one["type"] == "status" and one["state"] == "offline"]
    assert offline == ["gate"]
    stop.set()
    await running
    assert listener.of("behind", "heartbeat")[0]["net"] == {"via": "gate"}


async def test_a_device_without_a_connection_keeps_its_rows() -> None:
    bus = MemoryBus()
    fleet = Fleet([a_device(a_profile(**QUICK))], "iiot", over_memory(bus))
    stop = asyncio.Event()
    running = asyncio.create_task(fleet.run(stop, None))
    await asyncio.sleep(0.05)
    bus.links["press-07"].lose()
    await asyncio.sleep(0.2)
    (carried,) = fleet.carried
    assert status.facts(carried)["state"] == "offline"
    assert status.facts(carried)["waiting"] >= 3
    stop.set()
    await running


async def test_what_a_link_cannot_take_is_counted_not_raised() -> None:
    bus = MemoryBus()
    fleet = Fleet([a_device(a_profile(**QUICK))], "iiot", over_memory(bus))
    (carried,) = fleet.carried
    carried.perform(carried.device.connected(carried.moment()))
    assert (carried.sent, carried.unsent) == (0, 2)


async def test_a_sleeper_closes_its_connection_and_comes_back() -> None:
    bus = MemoryBus()
    listener = Listener(bus)
    timing = Timing(listen_s=0.05, bye_s=0.05)
    device = a_device(a_profile(sleep_s=0.2, sample_s=0.03, timing=timing))
    fleet = Fleet([device], "iiot", over_memory(bus))
    stop = asyncio.Event()
    running = asyncio.create_task(fleet.run(stop, None))
    states = set()
    for _ in range(80):
        await asyncio.sleep(0.01)
        states.add((status.facts(fleet.carried[0])["state"], "press-07" in bus.links))
    stop.set()
    await running
    assert {("online", True), ("asleep", False)} <= states
    online = [one for one in listener.of("press-07", "status") if one["state"] == "online"]
    assert len(online) >= 2
    assert len({one["session"] for one in online}) == len(online)


async def test_messages_from_above_reach_their_device_only() -> None:
    bus = MemoryBus()
    fleet = Fleet([a_device(a_profile(f"d{at}")) for at in range(2)], "iiot", over_memory(bus))
    stop = asyncio.Event()
    running = asyncio.create_task(fleet.run(stop, None))
    await asyncio.sleep(0.05)
    hub = MemoryLink(bus, Station(client_id="hub", received=lambda *_: None))
    hub.open()
    hub.send(f"iiot/d0/{Leaf.POLL}", b"nonsense", 0)
    hub.send("iiot/d0/data", b"nonsense", 0)
    hub.send("iiot/nobody/poll", b"nonsense", 0)
    assert [dict(carried.device.gate.dropped) for carried in fleet.carried] == [{"form": 1}, {}]
    stop.set()
    await running


async def test_the_table_shows_as_many_devices_as_fit() -> None:
    bus = MemoryBus()
    fleet = await live([a_device(a_profile(f"d{at}")) for at in range(60)], bus, 0.1)
    report = status.report("many", fleet.carried, 12.0)
    stream = io.StringIO()
    stream.isatty = lambda: True
    table = status.Table(stream)
    table.draw(report)
    assert "and " in stream.getvalue()
    assert "d0 " in stream.getvalue()
    plain = io.StringIO()
    table = status.Table(plain)
    for _ in range(11):
        table.draw(report)
    assert len(plain.getvalue().splitlines()) == 2
    assert plain.getvalue().startswith("many: 0 of 60 online, up 12 s")
