"""The registry file of a site: what was exported changes nothing; what is imported comes in whole, or not at all."""

import re
from typing import Any

import pytest
import yaml
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import area_registry as ar
from pytest_homeassistant_custom_component.common import async_capture_events

from custom_components.iiot.const import CONF_POLICY, EVENT_DEVICE
from custom_components.iiot.engine.actuation.roles import Level, Role
from tests.docs.pages import ROOT

from .bare_sensor import SENSOR_ID, name_values, register, say
from .field import state
from .joining import (
    settle,
)
from .people import act, add_person, ask, decide, grant, page_of
from .plant_floor import FAN, Machine

PROFILE = "version: 1\nprofiles:\n  press:\n    model: demo\n    policy: {interlocks: {fan: {minimum_on_s: 60}}}\n"


class Site:
    """What people do with the file of one site."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry) -> None:
        self._hass, self._entry = hass, entry

    async def exported(self, user: Any = None) -> str:
        """The text."""
        found = await ask(self._hass, "export_registry", user, config_entry_id=self._entry.entry_id)
        return found["registry"]

    async def imported(self, text: str, user: Any = None, **fields: Any) -> Any:
        """What became of a text; it is brought in unless a field says otherwise."""
        told = {"config_entry_id": self._entry.entry_id, "registry": text, "dry_run": False} | fields
        found = await ask(self._hass, "import_registry", user, **told)
        await settle(self._hass)
        return found


@pytest.fixture
def site(hass: HomeAssistant, entry: ConfigEntry) -> Site:
    """The site."""
    return Site(hass, entry)


async def test_what_was_exported_changes_nothing_and_restores_everything(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine, site: Site
) -> None:
    ar.async_get(hass).async_create("Hall 1")
    await decide(hass, entry, machine, fan={"minimum_on_s": 60}, speed={"maximum": 1000})
    await site.imported("version: 1\ndevices: {press-07: {area: Hall 1, channel_descriptions: {fan: Extractor}}}")
    text = await site.exported()
    assert machine.key.hex() not in text
    assert yaml.safe_load(text)["devices"]["press-07"]["area"] == "Hall 1"
    told = async_capture_events(hass, EVENT_DEVICE)
    assert await site.imported(text) == {"dry_run": False, "errors": [], "devices": {}}
    assert told == []
    await site.imported(
        "version: 1\ndevices: {press-07: {name: P, area: '', channel_descriptions: {}, policy: {interlocks: {}}}}"
    )
    assert await site.exported() != text
    assert page_of(hass, entry, machine).area_id is None
    await site.imported(text)
    assert await site.exported() == text


async def test_an_import_says_what_changes_and_changes_it_only_when_told_to(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine, site: Site
) -> None:
    area = ar.async_get(hass).async_create("Hall 1", aliases={"Press shop"})
    text = PROFILE + "devices: {press-07: {profile: press, name: Press 7, area: Press shop, description: Old}}"
    before, told = await site.exported(), async_capture_events(hass, EVENT_DEVICE)
    changes = [
        {"path": "name", "from": "Press-07", "to": "Press 7"},
        {"path": "area", "from": "", "to": "Hall 1"},
        {"path": "description", "from": "", "to": "Old"},
        {"path": "policy.interlocks", "from": None, "to": {"fan": {"minimum_on_s": 60.0}}},
    ]
    checked = await site.imported(text, dry_run=True)
    assert checked["dry_run"]
    assert checked["devices"]["press-07"]["changes"] == changes
    assert (await site.exported(), told) == (before, [])
    assert (await site.imported(text))["devices"]["press-07"] == {"name": "Press 7", "changes": changes}
    event, moved = told
    assert (moved.data["kind"], moved.data["asset"]) == ("asset_changed", "Hall 3 / Hall 1")
    assert (event.data["kind"], event.data["sections"]) == ("policy_changed", "area, description, interlocks, name")
    page = page_of(hass, entry, machine)
    assert (page.name, page.area_id) == ("Press 7", area.id)
    assert entry.runtime_data.hub.plant.members["press-07"].policy.interlocks["fan"].minimum_on_s == 60
    assert (await site.imported(text))["devices"] == {}


async def test_with_one_error_nothing_is_applied_and_each_is_named_with_its_line(
    hass: HomeAssistant, machine: Machine, site: Site
) -> None:
    before = await site.exported()
    good = "version: 1\ndevices:\n  press-07:\n    description: New\n"
    flawed = {
        good + "    policy:\n      interlocks: {reset: {minimum: 3}}\n  press-99: {name: Nobody}\n": [6, 7],
        good + "    area: Nowhere\n": [5],
        good + '    name: "a\\nb"\n': [5],
        good + "    policy:\n      trial: maybe\n    key: abc\n": [6, 7],
        good + "  press-07: {}\n": [5],
        PROFILE.replace("demo", "mill") + "devices:\n  press-07:\n    profile: press\n": [8],
        "": [1],
        "version: 1\ndevices: [": [2],
    }
    for text, lines in flawed.items():
        for dry_run in (True, False):
            told = await site.imported(text, dry_run=dry_run)
            assert [error["line"] for error in told["errors"]] == lines, text
            assert all(error["reason"] for error in told["errors"])
            assert told["devices"] == {}
    assert await site.exported() == before


async def test_who_waits_for_no_answer_is_told_the_errors_in_words(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine
) -> None:
    data = {"config_entry_id": entry.entry_id, "registry": "version: 1\ndevices: {press-99: {}}"}
    with pytest.raises(
        ServiceValidationError, match=r"nothing was changed\. 2: devices\.press-99 is no device of this site"
    ):
        await act(hass, "iiot", "import_registry", **data)
    await act(hass, "iiot", "import_registry", **data | {"registry": "version: 1", "dry_run": False})


async def test_files_are_for_engineers(hass: HomeAssistant, entry: ConfigEntry, machine: Machine, site: Site) -> None:
    hall = ar.async_get(hass).async_create("Hall 1")
    anna = await add_person(hass, "Anna")
    grant(entry, anna, Role.ENGINEER, Level.DEVICE, machine.subentry_id)
    with pytest.raises(ServiceValidationError):
        await site.exported(anna)
    await site.imported("version: 1\ndevices: {press-07: {description: Mine}}", anna)
    into, out = (f"version: 1\ndevices: {{press-07: {{area: {place}}}}}" for place in ("Hall 1", "''"))
    with pytest.raises(ServiceValidationError):
        await site.imported(into, anna)
    await site.imported(into)
    with pytest.raises(ServiceValidationError):
        await site.imported(out, anna)
    grant(entry, anna, Role.OPERATOR, Level.DEVICE, machine.subentry_id)
    with pytest.raises(ServiceValidationError):
        await site.imported("version: 1\ndevices: {press-07: {description: Hers}}", anna)
    assert page_of(hass, entry, machine).area_id == hall.id


async def test_a_profile_is_applied_to_many_devices_and_each_answers_for_itself(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine, mqtt_mock: Any
) -> None:
    other = Machine(hass, mqtt_mock.async_publish, "press-08")
    other.subentry_id = await other.stand(entry, actuators=[FAN | {"kind": "button"}])
    data = {"config_entry_id": entry.entry_id, "registry": PROFILE, "profile": "press"}
    checked = await ask(hass, "apply_profile", **data, dry_run=True)
    told = async_capture_events(hass, EVENT_DEVICE)
    found = (await ask(hass, "apply_profile", **data))["devices"]
    assert found == checked["devices"]
    assert [facts["path"] for facts in found[page_of(hass, entry, machine).id]["changes"]] == ["policy.interlocks"]
    refused = found[page_of(hass, entry, other).id]
    assert (refused["id"], refused["changes"]) == ("press-08", [])
    assert "fan" in refused["reason"]
    assert [event.data["device"] for event in told] == ["press-07"]
    assert CONF_POLICY in entry.subentries[machine.subentry_id].data
    with pytest.raises(ServiceValidationError, match="1 of 2 devices were not changed"):
        await act(hass, "iiot", "apply_profile", **data)
    with pytest.raises(ServiceValidationError, match="no profile mill"):
        await act(hass, "iiot", "apply_profile", **data | {"profile": "mill"})
    with pytest.raises(ServiceValidationError, match="has errors"):
        await act(hass, "iiot", "apply_profile", **data | {"registry": "- 1"})


async def test_the_file_of_the_how_to_can_be_imported(hass: HomeAssistant, machine: Machine, site: Site) -> None:
    ar.async_get(hass).async_create("Hall 1")
    page = (ROOT / "docs/how-to/registry-file.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```yaml registry\n(.*?)```", page, re.DOTALL)
    told = await site.imported(text)
    assert told["errors"] == []
    gates = yaml.safe_load(await site.exported())["devices"]["press-07"]["policy"]["channels"]["temperature"]
    assert gates == {"low": -20.0, "high": 90.0, "deadband": 0.5, "interval_s": 5.0}


async def test_a_signed_topic_is_exported_with_the_names_of_its_channels_and_renamed_by_an_import(
    hass: HomeAssistant, entry: ConfigEntry, site: Site
) -> None:
    subentry_id = await register(hass, entry)
    await say(hass, {"temperature": 20.5})
    await name_values(hass, entry, subentry_id)
    text = await site.exported()
    assert (await site.imported(text))["devices"] == {}
    raw = yaml.safe_load(text)
    raw["devices"][SENSOR_ID]["policy"]["topics"][0]["channels"][0]["name"] = "Oil"
    told = await site.imported(yaml.safe_dump(raw))
    assert [change["path"] for change in told["devices"][SENSOR_ID]["changes"]] == ["policy.topics"]
    assert state(hass, "sensor", subentry_id, "temperature").attributes["friendly_name"].endswith("Oil")
