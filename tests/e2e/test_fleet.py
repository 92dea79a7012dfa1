"""A fleet of forty, enrolled by its fleet key: what Home Assistant shows of it."""

import asyncio
import time
from itertools import pairwise

from iiot_engine.wire import signing
from iiot_sim.profile import Profile

from .house import View, until
from .works import Site, Works

NO_VALUE = (None, "unknown", "unavailable")
BAD_WITHIN_S = 60.0


def called(site: Site, name: str) -> Profile:
    (found,) = (profile for profile in site.profiles.values() if profile.name == name)
    return found


def pushed(profile: Profile) -> list[str]:
    """Channels that a device reports by itself."""
    return [one.key for one in profile.channels if one.entry.get("mode") != "poll" and one.key != profile.wave]


def without_value(site: Site, view: View) -> list[str]:
    return [
        f"{profile.name}: {key}"
        for profile in site.profiles.values()
        for key in pushed(profile)
        if view.value(profile.id, key) in NO_VALUE and profile.name != "Dryer exhaust"
    ]


async def test_all_forty_joined_by_the_fleet_key_alone(works: Works) -> None:
    site = works.factory
    devices = {one["device_id"]: one for one in (await works.facts(site))["devices"]}
    assert len(devices) == 40
    assert devices.keys() == site.profiles.keys()
    for device_id, device in devices.items():
        assert device["name"] == site.profiles[device_id].name
        assert (device["kid"], device["fingerprint"]) == (1, signing.fingerprint(site.key_of(device_id)))


async def test_every_channel_has_a_live_value_and_every_device_its_health(works: Works) -> None:
    site = works.factory

    async def silent() -> list[str]:
        return without_value(site, await works.view(site))

    await until(silent, lambda names: not names, "with a value in every channel")
    view = await works.view(site)
    for device_id, profile in site.profiles.items():
        assert view.value(device_id, "health.connection") in ("live", "asleep"), profile.name
        assert view.device(device_id)["model"] == profile.model
        assert view.device(device_id)["sw_version"] == profile.fw
        if "battery" in profile.power:
            assert view.value(device_id, "health.battery") not in NO_VALUE, profile.name


async def test_values_move(works: Works) -> None:
    site = works.factory
    bench = called(site, "Torque test bench").id
    first = (await works.view(site)).value(bench, "torque")

    async def torque() -> str | None:
        return (await works.view(site)).value(bench, "torque")

    await until(torque, lambda now: now not in (first, *NO_VALUE), "another torque", within_s=5)


async def test_a_value_of_bad_quality_is_unknown_and_comes_back(works: Works) -> None:
    shown: set[str] = set()
    for site, name, keys in (
        (works.factory, "Dryer exhaust", ("temperature", "humidity")),
        (works.yard, "Counter, faulty", ("temperature",)),
    ):
        view, device_id = await works.view(site), called(site, name).id
        shown |= {view.entities[f"{view.subentries[device_id]}_{key}"]["entity_id"] for key in keys}
    bad: set[str] = set()
    async with works.changes() as changes, asyncio.timeout(BAD_WITHIN_S):
        while True:
            state = await changes.get()
            if state["entity_id"] not in shown:
                continue
            if state["state"] == "unknown":
                bad.add(state["entity_id"])
            else:
                assert float(state["state"]) < 200, "a spike beyond the range is never shown"
                if state["entity_id"] in bad:
                    break


async def test_a_sleeping_device_is_asleep_with_its_values(works: Works) -> None:
    site = works.factory
    basin = called(site, "Rain water basin").id

    async def connection() -> str | None:
        return (await works.view(site)).value(basin, "health.connection")

    await until(connection, lambda state: state == "asleep", "asleep", within_s=40)
    view = await works.view(site)
    assert view.value(basin, "level") not in NO_VALUE


async def test_the_device_with_a_position_is_a_tracker_on_the_move(works: Works) -> None:
    site = works.factory
    lift = called(site, "Fork lift 2").id

    async def place() -> tuple[float, float]:
        state = (await works.view(site)).state(lift, "device.position")
        assert state is not None
        assert state["entity_id"].startswith("device_tracker.")
        return state["attributes"]["latitude"], state["attributes"]["longitude"]

    first = await place()
    assert (round(first[0], 1), round(first[1], 1)) == (48.1, 11.6)
    await until(place, lambda now: now != first, "elsewhere", within_s=10)


async def test_devices_behind_a_gateway_name_it(works: Works) -> None:
    site = works.factory
    view = await works.view(site)
    gateway = view.device(called(site, "Cold store gateway").id)
    for name in ("Cold store front", "Cold store back"):
        assert view.device(called(site, name).id)["via_device_id"] == gateway["id"]
    hub = next(one for one in view.devices.values() if one["entry_type"] == "service")
    assert gateway["via_device_id"] == hub["id"]


async def test_places_become_areas(works: Works) -> None:
    site = works.factory
    async with works.api() as api, await api.websocket() as socket:
        areas = {one["area_id"]: one["name"] for one in await socket.call("config/area_registry/list")}
    view = await works.view(site)
    for device_id, profile in site.profiles.items():
        assert areas.get(view.device(device_id)["area_id"]) == profile.place


async def test_an_entity_is_written_once_a_second_and_shows_what_is_new(works: Works) -> None:
    site = works.factory
    bench = called(site, "Torque test bench").id
    view = await works.view(site)
    shown = view.entities[f"{view.subentries[bench]}_torque"]["entity_id"]
    times: list[float] = []
    async with works.changes() as changes, asyncio.timeout(20):
        while len(times) < 4:
            if (await changes.get())["entity_id"] == shown:
                times.append(time.monotonic())
    apart = [later - earlier for earlier, later in pairwise(times)]
    assert all(0.8 < gap < 2.5 for gap in apart), apart
    lag = next(one for one in (await works.facts(site))["devices"] if one["device_id"] == bench)["health"]["lag_s"]
    assert lag < 1


async def test_nothing_was_logged_that_nobody_expects(running_works: Works) -> None:
    """From the very start, enrolment of all devices included."""
    assert not running_works.startup_problems
