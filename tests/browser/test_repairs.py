"""What needs a person's attention stands among the repairs."""

from .conftest import Visit
from .installation import Installation

WRONG_CLOCK = """
title = "a device whose clock is an hour ahead"
[[devices]]
name = "Old controller"
model = "OC-1"
place = "Yard"
interval_s = 5
sample_s = 1
skew_s = 3600
[devices.channels.temperature]
name = "Temperature"
unit = "°C"
class = "temperature"
state_class = "measurement"
signal = { shape = "walk", min = 18, max = 26, step = 0.4, round = 2 }
"""


async def test_a_wrong_clock_is_told_and_told_again_until_it_is_right(installation: Installation, visit: Visit):
    installation.expect("Old controller")
    async with installation.device(WRONG_CLOCK):
        screen = await visit("/config/repairs")
        await screen.sees("The clock of Old controller is wrong")
        await screen.look("repairs")
        await screen.shown("The clock of Old controller is wrong").click()
        await screen.sees("Set the clock of the device, or check its time server.")
        await screen.look("repair")
        await screen.press("Submit")
        await screen.press("Finish")
        await screen.sees("The clock of Old controller is wrong")
    await installation.remove("Old controller")
