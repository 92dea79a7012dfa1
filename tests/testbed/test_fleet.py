"""The table of the fleet is read from Home Assistant's registries."""

from typing import Any, Self

from testbed.fleet import fleet, table


class FakeSocket:
    """Answers with registries as Home Assistant 2026.10 sends them."""

    def __init__(self, replies: dict[str, Any]) -> None:
        self._replies = replies

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def call(self, command: str) -> Any:
        return self._replies[command]


class FakeApi:
    """A Home Assistant with a hub, one live sensor with a child device, and one that is silent."""

    async def websocket(self) -> FakeSocket:
        devices = [
            device("hub", subentry=None),
            device("pump", subentry="s1"),
            {"id": "bearing", "parent_device_id": "pump"},
            device("tank", subentry="s2"),
            device("stranger", subentry="s3", domain="other"),
        ]
        entities = [
            entity("sensor.pump_state", "pump", "diagnostic"),
            entity("sensor.pump_flow", "pump"),
            entity("sensor.bearing_temperature", "bearing"),
            entity("sensor.tank_level", "tank"),
            entity("sensor.tank_hidden", "tank", disabled_by="integration"),
        ]
        return FakeSocket({"config/device_registry/list": devices, "config/entity_registry/list": entities})

    async def states(self) -> list[dict[str, Any]]:
        values = {"sensor.pump_state": "live", "sensor.pump_flow": "3.5", "sensor.tank_level": "unknown"}
        return [{"entity_id": name, "state": value} for name, value in values.items()]


def device(name: str, subentry: str | None, domain: str = "iiot") -> dict[str, Any]:
    return {
        "id": name,
        "identifiers": [[domain, name]],
        "config_subentry_id": subentry,
        "name": name,
        "name_by_user": None,
        "model": None,
        "parent_device_id": None,
    }


def entity(entity_id: str, device_id: str, category: str | None = None, **more: str) -> dict[str, Any]:
    return {"disabled_by": more.get("disabled_by")} | {
        "entity_id": entity_id,
        "device_id": device_id,
        "entity_category": category,
    }


async def test_a_device_is_live_when_a_reading_has_arrived() -> None:
    pump, tank = await fleet(FakeApi())
    assert (pump.name, pump.connection, pump.live, pump.entities, pump.is_live) == ("pump", "live", 1, 2, True)
    assert (tank.name, tank.connection, tank.live, tank.entities, tank.is_live) == ("tank", "-", 0, 1, False)


async def test_the_table_has_a_line_a_device() -> None:
    lines = table(await fleet(FakeApi())).splitlines()
    assert lines[0].split("  ")[0] == "Device"
    assert lines[1].split() == ["pump", "-", "live", "1", "of", "2"]
    assert len(lines) == 3
