"""No row is lost, whatever the network does: rows are sent again until answered, or given up by name."""

from dataclasses import dataclass, field
from itertools import pairwise
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from iiot_sim.profile import Timing
from iiot_sim.resend import MAX_FLIGHTS, MAX_LONE_SENDS, Resender
from iiot_sim.row import Reading, Row
from iiot_sim.shelf import Shelf

STEP_MS = 1000


@dataclass
class Rig:
    """A device's shelf and a toy hub, with a network between them that loses and reorders."""

    random: Random
    loss: float = 0.0
    poison: frozenset[int] = frozenset()
    """Rows that the hub can never take."""
    up_ms: int = 0
    taken: set[int] = field(default_factory=set)
    given_up: set[int] = field(default_factory=set)
    messages: list[list[int]] = field(default_factory=list)
    to_hub: list[list[int]] = field(default_factory=list)
    hub_is_there: bool = True

    def __post_init__(self) -> None:
        self.shelf = Shelf(1, [], limit=10_000)
        self.resender = Resender(Timing(), self.shelf, Random(2), message_rows=20)
        self.resender.connected(0)

    def make(self) -> None:
        """Make a row and send it live."""
        row = Row(boot=1, index=self.shelf.next_index, s=0, ns=0, reading=Reading(values={"t": 1}))
        self.shelf.keep(row)
        self.shelf.kept(row).sent_ms = self.up_ms
        self._send([row.index])

    def step(self) -> None:
        """Let a second pass."""
        self.up_ms += STEP_MS
        lost = self.resender.take_given_up(self.up_ms)
        if lost is not None:
            self.shelf.give_up(lost)
            self.given_up.add(lost.index)
        for rows in self.resender.take_due(self.up_ms):
            indices = [row.index for row in rows]
            self.messages.append(indices)
            self._send(indices)
        assert self.resender.in_flight <= MAX_FLIGHTS
        if self.hub_is_there:
            self._hub()

    def _send(self, indices: list[int]) -> None:
        if self.random.random() >= self.loss:
            self.to_hub.append(indices)

    def _hub(self) -> None:
        came, self.to_hub = self.to_hub, []
        self.random.shuffle(came)
        for indices in came:
            self.taken |= set(indices) - self.poison
        if came and self.random.random() >= self.loss:
            held = self.shelf.held[1]
            upto = held - 1
            while upto + 1 in self.taken or any(first <= upto + 1 <= last for _, first, last in self.shelf.drops):
                upto += 1
            self.resender.receipt_came(self.up_ms, len(self.shelf.answer(1, upto)))


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32),
    loss=st.floats(0, 0.7),
    rows=st.integers(1, 120),
    away=st.integers(0, 300),
)
def test_every_row_is_answered_in_the_end(seed: int, loss: float, rows: int, away: int) -> None:
    rig = Rig(Random(seed), loss=loss)
    for _ in range(rows):
        rig.make()
        rig.step()
    rig.hub_is_there = False
    for _ in range(away):
        rig.step()
    rig.hub_is_there = True
    rig.loss = min(loss, 0.2)
    for _ in range(5000):
        rig.step()
        if not len(rig.shelf):
            break
    assert not len(rig.shelf)
    assert rig.taken | rig.given_up == set(range(1, rows + 1))
    assert rig.given_up <= {row for row in range(1, rows + 1) if row not in rig.taken}


@settings(max_examples=15)
@given(seed=st.integers(0, 2**32), poison=st.sets(st.integers(1, 40), min_size=1, max_size=3))
def test_a_row_that_is_never_taken_does_not_block_those_behind_it(seed: int, poison: set[int]) -> None:
    rig = Rig(Random(seed), poison=frozenset(poison))
    for _ in range(40):
        rig.make()
        rig.step()
    for _ in range(8000):
        if not len(rig.shelf):
            break
        rig.step()
        if rig.up_ms % 10_000 == 0:
            rig.to_hub.append([])  # other traffic, for which a receipt comes
    assert rig.given_up == poison
    assert not len(rig.shelf)


def test_a_poisoned_row_is_tried_alone_eight_times() -> None:
    rig = Rig(Random(1), poison=frozenset({1}))
    rig.make()
    for _ in range(1000):
        rig.step()
        rig.to_hub.append([])
    assert rig.given_up == {1}
    assert len([message for message in rig.messages if message == [1]]) == MAX_LONE_SENDS + 1


def test_nothing_is_sent_again_while_it_is_young() -> None:
    rig = Rig(Random(1), loss=1.0)
    rig.resender.connected(-60_000)
    rig.make()
    for _ in range(59):
        rig.step()
    assert rig.messages == []
    rig.step()
    assert rig.messages == [[1]]


def test_while_nobody_answers_only_the_oldest_is_tried_ever_more_rarely() -> None:
    rig = Rig(Random(1), loss=1.0)
    for _ in range(300):
        rig.make()
    times = []
    for _ in range(4000):
        count = len(rig.messages)
        rig.step()
        if len(rig.messages) > count and rig.resender.is_probing:
            times.append(rig.up_ms / 1000)
            assert rig.messages[-1] == [1]
    waits = [later - earlier for earlier, later in pairwise(times)]
    for wait, expected in zip(waits, (60, 120, 240, 480, 600, 600), strict=False):
        assert 0.79 * expected <= wait <= 1.21 * expected + 1


def test_a_message_is_filled_with_the_rows_that_follow_and_eight_may_be_on_their_way() -> None:
    rig = Rig(Random(1))
    rig.hub_is_there = False
    for _ in range(300):
        rig.make()
    for kept in rig.shelf:
        kept.sent_ms = None
    for _ in range(31):
        rig.step()
    assert rig.messages == [list(range(1 + 20 * at, 21 + 20 * at)) for at in range(MAX_FLIGHTS)]


def test_a_poll_ends_the_waiting() -> None:
    rig = Rig(Random(1), loss=1.0)
    rig.make()
    for _ in range(400):
        rig.step()
    assert rig.resender.is_probing
    count = len(rig.messages)
    rig.resender.hub_spoke()
    for _ in range(61):
        rig.step()
    assert len(rig.messages) == count + 1
