"""Home Assistant is restarted, or loses its power, while messages flow."""

import asyncio
import json

from .house import View, until
from .ledger import Journal
from .test_fleet import NO_VALUE, pushed
from .wiretap import Wiretap
from .works import Site, Works

KILLS = 3
FLOW_S = 3.0
REPLAYED = 80


def last_values(site: Site, journal: Journal) -> dict[tuple[str, str], str | None]:
    """Return what each channel showed last: of the newest live message, its newest row; None: no good value."""
    found: dict[tuple[str, str], str | None] = {}
    for device_id, (data, _) in journal.newest.items():
        row = data.moment if data.moment is not None else dict(zip(data.cols, data.rows[-1][2:], strict=True))
        for key in pushed(site.profiles[device_id]):
            value = None if key in data.failed or key in data.quality else row.get(key)
            found[device_id, key] = None if value is None else str(value)
    return found


def shown_values(site: Site, view: View) -> dict[tuple[str, str], str | None]:
    shown = {(name, key): view.value(name, key) for name, one in site.profiles.items() for key in pushed(one)}
    return {place: None if value == "unknown" else value for place, value in shown.items()}


async def test_a_restart_loses_nothing_and_doubles_nothing(works: Works) -> None:
    yard = works.yard
    before = {site.name: (await works.view(site)).shape for site in works.sites}
    await works.hass.stop()
    yard.plant.process.freeze()  # nothing new comes from the yard until it thaws
    try:
        last = last_values(yard, works.journal(yard))
        await works.hass.start()
        assert shown_values(yard, await works.view(yard)) == last, "last values are back before the first new message"
        assert set((await works.connections(yard)).values()) == {"live"}, "nobody is lost for a moment"
    finally:
        yard.plant.process.thaw()
    await works.until_live()
    for site in works.sites:
        assert (await works.view(site)).shape == before[site.name], "no ghost, no duplicate, no new name"
    for site, made in await works.until_all_answered():
        assert works.journal(site).compare(works.produced(site), set(made.rows)) == []


async def test_a_kill_loses_no_row_that_was_answered(works: Works) -> None:
    before = {site.name: (await works.view(site)).shape for site in works.sites}
    for site in works.sites:
        await works.until_saved(site)
    async with Wiretap(works.broker.port) as wire:
        for _ in range(KILLS):
            await asyncio.sleep(FLOW_S)
            await works.hass.kill()
            for site in works.sites:
                made = works.produced(site)
                journal = works.journal(site)
                assert journal.compare(works.produced(site), made.answered) == []
            await works.hass.start()
        old = [(heard.topic, heard.message) for heard in wire.heard]
    await works.until_live()
    for site in works.sites:
        assert (await works.view(site)).shape == before[site.name]
    await old_messages_are_refused(works, old)


async def old_messages_are_refused(works: Works, old: list[tuple[str, bytes]]) -> None:
    """Say once more what the journal holds already: it is refused by its number, and nothing is written."""
    works.expect(r"\(replayed; ")
    site = works.factory
    held = {frame.message for frame in works.journal(site).frames}
    again = [(topic, message) for topic, message in old if message in held]
    again = again[:: max(1, len(again) // REPLAYED)][:REPLAYED]
    assert len(again) == REPLAYED
    refused = await repeated(works, site)
    async with Wiretap(works.broker.port, listens=False) as wire:
        await wire.say(*again)

    async def counted() -> int:
        return await repeated(works, site) - refused

    await until(counted, lambda count: count >= REPLAYED, "all refused")
    assert await counted() == REPLAYED
    await asyncio.sleep(1.5)  # what was to be written would be by now
    journal = works.journal(site)
    assert journal.compare(works.produced(site), set()) == []
    by_number = {(one["id"], one["boot"], one["seq"]) for one in map(payload_of, (message for _, message in again))}
    found = [frame for frame in journal.frames if (frame.device_id, frame.boot, frame.seq) in by_number]
    assert len(found) == REPLAYED, "each of them lies there once"


async def repeated(works: Works, site: Site) -> int:
    """Return how many messages were refused by their number so far."""
    devices = (await works.facts(site))["devices"]
    return sum(one["refused"].get(code, 0) for one in devices for code in ("duplicate", "replayed"))


def payload_of(message: bytes) -> dict[str, object]:
    found: dict[str, object] = json.loads(message)["payload"]
    return found


async def test_health_goes_on_after_a_restart(works: Works) -> None:
    """What the devices report of themselves is there again, by the hub's polls, within seconds."""
    site = works.factory

    async def without_battery() -> list[str]:
        view = await works.view(site)
        return [
            profile.name
            for device_id, profile in site.profiles.items()
            if "battery" in profile.power and view.value(device_id, "health.battery") in NO_VALUE
        ]

    await until(without_battery, lambda names: not names, "told")
