"""A device that was set up anew has another key: the repair leads to the form in which it is entered."""

import secrets

from .conftest import Visit
from .installation import Installation

CONTROLLER = """
title = "a controller that somebody sets up anew"
[[devices]]
id = "controller-9"
name = "Controller 9"
model = "OC-1"
place = "Yard"
interval_s = 3
sample_s = 1
[devices.channels.temperature]
name = "Temperature"
unit = "°C"
class = "temperature"
state_class = "measurement"
signal = { shape = "walk", min = 18, max = 26, step = 0.4, round = 2 }
"""
REPAIR = "The key of Controller 9 does not fit"


async def test_the_repair_of_a_key_opens_the_form_of_the_device(installation: Installation, visit: Visit):
    installation.expect("controller-9")
    async with installation.device(CONTROLLER):
        screen = await visit("/config/devices/dashboard?domain=iiot")
        await screen.sees("Controller 9")
    async with installation.device(CONTROLLER, key=secrets.token_hex(32)):
        screen = await visit("/config/repairs")
        await screen.sees(REPAIR)
        await screen.shown(REPAIR).click()
        await screen.sees("none of them is signed with the key that the hub holds for it")
        await screen.look("key-repair")
        await screen.press("Submit")
        await screen.sees("Change the device", "Device ID: controller-9")
        await screen.look("key-repair-form")
    await installation.remove("Controller 9")
