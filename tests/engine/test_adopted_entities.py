"""Entities of Home Assistant as channels: judged and kept like readings, and marked as unsigned for ever."""

from typing import Any

import pytest

from iiot_engine.devices.adopted import AdoptedEntity, value_of
from iiot_engine.effects import ValuesChanged
from iiot_engine.ingest.calculated import Calculated
from iiot_engine.ingest.checks import Checks
from iiot_engine.plant.policy import Policy
from iiot_engine.ports import Batch, JournalEntry, JournalRow
from iiot_engine.values import NS_PER_S, Connection, Quality, TimeFlag
from iiot_engine.wire import canonical
from tests.builders import World

GROUP = "entities:01jd8z6q4w3m5n7p9r0t1v2x3y"
BOILER = AdoptedEntity(entity_id="sensor.boiler", key="boiler", name="Boiler", unit="°C")
DOOR = AdoptedEntity(entity_id="binary_sensor.door", key="door", kind="bool")


class Adopting:
    """A hub with two adopted entities."""

    def __init__(self) -> None:
        self.world = World()
        self.world.keys[GROUP] = {}
        self.world.policies[GROUP] = Policy(entities=(BOILER, DOOR))
        self.world.perform(self.world.plant.adopt(GROUP, {}, self.world.now))
        self.world.perform(self.world.plant.set_policy(GROUP, self.world.policies[GROUP]))

    def say(self, entity_id: str, state: str, *, ago_s: float = 0) -> None:
        """An entity has had a state since then."""
        changed_ns = self.world.now.wall_ns - round(ago_s * NS_PER_S)
        self.world.perform(self.world.plant.take_state(GROUP, entity_id, state, changed_ns, self.world.now))

    @property
    def member(self) -> Any:
        """What the hub keeps."""
        return self.world.plant.members[GROUP]

    def value(self, key: str) -> Any:
        """The value of a channel."""
        return self.member.board.values[key].value


def test_states_become_values_and_unsigned_rows() -> None:
    adopting = Adopting()
    adopting.say("sensor.boiler", "61.50", ago_s=3)
    adopting.say("binary_sensor.door", "on")
    assert (adopting.value("boiler"), adopting.value("door")) == (61.5, True)
    assert adopting.member.connection is Connection.LIVE
    adopting.world.pass_time(2)
    rows = adopting.world.journal()
    assert [(row.topic, row.flags, row.kid) for row in rows] == [
        ("sensor.boiler", TimeFlag.UNSIGNED, 0),
        ("binary_sensor.door", TimeFlag.UNSIGNED, 0),
    ]
    kept = canonical.decode(rows[0].message)
    assert (kept["entity_id"], kept["state"]) == ("sensor.boiler", "61.50"), "as the entity said it"
    assert adopting.member.board.values["boiler"].time_ns == kept["ts"] * NS_PER_S + kept["ts_ns"]
    assert adopting.world.plant.accepted == 0, "nobody signed it"


@pytest.mark.parametrize("state", ["unavailable", "unknown", "nan", "inf", "warm", ""])
def test_what_is_no_value_is_none(state: str) -> None:
    adopting = Adopting()
    adopting.say("sensor.boiler", "61.5", ago_s=1)
    adopting.say("sensor.boiler", state)
    shown = adopting.member.board.values["boiler"]
    assert (shown.value, shown.quality) == (None, Quality.BAD)
    assert value_of(DOOR, state) is None


def test_a_start_brings_values_back_and_repeats_no_row() -> None:
    adopting = Adopting()
    world = adopting.world
    for state in ("61.5", "62.5"):
        adopting.say("sensor.boiler", state)
        world.pass_time(2)
    said_ns = adopting.member.board.values["boiler"].time_ns
    world.kill()
    assert adopting.value("boiler") == 62.5, "from the journal: the last values were saved before it"
    world.perform(world.plant.take_state(GROUP, "sensor.boiler", "62.5", said_ns, world.now))
    world.pass_time(2)
    assert len(world.journal()) == 2
    assert adopting.member.connection is Connection.LIVE


@pytest.mark.parametrize("state", ["61.5\n", "61\x00", "61\ud800", "\x85"])
def test_a_state_that_no_text_may_hold_is_kept_readable_and_stops_no_start(state: str) -> None:
    adopting = Adopting()
    adopting.say("sensor.boiler", "60.5", ago_s=1)
    adopting.say("sensor.boiler", state)
    shown = adopting.member.board.values["boiler"]
    assert (shown.value, shown.quality) == (None, Quality.BAD)
    adopting.world.pass_time(2)
    adopting.world.kill()
    assert adopting.value("boiler") is None
    assert "\ufffd" in canonical.decode(adopting.world.journal()[-1].message)["state"]


def test_a_row_that_an_earlier_release_kept_unreadable_stops_no_start() -> None:
    adopting = Adopting()
    world = adopting.world
    adopting.say("sensor.boiler", "60.5", ago_s=1)
    world.pass_time(2)
    row = world.journal()[-1]
    kept = row._replace(message=canonical.encode({"entity_id": "sensor.boiler", "state": "\n", "ts": 1, "ts_ns": 0}))
    world.store.commit(Batch(9, [kept], [], [], None, []))
    world.kill()
    assert adopting.value("boiler") == 60.5


@pytest.mark.parametrize("message", [b"\xff", b"{}", b'{"state":1,"ts":1,"ts_ns":0}', b'{"state":"1","ts":1}'])
def test_a_row_that_a_disk_has_spoilt_is_passed_over(message: bytes) -> None:
    adopting = Adopting()
    adopting.say("sensor.boiler", "60.5")
    row = JournalRow(
        adopting.world.now.wall_ns, GROUP, "sensor.boiler", 0, 0, 0, TimeFlag.UNSIGNED, None, None, message
    )
    adopting.world.plant.replay([JournalEntry(1, row)])
    assert adopting.value("boiler") == 60.5


def test_rows_of_an_entity_that_was_given_up_are_passed_over() -> None:
    adopting = Adopting()
    world = adopting.world
    for state in ("61.5", "62.5"):
        adopting.say("sensor.boiler", state)
        world.pass_time(2)
    world.policies[GROUP] = Policy(entities=(DOOR,))
    world.kill()
    assert adopting.member.board.values == {}


def test_what_is_on_trial_is_marked() -> None:
    adopting = Adopting()
    world = adopting.world
    world.perform(world.plant.set_policy(GROUP, Policy(entities=(BOILER,), trial=True)))
    adopting.say("sensor.boiler", "61.5")
    assert world.flags_of_newest() == TimeFlag.UNSIGNED | TimeFlag.TRIAL


def test_it_stays_live_however_long_it_says_nothing() -> None:
    adopting = Adopting()
    adopting.say("sensor.boiler", "61.5")
    adopting.world.skip(30 * 86_400)
    assert adopting.member.connection is Connection.LIVE


def test_an_entity_that_nobody_adopted_is_nobodys() -> None:
    adopting = Adopting()
    adopting.say("sensor.other", "5")
    adopting.say("sensor.boiler", "5")
    world = adopting.world
    assert world.plant.adopted == {"sensor.boiler": [GROUP], "binary_sensor.door": [GROUP]}
    world.pass_time(2)
    assert [row.topic for row in world.journal()] == ["sensor.boiler"]
    world.policies[GROUP] = Policy(entities=(DOOR,))
    world.kill()
    assert adopting.member.board.values == {}
    del world.keys[GROUP]
    world.kill()
    assert world.plant.adopted == {}


def test_a_full_waiting_room_takes_no_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iiot_engine.plant.site.MAX_WAITING_ROWS", 1)
    adopting = Adopting()
    with adopting.world.slow_store():
        adopting.say("sensor.boiler", "61.5")
        adopting.say("binary_sensor.door", "on")
        adopting.world.pass_time(2)
    assert adopting.member.device.refusals.counts == {"busy": 1}


def test_gates_formulas_and_maintenance_hold_for_them_too() -> None:
    adopting = Adopting()
    policy = Policy(
        entities=(BOILER, DOOR),
        channels={"boiler": Checks(high=90)},
        calculated={"kelvin": Calculated(name="Kelvin", expression="boiler + 273.15")},
        trial=True,
    )
    adopting.world.perform(adopting.world.plant.set_policy(GROUP, policy))
    adopting.say("sensor.boiler", "60")
    assert adopting.value("kelvin") == 333.15
    adopting.say("sensor.boiler", "95", ago_s=-1)
    assert (adopting.value("boiler"), adopting.value("kelvin")) == (None, None)
    adopting.world.pass_time(2)
    assert {row.flags for row in adopting.world.journal()} == {TimeFlag.UNSIGNED | TimeFlag.TRIAL}


def test_a_state_that_says_the_same_again_is_a_row_and_no_change() -> None:
    adopting = Adopting()
    for _ in range(2):
        adopting.say("sensor.boiler", "61.5")
        adopting.world.pass_time(2)
    assert len(adopting.world.journal()) == 2
    assert adopting.world.of(ValuesChanged) == [ValuesChanged(GROUP, ["boiler"])]


def test_nothing_counts_of_what_a_person_revoked() -> None:
    adopting = Adopting()
    world = adopting.world
    world.perform(world.plant.set_revoked(GROUP, True, world.now))
    adopting.say("sensor.boiler", "61.5")
    assert adopting.member.board.values == {}
    assert adopting.member.device.refusals.counts == {"revoked": 1}
