"""What stands there before a test begins: one hub, one machine that obeys it, and one person."""

from typing import Any

import pytest
from homeassistant.auth.models import User
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant

from .joining import add_hub, hass_config_dir  # noqa: F401  # a fixture of every test here
from .people import add_person, machine_at
from .plant_floor import Machine


@pytest.fixture
async def entry(request: pytest.FixtureRequest, hass: HomeAssistant, mqtt_mock: Any) -> ConfigEntry:
    """One hub, with the options of the mark `hub`."""
    mark = request.node.get_closest_marker("hub")
    return await add_hub(hass, **({} if mark is None else mark.kwargs))


@pytest.fixture
async def machine(hass: HomeAssistant, entry: ConfigEntry, mqtt_mock: Any) -> Machine:
    """One machine that obeys."""
    return await machine_at(hass, entry, mqtt_mock)


@pytest.fixture
async def anna(hass: HomeAssistant) -> User:
    """A person who is no administrator."""
    return await add_person(hass, "Anna")
