"""The archive: every row of the journal once, in its place, with what is known of it."""

import pytest

from iiot_engine.devices.adopted import AdoptedEntity
from iiot_engine.history.quality import Standing
from iiot_engine.plant.policy import Policy
from iiot_engine.ports import JournalEntry, JournalRow
from iiot_engine.values import NS_PER_S, TimeFlag
from iiot_engine.wire import canonical
from tests.bare_sensor import BareSensor
from tests.builders import CHANNELS, Machine
from tests.engine.archiving import FOREVER, START_NS, Archive, a_press, archive
from tests.engine.shelf import Recorder

__all__ = ["archive"]


def test_readings_are_kept_at_the_device_s_own_time(archive: Archive) -> None:
    press = a_press(archive)
    archive.world.pass_time(0.25)
    at = (archive.world.now.wall_ns - START_NS) / NS_PER_S
    press.read(temperature=20.5, strokes=3, guard=True, program="run", note="new tool")
    archive.follow()
    assert archive.readings(press.id, "temperature") == [(at, 20.5, 0)]
    for channel, value in (("strokes", 3), ("guard", True), ("program", "run"), ("note", "new tool")):
        assert archive.values(press.id, channel) == [value]
        assert type(archive.values(press.id, channel)[0]) is type(value)


def test_rows_of_one_message_are_kept_each_at_its_time(archive: Archive) -> None:
    press = a_press(archive)
    now_s = archive.world.now.wall_ns // NS_PER_S
    press.rows(["temperature", "strokes"], [[now_s - 2, 5, 20.0, None], [now_s - 1, 0, 20.5, 7]])
    archive.follow()
    since_s = now_s - START_NS // NS_PER_S
    assert archive.readings(press.id, "temperature") == [(since_s - 2 + 5e-9, 20.0, 0), (since_s - 1, 20.5, 0)]
    assert archive.values(press.id, "strokes") == [7], "an empty place is no reading"


def test_a_value_out_of_range_stays_and_is_bad(archive: Archive) -> None:
    press = a_press(archive)
    press.read(temperature=300.0, program="dance")
    press.send("data", r={"temperature": 21.0}, q={"temperature": "uncertain"}, n=[press.boot, press.index])
    archive.follow()
    assert [one[1:] for one in archive.readings(press.id, "temperature")] == [
        (300.0, Standing.BAD),
        (21.0, Standing.UNCERTAIN),
    ]
    assert [one[1:] for one in archive.readings(press.id, "program")] == [("dance", Standing.BAD)]


def test_a_read_that_failed_is_kept_with_its_reason(archive: Archive) -> None:
    press = a_press(archive)
    press.send("data", e={"temperature": "COMM", "strokes": "VALUE"}, n=[press.boot, press.index])
    archive.follow()
    assert [one[1:] for one in archive.readings(press.id, "temperature")] == [(None, Standing.COMM)]
    assert [one[1:] for one in archive.readings(press.id, "strokes")] == [(None, Standing.VALUE)]


def test_scale_and_offset_of_the_manifest_of_then_count(archive: Archive) -> None:
    press = a_press(archive)
    press.read(strokes=5)
    press.digest = "ff" * 8
    scaled = [channel | {"scale": 10, "offset": 1} if channel["key"] == "strokes" else channel for channel in CHANNELS]
    press.tell_manifest(scaled)
    archive.world.pass_time(1)
    press.read(strokes=5)
    archive.follow()
    assert archive.values(press.id, "strokes") == [5, 51]


def test_late_rows_land_in_their_place_once(archive: Archive) -> None:
    world = archive.world
    recorder = Recorder(world)
    recorder.join()
    archive.describe(recorder.id)
    lost = []
    for at in range(20):
        world.pass_time(1)
        message = recorder.measure()
        if 5 <= at < 15:
            lost.append(message)
        else:
            world.receive(*message)
    archive.follow()
    assert archive.values(recorder.id, "strokes") == [*range(5), *range(15, 20)]
    world.skip(61)
    for _ in range(2):
        for message in recorder.again():
            world.receive(*message)
    archive.follow()
    assert archive.values(recorder.id, "strokes") == list(range(20))
    assert archive.spoiled == []


@pytest.mark.parametrize("seed", range(8))
def test_a_crash_at_any_batch_loses_nothing_and_doubles_nothing(archive: Archive, seed: int) -> None:
    world = archive.world
    recorder = Recorder(world)
    recorder.join()
    archive.describe(recorder.id)
    for _ in range(40):
        world.receive(*recorder.measure())
        world.pass_time(1)
    archive.follow(most=seed)
    archive.start()  # what it had read and not written is forgotten
    world.skip(61)
    for message in recorder.again():
        world.receive(*message)
    archive.follow()
    assert archive.values(recorder.id, "strokes") == list(range(40))


def test_what_fits_no_channel_is_set_aside_with_its_reason(archive: Archive) -> None:
    press = a_press(archive)
    press.read(temperature=20.5, pressure=3.2)
    press.read(temperature="warm")
    archive.follow()
    assert archive.values(press.id, "temperature") == [20.5]
    assert archive.spoiled == [(press.id, "shape"), (press.id, "shape")]


def test_rows_far_from_now_are_set_aside(archive: Archive) -> None:
    press = a_press(archive)
    now_s = archive.world.now.wall_ns // NS_PER_S
    press.rows(["temperature"], [[now_s - 10 * 365 * 86_400, 0, 1.0], [now_s, 0, 2.0]])
    press.rows(["temperature"], [[now_s - 10 * 365 * 86_400, 0, 3.0]])
    archive.follow()
    assert archive.values(press.id, "temperature") == [2.0]
    assert archive.spoiled == [(press.id, "window"), (press.id, "window")]


def test_a_row_whose_time_is_taken_is_kept_a_nanosecond_later(archive: Archive) -> None:
    press = a_press(archive)
    now_s = archive.world.now.wall_ns // NS_PER_S
    press.rows(["temperature"], [[now_s, 0, 1.0], [now_s, 0, 2.0]])
    press.rows(["temperature"], [[now_s, 0, 3.0]])
    press.rows(["strokes"], [[now_s, 0, 4]])
    archive.follow()
    press.rows(["temperature", "strokes"], [[now_s, 0, 5.0, None]])
    archive.follow()
    assert archive.values(press.id, "temperature") == [1.0, 2.0, 3.0, 5.0]
    pieces = list(archive.store.read(f"page-{press.id}", "temperature", *FOREVER))
    times = {time_ns - now_s * NS_PER_S for piece in pieces for time_ns in piece.times_ns}
    assert times == {0, 1, 2, 3}
    assert archive.readings(press.id, "strokes")[0][0] == now_s - START_NS // NS_PER_S, "it is another channel's time"


def test_rows_of_one_time_that_come_together_are_told_apart(archive: Archive) -> None:
    press = a_press(archive)
    press.read(temperature=0.0)
    archive.follow()
    now_s = archive.world.now.wall_ns // NS_PER_S
    press.rows(["temperature"], [[now_s, 0, 1.0], [now_s, 0, 2.0]])
    archive.follow()
    assert archive.values(press.id, "temperature") == [0.0, 1.0, 2.0]
    piece = list(archive.store.read(f"page-{press.id}", "temperature", *FOREVER))[-1]
    assert [time_ns - now_s * NS_PER_S for time_ns in piece.times_ns] == [0, 1]


def test_rows_without_numbers_are_kept(archive: Archive) -> None:
    press = a_press(archive)
    now_s = archive.world.now.wall_ns // NS_PER_S
    press.rows(["temperature"], [[now_s - 1, 0, 1.0], [now_s, 0, 2.0]], n=None)
    archive.follow()
    assert archive.values(press.id, "temperature") == [1.0, 2.0]


def test_a_device_without_a_clock_is_placed_by_the_start_of_its_boot(archive: Archive) -> None:
    press = a_press(archive, tq=0)
    archive.world.pass_time(3)
    press.rows(["temperature"], [[1, 500_000_000, 20.0], [2, 0, 20.5]])
    archive.follow()
    (first, *_), (second, *_) = archive.readings(press.id, "temperature")
    assert second - first == pytest.approx(0.5)
    born = (press.born_ns + archive.world.wall_offset_ns - START_NS) / NS_PER_S
    assert first == pytest.approx(born + 1.5, abs=0.01)


def test_rows_of_a_boot_that_the_hub_never_heard_lie_before_the_next(archive: Archive) -> None:
    press = Machine(archive.world, boot=4)
    press.held = (3, 1)
    press.join()
    archive.describe(press.id)
    archive.world.pass_time(3)
    press.rows(["temperature"], [[100, 0, 20.0], [160, 0, 20.5]], n=[3, 1], late=True)
    archive.follow()
    (first, *_), (second, *_) = archive.readings(press.id, "temperature")
    assert second - first == 60
    assert second < (press.born_ns + archive.world.wall_offset_ns - START_NS) / NS_PER_S


def test_a_clock_that_is_off_is_corrected(archive: Archive) -> None:
    press = a_press(archive, clock_ahead_s=60)
    at = (archive.world.now.wall_ns - START_NS) / NS_PER_S
    press.read(temperature=20.5)
    now_s = archive.world.now.wall_ns // NS_PER_S
    press.rows(["temperature"], [[now_s + 58, 0, 20.0]])
    archive.follow()
    assert archive.readings(press.id, "temperature")[1][0] == pytest.approx(at, abs=0.01)
    assert archive.readings(press.id, "temperature")[0][0] == pytest.approx(now_s - 2 - START_NS // NS_PER_S, abs=1)


def test_a_position_is_kept_with_its_row(archive: Archive) -> None:
    truck = a_press(archive)
    truck.send("data", r={"temperature": 4.0}, loc=[48.1374, 11.5755], n=[truck.boot, truck.index])
    now_s = archive.world.now.wall_ns // NS_PER_S
    truck.index += 1
    truck.rows(["loc"], [[now_s, 0, [48.2, 11.6, 520.0]]])
    archive.follow()
    assert sorted(archive.values(truck.id, "loc")) == [[48.1374, 11.5755], [48.2, 11.6, 520.0]]


def test_bare_topics_are_kept(archive: Archive) -> None:
    sensor = BareSensor(archive.world).join()
    archive.describe(sensor.id, topics=sensor.member.policy.topics)
    sensor.send(temperature=20.5, humidity=61)
    archive.follow()
    assert archive.values(sensor.id, "temperature") == [20.5]
    assert archive.values(sensor.id, "humidity") == [61]


def test_adopted_entities_are_kept_and_marked(archive: Archive) -> None:
    world = archive.world
    boiler = AdoptedEntity(entity_id="sensor.boiler", key="boiler")
    world.keys["entities:1"] = {}
    world.perform(world.plant.adopt("entities:1", {}, world.now))
    world.perform(world.plant.set_policy("entities:1", Policy(entities=(boiler,))))
    archive.describe("entities:1", entities=(boiler,))
    world.perform(world.plant.take_state("entities:1", "sensor.boiler", "61.5", world.now.wall_ns, world.now))
    archive.follow()
    assert archive.values("entities:1", "boiler") == [61.5]
    archive.describe("entities:1")
    world.pass_time(1)
    world.perform(world.plant.take_state("entities:1", "sensor.boiler", "62", world.now.wall_ns, world.now))
    archive.follow()
    assert archive.values("entities:1", "boiler") == [61.5]


def test_silence_is_kept_as_a_read_that_failed(archive: Archive) -> None:
    press = a_press(archive)
    asked_ns = archive.world.now.wall_ns
    message = canonical.encode(
        {"e": {"temperature": "COMM"}, "poll": "00000001", "ts": asked_ns // NS_PER_S, "ts_ns": asked_ns % NS_PER_S}
    )
    row = JournalRow(asked_ns, press.id, f"iiot/{press.id}/poll", 0, 0, 0, TimeFlag.UNANSWERED, None, None, message)
    spoilt = row._replace(message=message.replace(b'{"temperature":"COMM"}', b'"temperature"'))
    archive.follow()
    place = archive.store.position()
    archive.store.take(archive.archivist.read([JournalEntry(place + 1, row), JournalEntry(place + 2, spoilt)]))
    assert archive.readings(press.id, "temperature") == [((asked_ns - START_NS) / NS_PER_S, None, Standing.COMM)]


def test_replaced_hardware_goes_on_in_the_same_place(archive: Archive) -> None:
    old = a_press(archive)
    old.read(strokes=1)
    archive.follow()
    new = Machine(archive.world, "press-08").join()
    archive.described[new.id] = archive.described[old.id]
    archive.world.pass_time(1)
    new.read(strokes=2)
    archive.follow()
    assert archive.values(old.id, "strokes") == [1, 2]


def test_a_device_that_is_gone_is_set_aside(archive: Archive) -> None:
    press = a_press(archive)
    press.read(strokes=1)
    archive.described.clear()
    archive.follow()
    assert {reason for _, reason in archive.spoiled} == {"unknown_device"}


def test_sealing_changes_nothing_that_is_read(archive: Archive) -> None:
    press = a_press(archive)
    for strokes in range(30):
        press.read(strokes=strokes, temperature=20 + strokes / 10)
        archive.world.pass_time(1)
    archive.follow()
    before = archive.readings(press.id, "temperature")
    archive.store.put_figures([], archive.store.fresh(1_000)[-1].place)
    assert archive.store.seal(1) == len(before)
    assert archive.readings(press.id, "temperature") == before
    press.read(strokes=30)
    archive.follow()
    assert archive.values(press.id, "strokes") == list(range(31))
