"""Many devices live in one event loop, over a bus in memory."""

import asyncio
import io

from iiot_engine.links.broker import Station, Subscription
from iiot_engine.links.memory import MemoryBus, MemoryLink
from iiot_engine.values import Leaf
from iiot_sim import status
from iiot_sim.bus import over_memory
from iiot_sim.device import Device
from iiot_sim.fleet import Fleet
from iiot_sim.profile import Booting, Profile, Timing
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
    fleet = Fleet(devices, "iiot", over_memory(bus), starts_a_second=1000)
    await fleet.run(asyncio.Event(), seconds)
    return fleet


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
    fleet = Fleet([behind, a_device(a_profile("gate", **QUICK))], "iiot", over_memory(bus), starts_a_second=1000)
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
    fleet = Fleet([a_device(a_profile(**QUICK))], "iiot", over_memory(bus), starts_a_second=1000)
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
    fleet = Fleet([a_device(a_profile(**QUICK))], "iiot", over_memory(bus), starts_a_second=1000)
    (carried,) = fleet.carried
    carried.perform(carried.device.connected(carried.moment()))
    assert (carried.sent, carried.unsent) == (0, 2)


async def test_a_sleeper_closes_its_connection_and_comes_back() -> None:
    bus = MemoryBus()
    listener = Listener(bus)
    timing = Timing(listen_s=0.05, bye_s=0.05)
    device = a_device(a_profile(sleep_s=0.2, sample_s=0.03, timing=timing))
    fleet = Fleet([device], "iiot", over_memory(bus), starts_a_second=1000)
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
    fleet = Fleet([a_device(a_profile(f"d{at}")) for at in range(2)], "iiot", over_memory(bus), starts_a_second=1000)
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


async def living(fleet: Fleet, seconds: float = 0.2) -> tuple[asyncio.Event, asyncio.Task[None]]:
    """Start a fleet and let it live for a while; it goes on until the event is set."""
    stop = asyncio.Event()
    running = asyncio.create_task(fleet.run(stop, None))
    await asyncio.sleep(seconds)
    return stop, running


def shared(bus: MemoryBus, profiles: list[Profile], connections: int) -> Fleet:
    devices = [a_device(profile) for profile in profiles]
    return Fleet(devices, "iiot", over_memory(bus), connections=connections, starts_a_second=1000)


def statuses(listener: Listener, device_id: str) -> list[str]:
    return [one["state"] for one in listener.of(device_id, "status")]


async def test_devices_share_connections_and_only_the_first_has_a_will() -> None:
    bus = MemoryBus()
    listener = Listener(bus)
    stop, running = await living(shared(bus, [a_profile(f"d{at}", **QUICK) for at in range(7)], 3))
    assert set(bus.links) == {"listener", "gw-d0", "gw-d3", "d6"}
    bus.links["gw-d3"].lose()
    assert [statuses(listener, f"d{at}") for at in (3, 4, 5)] == [["online", "offline"], ["online"], ["online"]]
    stop.set()
    await running
    assert statuses(listener, "d1") == ["online", "offline"]
    assert len({one["session"] for at in range(7) for one in listener.of(f"d{at}", "status")}) == 7


async def test_each_device_of_a_shared_connection_hears_what_is_said_to_it() -> None:
    bus = MemoryBus()
    fleet = shared(bus, [a_profile(f"d{at}") for at in range(4)], 1)
    stop, running = await living(fleet, 0.1)
    hub = MemoryLink(bus, Station(client_id="hub", received=lambda *_: None))
    hub.open()
    hub.send("iiot/d2/poll", b"nonsense", 0)
    assert [dict(one.device.gate.dropped) for one in fleet.carried] == [{}, {}, {"form": 1}, {}]
    stop.set()
    await running


async def test_all_devices_greet_again_when_a_shared_connection_is_back() -> None:
    bus = MemoryBus()
    listener = Listener(bus)
    fleet = shared(bus, [a_profile(f"d{at}", **QUICK) for at in range(3)], 1)
    stop, running = await living(fleet, 0.1)
    bus.links["gw-d0"].lose()
    assert not any(one.device.is_connected for one in fleet.carried)
    fleet._carriers[0]._link.open()
    await asyncio.sleep(0.1)
    assert [statuses(listener, f"d{at}") for at in (1, 2)] == [["online", "online"]] * 2
    stop.set()
    await running


async def test_a_sleeper_leaves_a_shared_connection_to_the_others() -> None:
    bus = MemoryBus()
    listener = Listener(bus)
    timing = Timing(listen_s=0.05, bye_s=0.05)
    sleeper = a_profile("nap", sleep_s=0.2, sample_s=0.03, timing=timing)
    fleet = shared(bus, [a_profile("d0", **QUICK), sleeper], 1)
    stop, running = await living(fleet, 0.01)
    states = set()
    for _ in range(80):
        await asyncio.sleep(0.01)
        states.add((status.facts(fleet.carried[1])["state"], "gw-d0" in bus.links))
    stop.set()
    await running
    assert states == {("online", True), ("asleep", True)}
    assert statuses(listener, "nap").count("online") >= 2
    assert statuses(listener, "d0") == ["online", "offline"]


async def test_a_device_that_resets_comes_back_in_its_next_boot() -> None:
    bus = MemoryBus()
    listener = Listener(bus)
    booting = Booting(every_s=0.2, takes_s=0.05)
    fleet = Fleet([a_device(a_profile(booting=booting, **QUICK))], "iiot", over_memory(bus))
    stop, running = await living(fleet, 0.1)
    (carried,) = fleet.carried
    seen = set()
    for _ in range(100):
        await asyncio.sleep(0.01)
        seen.add(status.facts(carried)["state"])
    stop.set()
    await running
    assert {"online", "off"} <= seen
    boots = [one["boot"] for one in listener.of("press-07", "status") if one["state"] == "online"]
    assert boots[:3] == [1, 2, 3]
    assert statuses(listener, "press-07")[:4] == ["online", "offline", "online", "offline"]


async def test_a_device_behind_a_gateway_resets_alone() -> None:
    bus = MemoryBus()
    listener = Listener(bus)
    resetting = a_profile("d1", booting=Booting(every_s=0.2, takes_s=0.05), **QUICK)
    stop, running = await living(shared(bus, [a_profile("d0", **QUICK), resetting], 1), 0.8)
    stop.set()
    await running
    assert statuses(listener, "d1").count("online") >= 2
    assert statuses(listener, "d0") == ["online", "offline"]


async def test_devices_are_added_and_taken_while_the_others_live() -> None:
    bus = MemoryBus()
    listener = Listener(bus)
    fleet = shared(bus, [a_profile(f"d{at}", **QUICK) for at in range(3)], 2)
    stop, running = await living(fleet, 0.1)
    fleet.add(a_device(a_profile("more", **QUICK)))
    await asyncio.sleep(0.1)
    assert set(bus.links) == {"listener", "gw-d0", "d2", "more"}
    for name in ("more", "d2", "d1", "d0"):
        assert await fleet.take() == "Press 7"
        assert statuses(listener, name) == ["online", "offline"]
    assert set(bus.links) == {"listener"}
    assert (await fleet.take(), fleet.carried, fleet.connections) == (None, [], 0)
    stop.set()
    await running


async def test_a_device_that_was_taken_before_its_turn_is_not_switched_on() -> None:
    bus = MemoryBus()
    listener = Listener(bus)
    devices = [a_device(a_profile(f"d{at}", **QUICK)) for at in range(2)]
    fleet = Fleet(devices, "iiot", over_memory(bus), starts_a_second=10)
    stop, running = await living(fleet, 0.01)
    await fleet.take()
    await asyncio.sleep(0.3)
    stop.set()
    await running
    assert statuses(listener, "d1") == []


async def test_a_fleet_that_is_stopped_while_it_starts_leaves_at_once() -> None:
    bus = MemoryBus()
    listener = Listener(bus)
    devices = [a_device(a_profile(f"d{at}", **QUICK)) for at in range(20)]
    fleet = Fleet(devices, "iiot", over_memory(bus), starts_a_second=20)
    stop, running = await living(fleet, 0.15)
    stop.set()
    await running
    assert 1 <= sum(statuses(listener, f"d{at}") == ["online", "offline"] for at in range(20)) < 10
    assert set(bus.links) == {"listener"}


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
