"""The simulated plant and the real engine understand each other."""

import pytest

from iiot_engine.values import Connection, Leaf, Quality
from iiot_sim import scenario
from tests.simulator.world import QUICK, World, a_profile, as_made, losing, payload_of

FAULTY, SLEEPER, SMALLEST = "Dryer exhaust", "Rain water basin", "Climate laboratory"


@pytest.fixture(scope="module")
def plant() -> World:
    """Five minutes of the small factory."""
    world = World(scenario.load("plant-40").profiles)
    world.run(300)
    return world


def site_of(world: World, name: str) -> str:
    return next(site.profile.id for site in world.sites.values() if site.profile.name == name)


def test_every_device_of_the_factory_is_there_with_values(plant: World) -> None:
    assert len(plant.sites) == 40
    assert all(member.board.values for member in plant.hub.members.values())
    states = {member.connection for member in plant.hub.members.values()}
    assert states <= {Connection.LIVE, Connection.ASLEEP}


def test_nothing_that_it_sends_is_refused(plant: World) -> None:
    assert not plant.refused
    assert not plant.hub.strangers
    assert {code for site in plant.sites.values() for code in site.device.gate.dropped} == set()


def test_every_value_fits_its_manifest(plant: World) -> None:
    for site in plant.sites.values():
        board = plant.hub.members[site.profile.id].board
        assert not board.unjudged
        pushed = {channel.key for channel in site.profile.channels if channel.entry.get("mode") != "poll"}
        assert set(board.values) == pushed - {site.profile.wave}


def test_sound_sensors_are_good_and_the_faulty_one_is_not(plant: World) -> None:
    faulty = site_of(plant, FAULTY)
    seen = {as_made(row).get("temperature") is None for row in plant.sites[faulty].made.values()}
    assert seen == {True, False}
    for device_id, member in plant.hub.members.items():
        if device_id != faulty:
            assert {shown.quality for shown in member.board.values.values()} == {Quality.GOOD}


def test_the_sleeper_is_asleep_most_of_the_time(plant: World) -> None:
    site = plant.sites[site_of(plant, SLEEPER)]
    beats = [payload_of(message) for leaf, message in site.sent if leaf == Leaf.HEARTBEAT]
    assert {beat.get("for_s") for beat in beats} == {None, 60.0}
    assert plant.hub.members[site.profile.id].lost_rows == 0
    assert 0 < len(site.made) < 300 / site.profile.sample_s


def test_devices_without_a_clock_get_one_from_the_hub(plant: World) -> None:
    qualities = {site.profile.clock: int(site.device.clock.quality) for site in plant.sites.values()}
    assert qualities == {"ntp": 2, "hub": 1}


def test_the_smallest_device_numbers_no_rows(plant: World) -> None:
    member = plant.hub.members[site_of(plant, SMALLEST)]
    assert member.board.values
    assert member.lost_rows == 0
    assert not len(plant.sites[site_of(plant, SMALLEST)].device.readings.shelf)


def test_whatever_happens_every_row_arrives_once_and_as_it_was_made() -> None:
    world = World(scenario.load("outage").profiles, is_lost=losing(0.3))
    world.run(60)
    world.cut_broker()
    world.run(90)
    world.mend_broker()
    world.run(30)
    for device_id in list(world.sites)[::2]:
        world.restart(device_id)
    world.run(20)
    world.hub_up = False
    world.run(90)
    world.hub_up = True
    world.is_lost = losing(0)
    world.run(120)
    for device_id, site in world.sites.items():
        kept = world.kept_by_hub(device_id)
        waiting = {(kept.row.boot, kept.row.index) for kept in site.device.readings.shelf}
        made = {identity: as_made(row) for identity, row in site.made.items()}
        assert {identity: row for identity, row in made.items() if identity not in waiting | set(kept)} == {}
        assert {identity: kept[identity] for identity in kept if kept[identity] != made[identity]} == {}
        assert len(waiting) < 30
        assert world.hub.members[device_id].lost_rows == 0
    assert not world.refused


def test_a_device_that_is_full_lets_the_oldest_rows_go_and_says_so() -> None:
    world = World([a_profile(keep_rows=50, timing=QUICK)])
    world.run(10)
    world.cut_broker()
    world.run(200)
    world.mend_broker()
    world.run(60)
    site, member = world.sites["press-07"], world.hub.members["press-07"]
    waiting = {(kept.row.boot, kept.row.index) for kept in site.device.readings.shelf}
    lost = set(site.made) - set(world.kept_by_hub("press-07")) - waiting
    assert 145 < len(lost) < 160
    assert member.lost_rows == len(lost)
    assert len(waiting) < 15


def test_the_rows_of_an_earlier_boot_keep_their_place() -> None:
    world = World([a_profile(timing=QUICK)])
    world.run(10)
    world.cut_broker()
    world.run(30)
    world.restart("press-07")
    world.run(30)
    world.mend_broker()
    world.run(60)
    kept = world.kept_by_hub("press-07")
    assert {boot for boot, _ in kept} == {1, 2}
    assert sum(boot == 1 for boot, _ in kept) == sum(boot == 1 for boot, _ in world.sites["press-07"].made)
