"""Whatever happens, a machine moves at most once for a command, and the hub knows how it ended as far as one can.

`scripts/fuzz --target commands` asks for more.
"""

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any, override

import pytest

from iiot_engine.actuation.command import Command, Step
from iiot_engine.actuation.ledger import Ledger
from iiot_engine.ports import Batch
from iiot_engine.stores.memory import MemoryIntake
from iiot_engine.values import Now
from tests.fuzz.campaign import run_block

from .broken import LawError
from .hands import DONE, Answer
from .history import FAULTS, History, Story
from .people import Asked, draw_asked
from .target import CommandsTarget

ASKED = 1_200
CALM = Story(seed=3, steps=300, faults=frozenset(), asks=0.5)
ROUGH = CALM._replace(faults=frozenset({"loss", "duplicate", "delay", "kill", "reboot", "torn"}), steps=600)
HASTY = CALM._replace(faults=frozenset({"loss", "duplicate", "delay", "reboot"}), steps=900, asks=0.9, hasty=True)


def played(told: Story) -> Counter[str]:
    history = History(told)
    history.play()
    return history.judge.commands.counts


def test_under_random_faults_no_machine_moves_twice_and_none_is_done_that_did_not() -> None:
    tally = run_block(CommandsTarget(), seed=1, first=0, inputs=ASKED)
    assert not tally.failures, "\n".join(f"input {each.index}: {each.error}" for each in tally.failures)
    counts = tally.counted
    assert counts["asked"] == ASKED
    unknown = counts["unknown"] + counts["failed, unknown_outcome"]
    assert 0 < counts["done, moved"] <= counts["moved"] <= counts["done, moved"] + unknown
    assert all(counts[what] for what in ("rejected", "failed", "expired", "unknown", "resets", "kills"))


@pytest.mark.parametrize("fault", FAULTS)
def test_every_law_holds_under_each_fault_alone(fault: str) -> None:
    assert played(CALM._replace(faults=frozenset({fault})))["moved"]


def test_where_all_is_calm_every_command_is_answered() -> None:
    history = History(CALM._replace(asks=0.0))
    history.join()
    random, asked = Random(1), []
    for _ in range(60):
        wanted = draw_asked(random, 1, hasty=False)._replace(waits=False, life_s=60, wait_s=600, is_cancelled=False)
        if wanted.name not in ("restart", "sleep"):
            asked.append(history.ask(wanted._replace(pause=8)))
            for _ in range(8):
                history.step()
    history.end()
    steps = {history.judge.commands.durable[cid].step for cid in asked if cid is not None}
    assert None not in asked
    assert Step.DONE in steps
    assert steps <= {Step.DONE, Step.REJECTED}


@pytest.mark.parametrize("real", [False, True], ids=["in memory", "on a disk"])
def test_what_was_sent_before_a_kill_is_sent_on_after_it_and_done_once(real: bool) -> None:
    history = History(CALM._replace(asks=0.0, real_disk=real))
    history.join()
    (device,) = history.devices
    judge, now_ns = history.judge.commands, history.now_ns
    device.disconnected()
    cid = history.ask(Asked(0, "press", {"key": "reset"}, False, 60, 60, False, 0))
    assert cid is not None
    assert judge.left == {cid: 1}
    history.hub.kill()
    history.hub.start(now_ns)
    judge.started()
    device.connected(now_ns)
    history.end()
    assert (judge.left[cid], judge.durable[cid].step) == (2, Step.DONE)
    assert device.hands.moved == [(cid, "reset")]
    history.disk.close()


# --- the laws bite ---------------------------------------------------------------------------


def broken(told: Story, change: Callable[[History], object] = lambda _: None) -> str:
    """The law that breaks when this is played, or something like it."""
    for seed in range(told.seed, told.seed + 8):
        history = History(told._replace(seed=seed))
        change(history)
        try:
            history.play()
        except LawError as err:
            return str(err)
    return "none"


def test_a_machine_that_moves_twice_is_found_out() -> None:
    def twitches(history: History) -> None:
        hands = history.devices[0].hands
        move = hands._move

        def twice(cid: str, key: str, now_ns: int) -> None:
            hands.moved += [(cid, key)] * (len(hands.moved) % 5 == 4)
            move(cid, key, now_ns)

        hands._move = twice  # type: ignore[method-assign]

    assert broken(CALM, twitches) == "a machine moved twice for one command"


def test_a_machine_that_looks_at_no_deadline_is_found_out() -> None:
    def dawdles(history: History) -> None:
        hands = history.devices[0].hands
        obey = hands.obey
        hands.obey = lambda payload, now_ns: obey(payload | {"until": 2**50}, now_ns)  # type: ignore[method-assign]

    assert "s after the deadline" in broken(CALM._replace(faults=frozenset({"delay"}), steps=900), dawdles)


def test_a_machine_that_says_done_and_does_not_move_is_found_out() -> None:
    def dreams(history: History) -> None:
        hands = history.devices[0].hands
        hands._move = lambda cid, _, now_ns: hands._end(cid, DONE, now_ns)  # type: ignore[method-assign]

    assert broken(CALM, dreams) == "done, and nothing moved"


def test_a_machine_that_forgets_its_ring_moves_twice() -> None:
    def forgets(history: History) -> None:
        history.devices[0].flash.ring = Oblivion()

    assert broken(HASTY, forgets) in (
        "a machine moved twice for one command",
        "commands of a device were obeyed out of order, or twice",
    )


class Oblivion(dict[str, Answer]):
    """A ring that keeps nothing."""

    @override
    def __setitem__(self, cid: str, answer: Answer) -> None:
        """Forget it."""


def test_a_machine_whose_numbers_need_not_rise_moves_twice() -> None:
    """Sixteen later commands push one out of the ring; a copy of it that was under way so long is not known."""

    def takes_any(history: History) -> None:
        history.devices[0].hands.demands_rise = False

    assert broken(HASTY._replace(faults=frozenset({"delay"})), takes_any) == "a machine moved twice for one command"


class ForgetfulDisk(MemoryIntake):
    """Keeps no command."""

    @override
    def commit(self, batch: Batch) -> None:
        super().commit(batch._replace(commands=()))


def test_a_hub_that_forgets_its_commands_is_found_out() -> None:
    def forgets(history: History) -> None:
        history.disk.store = ForgetfulDisk()

    assert broken(ROUGH, forgets) == "an open command is lost"


def test_a_hub_that_does_not_wait_for_the_disk_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    begin = Ledger.begin

    def hasty(ledger: Ledger, now: Now) -> Command | None:
        begun = begin(ledger, now)
        ledger._settled = True
        return begun

    monkeypatch.setattr(Ledger, "begin", hasty)
    assert broken(ROUGH._replace(faults=frozenset({"slow", "fail"}))).startswith(
        ("it left although it is kept as", "nobody asked for it")
    )


def test_a_hub_that_takes_any_answer_for_its_command_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = Ledger.answer

    def gullible(ledger: Ledger, cid: str, step: Step, now: Now, *facts: Any) -> Command | None:
        return answer(ledger, ledger.open.cid if ledger.open else cid, step, now, *facts)

    monkeypatch.setattr(Ledger, "answer", gullible)
    assert broken(ROUGH._replace(faults=frozenset({"liar"}))) == "an answer that is nobody's changed a command"


def test_a_hub_that_hopes_for_the_best_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    expire = Ledger.expire

    def hopeful(ledger: Ledger, now: Now, **facts: Any) -> list[Command]:
        if ledger.open is not None and now.steady_ns >= ledger._ends_ns:
            ledger.answer(ledger.open.cid, Step.DONE, now)
        return expire(ledger, now, **facts)

    monkeypatch.setattr(Ledger, "expire", hopeful)
    assert broken(ROUGH) == "done without the device's word"


def test_a_hub_that_sends_on_what_is_closed_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    due = Ledger.due

    def stubborn(ledger: Ledger, now: Now) -> Command | None:
        closed = [command for command in ledger._closed.values() if command.step is Step.DONE]
        return due(ledger, now) or (closed[-1] if closed and ledger.open is None else None)

    monkeypatch.setattr(Ledger, "due", stubborn)
    assert broken(CALM) in {"it left although it is kept as done", "it left although another one is open, or none"}
