"""What people decided holds in a real Home Assistant: for its users, and over a kill."""

from typing import Any

import pytest

from testbed.api import Api
from testbed.errors import ApiError

from .house import until
from .works import Site, Works


async def a_pump(works: Works, site: Site) -> str:
    """A device that has a fan to be switched."""

    async def pumps() -> list[str]:
        view = await works.view(site)
        return [device_id for device_id in view.subentries if view.value(device_id, "set.fan") in ("on", "off")]

    return (await until(pumps, bool, "a pump with a fan"))[0]


async def add_person(api: Api, name: str) -> str:
    """Let a person have an account that is no administrator's; gives its id."""
    async with await api.websocket() as socket:
        told = await socket.call("config/auth/create", name=name, group_ids=["system-users"])
        user_id: str = told["user"]["id"]
        await socket.call(
            "config/auth_provider/homeassistant/create", user_id=user_id, username=name.lower(), password="secret"
        )
    return user_id


async def decide(api: Api, page: str, policy: dict[str, Any]) -> None:
    """The owner decides about a device."""
    await api.post("/api/services/iiot/set_policy", {"device_id": page, "policy": policy})


async def test_a_person_moves_what_the_role_allows(works: Works) -> None:
    site = works.factory
    device_id = await a_pump(works, site)
    view = await works.view(site)
    fan = view.entities[f"{view.subentries[device_id]}_set.fan"]["entity_id"]
    async with works.api() as owner, Api(works.hass.url) as hers:
        user_id = await add_person(owner, "Anna")
        await hers.login("anna", "secret")
        await hers.post("/api/services/switch/turn_on", {"entity_id": fan})
        role = {"config_entry_id": site.entry_id, "user": "Anna"}
        try:
            await owner.post("/api/services/iiot/set_role", {**role, "role": "viewer"})
            with pytest.raises(ApiError):
                await hers.post("/api/services/switch/turn_off", {"entity_id": fan})
            page = view.device(device_id)["id"]
            await owner.post("/api/services/iiot/set_role", {**role, "role": "operator", "device_id": page})
            await hers.post("/api/services/switch/turn_off", {"entity_id": fan})
            async with await hers.websocket() as socket:
                told = await socket.call("iiot/roles/list", config_entry_id=site.entry_id)
            assert [(one["user_id"], one["role"]) for one in told["grants"]] == [
                (user_id, "viewer"),
                (user_id, "operator"),
            ]
        finally:
            await owner.post("/api/services/iiot/set_role", {**role, "role": "none"})
            await owner.post("/api/services/iiot/set_role", {**role, "role": "none", "device_id": page})


async def test_a_fan_rests_although_home_assistant_is_killed(works: Works) -> None:
    site = works.factory
    device_id = await a_pump(works, site)
    page = (await works.view(site)).device(device_id)["id"]

    async def switch(api: Api, value: bool) -> dict[str, Any]:
        body = {"device_id": page, "command": "set", "args": {"key": "fan", "value": value}}
        answer = await api.post("/api/services/iiot/command?return_response", body)
        (facts,) = answer["service_response"]["devices"].values()
        found: dict[str, Any] = facts
        return found

    async with works.api() as api:
        await decide(api, page, {"interlocks": {"fan": {"minimum_on_s": 3600}}})
        assert (await switch(api, False))["status"] == "done"
        assert (await switch(api, True))["status"] == "done"
        refused = await switch(api, False)
        assert (refused["status"], "has to stay on" in refused["reason"]) == ("refused", True)
    await works.until_saved(site, "minimum_on_s")
    await works.hass.kill()
    await works.hass.start()
    await works.until_live(site)
    async with works.api() as api:
        refused = await switch(api, False)
        assert (refused["status"], "has to stay on" in refused["reason"]) == ("refused", True)
        await decide(api, page, {"interlocks": None})
        assert (await switch(api, False))["status"] == "done"
