"""What pages and scripts may ask of a hub: roles and policies, by role, not by the rights of an administrator."""

from typing import Any

import pytest
from homeassistant.auth.models import User
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from pytest_homeassistant_custom_component.common import async_capture_events
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.iiot.const import EVENT_DEVICE
from custom_components.iiot.engine.actuation.roles import Level, Role

from .joining import (
    settle,
)
from .people import act, add_person, ask, grant, machine_at, page_of, policy_in
from .plant_floor import Machine

VIEWER, OPERATOR, ENGINEER = Role
LOCK = {"interlocks": {"fan": {"read_only": True}}}


class Page:
    """A page that a person has open."""

    def __init__(self, client: Any) -> None:
        self._client = client

    async def ask(self, command: str, **fields: Any) -> Any:
        """Give the result of a command, or the code of its refusal."""
        await self._client.send_json_auto_id({"type": f"iiot/{command}", **fields})
        reply = await self._client.receive_json()
        return reply["result"] if reply["success"] else reply["error"]["code"]


async def page_for(hass: HomeAssistant, hass_ws_client: WebSocketGenerator, user: User) -> Page:
    """Let a person open a page."""
    token = hass.auth.async_create_access_token(
        await hass.auth.async_create_refresh_token(user, client_id="https://example.org/")
    )
    return Page(await hass_ws_client(hass, token))


async def test_roles_are_listed_and_granted(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine, anna: User, hass_ws_client: WebSocketGenerator
) -> None:
    bert = await add_person(hass, "Bert")
    chief = await add_person(hass, "Chief", admin=True)
    site, page = {"config_entry_id": entry.entry_id}, await page_for(hass, hass_ws_client, chief)
    assert await page.ask("roles/list", **site) == {**site, "own": "engineer", "grants": []}
    device = {"level": "device", "id": machine.subentry_id}
    granted = await page.ask("roles/set", **site, user_id=anna.id, node=device, role="engineer")
    assert granted["grants"] == [
        {"user_id": anna.id, "user": "Anna", "node": {**device, "name": "Press-07"}, "role": "engineer"}
    ]
    grant(entry, bert, OPERATOR)
    hers = await page_for(hass, hass_ws_client, anna)
    told = await hers.ask("roles/list", **site)
    assert (told["own"], [one["user"] for one in told["grants"]]) == ("viewer", ["Anna"])
    assert await hers.ask("roles/set", **site, user_id=anna.id, node=device, role=None) == "needs_engineer_above"
    assert await hers.ask("roles/set", **site, user_id="?", node=device, role="viewer") == "no_user"
    assert await hers.ask("roles/set", **site, user_id=anna.id, node=device, role="king") == "invalid_format"
    assert await hers.ask("roles/list", config_entry_id="nothing") == "no_site"
    assert (await page.ask("roles/set", **site, user_id=anna.id, node=device, role=None))["grants"][0]["user"] == "Bert"


async def test_roles_are_not_in_use_before_the_first_grant(
    hass: HomeAssistant, entry: ConfigEntry, anna: User, hass_ws_client: WebSocketGenerator
) -> None:
    page = await page_for(hass, hass_ws_client, anna)
    told = await page.ask("roles/list", config_entry_id=entry.entry_id)
    assert (told["own"], told["grants"]) == (None, [])


async def test_an_engineer_of_a_device_sets_its_policy(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine, anna: User, hass_ws_client: WebSocketGenerator
) -> None:
    device = {"device_id": page_of(hass, entry, machine).id}
    page = await page_for(hass, hass_ws_client, anna)
    assert await page.ask("policy/get", **device) == "needs_admin"
    grant(entry, anna, OPERATOR)
    assert await page.ask("policy/get", **device) == {**device, "policy": {}}
    assert await page.ask("policy/set", **device, policy=LOCK) == "needs_engineer"
    grant(entry, anna, ENGINEER, Level.DEVICE, machine.subentry_id)
    facts = {**device, "name": "Press-07", "policy": LOCK, "changed": ["interlocks"]}
    assert await page.ask("policy/set", **device, policy=LOCK, dry_run=True) == {**facts, "dry_run": True}
    assert policy_in(entry, machine) == {}
    told = async_capture_events(hass, EVENT_DEVICE)
    assert await page.ask("policy/set", **device, policy=LOCK) == {**facts, "dry_run": False}
    await settle(hass)
    assert policy_in(entry, machine) == LOCK
    (event,) = told
    assert (event.data["kind"], event.data["sections"], event.context.user_id) == (
        "policy_changed",
        "interlocks",
        anna.id,
    )
    assert (await page.ask("policy/set", **device, policy=LOCK))["changed"] == []
    assert (await page.ask("policy/set", **device, policy={"interlocks": None}))["policy"] == {}
    assert await page.ask("policy/set", device_id="nothing", policy={}) == "no_device"


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ({"colour": "red"}, "colour is not known"),
        ({"interlocks": {"fan": {"minimum": 1}}}, "interlocks.fan.minimum means nothing for a switch"),
        ({"interlocks": {"speed": {"minimum": 9, "maximum": 1}}}, "must be at most the maximum"),
    ],
)
async def test_what_makes_no_sense_is_refused_with_its_place(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine, policy: dict[str, Any], words: str
) -> None:
    with pytest.raises(ServiceValidationError) as failed:
        await act(hass, "iiot", "set_policy", config_entry_id=entry.entry_id, policy=policy)
    assert words in str(failed.value)
    (facts,) = (await ask(hass, "set_policy", config_entry_id=entry.entry_id, policy=policy))["devices"].values()
    assert words in facts["reason"]
    assert policy_in(entry, machine) == {}


async def test_each_device_of_a_call_is_judged_for_itself(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine, anna: User, mqtt_mock: Any
) -> None:
    pump = await machine_at(hass, entry, mqtt_mock, "pump-01")
    grant(entry, anna, ENGINEER, Level.DEVICE, pump.subentry_id)
    told = await ask(hass, "set_policy", anna, config_entry_id=entry.entry_id, policy=LOCK)
    assert {facts["name"]: facts["changed"] for facts in told["devices"].values()} == {
        "Press-07": [],
        "Pump-01": ["interlocks"],
    }
    assert (policy_in(entry, machine), policy_in(entry, pump)) == ({}, LOCK)
