"""A German house: forms, device pages and the dashboard of a site speak German."""

import json
from pathlib import Path
from typing import Any

from .conftest import Visit
from .installation import Installation
from .screen import Screen

WORDS = Path(__file__).parents[2] / "custom_components" / "iiot" / "translations" / "de.json"
PAGE = "/config/integrations/integration/iiot"


async def test_a_german_house_reads_german(installation: Installation, visit: Visit):
    words: dict[str, Any] = json.loads(WORDS.read_text(encoding="utf-8"))
    # Home Assistant asks for the words of `backup.sensor` and the like when it changes its language.
    installation.expect(r"helpers\.translation\].*Invalid domain")
    async with installation.speaking("de"):
        screen = await visit(PAGE, locale="de-DE")
        await see_form(screen, words["config_subentries"]["device"])
        await see_device(
            screen, words["entity"]["sensor"]["health_connection"], words["entity"]["switch"]["device_maintenance"]
        )
        await see_dashboard(screen, words["selector"]["dashboard"]["options"])


async def see_form(screen: Screen, words: dict[str, Any]) -> None:
    await screen.press(words["initiate_flow"]["user"])
    form = words["step"]["user"]
    await screen.sees(form["title"], *form["data"].values(), *form["data_description"].values())
    await screen.look("german-form")
    await screen.press("Schließen")


async def see_device(screen: Screen, words: dict[str, Any], switch: dict[str, Any]) -> None:
    await screen.page.get_by_text("Press 1", exact=True).last.click()
    await screen.sees(words["name"], words["state"]["live"])
    # Among what happened last stands that the hub started anew.
    came_anew = ["Batch", "Cycles", "Oil temperature", "Protokoll", "State", words["name"], switch["name"]]
    await screen.look("german-device", valueless=came_anew)


async def see_dashboard(screen: Screen, words: dict[str, str]) -> None:
    await screen.go("Demo plant")
    tiles = [words[name] for name in ("fleet", "live", "asleep", "waiting")]
    await screen.sees(*tiles)
    text = await screen.look("german-dashboard")
    assert not {"Fleet", "Live", "Late", "Asleep", "Lost", "Waiting", "Refused"} & set(text.splitlines())
