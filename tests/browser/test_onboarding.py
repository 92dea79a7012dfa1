"""A new Home Assistant, from its first page to the form of the integration."""

from pathlib import Path

from playwright.async_api import Browser

from testbed.broker import Broker
from testbed.hass import HomeAssistant
from testbed.ports import free_ports

from .conftest import window
from .screen import Screen


async def test_a_new_home_assistant_is_set_up_and_offers_the_integration(
    chromium: Browser, tmp_path: Path, pictures: Path
):
    port, broker_port = free_ports(2)
    broker = Broker(tmp_path / "broker", broker_port)
    hass = HomeAssistant(tmp_path / "hass", port=port, broker_port=broker_port, name=None)
    try:
        await broker.start()
        await hass.start()
        async with window(chromium) as context:
            screen = await Screen.open(context, hass.url, "/", pictures)
            await set_up(screen)
            await find_integration(screen)
        assert not hass.problems()
    finally:
        await hass.stop()
        await broker.stop()


async def set_up(screen: Screen) -> None:
    """Make the owner, say where the home is, share nothing, finish."""
    await screen.press("Create my smart home")
    await screen.fill("Name", "Ada Operator")
    await screen.fill("Username", "ada")
    await screen.fill("Password", "Analytical Engine")
    await screen.fill("Confirm password", "Analytical Engine")
    await screen.press("Create account")
    await screen.sees("Home location")
    await screen.press("Next")
    await screen.sees("We would like to know the country your home is in")
    await screen.press("Next")
    await screen.sees("Help us help you")
    await screen.press("Next")
    await screen.sees("We found compatible devices!")
    await screen.press("Finish")
    await screen.sees("Overview", "Ada Operator")


async def find_integration(screen: Screen) -> None:
    """Open the form by which a site is added."""
    await screen.go("Settings", "Devices & services")
    await screen.open_integration_form()
    await screen.sees("Add a site", "A hub listens to all devices of one site", "A connection of its own")
    await screen.look("new-home-assistant")
