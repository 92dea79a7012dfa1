"""What Home Assistant shows of the fleet: one row a device."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .api import Api
from .plant import DOMAIN

CONNECTIONS = ("live", "late", "asleep", "lost")
NOT_LIVE = ("unknown", "unavailable")


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One device of the fleet as Home Assistant shows it."""

    name: str
    model: str
    connection: str
    """State of the health entity that tells the connection (`live | late | asleep | lost`), or `-`."""
    live: int
    """Entities with a value, health entities not counted."""
    entities: int
    """Enabled entities, health entities not counted."""

    @property
    def is_live(self) -> bool:
        """Whether at least one reading has arrived."""
        return self.live > 0


async def fleet(api: Api) -> list[Row]:
    """Return the devices of all hubs, by name; hubs and services left out."""
    async with await api.websocket() as socket:
        devices: list[dict[str, Any]] = await socket.call("config/device_registry/list")
        entities: list[dict[str, Any]] = await socket.call("config/entity_registry/list")
    states = {state["entity_id"]: state["state"] for state in await api.states()}
    ours = [device for device in devices if _is_fleet_device(device)]
    rows = [_row(device, _entities_of(device, devices, entities), states) for device in ours]
    return sorted(rows, key=lambda row: row.name)


def table(rows: Iterable[Row]) -> str:
    """Return the rows as a text table."""
    cells = [("Device", "Model", "State", "Entities live")]
    cells += [(row.name, row.model, row.connection, f"{row.live} of {row.entities}") for row in rows]
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells
    )


def _is_fleet_device(device: dict[str, Any]) -> bool:
    """Hub devices belong to no subentry and child devices to a parent: neither is a device of the fleet."""
    identified = any(identifier[0] == DOMAIN for identifier in device.get("identifiers", ()))
    return identified and device.get("config_subentry_id") is not None and device.get("parent_device_id") is None


def _entities_of(
    device: dict[str, Any], devices: list[dict[str, Any]], entities: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    family = {device["id"]} | {one["id"] for one in devices if one.get("parent_device_id") == device["id"]}
    return [entity for entity in entities if entity["device_id"] in family and entity["disabled_by"] is None]


def _row(device: dict[str, Any], entities: list[dict[str, Any]], states: dict[str, str]) -> Row:
    readings = [entity["entity_id"] for entity in entities if entity["entity_category"] is None]
    health = [states.get(entity["entity_id"], "") for entity in entities if entity["entity_category"] == "diagnostic"]
    return Row(
        name=device["name_by_user"] or device["name"] or "?",
        model=device["model"] or "-",
        connection=next((state for state in health if state in CONNECTIONS), "-"),
        live=sum(states.get(entity_id, NOT_LIVE[0]) not in NOT_LIVE for entity_id in readings),
        entities=len(readings),
    )
