"""A pump room: one house, one site, pumps that wait for a person to let them in, and a tank that is only asked."""

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

from iiot_engine.wire import codec, signing
from testbed.plant import Plant, add_hub, new_fleet_key

from .house import House, View, until
from .wiretap import Wiretap

PREFIX: Final = "room"
TANK: Final = "tank-1"
PUMPS: Final = tuple(f"pump-{number}" for number in range(1, 7))
SPARE: Final = "pump-9"
"""Stands on the shelf until somebody puts it in another's place."""
WITHIN_S: Final = 60.0
"""Longest wait for something to appear on a busy machine."""
SUBENTRIES: Final = "/api/config/config_entries/subentries/flow"
OPTIONS: Final = "/api/config/config_entries/options/flow"
ENTRIES: Final = "/api/config/config_entries/flow"
_HEAD: Final = """
title = "a pump room"

[templates.pump]
model = "P-1 pump"
interval_s = 5
sample_s = 1
[templates.pump.channels.fan]
name = "Fan runs"
kind = "bool"
[templates.pump.actuators.fan]
name = "Fan"
kind = "switch"
channel = "fan"
"""
_TANK: Final = f"""
[[devices]]
id = "{TANK}"
name = "Tank"
model = "T-1 tank"
interval_s = 5
sample_s = 5
[devices.channels.level]
name = "Level"
unit = "%"
mode = "poll"
signal = {{ shape = "constant", value = 40.5 }}
[devices.channels.cut]
name = "Cut wire"
mode = "poll"
faults = [{{ kind = "comm", chance = 1 }}]
[devices.channels.wild]
name = "Wild reading"
mode = "poll"
faults = [{{ kind = "nan", chance = 1 }}]
"""


class PumpRoom(House):
    """Everything in it runs as processes of their own."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "The pump room")
        self.plants: list[Plant] = []
        self.entry_id = ""
        self.fleet_key = b""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Start everything, and let in whoever calls, save the spare pump; everything ends with it."""
        async with AsyncExitStack() as stack:
            for process in (self.broker.process, self.hass.process):
                stack.push_async_callback(process.stop)
            await self.broker.start()
            await self.hass.start()
            self.entry_id, self.fleet_key = await self.add_site("Pump room", PREFIX, "ask")
            await self.switch_on(stack, PREFIX, _TANK, *PUMPS, SPARE)
            await self.until_waiting(TANK, *PUMPS, SPARE)
            await self.decide_waiting(TANK, *PUMPS, action="approve")
            await self.until_there(TANK, *PUMPS)
            yield

    async def add_site(self, name: str, prefix: str, discovery: str) -> tuple[str, bytes]:
        """Set up a site; gives its entry and its fleet key."""
        key = new_fleet_key(self.folder / f"{prefix}.key")
        async with self.api() as api:
            return await add_hub(api, name=name, prefix=prefix, fleet_key=key, discovery=discovery), bytes.fromhex(key)

    async def switch_on(self, stack: AsyncExitStack, prefix: str, more: str, *pumps: str) -> Plant:
        """Let pumps live below a prefix, and what else is described."""
        number = len(self.plants)
        file = self.folder / f"plant-{number}.toml"
        tables = "".join(f'[[devices]]\ntemplate = "pump"\nid = "{one}"\nname = "Pump {one[-1]}"\n' for one in pumps)
        file.write_text(_HEAD + tables + more, encoding="utf-8")
        key_file = self.folder / f"{prefix}.key"
        plant = Plant(
            self.folder / f"plant-{number}", broker_port=self.broker.port, fleet_key_file=key_file, prefix=prefix
        )
        await plant.start(str(file))
        stack.push_async_callback(plant.stop)
        self.plants.append(plant)
        return plant

    # --- what a person does ------------------------------------------------------------------

    async def act(self, action: str, device_id: str, **data: Any) -> dict[str, Any]:
        """Call an action for one device; gives back what it says of it."""
        body = {"device_id": (await self.view(self)).device(device_id)["id"], **data}
        async with self.api() as api:
            answer = await api.post(f"/api/services/iiot/{action}?return_response", body)
        (told,) = answer["service_response"]["devices"].values()
        found: dict[str, Any] = told
        return found

    async def switch_fan(self, device_id: str, *, on: bool) -> dict[str, Any]:
        """Command a fan; gives back what the device says."""
        return await self.act("command", device_id, command="set", args={"key": "fan", "value": on})

    async def open_page(self, device_id: str, page: str) -> dict[str, Any]:
        """Open a page of the device's menu."""
        subentry_id = (await self.view(self)).subentries[device_id]
        async with self.api() as api:
            menu = await api.post(SUBENTRIES, {"handler": [self.entry_id, "device"], "subentry_id": subentry_id})
            return await api.answer(menu, {"next_step_id": page})

    async def answer(self, step: dict[str, Any], **answers: Any) -> dict[str, Any]:
        """Fill a form of a device's menu in."""
        async with self.api() as api:
            return await api.answer(step, answers)

    async def decide_waiting(self, *device_ids: str, action: str) -> dict[str, Any]:
        """Decide about devices that wait."""
        async with self.api() as api:
            menu = await api.post(OPTIONS, {"handler": self.entry_id})
            form = await api.post(f"{OPTIONS}/{menu['flow_id']}", {"next_step_id": "waiting_devices"})
            answers = {"devices": list(device_ids), "action": action}
            found: dict[str, Any] = await api.post(f"{OPTIONS}/{form['flow_id']}", answers)
        return found

    async def change_page(self, device_id: str, **changes: Any) -> None:
        """Change the device's page in Home Assistant."""
        page = (await self.view(self)).device(device_id)["id"]
        async with self.api() as api, await api.websocket() as socket:
            await socket.call("config/device_registry/update", device_id=page, **changes)

    async def remove(self, device_id: str) -> None:
        """Take a device out of the site."""
        subentry_id = (await self.view(self)).subentries[device_id]
        async with self.api() as api, await api.websocket() as socket:
            await socket.call("config_entries/subentries/delete", entry_id=self.entry_id, subentry_id=subentry_id)

    # --- what is seen -------------------------------------------------------------------------

    async def facts_of(self, device_id: str) -> dict[str, Any]:
        """Return what diagnostics say of a device; nothing while it is not registered."""
        devices = (await self.facts(self))["devices"]
        return next((one for one in devices if one["device_id"] == device_id), {})

    async def until_facts(self, device_id: str, what: str, is_reached: Any) -> dict[str, Any]:
        """Wait for something that diagnostics say of a device."""

        async def look() -> dict[str, Any]:
            return await self.facts_of(device_id)

        return await until(
            look, lambda facts: bool(facts) and is_reached(facts), f"{device_id} {what}", within_s=WITHIN_S
        )

    async def until_shows(self, device_id: str, key: str, value: str) -> View:
        """Wait for a state."""

        async def look() -> tuple[str | None, View]:
            view = await self.view(self)
            return (view.value(device_id, key) if device_id in view.subentries else None), view

        return (await until(look, lambda seen: seen[0] == value, f"{device_id} {key} {value}", within_s=WITHIN_S))[1]

    async def until_there(self, *device_ids: str) -> None:
        """Wait until devices are live and have told what they can do."""
        for device_id in device_ids:
            await self.until_shows(device_id, "health.connection", "live")
            if device_id != TANK:
                await self.until_shows(device_id, "set.fan", "off")

    async def until_waiting(self, *device_ids: str) -> None:
        """Wait until there is a card for each of them, and it holds its key."""

        async def verified() -> int:
            newest = (await self.facts(self))["inbox"]["newest"]
            return sum(one["trust"] == "verified" for one in newest) if await self.has_cards(*device_ids) else 0

        await until(verified, lambda count: count >= len(device_ids), "verified, all of them", within_s=WITHIN_S)

    async def has_cards(self, *device_ids: str) -> bool:
        """Whether each has a card."""
        return set(device_ids) <= (await self.cards(self)).keys()

    # --- somebody with a key ------------------------------------------------------------------

    async def speak_as(self, wire: Wiretap, device_id: str, *, boot: int, seq: int = 1) -> None:
        """Say a heartbeat under the key that a device had first."""
        key = signing.derive_device_key(self.fleet_key, device_id, 1)
        now_s = int(time.time())
        beat = {"v": 1, "type": "heartbeat", "id": device_id, "kid": 1, "ts": now_s, "ts_ns": 0, "boot": boot}
        beat |= {"seq": seq, "up": 1000 * seq, "tq": 2, "name": device_id, "model": "P-1 pump", "fw": "1.0.0"}
        beat |= {"nonce": "8899aabbccddeeff", "session": "0badcafe", "interval": 5, "state": "awake"}
        beat |= {"manifest": "00112233aabbccdd", "hseq": 0, "held": [boot, 1], "alarms": []}
        await wire.say((f"{PREFIX}/{device_id}/heartbeat", codec.seal(key, beat)))
