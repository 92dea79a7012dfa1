"""A site of an older release goes on after the upgrade; one of a newer release says in words why it does not start."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from homeassistant.config_entries import ConfigEntryState, ConfigSubentryData
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.iiot.compose import folder_of
from custom_components.iiot.const import DOMAIN
from custom_components.iiot.engine.stores import migrations
from tests.stores.kept import JOURNAL, KEYS, files_of, kept_entry, kept_site

from .field import state
from .joining import expected_lingering_timers, hass_config_dir, settle  # noqa: F401  # fixtures

pytestmark = pytest.mark.usefixtures("mqtt_mock")


def add_entry(hass: HomeAssistant, **other: Any) -> tuple[MockConfigEntry, Path]:
    """Put the kept site into Home Assistant's folder, and its entry among the entries."""
    kept = kept_entry() | other
    entry = MockConfigEntry(
        domain=DOMAIN,
        entry_id=kept["entry_id"],
        title=kept["title"],
        unique_id=kept["unique_id"],
        data=kept["data"],
        options=kept["options"],
        version=kept["version"],
        minor_version=kept["minor_version"],
        subentries_data=[ConfigSubentryData(**subentry) for subentry in kept["subentries"]],
    )
    entry.add_to_hass(hass)
    return entry, kept_site(folder_of(hass, entry.entry_id))


def told_in(caplog: pytest.LogCaptureFixture, words: str) -> None:
    """Home Assistant's log says it; so the test expects that complaint, and no other."""
    assert words in caplog.text
    caplog.clear()


async def test_a_kept_site_goes_on(hass: HomeAssistant) -> None:
    entry, _ = add_entry(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await settle(hass)
    press, pump, kiln = entry.subentries
    assert state(hass, "sensor", press, "temperature").attributes["description"] == "Sump"
    assert state(hass, "sensor", pump, "health.connection").state == "asleep", "it has a minute to wake up"
    issues = [issue_id for domain, issue_id in ir.async_get(hass).issues if domain == DOMAIN]
    assert issues == [f"{entry.entry_id}_second_commander_kiln-2"]
    hub = entry.runtime_data.hub
    assert hub.plant.members["press-07"].board.values["temperature"].value == 23.5
    assert hub.keys.device_keys(str(entry.subentries[kiln].unique_id))


def newer_journal(folder: Path) -> str:
    with closing(sqlite3.connect(folder / JOURNAL)) as db:
        db.execute("PRAGMA user_version = 9")
    return JOURNAL


def newer_keys(folder: Path) -> str:
    (folder / KEYS).write_text(json.dumps({"version": 9}))
    return KEYS


def newer_state(folder: Path) -> str:
    with closing(sqlite3.connect(folder / JOURNAL)) as db:
        migrations.upgrade_journal(db, 1)
        db.execute("UPDATE devices SET state = ? WHERE device_id = 'press-07'", (b'{"version":9}',))
        db.commit()
    return ""


@pytest.mark.parametrize("newer", [newer_journal, newer_keys, newer_state])
async def test_files_of_a_newer_release_are_refused_in_words_and_left_alone(
    hass: HomeAssistant, caplog: pytest.LogCaptureFixture, newer: Any
) -> None:
    entry, folder = add_entry(hass, subentries=kept_entry()["subentries"][:1])  # so that there are keys to forget
    path = folder / newer(folder)
    before = files_of(folder)
    assert not await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    told_in(caplog, "Error setting up entry Kept site for iiot: A newer release of the integration wrote")
    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert entry.error_reason_translation_key == "newer_store"
    assert f"{path} has format 9" in str(entry.reason)
    assert "Install the newer release again" in str(entry.reason)
    assert files_of(folder) == before


async def test_an_entry_of_a_newer_minor_version_is_refused_in_words(
    hass: HomeAssistant, caplog: pytest.LogCaptureFixture
) -> None:
    entry, folder = add_entry(hass, minor_version=2)
    before = files_of(folder)
    assert not await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    told_in(caplog, "Error migrating entry Kept site for iiot: A newer release of the integration wrote")
    assert entry.state is ConfigEntryState.MIGRATION_ERROR
    assert "they have version 1.2, this release reads up to 1.1" in str(entry.reason)
    assert files_of(folder) == before


async def test_an_entry_of_a_newer_major_version_is_refused_and_a_repair_says_why(
    hass: HomeAssistant, caplog: pytest.LogCaptureFixture
) -> None:
    entry, folder = add_entry(hass, version=2)
    before = files_of(folder)
    assert not await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    told_in(caplog, "Config entry Kept site for iiot has version 2 which is higher than the current version 1")
    assert entry.state is ConfigEntryState.MIGRATION_ERROR
    issue_id = f"{entry.entry_id}_newer_entry"
    issue = ir.async_get(hass).async_get_issue(DOMAIN, issue_id)
    assert issue is not None
    told = issue.translation_placeholders or {}
    assert (told["site"], told["version"], told["known"]) == ("Kept site", r"2\.1", r"1\.1"), "as markdown"
    assert files_of(folder) == before
    await hass.config_entries.async_remove(entry.entry_id)
    assert ir.async_get(hass).async_get_issue(DOMAIN, issue_id) is None


async def test_an_entry_of_an_older_minor_version_is_taken(hass: HomeAssistant) -> None:
    entry, _ = add_entry(hass, minor_version=0)
    assert await hass.config_entries.async_setup(entry.entry_id)
