"""A person settles what the hub cannot decide alone: each repair leads to what ends it."""

from typing import Any

import pytest
from homeassistant.components.repairs import repairs_flow_manager
from homeassistant.config_entries import ConfigEntry
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component

from custom_components.iiot.bridge.notices import (
    ENTITY_BUDGET,
    FIXABLE,
    JOURNAL_BEGAN_ANEW,
    JOURNAL_OVERRUN,
    issue_id_of,
    show_notice,
)
from custom_components.iiot.const import DOMAIN
from custom_components.iiot.engine.effects import Notice
from custom_components.iiot.engine.plant import notices
from custom_components.iiot.repairs import _FLOWS

from .field import FieldDevice
from .joining import (  # noqa: F401  # fixtures
    DEVICE_ID,
    add_device,
    add_hub,
    answer_device_form,
    expected_lingering_timers,
    hass_config_dir,
    open_page,
    settle,
)

pytestmark = pytest.mark.usefixtures("mqtt_mock")


class Repair:
    """One repair, as a person opens it."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry, kind: str, device_id: str | None = DEVICE_ID) -> None:
        self._hass = hass
        self._id = issue_id_of(entry.entry_id, kind, device_id)
        show_notice(hass, entry, Notice(kind, device_id, True, {}))

    async def open(self) -> Any:
        assert await async_setup_component(self._hass, "repairs", {})
        manager = repairs_flow_manager(self._hass)
        assert manager is not None
        self._manager = manager
        self._form = await manager.async_init(DOMAIN, context={"issue_id": self._id})
        return self._form

    async def choose(self, option: str) -> Any:
        return await self._manager.async_configure(self._form["flow_id"], {"next_step_id": option})

    async def submit(self) -> Any:
        return await self._manager.async_configure(self._form["flow_id"], {})

    @property
    def stands(self) -> bool:
        return ir.async_get(self._hass).async_get_issue(DOMAIN, self._id) is not None


def device_of(entry: ConfigEntry) -> Any:
    return entry.runtime_data.hub.plant.members[DEVICE_ID].device


def test_each_repair_that_a_person_can_settle_has_its_way() -> None:
    assert set(_FLOWS) == FIXABLE


@pytest.mark.parametrize(("kind", "flag"), [(notices.TWIN, "has_twin"), (notices.FOREIGN, "is_foreign")])
async def test_the_hub_speaks_to_the_device_again(hass: HomeAssistant, kind: str, flag: str) -> None:
    entry = await add_hub(hass)
    await add_device(hass, entry)
    setattr(device_of(entry), flag, True)
    repair = Repair(hass, entry, kind)
    menu = await repair.open()
    assert (menu["type"], menu["step_id"]) == ("menu", "decide")
    assert menu["description_placeholders"]["name"] == "Press 7"
    assert getattr(device_of(entry), flag), "nothing happens before the person decides"
    assert (await repair.choose("go_on"))["type"] == "create_entry"
    assert not getattr(device_of(entry), flag)
    assert not repair.stands


@pytest.mark.parametrize("kind", [notices.TWIN, notices.FOREIGN, notices.KEY])
async def test_a_device_gets_another_key_in_its_own_form(hass: HomeAssistant, kind: str) -> None:
    entry = await add_hub(hass)
    await add_device(hass, entry)
    repair = Repair(hass, entry, kind)
    await repair.open()
    end = await (repair.submit() if kind == notices.KEY else repair.choose("new_key"))
    assert (end["type"], end["reason"]) == ("abort", "change_device")
    assert end["next_flow"][0] == "config_subentries_flow"
    assert repair.stands, "nothing is settled before the key is there"
    forms = hass.config_entries.subentries
    details = {"name": "Press 7", "key_source": "generate"}
    form = await forms.async_configure(end["next_flow"][1], details)
    entry.runtime_data.hub.plant.recall([(kind, DEVICE_ID)])
    await forms.async_configure(form["flow_id"], {})
    await settle(hass)
    assert not repair.stands


async def test_a_hub_stands_back_from_one_device_for_another_hub(hass: HomeAssistant) -> None:
    entry = await add_hub(hass)
    subentry_id = await add_device(hass, entry)
    device_of(entry).is_foreign = True
    repair = Repair(hass, entry, notices.FOREIGN)
    await repair.open()
    assert (await repair.choose("stand_back"))["type"] == "create_entry"
    await settle(hass)
    assert device_of(entry).stands_back
    assert not entry.runtime_data.hub.plant.settings.listen_only, "the others are commanded as before"
    assert not repair.stands
    assert await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    assert device_of(entry).stands_back
    form = await open_page(hass, entry, "commander")
    end = await answer_device_form(hass, form, stands_back=False)
    assert (end["type"], end["reason"]) == ("abort", "commander_changed")
    await settle(hass)
    assert not device_of(entry).stands_back
    repair = Repair(hass, entry, notices.FOREIGN)
    await repair.open()
    hass.config_entries.async_remove_subentry(entry, subentry_id)
    assert (await repair.choose("stand_back"))["reason"] == "device_gone"


@pytest.mark.parametrize("kind", [notices.CLOCK, notices.MANIFEST])
async def test_a_device_is_asked_again(hass: HomeAssistant, kind: str) -> None:
    entry = await add_hub(hass)
    await add_device(hass, entry)
    repair = Repair(hass, entry, kind)
    assert (await repair.open())["step_id"] == "confirm"
    wants = entry.runtime_data.hub.plant.members[DEVICE_ID].wants
    wants.poll_due_ns = None
    assert (await repair.submit())["type"] == "create_entry"
    assert wants.poll_due_ns is not None
    assert not repair.stands


async def test_a_hub_that_only_listens_asks_nobody(hass: HomeAssistant) -> None:
    entry = await add_hub(hass, listen_only=True)
    await add_device(hass, entry)
    repair = Repair(hass, entry, notices.MANIFEST)
    await repair.open()
    end = await repair.submit()
    assert (end["type"], end["reason"]) == ("abort", "listen_only")
    assert repair.stands


@pytest.mark.parametrize("kind", [JOURNAL_OVERRUN, JOURNAL_BEGAN_ANEW])
async def test_what_cannot_be_undone_is_read_and_done_with(hass: HomeAssistant, kind: str) -> None:
    entry = await add_hub(hass)
    repair = Repair(hass, entry, kind, None)
    assert (await repair.open())["step_id"] == "confirm"
    assert repair.stands
    assert (await repair.submit())["type"] == "create_entry"
    assert not repair.stands


async def test_diagnostic_entities_make_room(hass: HomeAssistant) -> None:
    entry = await add_hub(hass)
    await FieldDevice(hass).join(entry)
    registry = er.async_get(hass)

    def enabled() -> list[er.RegistryEntry]:
        found = er.async_entries_for_config_entry(registry, entry.entry_id)
        return [one for one in found if one.disabled_by is None]

    diagnostic = [
        one.entity_id
        for one in enabled()
        if one.config_subentry_id and one.entity_category is EntityCategory.DIAGNOSTIC
    ]
    assert diagnostic
    others = {one.entity_id for one in enabled()} - set(diagnostic)
    repair = Repair(hass, entry, ENTITY_BUDGET, None)
    form = await repair.open()
    assert form["description_placeholders"]["diagnostic"] == str(len(diagnostic))
    assert form["description_placeholders"]["devices"].startswith(r"- Press\-07\: ")
    assert (await repair.submit())["type"] == "create_entry"
    await settle(hass)
    assert {one.entity_id for one in enabled()} == others
    assert all(registry.entities[name].entity_category is EntityCategory.DIAGNOSTIC for name in diagnostic)

    repair = Repair(hass, entry, ENTITY_BUDGET, None)
    await repair.open()
    end = await repair.submit()
    assert (end["type"], end["reason"]) == ("abort", "nothing_to_disable")


async def test_a_repair_waits_while_the_hub_does_not_run(hass: HomeAssistant) -> None:
    entry = await add_hub(hass)
    await add_device(hass, entry)
    repair = Repair(hass, entry, notices.TWIN)
    await repair.open()
    await entry.runtime_data.hub.async_stop()
    end = await repair.choose("go_on")
    assert (end["type"], end["reason"]) == ("abort", "hub_not_running")
    assert repair.stands


async def test_a_repair_of_a_device_that_has_gone_ends(hass: HomeAssistant) -> None:
    entry = await add_hub(hass)
    repair = Repair(hass, entry, notices.KEY)
    await repair.open()
    end = await repair.submit()
    assert (end["type"], end["reason"]) == ("abort", "device_gone")


async def test_a_repair_that_ended_while_it_was_open_says_no_names(hass: HomeAssistant) -> None:
    entry = await add_hub(hass)
    await add_device(hass, entry)
    repair = Repair(hass, entry, notices.KEY)
    await repair.open()
    show_notice(hass, entry, Notice(notices.KEY, DEVICE_ID, False, {}))
    assert (await repair.submit())["reason"] == "change_device"
