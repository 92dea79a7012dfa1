"""Forms that a person opens on the page of the integration."""

from playwright.async_api import expect

from .conftest import Visit

PAGE = "/config/integrations/integration/iiot"


async def test_a_device_that_does_not_exist_yet_is_added_by_hand(visit: Visit):
    screen = await visit(PAGE)
    await screen.press("Add device")
    await screen.sees("Add a device", "Register a device with the site Demo plant.")
    await screen.look("by-hand")
    await screen.pick("Device ID", "press-07", offered="Add custom item")
    await screen.fill("What people call this device.", "Press 7")
    await screen.pick("Area", "Press hall")
    await screen.choose("Make a new key and put it on the device")
    await screen.press("Submit")
    await screen.sees("Put this key on the device", "This is a new key for the device press-07")
    provisioning = await screen.field("Copy all of it.").input_value()
    assert '"id":"press-07"' in provisioning
    await screen.look("provisioning")
    await screen.press("Submit")
    await screen.sees("Created configuration for Press 7.")
    await screen.press("Finish")
    await screen.page.get_by_text("Press 7", exact=True).last.click()
    await screen.sees("Device info", "In Press hall", "Serial number: press-07", "Lost")
    await screen.look("added-by-hand", valueless=["Log"])


async def test_a_device_needs_an_id_that_can_stand_in_a_topic(visit: Visit):
    screen = await visit(PAGE)
    await screen.press("Add device")
    await screen.pick("Device ID", "press/07", offered="Add custom item")
    await screen.fill("What people call this device.", "Press 7")
    await screen.press("Submit")
    await screen.sees("This cannot be a device ID.")
    await screen.look("wrong-id")


async def test_preferences_are_changed_and_kept(visit: Visit):
    screen = await visit(PAGE)
    await screen.press("Configure")
    await screen.take("Preferences")
    await screen.sees("Preferences of the site", "The hub restarts when you submit changes.")
    await screen.press("Signs of life")
    await screen.fill("Heartbeat intervals without a sign of life until the device is lost.", "1.2")
    await screen.press("Submit")
    await screen.sees("A device must be late before it is lost.")
    await screen.look("late-before-lost")
    await screen.press("Signs of life")
    await screen.fill("Heartbeat intervals without a sign of life until the device is lost.", "4")
    await screen.press("Submit")
    await screen.sees("Options successfully saved.")
    await screen.press("Finish")
    await screen.press("Configure")
    await screen.take("Preferences")
    await screen.press("Signs of life")
    await expect(screen.field("until the device is lost.")).to_have_value("4")
    await screen.look("preferences")
