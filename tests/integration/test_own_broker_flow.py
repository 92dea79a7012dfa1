"""A person gives a site a connection of its own: it is tried on a real broker before it is saved."""

import json
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from homeassistant.components import mqtt
from homeassistant.config_entries import SOURCE_RECONFIGURE, SOURCE_USER, ConfigEntryState
from homeassistant.core import HomeAssistant

from custom_components.iiot import diagnostics
from custom_components.iiot.bridge import access
from custom_components.iiot.const import DOMAIN
from custom_components.iiot.engine.links.tls import Pem, PemError
from tests.authority import Authority
from tests.guarded_broker import HUB, GuardedBroker

from .joining import (  # noqa: F401  # fixtures
    add_hub,
    answer,
    expected_lingering_timers,
    hass_config_dir,
    suggested,
)
from .wired import broker_form, sockets_of_this_machine  # noqa: F401  # fixture

SITE = {"name": "Hall 3", "prefix": "iiot", "fleet_key": "none", "discovery": "ask"}
LOGIN = {"user": HUB[0], "password": HUB[1]}
PLANT = Authority()
PAPERS = PLANT.papers("hub")
SHOWN = {"certificate": PAPERS.certificate, "client_key": PAPERS.key}


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[GuardedBroker]:
    """A broker that asks for a login."""
    broker = GuardedBroker(tmp_path / "guarded", logins=True)
    await broker.start()
    yield broker
    await broker.stop()


@pytest.fixture
async def vault(tmp_path: Path) -> AsyncIterator[GuardedBroker]:
    """A broker that asks for a certificate, over TLS."""
    broker = GuardedBroker(tmp_path / "vault", papers=PLANT.papers(), clients=PLANT)
    await broker.start()
    yield broker
    await broker.stop()


async def open_form(hass: HomeAssistant) -> Any:
    menu = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})
    return await answer(hass, menu, next_step_id="own_broker")


async def add(hass: HomeAssistant, form: dict[str, Any]) -> Any:
    """Add a site with a connection of its own."""
    site = await answer(hass, await open_form(hass), **form)
    assert site["step_id"] == "site", site["errors"]
    done = await answer(hass, site, **SITE)
    await hass.async_block_till_done()
    return done["result"]


async def change(hass: HomeAssistant, entry: Any, page: str) -> Any:
    context = {"source": SOURCE_RECONFIGURE, "entry_id": entry.entry_id}
    menu = await hass.config_entries.flow.async_init(DOMAIN, context=context)
    return await answer(hass, menu, next_step_id=page)


def in_section(form: Any, section: str, name: str) -> Any:
    """Give what a field in a section is filled with."""
    inner = next(part for marker, part in form["data_schema"].schema.items() if marker.schema == section)
    return suggested({"data_schema": inner.schema}, name)


def client_file(hass: HomeAssistant, entry: Any) -> tuple[int, str]:
    """Mode and content."""
    file = access.folder_of(hass, entry.entry_id) / access.CLIENT_FILE
    return stat.S_IMODE(file.stat().st_mode), file.read_text()


async def test_a_site_hears_a_broker_that_home_assistant_knows_nothing_of(
    hass: HomeAssistant, guarded: GuardedBroker
) -> None:
    form = await open_form(hass)
    assert suggested(form, "host") is None
    form = await answer(hass, form, **broker_form(guarded, user="hub", password="wrong"))
    assert form["errors"] == {"base": "broker_login"}
    form = await answer(hass, form, **broker_form(guarded))
    assert form["errors"] == {"base": "broker_login_missing"}
    site = await answer(hass, form, **broker_form(guarded, **LOGIN))
    form = await answer(hass, site, **SITE | {"prefix": "north"})
    assert form["errors"] == {"base": "broker_sending"}, "its rules speak of another prefix"
    done = await answer(hass, form, **SITE)
    await hass.async_block_till_done()
    entry = done["result"]
    assert entry.state is ConfigEntryState.LOADED
    assert not hass.config_entries.async_entries(mqtt.DOMAIN)
    assert mqtt.DOMAIN not in hass.config.components
    assert entry.runtime_data.hub.link.is_connected
    assert entry.data["broker"]["user"] == "hub"
    told = json.dumps(await diagnostics.async_get_config_entry_diagnostics(hass, entry), default=str)
    assert HUB[1] not in told
    assert '"is": "own", "connected": true, "fault": null' in told
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_a_certificate_is_kept_in_a_file_and_stays_when_something_else_is_changed(
    hass: HomeAssistant, vault: GuardedBroker
) -> None:
    trusting = {"tls": True, "authority": PLANT.pem}
    form = await open_form(hass)
    form = await answer(hass, form, **broker_form(vault, **trusting))
    assert form["errors"] == {"base": "broker_certificate_wanted"}
    form = await answer(hass, form, **broker_form(vault, **trusting, certificate=PAPERS.certificate))
    assert form["errors"] == {"base": "key_unreadable"}
    form = await answer(hass, form, **broker_form(vault, tls=True, authority="no PEM"))
    assert form["errors"] == {"base": "authority_unreadable"}
    hass.config_entries.flow.async_abort(form["flow_id"])
    entry = await add(hass, broker_form(vault, **trusting, **SHOWN))
    assert client_file(hass, entry) == (0o600, PAPERS.key + PAPERS.certificate)
    assert PAPERS.key[40:80] not in json.dumps(entry.as_dict(), default=str)
    form = await change(hass, entry, "own_broker")
    assert in_section(form, "encryption", "certificate") == PAPERS.certificate
    assert in_section(form, "encryption", "client_key") is None
    again = broker_form(vault, **trusting, certificate=PAPERS.certificate, keep_alive=30)
    result = await answer(hass, form, **again)
    assert result["reason"] == "reconfigure_successful"
    await hass.async_block_till_done()
    assert entry.runtime_data.hub.link.is_connected
    assert entry.data["broker"]["keep_alive"] == 30
    access.keep_client(access.folder_of(hass, entry.entry_id), None)
    assert not await hass.config_entries.async_reload(entry.entry_id)
    assert entry.error_reason_translation_key == "client_certificate"
    form = await change(hass, entry, "own_broker")
    await answer(hass, form, **broker_form(vault, **trusting, **SHOWN))
    await hass.async_block_till_done()
    assert entry.runtime_data.hub.link.is_connected
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_a_certificate_that_cannot_be_written_is_not_forgotten(hass: HomeAssistant, vault: GuardedBroker) -> None:
    in_the_way = access.folder_of(hass, "x").parent
    in_the_way.write_text("no folder")
    entry = await add(hass, broker_form(vault, tls=True, authority=PLANT.pem, **SHOWN))
    assert entry.error_reason_translation_key == "client_certificate"
    in_the_way.unlink()
    assert await hass.config_entries.async_reload(entry.entry_id)
    assert client_file(hass, entry) == (0o600, PAPERS.key + PAPERS.certificate)
    assert access.remembered_client(hass, entry.unique_id) is None
    assert entry.runtime_data.hub.link.is_connected
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_an_authority_that_the_disk_has_spoilt_is_told_when_it_is_tried(
    hass: HomeAssistant, guarded: GuardedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise PemError(Pem.AUTHORITY)

    monkeypatch.setattr(access, "context_of", broken)
    form = await answer(hass, await open_form(hass), **broker_form(guarded, tls=True))
    assert form["errors"] == {"base": "authority_unreadable"}


async def test_a_site_moves_to_a_connection_of_its_own_and_back(
    hass: HomeAssistant, mqtt_mock: Any, guarded: GuardedBroker
) -> None:
    entry = await add_hub(hass)
    form = await change(hass, entry, "own_broker")
    result = await answer(hass, form, **broker_form(guarded, **LOGIN))
    assert result["reason"] == "reconfigure_successful"
    await hass.async_block_till_done()
    assert entry.runtime_data.hub.link.is_connected
    form = await change(hass, entry, "own_broker")
    assert (suggested(form, "user"), suggested(form, "password")) == ("hub", None)
    await answer(hass, form, **broker_form(guarded, user="hub"))
    await hass.async_block_till_done()
    assert entry.data["broker"]["password"] == HUB[1], "a password that was left empty stays"
    result = await change(hass, entry, "home_assistant")
    assert result["reason"] == "reconfigure_successful"
    await hass.async_block_till_done()
    assert "broker" not in entry.data


async def test_a_broker_that_changes_its_mind_about_the_login_is_said_as_home_assistant_says_it(
    hass: HomeAssistant, guarded: GuardedBroker
) -> None:
    entry = await add(hass, broker_form(guarded, **LOGIN))
    hass.config_entries.async_update_entry(
        entry, data={**entry.data, "broker": {**entry.data["broker"], "password": "of yesterday"}}
    )
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    (flow,) = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    assert (flow["context"]["source"], flow["step_id"]) == ("reauth", "own_broker")
    result = await answer(hass, flow, **broker_form(guarded, **LOGIN))
    assert result["reason"] == "reauth_successful"
    await hass.async_block_till_done()
    assert entry.runtime_data.hub.link.is_connected
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_one_prefix_on_two_brokers_is_two_sites(
    hass: HomeAssistant, mqtt_mock: Any, guarded: GuardedBroker
) -> None:
    theirs = await add_hub(hass)
    entry = await add(hass, broker_form(guarded, **LOGIN))
    assert theirs.data["prefix"] == entry.data["prefix"]
    assert (theirs.state, entry.state) == (ConfigEntryState.LOADED, ConfigEntryState.LOADED)
    result = await change(hass, entry, "home_assistant")
    assert (result["type"], result["reason"]) == ("abort", "prefix_taken")
    form = await answer(hass, await open_form(hass), **broker_form(guarded, **LOGIN))
    form = await answer(hass, form, **SITE)
    assert form["errors"] == {"prefix": "prefix_taken"}
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_a_disk_that_refuses_the_certificate_changes_nothing(
    hass: HomeAssistant, mqtt_mock: Any, vault: GuardedBroker
) -> None:
    entry = await add_hub(hass)
    Path(hass.config.path(DOMAIN, entry.entry_id, access.CLIENT_FILE)).with_suffix(".new").mkdir()
    form = await change(hass, entry, "own_broker")
    result = await answer(hass, form, **broker_form(vault, tls=True, authority=PLANT.pem, **SHOWN))
    assert (result["type"], result["reason"]) == ("abort", "key_not_saved")
    assert "broker" not in entry.data


async def test_home_assistants_connection_needs_its_integration(hass: HomeAssistant, guarded: GuardedBroker) -> None:
    entry = await add(hass, broker_form(guarded, **LOGIN))
    result = await change(hass, entry, "home_assistant")
    assert (result["type"], result["reason"]) == ("abort", "mqtt_missing")
    assert await hass.config_entries.async_unload(entry.entry_id)
