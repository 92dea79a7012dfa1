"""A person adds a site, and a device that calls it."""

import re

from playwright.async_api import expect

from .conftest import Visit
from .installation import Installation
from .screen import Screen

INTEGRATIONS = "/config/integrations/dashboard"
KEY = re.compile(r"^[0-9a-f]{64}$", re.MULTILINE)
THERMOMETER = """
title = "the thermometer of the first ten minutes"
[[devices]]
name = "Thermometer"
model = "Python"
place = "Workshop"
interval_s = 10
sample_s = 1
[devices.channels.temperature]
name = "Temperature"
unit = "°C"
class = "temperature"
state_class = "measurement"
precision = 1
signal = { shape = "walk", min = 18, max = 26, step = 0.4, round = 2 }
"""


async def test_a_site_is_added_the_device_that_calls_is_approved_and_both_are_removed(
    installation: Installation, visit: Visit
):
    installation.expect(r": refused a message of .*unknown_device")
    screen = await visit(INTEGRATIONS)
    key = await add_site(screen)
    async with installation.device(THERMOMETER, key=key, prefix="workshop"):
        await approve(screen)
        await see_its_page(screen)
        await remove_site(screen)


async def add_site(screen: Screen) -> str:
    """Go through the form; returns the fleet key that it shows."""
    await screen.open_integration_form()
    await screen.sees("Add a site", "A hub listens to all devices of one site")
    await screen.look("site-form")
    await screen.take("Home Assistant's MQTT connection")
    await screen.fill("Name of the site", "Workshop")
    await screen.fill("Topic prefix", "workshop")
    await screen.press("Submit")
    await screen.sees("Keep this fleet key safe", KEY)
    text = await screen.look("fleet-key")
    (key,) = KEY.findall(text)
    await screen.press("Submit")
    await screen.sees("Name and assign")
    await screen.press("Skip and finish")
    await screen.sees("Service info", "Devices waiting for approval")
    await screen.look("site-added")
    return key


async def approve(screen: Screen) -> None:
    """The card shows who calls; approved with an area of its own, the device is there."""
    await screen.go("Settings", "Devices & services")
    await screen.sees("Discovered", "Thermometer (Python)")
    await screen.look("discovered")
    await screen.press("Add")
    await screen.sees("A device wants to join", "Key fingerprint:", "Verified.", "The device says that it stands here.")
    await expect(screen.field("What people call this device.")).to_have_value("Thermometer")
    await expect(screen.field("The device says that it stands here.")).to_have_value("Workshop")
    await screen.look("approve")
    await screen.press("Submit")
    await screen.sees("Done: Thermometer is now part of Workshop.")
    await screen.look("approved")
    await screen.press("Close")


async def see_its_page(screen: Screen) -> None:
    """The page of the device, found from that of the integration, shows its area and values that change."""
    await screen.go("Industrial IoT")
    await screen.sees("Thermometer", "Python • Workshop")
    await screen.look("integration")
    await screen.page.get_by_text("Python • Workshop").click()
    await screen.sees("Device info", "In Workshop", "Connected via", "Temperature", "Connection")
    await screen.sees_change("Temperature")
    # It has never sent a line of a log.
    await screen.look("device", valueless=["Log"])
    assert await screen.value("Connection") == "Live"


async def remove_site(screen: Screen) -> None:
    """A site is taken out where it was put in, and nothing of it is left."""
    await screen.go("Industrial IoT")
    row = screen.page.locator("ha-config-entry-row").filter(has_text="Python • Workshop")
    await row.get_by_role("button", name="Menu").first.click()
    await screen.page.get_by_role("menuitem", name="Delete").locator("visible=true").last.click()
    await screen.sees("Delete Workshop?")
    await screen.press("Delete")
    await expect(screen.page.get_by_text("Thermometer")).to_have_count(0)
    await expect(screen.page.get_by_role("link", name="Workshop")).to_have_count(0)
    await screen.look("site-removed")
