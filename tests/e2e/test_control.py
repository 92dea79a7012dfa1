"""A pump of the plant is moved from Home Assistant, and says itself what it did."""

from typing import Any

from .house import until
from .works import Site, Works


async def pumps(works: Works, site: Site) -> list[str]:
    """Ids of the devices that have a fan to be switched."""
    view = await works.view(site)
    return [device_id for device_id in view.subentries if view.value(device_id, "set.fan") is not None]


async def test_a_control_moves_a_device_and_shows_what_it_reports(works: Works) -> None:
    site = works.factory
    found = await until(lambda: pumps(works, site), bool, "pumps with a fan")
    device_id = found[0]

    async def fan() -> tuple[str | None, str | None]:
        view = await works.view(site)
        return view.value(device_id, "set.fan"), view.value(device_id, "fan")

    entity = (await works.view(site)).state(device_id, "set.fan")
    assert entity is not None
    for action, shown in (("turn_on", "on"), ("turn_off", "off")):
        async with works.api() as api:
            await api.post(f"/api/services/switch/{action}", {"entity_id": entity["entity_id"]})
        await until(fan, lambda seen, shown=shown: seen == (shown, shown), f"the fan {shown}")


async def test_an_action_brings_each_devices_answer(works: Works) -> None:
    site = works.factory
    found = await until(lambda: pumps(works, site), lambda seen: len(seen) > 1, "pumps with a fan")
    pages = [(await works.view(site)).device(device_id)["id"] for device_id in found]

    async def command(args: dict[str, Any]) -> dict[str, dict[str, Any]]:
        async with works.api() as api:
            body = {"device_id": pages, "command": "set", "args": args}
            answer = await api.post("/api/services/iiot/command?return_response", body)
        told: dict[str, dict[str, Any]] = answer["service_response"]["devices"]
        return told

    told = await command({"key": "setpoint", "value": 5.5})
    assert {facts["status"] for facts in told.values()} == {"done"}, told
    assert set(told) == set(pages)

    async def wanted() -> set[str | None]:
        view = await works.view(site)
        return {view.value(device_id, "setpoint") for device_id in found}

    await until(wanted, lambda seen: seen == {"5.5"}, "the pressure wanted")
    refused = await command({"key": "setpoint", "value": 11})
    assert {facts["status"] for facts in refused.values()} == {"refused"}


async def test_devices_that_are_asked_answer_with_their_readings(works: Works) -> None:
    site = works.factory
    found = await until(lambda: pumps(works, site), lambda seen: len(seen) > 1, "pumps with a fan")
    pages = [(await works.view(site)).device(device_id)["id"] for device_id in found]
    async with works.api() as api:
        answer = await api.post("/api/services/iiot/poll?return_response", {"device_id": pages})
    told: dict[str, dict[str, Any]] = answer["service_response"]["devices"]
    assert set(told) == set(pages)
    assert {facts["status"] for facts in told.values()} == {"done"}, told
    assert all("fan" in facts["values"] for facts in told.values())
