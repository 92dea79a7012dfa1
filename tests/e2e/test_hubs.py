"""Several sites side by side in one Home Assistant: what is done to one leaves the others alone."""

import asyncio
from pathlib import Path

from testbed.plant import DOMAIN

from .house import until
from .test_fleet import NO_VALUE, pushed
from .works import Site, Works

SOON_S = 20.0


def listens(works: Works, site: Site) -> set[str]:
    """Return what Home Assistant has subscribed to below a site's prefix."""
    return {one for one in works.broker.subscriptions() if one.startswith(f"{site.prefix}/+/")}


def open_files(works: Works, site: Site) -> list[Path]:
    """Return the files of a site's hub that the Home Assistant process has open."""
    folder = works.hass.folder / DOMAIN / site.entry_id
    targets = [link.readlink() for link in Path(f"/proc/{works.hass.process.pid}/fd").iterdir() if link.is_symlink()]
    return [target for target in targets if target.is_relative_to(folder)]


async def test_each_site_has_its_own_devices(works: Works) -> None:
    for site in works.sites:
        view = await works.view(site)
        assert view.subentries.keys() == site.profiles.keys()
        assert len(view.devices) == len(site.profiles) + 1
        assert listens(works, site)


async def test_a_stopped_site_leaves_nothing_behind_and_comes_back(works: Works) -> None:
    yard, factory = works.yard, works.factory
    view, heard = await works.view(yard), listens(works, yard)
    before, names = view.shape, view.entity_ids
    async with works.api() as api, await api.websocket() as socket:
        answer = await socket.call("config_entries/disable", entry_id=yard.entry_id, disabled_by="user")
        assert not answer["require_restart"]
        try:
            states = {state["entity_id"]: state["state"] for state in await api.states()}
            assert not [name for name in names if states.get(name, "unavailable") != "unavailable"]

            async def subscriptions() -> set[str]:
                return listens(works, yard)

            await until(subscriptions, lambda found: not found, "without subscriptions", within_s=SOON_S)
            assert listens(works, factory)
            assert not open_files(works, yard)
            assert open_files(works, factory)
            accepted = (await works.facts(factory))["accepted"]
            await asyncio.sleep(1)
            assert (await works.facts(factory))["accepted"] > accepted, "the other site goes on"
        finally:
            await socket.call("config_entries/disable", entry_id=yard.entry_id, disabled_by=None)
    await is_back(works, yard)
    assert (await works.view(yard)).shape == before
    assert listens(works, yard) == heard


async def test_a_reloaded_site_goes_on_where_it_was(works: Works) -> None:
    yard = works.yard
    view, heard = await works.view(yard), listens(works, yard)
    before, mine = view.shape, view.entity_ids
    connected = await works.connections(works.factory)
    async with works.changes() as changes, works.api() as api:
        await api.post(f"/api/config/config_entries/entry/{yard.entry_id}/reload", {})
        seen: set[str] = set()
        async with asyncio.timeout(SOON_S):
            while "unavailable" not in seen or len(seen) < 2:
                state = await changes.get()
                if state["entity_id"] in mine:
                    seen.add(state["state"])
    await is_back(works, yard)
    assert (await works.view(yard)).shape == before
    assert listens(works, yard) == heard
    assert (await works.connections(works.factory)).keys() == connected.keys()
    made = await works.until_answered(yard)
    assert works.journal(yard).compare(works.produced(yard), set(made.rows)) == []


async def is_back(works: Works, site: Site) -> None:
    await works.until_live(site)

    async def silent() -> list[str]:
        view = await works.view(site)
        return [
            f"{one.name}: {key}"
            for one in site.profiles.values()
            for key in pushed(one)
            if view.value(one.id, key) in NO_VALUE and one.name != "Counter, faulty"
        ]

    await until(silent, lambda names: not names, "with values", within_s=SOON_S)
