"""A person commissions devices: a list is handed in, the window is opened, and each device goes its steps."""

from .conftest import Visit
from .installation import Installation
from .screen import Screen

PAGE = "/config/integrations/integration/iiot"
NEWCOMER = """
title = "a device that joins while somebody watches"
[[devices]]
name = "Newcomer"
model = "Demo"
interval_s = 10
sample_s = 1
[devices.channels.level]
name = "Level"
signal = { shape = "walk", min = 1, max = 9, step = 0.4, round = 2 }
"""


async def open_page(screen: Screen, page: str) -> None:
    await screen.press("Configure")
    await screen.take("Commissioning")
    await screen.sees("Join window:")
    await screen.take(page)


async def test_a_list_is_handed_in_and_a_device_joins_while_somebody_watches(installation: Installation, visit: Visit):
    installation.expect(r": refused a message of .*unknown_device")
    screen = await visit(PAGE)
    await open_page(screen, "Hand in a list of serial numbers")
    await screen.sees("One device a line")
    await screen.fill("Or as text", "serial;name\nspare-1;Spare pump\nspare 2;\n")
    await screen.press("Submit")
    await screen.sees("Nothing was changed: the list has errors.", "3: device_id must be 1 to 64")
    await screen.look("serials-flawed")
    await screen.fill("Or as text", "serial;name\nspare-1;Spare pump\n")
    await screen.press("Submit")
    await screen.sees("The list is in order", "New on the list: 1")
    await screen.look("serials-check")
    await screen.press("Submit")
    await screen.sees("Done. New or changed on the list: 1.")
    await screen.press("Close")

    await open_page(screen, "Open the join window")
    await screen.sees("The end holds over a restart.")
    await screen.look("join-window-form")
    await screen.press("Submit")
    await screen.sees("Join window: open until", "Spare pump (spare-1)", "expected, not heard yet")
    async with installation.device(NEWCOMER):
        await screen.sees("Newcomer", "first data")
        await screen.keep("join-window")
        await screen.press("Close")
    await screen.sees("Newcomer")

    await open_page(screen, "Close the join window")
    await screen.sees("Join window: closed")
    await screen.take("Devices that are still to come")
    await screen.sees("On the list, and not heard or not joined yet: 1.")
    await screen.look("expected-devices")
    await screen.press("Close")
    await installation.remove("Newcomer")
