"""What the archive makes of values, what it knows of a device, and what it sets aside."""

from typing import Any

import pytest

from iiot_engine.archive.archivist import Archivist
from iiot_engine.archive.dossier import MAX_TAKEN_BOOTS, Anchor, Dossier
from iiot_engine.archive.readings import kept
from iiot_engine.devices.anchor import MAX_BOOTS
from iiot_engine.devices.bare import BareTopic
from iiot_engine.devices.manifest import Channel
from iiot_engine.errors import StoreError
from iiot_engine.history.quality import Standing
from iiot_engine.history.store import KeptDossier, Spoiled, Taking
from iiot_engine.ports import JournalEntry, JournalRow
from iiot_engine.values import NS_PER_S, Kind
from tests.bare_sensor import CHANNELS as CHANNELS_OF_SENSOR
from tests.bare_sensor import TOPIC, BareSensor
from tests.engine.archiving import Archive, a_press, archive

__all__ = ["archive"]


# --- what history makes of raw values ---------------------------------------------------------


def channel(**members: Any) -> Channel:
    return Channel(key="x", name="X", **members)


@pytest.mark.parametrize(
    ("there", "raw", "kept_as"),
    [
        (channel(kind=Kind.FLOAT), 5, (5.0, Standing.GOOD)),
        (channel(kind=Kind.FLOAT), -0.0, (0.0, Standing.GOOD)),
        (channel(kind=Kind.FLOAT), 10**400, (None, Standing.BAD)),
        (channel(kind=Kind.FLOAT, scale=1e300), 1e300, (None, Standing.BAD)),
        (channel(kind=Kind.FLOAT), "5", None),
        (channel(kind=Kind.FLOAT), True, None),
        (channel(kind=Kind.INT), 5.0, (5, Standing.GOOD)),
        (channel(kind=Kind.INT), 5.5, None),
        (channel(kind=Kind.INT), True, None),
        (channel(kind=Kind.INT), 1 << 63, (None, Standing.BAD)),
        (channel(kind=Kind.INT), 1e30, (1e30, Standing.GOOD)),
        (channel(kind=Kind.INT, scale=0.5), 5, (2.5, Standing.GOOD)),
        (channel(kind=Kind.INT, scale=2, maximum=9), 5, (10, Standing.BAD)),
        (channel(kind=Kind.INT, minimum=6), 5, (5, Standing.BAD)),
        (channel(kind=Kind.BOOL), 1, None),
        (channel(kind=Kind.TEXT), 1, None),
        (channel(kind=Kind.TEXT), "x" * 60_000, ("x" * 60_000, Standing.GOOD)),
        (channel(kind=Kind.ENUM, options=("a",)), "b", ("b", Standing.BAD)),
        (channel(kind=Kind.ENUM, options=("a",)), 1, None),
    ],
)
def test_a_raw_value_is_kept_as(there: Channel, raw: Any, kept_as: Any) -> None:
    assert repr(kept(there, raw)) == repr(kept_as)


def test_the_word_of_the_device_never_makes_a_value_better() -> None:
    assert kept(channel(kind=Kind.FLOAT, maximum=1), 5.0, "uncertain") == (5.0, Standing.BAD)
    assert kept(channel(kind=Kind.FLOAT), 5.0, "bad") == (5.0, Standing.BAD)


# --- what it knows of a device ----------------------------------------------------------------


def test_a_dossier_remembers_a_bounded_number_of_boots() -> None:
    dossier = Dossier()
    for boot in range(200):
        dossier.follow_clock(boot, boot * NS_PER_S, None)
        assert dossier.fresh(boot, 1, 3) == [1, 2, 3]
    assert min(dossier.anchors) == 200 - MAX_BOOTS
    assert min(dossier.taken) == 200 - MAX_TAKEN_BOOTS
    assert Dossier.restored(dossier.state()).state() == dossier.state()


def test_a_boot_keeps_the_skew_that_was_measured_in_it() -> None:
    dossier = Dossier()
    dossier.follow_clock(1, 5, 7)
    dossier.follow_clock(1, 6, None)
    dossier.follow_clock(1, None, None)
    assert dossier.anchors == {1: Anchor(6, 7)}


@pytest.mark.parametrize("state", [b"[]", b"7", b'[{"a":1},{}]', b'[{},{"1":[["x",2]]}]'])
def test_what_cannot_be_understood_is_said(state: bytes) -> None:
    with pytest.raises(StoreError):
        Archivist({"press-07": KeptDossier(state, None)}, {}, lambda *_: [])


def test_a_device_whose_manifest_never_came_begins_without_channels() -> None:
    archivist = Archivist({"press-07": KeptDossier(b"[{},{}]", None)}, {}, lambda *_: [])
    row = JournalRow(5, "oven-01", "iiot/oven-01/data", 1, 3, 4, 0, None, None, b"{}")
    assert archivist.read([JournalEntry(8, row)]) == Taking(8, [], [], [], [Spoiled(row, "unknown_device")])


def test_the_manifest_of_before_a_start_counts_until_the_next(archive: Archive) -> None:
    press = a_press(archive)
    archive.follow()
    archive.start()
    archive.describe(press.id, channels={})
    press.read(strokes=4)
    archive.follow()
    assert archive.values(press.id, "strokes") == [4]


# --- what does not fit ------------------------------------------------------------------------


def test_a_message_that_cannot_be_read_any_more_is_set_aside(archive: Archive) -> None:
    press = a_press(archive)
    press.read(strokes=1)
    archive.follow()
    (entry, *_) = archive.world.store.read_after(0, 1)
    broken = entry.row._replace(topic=f"iiot/{press.id}/data", message=b"{}")
    taking = archive.archivist.read([entry._replace(row=broken)])
    assert [(spoiled.reason, spoiled.row) for spoiled in taking.spoiled] == [("unreadable", broken)]


def test_waveforms_are_no_rows(archive: Archive) -> None:
    press = a_press(archive)
    wave = {"ch": "temperature", "t0": [archive.world.now.wall_ns // NS_PER_S, 0], "dt_ns": 1000, "v": [1, 2, 3]}
    press.send("data", wave=wave, n=[press.boot, press.index])
    archive.follow()
    assert archive.values(press.id, "temperature") == []


def test_a_failed_read_of_no_channel_says_nothing(archive: Archive) -> None:
    press = a_press(archive)
    press.send("data", e={"pressure": "COMM"}, n=[press.boot, press.index])
    archive.follow()
    assert archive.values(press.id, "pressure") == []


def test_an_alarm_topic_is_a_channel_of_its_own(archive: Archive) -> None:
    topic = BareTopic(topic="plant/oven/alarm", alarm="overheated")
    sensor = BareSensor(archive.world, topic).join()
    archive.describe(sensor.id, topics=(topic,))
    sensor.send(state="raised")
    archive.world.pass_time(1)
    sensor.send(state="cleared")
    archive.follow()
    assert archive.values(sensor.id, "overheated") == [True, False]


def test_values_of_a_bare_topic_that_nobody_named_are_set_aside(archive: Archive) -> None:
    open_topic = BareTopic(topic="sensors/new")
    named = BareTopic(topic=TOPIC, channels=CHANNELS_OF_SENSOR)
    sensor = BareSensor(archive.world, open_topic, named).join()
    archive.describe(sensor.id, topics=(open_topic, named))
    sensor.send(topic="sensors/new", temperature=1.0)
    sensor.send(topic=TOPIC, temperature=2.0, extra=3)
    archive.world.pass_time(1)
    sensor.send(topic=TOPIC, temperature="warm", humidity=60)
    archive.follow()
    archive.describe(sensor.id)
    archive.world.pass_time(1)
    sensor.send(topic=TOPIC, temperature=4.0)
    archive.follow()
    assert archive.values(sensor.id, "temperature") == [2.0]
    assert [reason for _, reason in archive.spoiled] == ["shape", "shape", "shape", "unreadable"]
