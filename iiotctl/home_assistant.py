"""Through Home Assistant, with a token: its registries, its states, its actions. The hub stays the only commander."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Sequence
from typing import Any, Final, Self

from .errors import RefusedError
from .fleet import Order, Outcome, Seen, Value, chosen
from .web_socket import Socket

DOMAIN: Final = "iiot"
POLL: Final = "poll"
CONNECTION: Final = "health.connection"
LAG: Final = "health.data_lag"
REFUSED: Final = "health.refused_messages"
UNKNOWN: Final = ("unknown", "unavailable")
OPEN: Final = ("requested", "sent", "accepted")
"""Steps of a command that is not closed."""
REGISTRY_S: Final = 30.0
"""How old what is known of devices and entities may become."""
SPARE_S: Final = 15.0
"""What an answer may take beyond the lifetime of the command."""
ACT_S: Final = 120.0
"""What an action may take that asks no device."""

type Args = dict[str, Any]

ACTIONS: Final[dict[str, Callable[[Args], tuple[str, Args]]]] = {
    "sleep": lambda args: ("sleep", {"duration": {"seconds": args["for_s"]}}),
    "awake": lambda _: ("awake", {}),
    "set_interval": lambda args: ("set_sample_interval", {"duration": {"seconds": args["s"]}, **_channel(args)}),
    "set_rate": lambda args: ("set_sample_rate", {"rate": args["hz"], **_channel(args)}),
    POLL: lambda args: (POLL, {"channels": args["ch"]} if "ch" in args else {}),
}
"""Command of the wire → action with its fields; every other one goes by `command`."""


class HomeAssistant:
    """A way in that leaves commanding to the hub."""

    def __init__(self, url: str, token: str, tls: ssl.SSLContext | None = None) -> None:
        self._url = url
        self._token = token
        self._tls = tls
        self._socket: Socket
        self._stations: dict[str, dict[str, Any]] = {}
        """Registry id → device."""
        self._entities: list[dict[str, Any]] = []
        self._states: dict[str, dict[str, Any]] = {}
        self._pending: dict[str, str] = {}
        self._read_s: float | None = None

    async def __aenter__(self) -> Self:
        self._socket = await Socket.connect(self._url, self._token, self._tls)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._socket.close()

    # --- what is there -------------------------------------------------------------------

    async def devices(self) -> list[Seen]:
        """Every device of every site that runs in this Home Assistant."""
        await self._refresh()
        by_device: dict[str, dict[str, dict[str, Any]]] = {}
        for entity in self._entities:
            key = entity["unique_id"].partition("_")[2]
            by_device.setdefault(entity["device_id"], {})[key] = entity
        found = [self._seen(station, by_device.get(name, {})) for name, station in self._stations.items()]
        return sorted(found, key=lambda seen: seen.name.casefold())

    async def _refresh(self) -> None:
        """Read the registries when they may have changed; states are told as they change."""
        now_s = asyncio.get_running_loop().time()
        if self._read_s is None:
            await self._socket.subscribe(self._state_changed, "subscribe_events", event_type="state_changed")
            if (await self._socket.ask("auth/current_user"))["is_admin"]:  # others see no pending commands
                await self._socket.subscribe(self._told, "subscribe_events", event_type="iiot_device")
            self._states = {one["entity_id"]: one for one in await self._socket.ask("get_states")}
        elif now_s - self._read_s < REGISTRY_S:
            return
        self._read_s = now_s
        devices = await self._socket.ask("config/device_registry/list")
        self._stations = {one["id"]: one for one in devices if _is_station(one)}
        entities = await self._socket.ask("config/entity_registry/list")
        self._entities = [one for one in entities if one["platform"] == DOMAIN and one["device_id"] in self._stations]

    def _state_changed(self, event: dict[str, Any]) -> None:
        data = event["data"]
        if data["new_state"] is None:
            self._states.pop(data["entity_id"], None)
        else:
            self._states[data["entity_id"]] = data["new_state"]

    def _told(self, event: dict[str, Any]) -> None:
        data = event["data"]
        if data.get("kind") != "command" or "device" not in data:
            return
        if data["step"] in OPEN:
            self._pending[data["device"]] = f"{data['command']}: {data['step']}"
        else:
            self._pending.pop(data["device"], None)

    def _seen(self, station: dict[str, Any], entities: dict[str, dict[str, Any]]) -> Seen:
        refused = self._number(entities.get(REFUSED))
        device_id = station["serial_number"]
        return Seen(
            id=device_id,
            name=station["name_by_user"] or station["name"] or device_id,
            model=station["model"] or "",
            state=self._text(entities.get(CONNECTION)) or "unknown",
            lag_s=self._number(entities.get(LAG)),
            values=tuple(
                value
                for key, entity in entities.items()
                if "." not in key and entity["entity_category"] is None and (value := self._value(key, entity))
            ),
            pending=self._pending.get(device_id, ""),
            refused=None if refused is None else int(refused),
        )

    def _value(self, key: str, entity: dict[str, Any]) -> Value | None:
        state = self._states.get(entity["entity_id"])
        if state is None:
            return None
        name = entity["name"] or entity["original_name"] or key
        return Value(
            key=key, name=name, value=state["state"], unit=state["attributes"].get("unit_of_measurement") or ""
        )

    def _text(self, entity: dict[str, Any] | None) -> str | None:
        state = None if entity is None else self._states.get(entity["entity_id"])
        return None if state is None or state["state"] in UNKNOWN else str(state["state"])

    def _number(self, entity: dict[str, Any] | None) -> float | None:
        text = self._text(entity)
        return None if text is None else float(text)

    async def sites(self) -> dict[str, str]:
        """Entry id → name, of every site that runs in this Home Assistant."""
        devices = await self._socket.ask("config/device_registry/list")
        return {name: one["name_by_user"] or one["name"] or name for one in devices if (name := _site_of(one))}

    # --- asking ----------------------------------------------------------------------------

    async def order(self, order: Order, names: Sequence[str]) -> list[Outcome]:
        """Ask devices by the integration's actions, and bring what each of them made of it."""
        await self._refresh()
        wanted = {seen.id for seen in chosen(await self.devices(), names)}
        targets = [name for name, station in self._stations.items() if station["serial_number"] in wanted]
        if not targets:
            raise RefusedError("Home Assistant has no device of this integration")
        action, fields = _action(order)
        told = await self.act(action, fields, targets, within_s=order.life_s + SPARE_S)
        return [_outcome(facts) for facts in told["devices"].values()]

    async def act(self, action: str, fields: Args, targets: Sequence[str] = (), within_s: float = ACT_S) -> Args:
        """Call an action of the integration; gives its response, or raises `RefusedError` in its words."""
        told = await self._socket.ask(
            "call_service",
            within_s=within_s,
            domain=DOMAIN,
            service=action,
            service_data=fields,
            return_response=True,
            **({"target": {"device_id": list(targets)}} if targets else {}),
        )
        response: Args = told["response"]
        return response


def _action(order: Order) -> tuple[str, Args]:
    made = ACTIONS.get(order.name)
    action, fields = ("command", {"command": order.name, "args": order.args}) if made is None else made(order.args)
    if action == POLL:  # answered at once or not at all
        return action, fields
    return action, {**fields, "lifetime": {"seconds": order.life_s}, "wait_for_device": order.waits}


def _site_of(device: dict[str, Any]) -> str | None:
    """The entry of which this is the hub itself; those of its devices have more in their identifier."""
    return next((name for domain, name in device["identifiers"] if domain == DOMAIN and ":" not in name), None)


def _is_station(device: dict[str, Any]) -> bool:
    return bool(device["serial_number"]) and any(one[0] == DOMAIN for one in device["identifiers"])


def _channel(args: Args) -> Args:
    return {"channel": args["ch"]} if "ch" in args else {}


def _outcome(facts: dict[str, Any]) -> Outcome:
    read = {name: facts[name] for name in ("values", "failed") if name in facts}
    return Outcome(
        id=facts["id"],
        name=facts["name"],
        status=facts["status"],
        reason=facts.get("reason", ""),
        result=facts.get("result", read or None),
        command_id=facts.get("command_id", ""),
    )
