"""The broker away, the hub away, the devices without power: in the end every row is there once."""

import asyncio

from .house import until
from .works import Site, Works

AWAY_S = 30.0


async def boots(works: Works, site: Site) -> dict[str, int]:
    devices = (await works.facts(site))["devices"]
    return {one["device_id"]: one["window"]["boot"] for one in devices}


async def test_every_row_comes_through_an_outage_of_broker_hub_and_devices(works: Works) -> None:
    started = {site.name: await boots(works, site) for site in works.sites}
    shape = {site.name: (await works.view(site)).shape for site in works.sites}

    await works.broker.kill()
    await asyncio.sleep(AWAY_S)
    assert set((await works.connections(works.yard)).values()) == {"lost"}, "nobody is shown as live without the broker"
    await works.broker.start()

    async def live() -> list[str]:
        return list((await works.connections(works.yard)).values())

    await until(live, lambda states: "live" in states, "live again: somebody in the yard", within_s=60)
    for site in works.sites:
        await works.until_saved(site)
    await works.hass.kill()
    await asyncio.sleep(AWAY_S / 2)
    for site in works.sites:
        await site.plant.kill()
        await site.start_plant()
    await asyncio.sleep(AWAY_S / 2)
    await works.hass.start()

    for site in works.sites:
        expected = {device_id: boot + 1 for device_id, boot in started[site.name].items()}

        async def others(site: Site = site, expected: dict[str, int] = expected) -> dict[str, int]:
            return dict((await boots(works, site)).items() - expected.items())

        await until(others, lambda found: not found, "one boot further", within_s=60)
    await works.until_live()
    for site, made in await works.until_all_answered():
        assert works.journal(site).compare(works.produced(site), set(made.rows)) == []
        assert (await works.view(site)).shape == shape[site.name]
        facts = (await works.facts(site))["devices"]
        assert sum(one["health"]["lost_rows"] for one in facts) == 0, "nobody gave a row up"
