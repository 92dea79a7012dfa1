"""A device is found by its id, whatever became of it since it was last asked for."""

from typing import Any

import pytest
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError

from custom_components.iiot.bridge import stations
from custom_components.iiot.bridge.targets import devices_of
from custom_components.iiot.engine.actuation.roles import Role

from .joining import OTHER_KEY, add_device, expected_lingering_timers, settle  # noqa: F401  # a fixture
from .people import page_of, subentry_of


async def test_a_device_is_found_under_the_id_that_it_has_now(hass: HomeAssistant, entry: ConfigEntry) -> None:
    assert stations.subentry_of(entry, "") is None
    await add_device(hass, entry)
    subentry = stations.subentry_of(entry, "press-07")
    assert subentry is subentry_of(entry)
    hass.config_entries.async_update_subentry(entry, subentry, unique_id="press-08")
    assert stations.subentry_of(entry, "press-07") is None
    assert stations.subentry_of(entry, "press-08") is subentry
    await add_device(hass, entry, key=OTHER_KEY)
    hass.config_entries.async_remove_subentry(entry, subentry.subentry_id)
    assert stations.subentry_of(entry, "press-08") is None
    assert stations.subentry_of(entry, "press-07") is subentry_of(entry)
    await settle(hass)


async def test_nothing_is_done_with_a_device_that_has_left_meanwhile(
    hass: HomeAssistant, entry: ConfigEntry, mqtt_mock: Any
) -> None:
    await add_device(hass, entry)
    (target,) = devices_of(hass, {"device_id": [page_of(hass, entry).id]}, None)
    await target.async_permit(None, Role.ENGINEER)
    hass.config_entries.async_remove_subentry(entry, target.subentry.subentry_id)
    with pytest.raises(ServiceValidationError, match="None of what was chosen"):
        await target.async_permit(None, Role.ENGINEER)
    await settle(hass)
