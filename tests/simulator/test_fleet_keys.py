"""Keys of devices that live on a connection: a new one brings a new session, a forgotten one silence."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from iiot_engine.links.broker import Station
from iiot_engine.links.memory import MemoryBus, MemoryLink
from iiot_engine.values import Leaf
from iiot_engine.wire import codec, signing
from iiot_sim import status
from iiot_sim.bus import over_memory
from iiot_sim.carrier import Carried
from iiot_sim.device import Device
from iiot_sim.fleet import Fleet
from iiot_sim.state import FolderStore, MemoryStore
from tests.simulator.test_fleet import Listener
from tests.simulator.world import a_profile, key_of

SALT = "00112233445566778899aabbccddeeff"
QUICK = {"sample_s": 0.05, "interval_s": 0.1}


class Plant:
    """A fleet on a bus, somebody who listens, and a hub that commands by hand."""

    def __init__(self, bus: MemoryBus, fleet: Fleet) -> None:
        self.bus, self.fleet = bus, fleet
        self.listener = Listener(bus)
        self._hub = MemoryLink(bus, Station(client_id="hub", received=lambda *_: None))
        self._hub.open()
        self._hseq = 4711

    def carried(self, device_id: str) -> Carried:
        return next(one for one in self.fleet.carried if one.device.profile.id == device_id)

    def state(self, device_id: str) -> str:
        return str(status.facts(self.carried(device_id))["state"])

    def command(self, device_id: str, cmd: str, **args: Any) -> None:
        self._hseq += 1
        payload = {
            "v": 1,
            "type": "command",
            "id": device_id,
            "kid": 1,
            "ts": 1,
            "ts_ns": 0,
            "nonce": self.carried(device_id).device.nonce,
            "hseq": self._hseq,
            "cid": f"C{self._hseq}",
            "cmd": cmd,
            "args": args,
            "until": 10**9,
        }
        self._hub.send(f"iiot/{device_id}/{Leaf.COMMAND}", codec.seal(key_of(device_id), payload), 2)

    async def until(self, holds: Any) -> None:
        async with asyncio.timeout(5):
            while not holds():  # noqa: ASYNC110 - a fleet tells nobody
                await asyncio.sleep(0.01)


@asynccontextmanager
async def living(*devices: Device) -> AsyncIterator[Plant]:
    bus = MemoryBus()
    plant = Plant(bus, Fleet(list(devices), "iiot", over_memory(bus), starts_a_second=1000))
    stop = asyncio.Event()
    running = asyncio.create_task(plant.fleet.run(stop, None))
    yield plant
    stop.set()
    await running


def a_device(device_id: str, store: MemoryStore | FolderStore | None = None, **facts: Any) -> Device:
    return Device(a_profile(device_id, **QUICK, **facts), key_of(device_id), store or MemoryStore())


async def test_a_new_key_brings_a_new_session_with_a_will_that_it_signs() -> None:
    async with living(a_device("d0")) as plant:
        await plant.until(lambda: plant.state("d0") == "online")
        before = plant.carried("d0").device.session
        plant.command("d0", "rekey", kid=2, salt=SALT)
        await plant.until(lambda: plant.state("d0") == "online" and plant.carried("d0").device.session != before)
        new = signing.derive_next_key(key_of("d0"), bytes.fromhex(SALT), "d0", 2)
        will = plant.bus.links["d0"]._will
        assert will is not None
        envelope = codec.split(will.message)
        assert signing.is_signed_by(new, envelope.span, envelope.mac)
        offline = [one for one in plant.listener.of("d0", "status") if one["state"] == "offline"]
        assert offline == [], "the old will is not published"


async def test_a_new_key_behind_a_gateway_begins_a_new_session_on_its_connection() -> None:
    async with living(a_device("gate"), a_device("behind", gateway="gate", net={"via": "gate"})) as plant:
        await plant.until(lambda: plant.state("behind") == "online")
        before = plant.carried("behind").device.session
        plant.command("behind", "rekey", kid=2, salt=SALT)
        await plant.until(lambda: plant.carried("behind").device.session != before)
        assert plant.state("gate") == "online"
        await plant.until(lambda: plant.listener.of("behind", "status")[-1]["kid"] == 2)


async def test_a_device_that_forgets_its_key_is_silent_over_restarts(tmp_path: Any) -> None:
    async with living(a_device("d0", FolderStore(tmp_path, "d0"))) as plant:
        await plant.until(lambda: plant.state("d0") == "online")
        plant.command("d0", "forget")
        await plant.until(lambda: "d0" not in plant.bus.links)
        assert plant.state("d0") == "forgotten"
        assert plant.listener.of("d0", "status")[-1]["state"] == "offline"
    async with living(a_device("d0", FolderStore(tmp_path, "d0")), a_device("d1")) as plant:
        await plant.until(lambda: plant.state("d1") == "online")
        assert plant.state("d0") == "forgotten"
        assert plant.listener.of("d0", "heartbeat") == []


async def test_a_gateway_that_forgets_its_key_goes_on_carrying_others() -> None:
    store = MemoryStore()
    gate, behind = a_device("gate", store), a_device("behind", gateway="gate", net={"via": "gate"})
    async with living(gate, behind) as plant:
        await plant.until(lambda: plant.state("behind") == "online")
        plant.command("gate", "forget")
        await plant.until(lambda: plant.state("gate") == "forgotten")
        assert plant.state("behind") == "online"
    again = a_device("gate", store)
    async with living(again, a_device("behind", gateway="gate", net={"via": "gate"})) as plant:
        await plant.until(lambda: plant.state("behind") == "online")
        assert plant.state("gate") == "forgotten"
        assert plant.bus.links["gw-gate"]._will is None
