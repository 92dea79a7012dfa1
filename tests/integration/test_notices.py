"""What a person should know and act upon appears under repairs, and goes when it is over."""

from typing import Any

import pytest
from homeassistant.components.repairs import repairs_flow_manager
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component

from custom_components.iiot.bridge.notices import (
    FIXABLE,
    JOURNAL_BEGAN_ANEW,
    JOURNAL_OVERRUN,
    issue_id_of,
    show_notice,
    withdraw_notices,
)
from custom_components.iiot.const import DOMAIN
from custom_components.iiot.engine.effects import Notice
from custom_components.iiot.engine.plant import notices

from .joining import (  # noqa: F401  # fixtures
    DEVICE_ID,
    add_device,
    add_hub,
    expected_lingering_timers,
    hass_config_dir,
)

FACTS: dict[str, dict[str, Any]] = {
    notices.CLOCK: {"skew_s": 412.5},
    notices.MANIFEST: {"reason": "more than 256 channels [x](y)"},
    notices.STORE: {"reason": "the disk is full"},
    JOURNAL_BEGAN_ANEW: {},
    JOURNAL_OVERRUN: {"rows": 7, "readers": "history", "noisiest": "press-07"},
}


def issue(hass: HomeAssistant, entry: ConfigEntry, kind: str, device_id: str | None = None) -> ir.IssueEntry | None:
    return ir.async_get(hass).async_get_issue(DOMAIN, issue_id_of(entry.entry_id, kind, device_id))


async def open_repair(hass: HomeAssistant, issue_id: str) -> Any:
    assert await async_setup_component(hass, "repairs", {})
    manager = repairs_flow_manager(hass)
    assert manager is not None
    return manager, await manager.async_init(DOMAIN, context={"issue_id": issue_id})


@pytest.mark.parametrize("kind", [*notices.KINDS, JOURNAL_BEGAN_ANEW, JOURNAL_OVERRUN])
async def test_a_notice_is_a_repair_until_it_is_withdrawn(hass: HomeAssistant, mqtt_mock: Any, kind: str) -> None:
    entry = await add_hub(hass)
    await add_device(hass, entry, name="Press [7]")
    show_notice(hass, entry, Notice(kind, DEVICE_ID, True, FACTS.get(kind, {})))
    found = issue(hass, entry, kind, DEVICE_ID)
    assert found is not None
    assert found.translation_key == kind
    assert found.is_fixable == (kind in FIXABLE)
    assert found.translation_placeholders is not None
    assert found.translation_placeholders["device"] == "Press [7]"
    assert found.translation_placeholders["name"] == r"Press \[7\]"
    show_notice(hass, entry, Notice(kind, DEVICE_ID, False, {}))
    assert issue(hass, entry, kind, DEVICE_ID) is None


async def test_a_device_cannot_write_a_link_into_a_repair(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass)
    show_notice(hass, entry, Notice(notices.MANIFEST, "unknown", True, FACTS[notices.MANIFEST]))
    found = issue(hass, entry, notices.MANIFEST, "unknown")
    assert found is not None
    assert found.translation_placeholders is not None
    assert found.translation_placeholders["reason"] == r"more than 256 channels \[x\]\(y\)"
    assert found.translation_placeholders["device"] == "unknown"


async def test_notices_of_one_hub_go_with_it_and_leave_those_of_another(hass: HomeAssistant, mqtt_mock: Any) -> None:
    one, two = await add_hub(hass), await add_hub(hass, prefix="north")
    for entry in (one, two):
        show_notice(hass, entry, Notice(notices.HUB_CLOCK, None, True, {}))
    ir.async_create_issue(
        hass, DOMAIN, "other", is_fixable=False, severity=ir.IssueSeverity.WARNING, translation_key="entity_budget"
    )
    withdraw_notices(hass, one.entry_id)
    assert issue(hass, one, notices.HUB_CLOCK) is None
    assert issue(hass, two, notices.HUB_CLOCK) is not None
    assert ir.async_get(hass).async_get_issue(DOMAIN, "other") is not None


@pytest.mark.parametrize(("kind", "flag"), [(notices.TWIN, "has_twin"), (notices.FOREIGN, "is_foreign")])
async def test_a_person_decides_and_the_hub_speaks_to_the_device_again(
    hass: HomeAssistant, mqtt_mock: Any, kind: str, flag: str
) -> None:
    entry = await add_hub(hass)
    await add_device(hass, entry)
    device = entry.runtime_data.hub.plant.members[DEVICE_ID].device
    setattr(device, flag, True)
    show_notice(hass, entry, Notice(kind, DEVICE_ID, True, {}))
    issue_id = issue_id_of(entry.entry_id, kind, DEVICE_ID)
    manager, form = await open_repair(hass, issue_id)
    assert form["step_id"] == "confirm"
    assert form["description_placeholders"]["name"] == r"Press 7"
    assert getattr(device, flag), "nothing happens before the person confirms"
    done = await manager.async_configure(form["flow_id"], {})
    assert done["type"] == "create_entry"
    assert not getattr(device, flag)
    assert issue(hass, entry, kind, DEVICE_ID) is None


async def test_a_repair_waits_while_the_hub_does_not_run(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass)
    await add_device(hass, entry)
    show_notice(hass, entry, Notice(notices.TWIN, DEVICE_ID, True, {}))
    issue_id = issue_id_of(entry.entry_id, notices.TWIN, DEVICE_ID)
    manager, form = await open_repair(hass, issue_id)
    await entry.runtime_data.hub.async_stop()
    result = await manager.async_configure(form["flow_id"], {})
    assert (result["type"], result["reason"]) == ("abort", "hub_not_running")
