"""A person changes what holds for a device: its menu, and the pages behind it."""

from playwright.async_api import expect

from .conftest import Visit
from .installation import Installation
from .screen import WITHIN_MS, Screen

PAGE = "/config/integrations/integration/iiot"
PUMP = "Cooling pump 1"
PAGES = {
    "Asset: area, line and cell": "Asset",
    "Relations to other devices": "Relations",
    "Interlocks": f"Interlocks of {PUMP}",
    "Polling": "Polling",
    "Sampling": "Sampling",
    "Channels and gates": "Channels",
    "Calculated channels": "Calculated channel",
    "Names and units of channels": "Names and units",
    "Next key": f"Next key for {PUMP}",
    "Show the QR code of the key": f"Show the key of {PUMP}",
    "Replace the device": f"Replace {PUMP}",
    "Revoke the device, or let it in again": f"Revoke {PUMP}",
    "Who commands the device": f"Who commands {PUMP}",
}
"""Entry of the menu → title of the page."""


async def test_the_pages_behind_the_menu_of_a_device(installation: Installation, visit: Visit):
    screen = await visit(PAGE)
    for entry, title in PAGES.items():
        await open_menu(screen)
        await screen.take(entry)
        await expect(screen.page.get_by_text(title, exact=True).locator("visible=true").first).to_be_visible(
            timeout=WITHIN_MS
        )
        await expect(screen.page.get_by_text(f"Change {PUMP}").locator("visible=true")).to_have_count(
            0, timeout=WITHIN_MS
        )
        await screen.look(f"page-{entry.partition(' ')[0].strip(':').lower()}")
        await screen.press("Close")


async def open_menu(screen: Screen) -> None:
    rows = screen.page.locator("ha-config-sub-entry-row")
    await rows.filter(has_text=PUMP).first.get_by_role("button", name="Change device").click()
    await screen.sees(f"Change {PUMP}")
    await screen.look("device-menu")
