"""The life of a command: one table, walked pair by pair, and its order among others of its device."""

from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iiot_engine.actuation.command import NEXT, ON_ITS_WAY, OPEN, Actor, Command, Step
from iiot_engine.actuation.ledger import FIRST_AGAIN_NS, MOST_CLOSED, MOST_WAITING, Ledger, QueueFullError
from iiot_engine.errors import StoreError
from iiot_engine.values import NS_PER_S, Now

LIFE_S = 30
WAIT_S = 600


def at(seconds: float) -> Now:
    return Now(wall_ns=round((1_795_190_400 + seconds) * NS_PER_S), steady_ns=round(seconds * NS_PER_S))


def wish(number: int = 1, **changed: object) -> Command:
    facts = {
        "cid": f"01M7WTZAEWBQQ4VNGFZ38BN{number:03}",
        "device_id": "press-07",
        "name": "set",
        "args": {"key": "fan", "value": True},
        "actor": Actor("anna", "ctx", "service"),
        "life_ns": LIFE_S * NS_PER_S,
        "wait_until_ns": at(WAIT_S).wall_ns,
    }
    return Command(**facts | changed)  # type: ignore[arg-type]


def begun(number: int = 1) -> tuple[Ledger, Command]:
    """A ledger whose only command is durable as sent, at second 0."""
    ledger, command = Ledger(), wish(number)
    ledger.ask(command, at(0))
    ledger.begin(at(0))
    ledger.kept(ledger.take_fresh())
    return ledger, command


@pytest.mark.parametrize(("here", "there"), product(Step, Step), ids=str)
def test_a_command_goes_only_where_the_table_says(here: Step, there: Step) -> None:
    command = wish()
    command.steps = []
    command.pass_to(here, 1)
    assert command.pass_to(there, 2) is (there in NEXT[here])
    assert command.step is (there if there in NEXT[here] else here)


def test_only_open_steps_lead_on_but_for_a_late_answer() -> None:
    assert {step for step in Step if NEXT[step]} == OPEN | {Step.UNKNOWN}
    assert NEXT[Step.UNKNOWN] == {Step.DONE, Step.REJECTED, Step.FAILED, Step.EXPIRED}
    assert all(Step.DONE not in NEXT[step] for step in Step if step not in ON_ITS_WAY | {Step.UNKNOWN})


def test_commands_of_a_device_go_one_after_the_other() -> None:
    ledger, first = begun(1)
    second = wish(2)
    ledger.ask(second, at(1))
    assert ledger.begin(at(1)) is None
    assert ledger.waiting == (second,)
    ledger.answer(first.cid, Step.DONE, at(2))
    assert ledger.begin(at(2)) is second
    assert ledger.open is second


def test_a_command_leaves_only_when_that_is_durable() -> None:
    ledger, command = Ledger(), wish()
    ledger.ask(command, at(0))
    asked = ledger.take_fresh()
    ledger.begin(at(0))
    ledger.kept(asked)
    assert ledger.due(at(0)) is None, "durable as requested, not as sent"
    ledger.kept(ledger.take_fresh())
    assert ledger.due(at(0)) is command


def test_a_failed_commit_keeps_it_back() -> None:
    ledger, command = Ledger(), wish()
    ledger.ask(command, at(0))
    ledger.begin(at(0))
    ledger.put_back(ledger.take_fresh())
    assert ledger.due(at(0)) is None
    assert ledger.take_fresh() == [command]


def test_a_failed_commit_loses_no_command_however_many_have_closed_since() -> None:
    ledger, first = Ledger(), wish(0)
    ledger.ask(first, at(0))
    ledger.cancel(at(0))
    on_its_way = ledger.take_fresh()
    for number in range(1, MOST_CLOSED + 1):
        ledger.ask(wish(number), at(0))
        ledger.cancel(at(0))
    assert ledger.get(first.cid) is None
    ledger.put_back(on_its_way)
    assert first in ledger.take_fresh()


def test_an_open_command_is_sent_again_after_5_10_and_20_seconds_until_its_deadline() -> None:
    ledger, command = begun()
    sent = []
    for tenth in range(400):
        now = at(tenth / 10)
        if ledger.due(now) is command:
            ledger.sent(now)
            sent.append(tenth / 10)
        ledger.expire(now)
    assert sent == [0, 5, 15]
    assert FIRST_AGAIN_NS == 5 * NS_PER_S
    assert command.step is Step.UNKNOWN
    assert command.steps[-1].at_ns == at(LIFE_S).wall_ns


def test_accepted_does_not_close_it() -> None:
    ledger, command = begun()
    assert ledger.answer(command.cid, Step.ACCEPTED, at(1)) is command
    assert ledger.open is command
    assert ledger.expire(at(LIFE_S)) == [command]
    assert command.step is Step.UNKNOWN


@pytest.mark.parametrize("late", [Step.DONE, Step.REJECTED, Step.FAILED, Step.EXPIRED])
def test_a_late_answer_corrects_unknown_and_nothing_else(late: Step) -> None:
    ledger, command = begun()
    ledger.expire(at(LIFE_S))
    assert ledger.answer(command.cid, late, at(40), "word", 7) is command
    assert (command.step, command.reason, command.result) == (late, "word", 7)
    assert ledger.answer(command.cid, Step.DONE, at(41)) is None
    assert command.step is late


def test_a_closed_command_is_never_sent_again() -> None:
    ledger, command = begun()
    ledger.sent(at(0))
    ledger.answer(command.cid, Step.DONE, at(1))
    assert ledger.due(at(100)) is None


def test_an_answer_to_what_was_never_asked_changes_nothing() -> None:
    ledger, command = begun()
    assert ledger.answer("01M7WTZAEWBQQ4VNGFZ38BN999", Step.DONE, at(1)) is None
    waiting = wish(2)
    ledger.ask(waiting, at(1))
    assert ledger.answer(waiting.cid, Step.DONE, at(1)) is None, "it has not left the hub"
    assert (command.step, waiting.step) == (Step.SENT, Step.REQUESTED)


def test_one_that_waits_too_long_was_not_sent() -> None:
    ledger, waiting = Ledger(), wish()
    ledger.ask(waiting, at(0))
    assert ledger.expire(at(WAIT_S - 1)) == []
    assert ledger.expire(at(WAIT_S)) == [waiting]
    assert waiting.step is Step.NOT_SENT
    assert ledger.get(waiting.cid) is waiting


def test_what_waits_can_be_withdrawn_and_what_left_cannot() -> None:
    ledger, command = begun(1)
    second, third = wish(2), wish(3)
    ledger.ask(second, at(1))
    ledger.ask(third, at(1))
    assert ledger.cancel(at(2), command.cid) == []
    assert ledger.cancel(at(2), second.cid) == [second]
    assert ledger.cancel(at(2)) == [third]
    assert (command.step, second.step, third.step) == (Step.SENT, Step.CANCELLED, Step.CANCELLED)


def test_the_queue_is_bounded() -> None:
    ledger = Ledger()
    for number in range(MOST_WAITING):
        ledger.ask(wish(number), at(0))
    with pytest.raises(QueueFullError):
        ledger.ask(wish(999), at(0))


def test_closed_commands_are_remembered_up_to_a_bound() -> None:
    ledger = Ledger()
    for number in range(MOST_CLOSED + 2):
        ledger.ask(wish(number), at(0))
        ledger.cancel(at(0))
    assert [ledger.get(wish(number).cid) is None for number in (0, 1, 2)] == [True, True, False]


def test_everything_comes_back_after_a_restart() -> None:
    ledger, first = begun(1)
    second = wish(2)
    ledger.ask(second, at(1))
    done = wish(3)
    done.steps = [*first.steps]
    done.pass_to(Step.DONE, 5)
    again = Ledger()
    again.restore([Command.restored(one.cid, one.device_id, one.state()) for one in (done, first, second)])
    again.resume(at(10))
    assert again.due(at(10)) == first, "sent on, since nobody knows whether it arrived"
    assert again.remaining_ns(at(10)) == 20 * NS_PER_S
    assert again.waiting == (second,)
    assert again.get(done.cid) == done
    assert again.take_fresh() == [], "all of it is durable"


@pytest.mark.parametrize("jump_s", [-3600, 3600])
def test_a_clock_that_jumped_while_the_hub_was_down_makes_no_deadline_longer(jump_s: int) -> None:
    _, command = begun()
    again = Ledger()
    again.restore([command])
    again.resume(at(jump_s))
    assert 0 <= again.remaining_ns(at(jump_s)) <= LIFE_S * NS_PER_S


@pytest.mark.parametrize("state", [b"", b"[]", b"{}", b'{"actor":[1],"steps":[]}'])
def test_a_damaged_command_is_told(state: bytes) -> None:
    with pytest.raises(StoreError, match="cannot be understood"):
        Command.restored("01M7WTZAEWBQQ4VNGFZ38BN001", "press-07", state)


def play(ledger: Ledger, event: str, asked: int, now: Now) -> None:
    """Let one thing happen to a ledger."""
    match event:
        case "ask":
            ledger.ask(wish(asked), now)
        case "begin":
            ledger.begin(now)
        case "keep":
            ledger.kept(ledger.take_fresh())
        case "send" if ledger.due(now):
            ledger.sent(now)
        case Step() if ledger.open is not None:
            ledger.answer(ledger.open.cid, event, now)
    ledger.expire(now)


@given(st.lists(st.tuples(st.sampled_from(["ask", "begin", "keep", "send", *Step]), st.integers(0, 20)), max_size=60))
def test_whatever_happens_every_path_is_in_the_table_and_what_ended_stays(events: list[tuple[str, int]]) -> None:
    ledger, asked, second = Ledger(), 0, 0
    ended: dict[str, Step] = {}
    for event, pause in events:
        second += pause
        play(ledger, event, asked, at(second))
        asked += event == "ask"
        for command in filter(None, (ledger.get(wish(number).cid) for number in range(asked))):
            assert all(there in NEXT[here] for here, there in pairwise(passed.step for passed in command.steps))
            assert ended.get(command.cid) in (None, command.step)
            if not NEXT[command.step]:
                ended[command.cid] = command.step


def test_nothing_open_takes_no_answer_and_no_sending() -> None:
    ledger = Ledger()
    ledger.sent(at(0))
    assert ledger.open is None
    assert ledger.remaining_ns(at(0)) == 0
    begun_ledger, command = begun()
    begun_ledger.ask(wish(2), at(0))
    assert begun_ledger.get(wish(2).cid) in begun_ledger.waiting
    assert begun_ledger.open is command


def test_of_an_actuator_the_newest_wish_is_pending_and_the_newest_done_value_is_known() -> None:
    ledger, first = begun(1)
    assert ledger.pending("fan") is first
    assert ledger.pending("flap") is None
    second, flap = wish(2), wish(3, args={"key": "flap", "value": 5})
    ledger.ask(second, at(1))
    ledger.ask(flap, at(1))
    assert (ledger.pending("fan"), ledger.pending("flap")) == (second, flap)
    assert ledger.last_done("fan") is None
    ledger.answer(first.cid, Step.DONE, at(2))
    assert (ledger.last_done("fan"), ledger.last_done("flap")) == (first, None)
    ledger.cancel(at(3))
    assert (ledger.pending("fan"), ledger.last_done("fan")) == (None, first)
