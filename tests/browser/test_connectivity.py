"""A person checks whether a message reaches the hub: it turns green, or says why not."""

import shlex
import shutil
from pathlib import Path

from paho.mqtt import publish

from testbed.ports import LOOPBACK
from testbed.process import Process

from .conftest import Visit
from .installation import Installation
from .screen import Screen

PAGE = "/config/integrations/integration/iiot"


async def listen(screen: Screen, listen_for: str) -> None:
    await screen.press("Configure")
    await screen.take("Check connectivity")
    await screen.sees("The hub listens for")
    await screen.choose(listen_for)
    await screen.press("Submit")
    await screen.sees("This page goes on by itself")


async def run(screen: Screen, folder: Path, old: str = "", new: str = "") -> None:
    """Run the command line that the page shows, on this machine; with a few letters changed."""
    lines = (await screen.text()).splitlines()
    command = next(line for line in lines if line.startswith("mosquitto_pub "))
    words = shlex.split(command.replace(old, new))
    words[words.index("-h") + 1] = LOOPBACK
    if shutil.which("mosquitto_pub"):
        program = Process("mosquitto_pub", folder / "mosquitto_pub.log")
        await program.start(words)
        assert await program.ended() == 0, program.tail()
        return
    told = dict(zip(words[1::2], words[2::2], strict=True))
    publish.single(told["-t"], told["-m"], qos=1, hostname=told["-h"], port=int(told["-p"]))


async def colour(screen: Screen) -> str:
    """Return which of Home Assistant's colours the outcome has: success is green."""
    found: str = await screen.page.locator("ha-alert").locator("visible=true").evaluate("alert => alert.alertType")
    return found


async def test_the_command_line_of_the_page_turns_it_green(installation: Installation, visit: Visit):
    screen = await visit(PAGE)
    await listen(screen, "The test message of a command line")
    await screen.keep("check-connectivity-listening")
    await run(screen, installation.folder)
    await screen.sees("It works", "A valid message of")
    assert await colour(screen) == "success"
    await screen.look("check-connectivity-heard")
    await screen.take("Listen again")
    await screen.sees("This page goes on by itself")
    await run(screen, installation.folder, '"test":1', '"test":2')
    await screen.sees("A message came and was refused", "The signature does not fit.")
    assert await colour(screen) == "warning"
    await screen.look("check-connectivity-refused")
    await screen.take("Listen again")
    await screen.sees("This page goes on by itself")
    await run(screen, installation.folder, "iiot/check", "iot/check")
    await screen.sees("Nothing came", "messages came on topics that do not belong to this site")
    await screen.look("check-connectivity-silent")


async def test_a_device_of_the_plant_is_heard(visit: Visit):
    screen = await visit(PAGE)
    await listen(screen, "Any device")
    await screen.sees("It works", "Age when it came:")
    await screen.look("check-connectivity-device")
