"""Live, late, asleep or lost: the whole table, walked from every state by every event."""

from collections.abc import Callable

import pytest

from iiot_engine.devices.liveness import Liveness
from iiot_engine.values import NS_PER_S, Connection, Settings
from tests.builders import START_S, Machine, World

LIVE, LATE, ASLEEP, LOST = Connection.LIVE, Connection.LATE, Connection.ASLEEP, Connection.LOST
START = START_S * NS_PER_S
INTERVAL = 20.0


class Bench:
    """One device's liveness and a clock."""

    def __init__(self) -> None:
        self.liveness = Liveness()
        self.liveness.interval_s = INTERVAL
        self.now = START

    @property
    def state(self) -> Connection:
        return self.liveness.state(self.now, Settings())

    def wait(self, seconds: float) -> None:
        self.now += round(seconds * NS_PER_S)

    def sign_of_life(self) -> None:
        self.liveness.hear(self.now)

    def until_late(self) -> None:
        self._until(1.5 * INTERVAL)

    def until_lost(self) -> None:
        self._until(3 * INTERVAL)

    def _until(self, silence_s: float) -> None:
        self.now = max(self.now, self.liveness.since_ns + round(silence_s * NS_PER_S)) + 1

    def announce_sleep(self) -> None:
        self.liveness.sleep(self.now, 100)
        self.liveness.hear(self.now, woke=False)

    def until_awake(self) -> None:
        self.wait(100 + 60 + 0.001)

    def offline(self) -> None:
        self.liveness.leave()


def live(bench: Bench) -> None:
    bench.sign_of_life()


def late(bench: Bench) -> None:
    bench.sign_of_life()
    bench.until_late()


def asleep(bench: Bench) -> None:
    bench.announce_sleep()


def lost(bench: Bench) -> None:
    bench.sign_of_life()
    bench.until_lost()


STATES: dict[Connection, Callable[[Bench], None]] = {LIVE: live, LATE: late, ASLEEP: asleep, LOST: lost}
EVENTS: dict[str, Callable[[Bench], None]] = {
    "sign of life": Bench.sign_of_life,
    "1.5 intervals": Bench.until_late,
    "3 intervals": Bench.until_lost,
    "sleep announced": Bench.announce_sleep,
    "wake-up + margin": Bench.until_awake,
    "signed offline": Bench.offline,
}
# The columns of the table in liveness.py; what is "-" there cannot happen to, or changes nothing in, a state.
TABLE = {
    LIVE: [LIVE, LATE, LOST, ASLEEP, None, LOST],
    LATE: [LIVE, LATE, LOST, ASLEEP, None, LOST],
    ASLEEP: [LIVE, ASLEEP, ASLEEP, ASLEEP, LOST, ASLEEP],
    LOST: [LIVE, LOST, LOST, ASLEEP, LOST, LOST],
}


@pytest.mark.parametrize(
    ("state", "event", "expected"),
    [
        (state, event, expected)
        for state, row in TABLE.items()
        for event, expected in zip(EVENTS, row, strict=True)
        if expected is not None
    ],
)
def test_every_event_leads_from_every_state_where_the_table_says(
    state: Connection, event: str, expected: Connection
) -> None:
    bench = Bench()
    STATES[state](bench)
    assert bench.state is state
    EVENTS[event](bench)
    assert bench.state is expected


def test_the_table_in_the_text_is_the_table_that_is_walked() -> None:
    text = (Liveness.__module__ and __import__(Liveness.__module__, fromlist=["x"]).__doc__) or ""
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| ")]
    header, *body = rows
    assert header[1:] == list(EVENTS)
    for name, *cells in body:
        for cell, expected in zip(cells, TABLE[Connection(name)], strict=True):
            assert cell in ("-", expected)


def test_a_device_never_heard_is_lost() -> None:
    assert Bench().state is LOST


def test_exactly_one_and_a_half_intervals_is_still_live() -> None:
    bench = Bench()
    bench.sign_of_life()
    bench.wait(1.5 * INTERVAL)
    assert bench.state is LIVE
    bench.wait(1.5 * INTERVAL)
    assert bench.state is LATE


def test_a_long_sleep_may_end_a_tenth_later() -> None:
    bench = Bench()
    bench.liveness.hear(bench.now, woke=False)
    bench.liveness.sleep(bench.now, 10_000)
    bench.wait(11_000)
    assert bench.state is ASLEEP
    bench.wait(1)
    assert bench.state is LOST


def test_a_restart_of_the_hub_begins_the_deadlines_anew() -> None:
    bench = Bench()
    bench.sign_of_life()
    bench.wait(1_000)
    bench.liveness = Liveness.restored(bench.liveness.state_facts())
    assert bench.state is LOST
    bench.liveness.resume(bench.now)
    assert bench.state is LIVE
    bench.until_lost()
    assert bench.state is LOST


def test_a_device_that_said_goodbye_stays_lost_over_a_restart() -> None:
    bench = Bench()
    bench.sign_of_life()
    bench.offline()
    bench.liveness = Liveness.restored(bench.liveness.state_facts())
    bench.liveness.resume(bench.now)
    assert bench.state is LOST


def test_a_sleeper_that_woke_while_the_hub_was_down_has_a_minute_to_call() -> None:
    bench = Bench()
    bench.announce_sleep()
    bench.wait(10_000)
    bench.liveness = Liveness.restored(bench.liveness.state_facts())
    bench.liveness.resume(bench.now)
    assert bench.state is ASLEEP
    bench.wait(61)
    assert bench.state is LOST


def test_a_step_of_the_hubs_clock_makes_nobody_late() -> None:
    for prepare, expected in STATES.items():
        bench = Bench()
        expected(bench)
        for step in (3_600, -7_200):
            bench.wait(step)
            bench.liveness.shift(step * NS_PER_S)
            assert bench.state is prepare
    never = Liveness()
    never.shift(NS_PER_S)
    assert never.heard_ns == 0


# --- in the plant ----------------------------------------------------------------------------


def test_silence_makes_a_device_late_and_then_lost_and_a_word_makes_it_live() -> None:
    world = World()
    machine = Machine(world, interval=10).join()
    heard = []
    for _ in range(34):
        world.pass_time(1)
        heard.append(machine.connection)
    assert heard == [LIVE] * 14 + [LATE] * 15 + [LOST] * 5
    machine.read(temperature=20)
    assert machine.connection is LIVE


def test_a_sleeper_is_asleep_until_it_is_overdue() -> None:
    world = World()
    machine = Machine(world, interval=10).join()
    machine.beat(state="asleep", for_s=600)
    assert machine.connection is ASLEEP
    world.skip(659)
    assert machine.connection is ASLEEP
    world.skip(2)
    assert machine.connection is LOST
    machine.beat()
    assert machine.connection is LIVE


def test_a_sleeper_with_a_clock_names_the_hour() -> None:
    world = World()
    machine = Machine(world).join()
    machine.beat(state="asleep", wake=world.now.wall_ns / NS_PER_S + 600)
    world.skip(655)
    assert machine.connection is ASLEEP
    world.skip(10)
    assert machine.connection is LOST


def test_a_sleeper_that_names_no_time_sleeps_one_interval() -> None:
    world = World()
    machine = Machine(world, interval=100).join()
    machine.beat(state="asleep")
    world.skip(155)
    assert machine.connection is ASLEEP
    world.skip(10)
    assert machine.connection is LOST


def test_what_a_sleeper_said_before_does_not_wake_it() -> None:
    world = World()
    machine = Machine(world).join()
    before = machine.make("data", r={"temperature": 20.5})
    machine.beat(state="asleep", for_s=600)
    assert world.refusal_of(*before) is None
    assert machine.connection is ASLEEP
    assert machine.send("data", r={"temperature": 20.5}, bye=True) is None
    assert machine.connection is ASLEEP
    machine.read(temperature=21)
    assert machine.connection is LIVE


def test_the_will_of_the_live_session_counts_once() -> None:
    world = World()
    machine = Machine(world).join()
    will = machine.make("status", state="offline", session=machine.session)
    world.receive(*will)
    assert machine.connection is LOST
    machine.connect()
    assert machine.send("status", state="online", session=machine.session) is None
    assert machine.connection is LIVE
    assert world.refusal_of(*will) == "duplicate"
    assert machine.connection is LIVE


def test_the_will_of_an_earlier_session_changes_nothing() -> None:
    world = World()
    machine = Machine(world).join()
    will = machine.make("status", state="offline", session=machine.session)
    machine.connect()
    machine.beat()
    assert world.refusal_of(*will) is None
    assert machine.connection is LIVE


def test_a_will_signed_long_ago_still_counts() -> None:
    world = World()
    machine = Machine(world).join()
    will = machine.make("status", state="offline", session=machine.session)
    machine.seq += 2_000
    machine.beat()
    world.skip(3)
    assert machine.connection is LIVE
    assert world.refusal_of(*will) is None
    assert machine.connection is LOST
    assert world.refusal_of(*will) == "replayed", "only once"


def test_a_will_does_not_end_a_sleep() -> None:
    world = World()
    machine = Machine(world).join()
    machine.beat(state="asleep", for_s=600)
    machine.send("status", state="offline", session=machine.session)
    assert machine.connection is ASLEEP


def test_a_forged_will_changes_nothing() -> None:
    world = World()
    machine = Machine(world).join()
    forger = Machine(world, machine.id, key=bytes(32), boot=machine.boot)
    assert forger.send("status", state="offline", session=machine.session) == "bad_mac"
    assert machine.connection is LIVE
