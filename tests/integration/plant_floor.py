"""A device with actuators: it reads what the hub sends to it, moves, and answers."""

import asyncio
from collections.abc import Iterable
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant

from custom_components.iiot.engine.wire import canonical, codec, signing

from .field import DIGEST, FieldDevice

ANSWER_WITHIN_S = 10.0

FAN = {"key": "fan", "name": "Fan", "kind": "switch", "channel": "fan"}
SPEED = {"key": "speed", "name": "Speed", "kind": "number", "unit": "rpm", "min": 0, "max": 3000, "step": 10}
PROGRAM = {"key": "program", "name": "Program", "kind": "select", "options": ["idle", "run"], "channel": "program"}
FLAP = {"key": "flap", "name": "Flap", "kind": "valve", "min": 10, "max": 60, "channel": "flap"}
GATE = {"key": "gate", "name": "Gate", "kind": "valve", "channel": "gate"}
LABEL = {"key": "label", "name": "Label", "kind": "text"}
RESET = {"key": "reset", "name": "Reset", "kind": "button"}
ACTUATORS = [FAN, SPEED, PROGRAM, FLAP, GATE, LABEL, RESET]
CHANNELS = [
    {"key": "fan", "name": "Fan runs", "kind": "bool"},
    {"key": "program", "name": "Program", "kind": "enum", "options": ["idle", "run"]},
    {"key": "flap", "name": "Flap", "kind": "float"},
    {"key": "gate", "name": "Gate", "kind": "bool"},
]
COMMANDS = ["set", "press", "sleep", "awake", "identify", "restart", "describe", "set_interval", "set_rate"]


class Machine(FieldDevice):
    """One device that obeys."""

    def __init__(self, hass: HomeAssistant, published: Any, device_id: str = "press-07") -> None:
        super().__init__(hass, device_id)
        self.subentry_id = ""
        self._published = published
        self._read = 0
        self.hseq = 0

    async def stand(
        self, entry: ConfigEntry, actuators: list[dict[str, Any]] | None = None, commands: Iterable[str] = COMMANDS
    ) -> str:
        """Join, and say what it can do; gives the id of its subentry."""
        subentry_id = await self.join(entry, CHANNELS)
        body = {"digest": DIGEST, "channels": CHANNELS, "alarms": [], "commands": list(commands)}
        await self.send("manifest", body | {"actuators": ACTUATORS if actuators is None else actuators})
        return subentry_id

    async def next_order(self) -> dict[str, Any]:
        """Wait for the next command but `describe` and `set_time`."""
        async with asyncio.timeout(ANSWER_WITHIN_S):
            while True:
                for payload in self._unread():
                    if payload["type"] == "command" and payload["cmd"] not in ("describe", "set_time"):
                        return payload
                await asyncio.sleep(0.01)

    def orders(self) -> list[dict[str, Any]]:
        """Every command that came and was not read yet."""
        return [payload for payload in self._unread() if payload["type"] == "command"]

    async def answer(self, order: dict[str, Any], status: str = "done", **facts: Any) -> None:
        """Answer a command."""
        await self.send("ack", {"cid": order["cid"], "status": status, "hseq": self.hseq, **facts})

    async def obey(self, status: str = "done", **facts: Any) -> dict[str, Any]:
        """Wait for a command, and answer it."""
        order = await self.next_order()
        await self.answer(order, status, **facts)
        return order

    def _unread(self) -> list[dict[str, Any]]:
        found = []
        calls = self._published.call_args_list
        for call in calls[self._read :]:
            self._read += 1
            topic, message = call.args[0], call.args[1]
            if not topic.startswith(f"iiot/{self.id}/"):
                continue
            envelope = codec.split(message)
            assert signing.is_signed_by(self.key, envelope.span, envelope.mac)
            payload = canonical.decode(envelope.span)
            self.hseq = max(self.hseq, payload["hseq"])
            found.append(payload)
            if payload["type"] == "command" and payload["cmd"] not in ("describe", "set_time"):
                break
        return found
