"""Each site has a screen of its own: generated, refreshed, removed; and a person's once they have changed it."""

import json
from pathlib import Path

import pytest
from homeassistant.components.frontend import DATA_PANELS, async_panel_exists
from homeassistant.components.lovelace.const import LOVELACE_DATA
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers import area_registry as ar
from homeassistant.helpers import device_registry as dr
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import async_capture_events, async_fire_time_changed
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.iiot.panel import async_forget
from custom_components.iiot.panel.site import Site, SiteArea, SiteDevice, SitePoint
from custom_components.iiot.panel.views import MAX_DEVICES, WORDS, build

from .field import FieldDevice, entity_id
from .joining import (
    add_hub,
    answer,
    expected_lingering_timers,  # noqa: F401
    hass_config_dir,  # noqa: F401
    settle,
)

pytestmark = pytest.mark.usefixtures("mqtt_mock")

PATH = "iiot-hall-3"
FOLDER = Path(__file__).parents[2] / "custom_components" / "iiot"


async def start(hass: HomeAssistant) -> ConfigEntry:
    assert await async_setup_component(hass, "lovelace", {})
    return await add_hub(hass)


async def shown(hass: HomeAssistant) -> dict:
    return await hass.data[LOVELACE_DATA].dashboards[PATH].async_load(force=False)


def cards(config: dict) -> list[dict]:
    return [card for view in config["views"] for section in view["sections"] for card in section["cards"]]


async def test_it_shows_the_fleet_and_then_the_areas(hass: HomeAssistant) -> None:
    entry = await start(hass)
    station = await FieldDevice(hass).join(entry, power={"battery": 12}, loc=[52.5, 13.4])
    await FieldDevice(hass, "press-08").join(entry)
    area = ar.async_get(hass).async_create("Boiler room", icon="mdi:fire")
    device = dr.async_get(hass).async_get_device_by_identifier(("iiot", f"{entry.entry_id}:{station}"), entry.entry_id)
    dr.async_get(hass).async_update_device(device.id, area_id=area.id, name_by_user="Big press")

    config = await shown(hass)

    assert [view["title"] for view in config["views"]] == ["Fleet", "Boiler room", "No area"]
    first = config["views"][0]["sections"][0]["cards"]
    assert [card["name"] for card in first[1:]] == [
        "Live", "Late", "Asleep", "Lost", "Waiting", "Refused"
    ]  # fmt: skip
    above_0 = [[{"condition": "numeric_state", "entity": card["entity"], "above": 0}] for card in first[1:]]
    assert [card.get("visibility") for card in first[1:]] == [
        None, above_0[1], None, above_0[3], None, above_0[5]
    ]  # fmt: skip
    temperature = entity_id(hass, "sensor", station, "temperature")
    boiler = config["views"][1]["sections"][0]["cards"]
    assert boiler[0]["heading"] == "Big press"
    assert (boiler[1]["entity"], boiler[1]["name"]) == (temperature, "Temperature")
    assert boiler[1]["features"] == [{"type": "trend-graph", "hours_to_show": 1}]
    assert [len(card["entities"]) for card in cards(config) if card["type"] == "map"] == [1]
    filters = [card for card in cards(config) if card["type"] == "entity-filter"]
    assert [len(card["entities"]) for card in filters] == [2, 1]
    assert all(hass.states.get(card["entity"]) for card in cards(config) if card["type"] == "tile")


async def test_it_is_in_the_sidebar_while_the_hub_is_loaded(
    hass: HomeAssistant, hass_ws_client: WebSocketGenerator
) -> None:
    entry = await start(hass)
    client = await hass_ws_client(hass)
    await client.send_json_auto_id({"type": "lovelace/config", "url_path": PATH})
    answer = await client.receive_json()
    assert answer["result"]["title"] == "Hall 3"

    assert await hass.config_entries.async_unload(entry.entry_id)
    assert not async_panel_exists(hass, PATH)
    assert PATH not in hass.data[LOVELACE_DATA].dashboards


async def test_the_sidebar_follows_the_name_of_the_site(hass: HomeAssistant) -> None:
    entry = await start(hass)
    hass.config_entries.async_update_entry(entry, title="Press hall")
    await settle(hass)
    assert hass.data[DATA_PANELS][PATH].sidebar_title == "Press hall"


async def test_its_address_stays_when_the_site_gets_another_name(hass: HomeAssistant) -> None:
    entry = await start(hass)
    form = await answer(hass, await entry.start_reconfigure_flow(hass), next_step_id="change_site")
    await answer(hass, form, name="Press hall", prefix="iiot", fleet_key="keep")
    await settle(hass)
    assert async_panel_exists(hass, PATH)
    assert hass.data[DATA_PANELS][PATH].sidebar_title == "Press hall"
    assert not async_panel_exists(hass, "iiot-press-hall")
    other = await add_hub(hass, prefix="north", title="Hall 3")
    assert other.data["dashboard"] == f"{PATH}-2"


async def test_it_speaks_the_language_of_the_house(hass: HomeAssistant) -> None:
    entry = await start(hass)
    await FieldDevice(hass).join(entry)
    hass.config.language = "de"
    words = json.loads((FOLDER / "translations" / "de.json").read_text("utf-8"))["selector"]["dashboard"]["options"]
    config = await shown(hass)
    assert [view["title"] for view in config["views"]] == [words["fleet"], words["no_area"]]
    first = config["views"][0]["sections"][0]["cards"]
    assert first[1]["name"] == words["live"]


def test_its_english_is_that_of_the_translations() -> None:
    words = json.loads((FOLDER / "translations" / "en.json").read_text("utf-8"))["selector"]["dashboard"]["options"]
    assert words == WORDS


async def test_two_sites_of_one_name_have_two_screens(hass: HomeAssistant) -> None:
    await start(hass)
    await add_hub(hass, prefix="plant/b")
    assert async_panel_exists(hass, PATH)
    assert async_panel_exists(hass, f"{PATH}-2")


async def test_open_screens_follow_devices(hass: HomeAssistant) -> None:
    entry = await start(hass)
    refreshed = async_capture_events(hass, "lovelace_updated")
    await FieldDevice(hass).join(entry)
    await FieldDevice(hass, "press-08").join(entry)
    assert refreshed == []
    async_fire_time_changed(hass, fire_all=True)
    await settle(hass)
    assert [event.data for event in refreshed] == [{"url_path": PATH}]


async def test_what_a_person_made_of_it_stays(hass: HomeAssistant, hass_ws_client: WebSocketGenerator) -> None:
    entry = await start(hass)
    client = await hass_ws_client(hass)
    own = {"views": [{"title": "Mine"}]}
    await client.send_json_auto_id({"type": "lovelace/config/save", "url_path": PATH, "config": own})
    assert (await client.receive_json())["success"]
    assert await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    assert await shown(hass) == own
    dashboard = hass.data[LOVELACE_DATA].dashboards[PATH]
    assert await dashboard.async_get_info() == {"mode": "storage", "views": 1}

    await client.send_json_auto_id({"type": "lovelace/config/delete", "url_path": PATH})
    assert (await client.receive_json())["success"]
    assert (await shown(hass))["title"] == "Hall 3"
    assert await dashboard.async_get_info() == {"mode": "auto-gen"}
    await async_forget(hass, entry.entry_id)


async def test_without_dashboards_there_is_none(hass: HomeAssistant) -> None:
    await add_hub(hass)
    assert not async_panel_exists(hass, PATH)


def test_a_large_area_is_cut() -> None:
    point = SitePoint(entity_id="sensor.x", name="x", has_graph=True)
    device = SiteDevice(name="d", connection="sensor.c", battery=None, position=None, points=(point,) * 40)
    area = SiteArea(id="hall", name="Hall", icon=None, devices=(device,) * 100)
    config = build(Site(title="Site", fleet={}, areas=(area,)), "iiot-site")
    sections = config["views"][1]["sections"]
    assert len(sections) == MAX_DEVICES
    assert len(sections[0]["cards"]) == 13
    assert sum("features" in card for card in sections[0]["cards"]) == 3
