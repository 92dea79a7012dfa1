"""A person registers a template and a signed topic, and says what the device can be told.

A template has braces of its own, so its pages are kept without looking for placeholders that were not filled.
"""

from playwright.async_api import expect

from .conftest import Visit
from .installation import Installation
from .screen import WITHIN_MS

PAGE = "/config/integrations/integration/iiot"


async def test_a_template_is_registered_and_taken_away(installation: Installation, visit: Visit):
    screen = await visit(PAGE)
    await screen.press("Configure")
    await screen.take("Templates of topics")
    await screen.sees("A template such as plant/{area}/{device}/{channel}", "Templates of this site:")
    await screen.keep("templates")
    await screen.fill("Levels of a topic.", "plant/{area}")
    await screen.press("Submit")
    await screen.sees("A template needs a level {device}")
    await screen.keep("template-without-device")
    await screen.fill("Levels of a topic.", "plant/{area}/{device}/{channel}")
    await screen.choose("Make a new key and put it on the device")
    await screen.press("Submit")
    await screen.sees("Put this key on the devices", "plant/{area}/{device}/{channel}")
    await screen.keep("template-key")
    await screen.press("Submit")
    await screen.press("Finish")
    await screen.press("Configure")
    await screen.take("Templates of topics")
    await screen.sees("Remove a template")
    await screen.keep("templates-one")
    await screen.press("Close")


async def test_a_signed_topic_is_told_what_to_do(installation: Installation, visit: Visit):
    screen = await visit(PAGE)
    await screen.press("Add signed topic")
    await screen.sees("Add a signed topic")
    await screen.fill("For example sensors/lab1/bme280.", "fans/1/state")
    await screen.fill("What people call this device.", "Roof fan")
    await screen.choose("Make a new key and put it on the device")
    await screen.press("Submit")
    await screen.sees("Put this key on the device")
    await screen.press("Submit")
    await screen.press("Finish")
    rows = screen.page.locator("ha-config-sub-entry-row")
    await rows.filter(has_text="Roof fan").first.get_by_role("button", name="Change signed topic").click()
    await screen.sees("Change Roof fan")
    await screen.look("signed-topic-menu")
    await screen.take("Commands")
    await screen.sees("The hub signs a command and publishes it with QoS 2.")
    await screen.look("commands")
    await screen.fill("Where the device listens", "fans/+/set")
    await screen.press("Submit")
    await screen.sees("This cannot be a topic for commands.")
    await screen.fill("Where the device listens", "fans/1/set")
    await screen.press("Add")
    await screen.sees("What a command names it by")
    await screen.sees("Switch", "Number", "Button")
    await screen.look("actuator")
    await expect(screen.page.get_by_text("Reported by").locator("visible=true").first).to_be_visible(timeout=WITHIN_MS)
