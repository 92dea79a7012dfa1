"""A person changes what holds for a device: its menu, and the pages behind it."""

from .conftest import Visit
from .installation import Installation
from .screen import Screen

PAGE = "/config/integrations/integration/iiot"
PUMP = "Cooling pump 1"


async def test_the_pages_behind_the_menu_of_a_device(installation: Installation, visit: Visit):
    screen = await visit(PAGE)
    await open_menu(screen)
    await screen.look("device-menu")
    for entry, title in (
        ("Interlocks", f"Interlocks of {PUMP}"),
        ("Polling", "Polling"),
        ("Channels", "Channels"),
        ("Calculated channels", "Calculated channel"),
    ):
        await screen.take(entry)
        await screen.sees(title)
        await screen.look(f"device-menu-{entry.split()[0].lower()}")
        await screen.press("Close")
        await open_menu(screen)


async def open_menu(screen: Screen) -> None:
    rows = screen.page.locator("ha-config-sub-entry-row")
    await rows.filter(has_text=PUMP).first.get_by_role("button", name="Change device").click()
    await screen.sees(f"Change {PUMP}")
