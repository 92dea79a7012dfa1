"""A person says where a device stands, and what it is part of."""

from .conftest import Visit
from .installation import Installation
from .screen import Screen

PAGE = "/config/integrations/integration/iiot"
PUMP = "Cooling pump 2"


async def open_page(screen: Screen, entry: str) -> None:
    rows = screen.page.locator("ha-config-sub-entry-row")
    await rows.filter(has_text=PUMP).first.get_by_role("button", name="Change device").click()
    await screen.sees(f"Change {PUMP}")
    await screen.take(entry)


async def test_a_device_is_assigned_to_a_line_and_belongs_to_another(installation: Installation, visit: Visit):
    screen = await visit(PAGE)
    await open_page(screen, "Asset: area, line and cell")
    await screen.sees("stands here now: Demo plant / Pump room")
    await screen.pick("Line", "Line 1", offered="Add custom item")
    await screen.look("asset-filled")
    await screen.press("Submit")
    await screen.sees("The changes are saved.")
    await screen.look("asset-done")
    await screen.press("Close")
    await open_page(screen, "Asset: area, line and cell")
    await screen.sees("stands here now: Demo plant / Pump room / Line 1")
    await screen.press("Close")
    await open_page(screen, "Relations to other devices")
    await screen.sees("Part of", "Feeds", "Measures")
    await screen.press("Channels")
    await screen.look("relations-open")
