"""The site's dashboard, on a desk and on a phone, by day and by night."""

import pytest

from .conftest import DESKTOP, PHONE, Visit

AREAS = (
    "Cold store",
    "Compressor room",
    "Laboratory",
    "Material store",
    "Packing",
    "Press hall",
    "Pump room",
    "Yard",
)


RARE = "Waveform"
"""Comes once a minute."""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "size"), [("desktop", DESKTOP), ("phone", PHONE)])
async def test_the_dashboard_shows_the_fleet_and_every_area(
    visit: Visit, width: str, size: tuple[int, int], scheme: str
):
    screen = await visit("/iiot-demo-plant", size=size, color_scheme=scheme)
    await screen.sees("Fleet", *AREAS)
    await screen.sees_change("Energy compressor")
    await screen.look(f"dashboard-{width}-{scheme}")
    await screen.fits()
    assert int(await screen.value("Live")) + int(await screen.value("Asleep")) >= 40
    await screen.press_tab("Press hall")
    await screen.sees("Press 1", "Cycles", "Oil temperature")
    await screen.sees_change("Oil temperature")
    await screen.look(f"area-{width}-{scheme}", valueless=[RARE])
    await screen.fits()
