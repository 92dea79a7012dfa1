"""What an assistant may read of the fleet: what is exposed to it, in bounds, and nothing that moves."""

from typing import Any

import pytest
from homeassistant.components.homeassistant.exposed_entities import async_expose_entity
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import Context, HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers import llm
from homeassistant.setup import async_setup_component

from custom_components.iiot.llm import EXPLAIN, LIST, MOST_DEVICES, MOST_TEXT, async_get_tools

from .joining import (
    add_device,
    add_hub,
    settle,
)
from .people import act, add_person, machine_at, page_of
from .plant_floor import Machine

ASSISTANT = "conversation"


@pytest.fixture
async def entry(hass: HomeAssistant, mqtt_mock: Any) -> ConfigEntry:
    """One hub in a house with an assistant."""
    assert await async_setup_component(hass, "homeassistant", {})
    assert await async_setup_component(hass, "llm", {})
    return await add_hub(hass)


@pytest.fixture
async def machine(hass: HomeAssistant, entry: ConfigEntry, mqtt_mock: Any) -> Machine:
    """One machine, all of it exposed."""
    machine = await machine_at(hass, entry, mqtt_mock)
    expose(hass, machine)
    return machine


def expose(hass: HomeAssistant, machine: Machine, *, only: str = "", shown: bool = True) -> None:
    for entity in er.async_get(hass).entities.values():
        if entity.unique_id.startswith(machine.subentry_id) and entity.unique_id.endswith(only):
            async_expose_entity(hass, ASSISTANT, entity.entity_id, shown)


def asking(user_id: str | None = None) -> llm.LLMContext:
    return llm.LLMContext(
        platform="test", context=Context(user_id=user_id), language="en", assistant=ASSISTANT, device_id=None
    )


async def call(hass: HomeAssistant, tool: str, user_id: str | None = None, /, **args: Any) -> Any:
    """Let a model call a tool of the assistant; gives what it is told."""
    api = await llm.async_get_api(hass, llm.LLM_API_ASSIST, asking(user_id))
    result = await api.async_call_tool(llm.ToolInput(tool_name=tool, tool_args=args))
    return result.data if isinstance(result, llm.ToolResult) else result


async def test_the_assistant_has_tools_that_only_read(hass: HomeAssistant, machine: Machine) -> None:
    api = await llm.async_get_api(hass, llm.LLM_API_ASSIST, asking())
    ours = [tool for tool in api.tools if tool.name.startswith("iiot__")]
    assert {tool.name for tool in ours} == {LIST, EXPLAIN}
    assert all(tool.annotations.read_only and not tool.annotations.destructive for tool in ours)
    assert LIST in api.api_prompt


async def test_devices_are_listed_with_their_connection(hass: HomeAssistant, machine: Machine) -> None:
    told = await call(hass, LIST)
    assert told["by_connection"] == {"live": 1}
    (device,) = told["devices"]
    assert (device["name"], device["id"], device["site"]) == ("Press-07", "press-07", "Hall 3")
    assert device["last_seen"].startswith("20")
    assert (await call(hass, LIST, name="PRESS", connection="live"))["by_connection"] == {"live": 1}
    assert (await call(hass, LIST, connection="lost"))["devices"] == []
    assert (await call(hass, LIST, name="pump"))["devices"] == []


async def test_a_device_is_explained(hass: HomeAssistant, entry: ConfigEntry, machine: Machine) -> None:
    await machine.read(flap=12.5, q={"flap": "bad"}, program="run")
    asked = act(hass, "iiot", "command", device_id=page_of(hass, entry, machine).id, command="restart")
    await machine.obey("done", reason="x" * 200)
    await asked
    machine.key = bytes(32)
    await machine.beat()
    told = await call(hass, EXPLAIN, name="press-07")
    assert told["connection"] == "live"
    assert "as often as it should" in told["meaning"]
    assert told["refused"]["bad_mac"]["count"] == 1
    assert told["refused"]["bad_mac"]["meaning"].startswith("The signature does not fit.")
    assert told["values"]["flap"]["quality"] == "bad"
    assert told["values"]["program"]["value"] == "run"
    (command,) = [one for one in told["commands"] if one["command"] == "restart"]
    assert command["outcome"] == "done"
    assert len(command["reason"]) == MOST_TEXT
    assert machine.key.hex() not in str(told)


async def test_open_repairs_are_named(hass: HomeAssistant, entry: ConfigEntry, machine: Machine) -> None:
    await machine.beat(hseq=4_000_000_000)
    await settle(hass)
    kinds = [issue.translation_key for issue in ir.async_get(hass).issues.values() if issue.domain == "iiot"]
    assert kinds
    assert (await call(hass, EXPLAIN, name="Press-07"))["repairs"] == kinds


async def test_only_what_is_exposed_is_told(hass: HomeAssistant, machine: Machine) -> None:
    await machine.read(flap=12.5, program="run")
    expose(hass, machine, only="_flap", shown=False)
    assert set((await call(hass, EXPLAIN, name="press"))["values"]) == {"program"}
    expose(hass, machine, shown=False)
    assert async_get_tools(hass, asking(), llm.LLM_API_ASSIST) is None


async def test_only_what_the_person_may_read_is_told(hass: HomeAssistant, machine: Machine) -> None:
    anna = await add_person(hass, "Anna")
    assert (await call(hass, LIST, anna.id))["by_connection"] == {"live": 1}
    anna.groups = []
    anna.invalidate_cache()
    assert (await call(hass, LIST, anna.id))["devices"] == []
    assert (await call(hass, LIST, "nobody-we-know"))["devices"] == []


async def test_a_name_that_does_not_fit_is_said(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine, mqtt_mock: Any
) -> None:
    told = await call(hass, EXPLAIN, name="pump")
    assert told["error"] == "there is no such device"
    expose(hass, await machine_at(hass, entry, mqtt_mock, "press-08"))
    told = await call(hass, EXPLAIN, name="press")
    assert "several devices fit" in told["error"]
    assert told["devices"] == ["Press-07", "Press-08"]


async def test_a_list_is_bounded(hass: HomeAssistant, entry: ConfigEntry, machine: Machine) -> None:
    for number in range(MOST_DEVICES + 1):
        await add_device(hass, entry, f"d{number}", bytes(32))
    await settle(hass)
    for entity in er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id):
        async_expose_entity(hass, ASSISTANT, entity.entity_id, should_expose=True)
    told = await call(hass, LIST)
    assert len(told["devices"]) == MOST_DEVICES
    assert told["left_out"] == 2


async def test_without_a_hub_that_runs_there_are_no_tools(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine
) -> None:
    assert async_get_tools(hass, asking(), "another") is None
    await hass.config_entries.async_unload(entry.entry_id)
    assert async_get_tools(hass, asking(), llm.LLM_API_ASSIST) is None
