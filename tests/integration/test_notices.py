"""What a person should know and act upon appears under repairs, and goes when it is over."""

from typing import Any

import pytest
from homeassistant.config_entries import ConfigEntry, ConfigEntryDisabler
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir

from custom_components.iiot.bridge.notices import (
    ENTITY_BUDGET,
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
    DEVICE_KEY,
    OTHER_KEY,
    add_device,
    add_hub,
    call,
    expected_lingering_timers,
    hass_config_dir,
    settle,
)

FACTS: dict[str, dict[str, Any]] = {
    notices.CLOCK: {"skew_s": 412.5},
    notices.MANIFEST: {"reason": "more than 256 channels [x](y)"},
    notices.STORE: {"reason": "the disk is full"},
    notices.PROTOCOL: {"version": 2, "known": 1},
    JOURNAL_BEGAN_ANEW: {},
    JOURNAL_OVERRUN: {"rows": 7, "readers": "history", "noisiest": "press-07"},
    ENTITY_BUDGET: {"enabled": 8_000},
}


def issue(hass: HomeAssistant, entry: ConfigEntry, kind: str, device_id: str | None = None) -> ir.IssueEntry | None:
    return ir.async_get(hass).async_get_issue(DOMAIN, issue_id_of(entry.entry_id, kind, device_id))


@pytest.mark.parametrize("kind", [*notices.KINDS, JOURNAL_BEGAN_ANEW, JOURNAL_OVERRUN, ENTITY_BUDGET])
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


async def test_what_a_person_ignores_stays_ignored_over_a_restart_of_the_hub(
    hass: HomeAssistant, mqtt_mock: Any
) -> None:
    entry = await add_hub(hass)
    await add_device(hass, entry)
    for device_id in (DEVICE_ID, "gone"):
        show_notice(hass, entry, Notice(notices.CLOCK, device_id, True, FACTS[notices.CLOCK]))
    show_notice(hass, entry, Notice(JOURNAL_OVERRUN, None, True, FACTS[JOURNAL_OVERRUN]))
    issue_id = issue_id_of(entry.entry_id, notices.CLOCK, DEVICE_ID)
    ir.async_get(hass).async_ignore(DOMAIN, issue_id, True)
    assert await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    ignored = issue(hass, entry, notices.CLOCK, DEVICE_ID)
    assert ignored is not None
    assert ignored.dismissed_version is not None
    assert issue(hass, entry, notices.CLOCK, "gone") is None, "it left while the hub did not run"
    assert issue(hass, entry, JOURNAL_OVERRUN) is not None
    await call(hass, DEVICE_KEY)
    assert issue(hass, entry, notices.CLOCK, DEVICE_ID) is None, "its clock is right"


async def test_a_disabled_hub_asks_for_no_repairs(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass)
    show_notice(hass, entry, Notice(notices.HUB_CLOCK, None, True, {}))
    await hass.config_entries.async_set_disabled_by(entry.entry_id, ConfigEntryDisabler.USER)
    assert issue(hass, entry, notices.HUB_CLOCK) is None


async def test_a_lost_device_under_another_key_asks_for_it(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass)
    await add_device(hass, entry)
    for seq in range(1, 4):
        await call(hass, OTHER_KEY, seq=seq)
    assert issue(hass, entry, notices.KEY, DEVICE_ID) is not None
    await call(hass, DEVICE_KEY, seq=9)
    assert issue(hass, entry, notices.KEY, DEVICE_ID) is None
