"""A real Home Assistant's logbook tells the life of a device, on its page."""

from datetime import UTC, datetime, timedelta
from typing import Any

from .house import until
from .works import Works


async def test_the_page_of_a_device_tells_how_it_joined(works: Works) -> None:
    site = works.factory
    view = await works.view(site)
    device_id = next(iter(site.profiles))
    page = view.device(device_id)
    name = page["name"]

    async def lines() -> list[str]:
        async with works.hass.api() as api, await api.websocket() as socket:
            start = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
            found: list[dict[str, Any]] = await socket.call(
                "logbook/get_events", start_time=start, device_ids=[page["id"]]
            )
        return [f"{line['name']} {line['message']}" for line in found if line.get("domain") == "iiot"]

    told = await until(lines, bool, "in the logbook")
    assert told[0] == f"{name} joined the site {site.name}"
