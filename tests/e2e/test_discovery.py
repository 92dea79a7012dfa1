"""A person decides which devices join: discovery cards, over the same interface as the browser's."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio

from testbed.api import Api

from .house import View, until
from .test_fleet import NO_VALUE
from .works import Site, Works

SOON_S = 10.0


@pytest_asyncio.fixture(loop_scope="session")
async def workshop(works: Works) -> AsyncIterator[Site]:
    """A site that asks, and does not know the fleet key of the two devices that call."""
    await works.workshop.start_plant()
    try:
        yield works.workshop
    finally:
        await works.workshop.plant.stop()


async def open_card(works: Works, api: Api, site: Site, device_id: str) -> dict[str, Any]:
    step: dict[str, Any] = await api.get(f"/api/config/config_entries/flow/{(await works.cards(site))[device_id]}")
    return step


async def cards_of(works: Works, site: Site, count: int) -> dict[str, str]:
    async def cards() -> dict[str, str]:
        return await works.cards(site)

    return await until(cards, lambda found: len(found) >= count, f"{count} cards", within_s=SOON_S)


def entities_of(view: View, device_id: str) -> list[str]:
    subentry = view.subentries.get(device_id)
    return [] if subentry is None else [name for name in view.entities if name.startswith(f"{subentry}_")]


async def test_a_person_approves_one_device_ignores_the_other_and_removes_the_first(
    works: Works, workshop: Site
) -> None:
    works.expect(r": refused a message of .*unknown_device")
    wanted, unwanted = workshop.profiles
    assert set(await cards_of(works, workshop, 2)) == {wanted, unwanted}
    assert entities_of(await works.view(workshop), wanted) == [], "a card is no device"
    await approve(works, workshop, wanted)
    await ignore(works, workshop, unwanted)
    await works.hass.restart()
    await is_still_ignored(works, workshop, unwanted)
    await remove(works, workshop, wanted)


async def approve(works: Works, site: Site, device_id: str) -> None:
    """The card shows who calls; a wrong key is told; with the right one its values appear."""
    async with works.api() as api:
        step = await open_card(works, api, site, device_id)
        assert (step["type"], step["step_id"]) == ("form", "confirm_device")
        assert step["description_placeholders"]["device_id"] == device_id
        assert step["description_placeholders"]["site"] == "Workshop"
        step = await api.answer(step, {"name": "Counter of the workshop", "key_source": "paste"})
        assert (step["type"], step["step_id"], step["errors"]) == ("form", "device_key", {})
        step = await api.answer(step, {"key": secrets.token_hex(32)})
        assert (step["type"], step["errors"]) == ("form", {"key": "wrong_key"})
        step = await api.answer(step, {"key": "no key"})
        assert (step["type"], step["errors"]) == ("form", {"key": "invalid_key"})
        step = await api.answer(step, {"key": site.key_of(device_id).hex()})
        assert (step["type"], step["reason"]) == ("abort", "device_added")

    async def count() -> str | None:
        view = await works.view(site)
        return view.value(device_id, "count") if device_id in view.subentries else None

    await until(count, lambda value: value not in NO_VALUE, "counting", within_s=SOON_S)
    view = await works.view(site)
    assert view.device(device_id)["name"] == "Counter of the workshop"
    assert device_id not in await works.cards(site)


async def ignore(works: Works, site: Site, device_id: str) -> None:
    async with works.api() as api, await api.websocket() as socket:
        flow = (await works.cards(site))[device_id]
        await socket.call("config_entries/ignore_flow", flow_id=flow, title="Counter")
    assert device_id not in await works.cards(site)


async def is_still_ignored(works: Works, site: Site, device_id: str) -> None:
    """It calls the hub again after the restart, and nobody is asked."""

    async def waiting() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await works.facts(site))["inbox"]["newest"]
        return found

    await until(waiting, lambda found: any(one["calls"] >= 2 for one in found), "calling", within_s=2 * SOON_S)
    assert device_id not in await works.cards(site)
    assert device_id not in (await works.view(site)).subentries


async def remove(works: Works, site: Site, device_id: str) -> None:
    """What a person takes out is gone, and the device is told to forget its key."""
    view = await works.view(site)
    gone = [view.entities[name]["entity_id"] for name in entities_of(view, device_id)]
    assert gone
    async with works.api() as api, await api.websocket() as socket:
        subentry = view.subentries[device_id]
        await socket.call("config_entries/subentries/delete", entry_id=site.entry_id, subentry_id=subentry)

    async def still_there() -> list[str]:
        now = await works.view(site)
        names = {one["entity_id"] for one in now.entities.values()}
        return [name for name in gone if name in now.states or name in names]

    await until(still_there, lambda names: not names, "gone", within_s=SOON_S)

    facts = site.plant.folder / f"{device_id}.json"

    async def forgot() -> bool:
        told: bool = json.loads(facts.read_text(encoding="utf-8"))["forgotten"]
        return told

    await until(forgot, bool, "told to forget its key", within_s=SOON_S)
    await asyncio.sleep(1.5)
    assert await still_there() == []
    now = await works.view(site)
    assert device_id not in now.subentries
    assert device_id not in await works.cards(site)
    assert [one["name"] for one in now.devices.values()] == ["Workshop"]
