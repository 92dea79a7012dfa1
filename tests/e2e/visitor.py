"""The stranger's device as a process, and what it tells of itself: `stranger/`."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from iiot_engine.wire import signing
from testbed.api import Api
from testbed.plant import DOMAIN
from testbed.process import Process

from .house import House, View, until
from .ledger import Identity, Journal, Produced, produced
from .wiretap import Heard, Wiretap

STRANGER = Path(__file__).parent / "stranger"
SOON_S = 15.0
# Rows are sent again 15 s after they were sent, and within 7.5 s of a reconnect.
HURRY = ("--every", "0.5", "--interval", "5", "--hurry", "4")


@dataclass(kw_only=True, slots=True)
class Hall:
    """One hub, its prefix, and the keys of the devices that visit it."""

    entry_id: str
    prefix: str
    fleet_key: bytes
    keys: dict[str, bytes] = field(default_factory=dict)


class Visitor:
    """One device of the stranger's, with a folder that outlives its process."""

    def __init__(self, house: House, hall: Hall, device_id: str, *options: str, key: bytes | None = None) -> None:
        self.id = device_id
        self.house = house
        self.hall = hall
        self.folder = house.folder / device_id
        self.process = Process(f"the device {device_id}", house.folder / f"{device_id}.log")
        self.key = key or signing.derive_device_key(hall.fleet_key, device_id, 1)
        self.lost: set[Identity] = set()
        """Rows that its memory has lost."""
        self._options = options
        hall.keys[device_id] = self.key

    async def start(self) -> None:
        """Switch it on, as its README says."""
        assert (STRANGER / "node_modules").exists(), "run scripts/test e2e, which fetches what it needs"
        command = ["node", str(STRANGER / "device.js"), *self._options, *HURRY]
        await self.process.start([*command, "--state", str(self.folder), "--record"], hears=True)

    def heard(self, wire: Wiretap, leaf: str) -> list[dict[str, Any]]:
        """Return the payloads of a leaf of this device, either way, in their order."""
        return [payload_of(one) for one in wire.heard if one.topic == self.topic(leaf)]

    def topic(self, leaf: str) -> str:
        """Return the topic of a leaf."""
        return f"{self.hall.prefix}/{self.id}/{leaf}"

    # --- what the house shows ------------------------------------------------------------

    async def card(self, api: Api) -> dict[str, Any]:
        """Wait for its discovery card, and open it."""

        async def flow() -> str | None:
            return (await self.house.cards(self.hall)).get(self.id)

        found = await until(flow, bool, "a card", within_s=SOON_S)
        step: dict[str, Any] = await api.get(f"/api/config/config_entries/flow/{found}")
        return step

    async def view(self) -> View:
        """Look at the hub as Home Assistant shows it."""
        return await self.house.view(self.hall)

    async def until_shows(self, key: str, *values: str, within_s: float = SOON_S) -> None:
        """Wait until a state is one of these."""

        async def shown() -> str | None:
            return (await self.view()).value(self.id, key)

        await until(shown, lambda value: value in values, f"{self.id} {key} {values}", within_s=within_s)

    async def facts(self) -> dict[str, Any]:
        """Return what the hub's diagnostics say of it."""
        devices = (await self.house.facts(self.hall))["devices"]
        found: dict[str, Any] = next(one for one in devices if one["device_id"] == self.id)
        return found

    # --- rows ----------------------------------------------------------------------------

    def made(self) -> Produced:
        """Read every row that it has made, and those that it still keeps."""
        return produced(self.folder, {self.id})

    async def until_answered(self, *, within_s: float = 60.0) -> Produced:
        """Wait until everything made so far was answered; gives back what was made."""
        made = self.made()

        async def unanswered() -> list[Identity]:
            return sorted(made.rows.keys() & self.made().kept)

        await until(unanswered, lambda rows: not rows, f"answered to {self.id}", within_s=within_s)
        return made

    async def is_whole(self, but: frozenset[Identity] = frozenset()) -> Produced:
        """Every row made is answered, and lies in the journal once, with its values and its time; save those lost."""
        made = await self.until_answered()
        journal = Journal(self.house.hass.folder / DOMAIN / self.hall.entry_id / "intake.sqlite", self.hall.keys)
        journal.rows = {row: content for row, content in journal.rows.items() if row.device_id == self.id}
        self.lost |= but
        assert journal.compare(self.made(), made.rows.keys() - self.lost) == []
        return made

    def forget(self, row: Identity) -> None:
        """Take a row out of its memory, while it does not run."""
        file = self.folder / f"{self.id}.rows"
        lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
        start = f'{{"keep":[{row.boot},{row.number},'
        file.write_text("".join(line for line in lines if not line.startswith(start)), encoding="utf-8")


def payload_of(heard: Heard) -> dict[str, Any]:
    """Return what a message says."""
    found: dict[str, Any] = json.loads(heard.message)["payload"]
    return found
