"""Who is asked when: never more at once than may be, and every channel in its interval."""

from itertools import pairwise
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from iiot_engine.polling.plan import Plan, Polling, plan_of, proposed
from iiot_engine.polling.schedule import MAX_ASKED, SLACK, SPREAD_NS, WAIT_NS, Poll, Schedule
from iiot_engine.values import NS_PER_S

S: Final = NS_PER_S
CHANNELS: Final = {"level": True, "flow": False, "heat": True}


def question(device_id: str = "press", pid: str = "p", **facts: int) -> Poll:
    return Poll(
        device_id=device_id, pid=pid, keys=("level",), timeout_ns=5 * S, due_ns=facts.get("due_ns", 0), is_asked=True
    )


def take_all(schedule: Schedule, now_ns: int) -> list[Poll]:
    """Send everything that may leave now."""
    found = []
    while (poll := schedule.take(now_ns)) is not None:
        poll.pid = poll.pid or f"{poll.device_id} {now_ns}"
        schedule.sent(poll, now_ns, now_ns)
        found.append(poll)
    return found


# --- the plan of one device ---------------------------------------------------------------


def test_a_device_is_not_asked_until_somebody_says_so() -> None:
    assert plan_of(Polling(), CHANNELS) == {}


def test_those_are_asked_for_that_wait_to_be_asked() -> None:
    assert plan_of(Polling(interval_s=10), CHANNELS) == {10 * S: ("level", "heat")}
    assert proposed({"flow": False}) == ["flow"], "all, when the manifest says so of none"


def test_channels_are_chosen_grouped_and_have_intervals_of_their_own() -> None:
    polling = Polling(
        interval_s=10, channels=("flow", "heat", "gone"), intervals={"heat": 60.0, "level": 60.0, "no": 1.0}
    )
    assert plan_of(polling, CHANNELS) == {10 * S: ("flow",), 60 * S: ("heat", "level")}
    assert plan_of(Polling(intervals={"heat": 2.0}), CHANNELS) == {2 * S: ("heat",)}
    assert plan_of(Polling(interval_s=10, channels=("gone",)), CHANNELS) == {}


# --- turns --------------------------------------------------------------------------------


def test_channels_that_are_due_together_are_one_question() -> None:
    schedule = Schedule(20)
    schedule.plan("press", {10 * S: ("level",), 30 * S: ("heat",)}, 5 * S, 0, 0.0)
    asked = {}
    for second in range(61):
        for poll in take_all(schedule, second * S):
            asked[second] = poll.keys
            schedule.answered(poll, second * S)
    both, one = ("level", "heat"), ("level",)
    assert asked == {0: both, 10: one, 20: one, 30: both, 40: one, 50: one, 60: both}


def test_a_question_that_is_open_holds_the_next_of_its_device_back() -> None:
    schedule = Schedule(20)
    schedule.plan("press", {1 * S: ("level",)}, 3 * S, 0, 0.0)
    (first,) = take_all(schedule, 0)
    assert take_all(schedule, 2 * S) == []
    assert schedule.overdue(2 * S) == []
    assert schedule.overdue(3 * S) == [first]
    schedule.close(first)
    (second,) = take_all(schedule, 3 * S)
    assert second.due_ns == 1 * S
    schedule.answered(second, 3 * S)
    assert take_all(schedule, 3 * S) == [], "what was missed is not made up for"
    assert len(take_all(schedule, 4 * S)) == 1


def test_the_same_plan_again_moves_nothing_and_another_one_does() -> None:
    schedule = Schedule(20)
    schedule.plan("press", {10 * S: ("level",)}, 5 * S, 0, 0.5)
    schedule.plan("press", {10 * S: ("level",)}, 7 * S, 3 * S, 0.9)
    assert take_all(schedule, 4 * S) == []
    (poll,) = take_all(schedule, 5 * S)
    assert poll.timeout_ns == 7 * S
    schedule.plan("press", {20 * S: ("level",)}, 5 * S, 5 * S, 0.0)
    assert take_all(schedule, 5 * S) == [], "its question is still open"
    schedule.close(poll)
    assert len(take_all(schedule, 5 * S)) == 1
    schedule.plan("press", {}, 5 * S, 6 * S, 0.0)
    assert schedule.devices == 0
    assert take_all(schedule, 100 * S) == []
    schedule.close(poll)
    assert take_all(schedule, 200 * S) == []


def test_a_plan_that_was_replaced_leaves_no_turn_behind() -> None:
    schedule = Schedule(20)
    schedule.plan("press", {10 * S: ("level",)}, 5 * S, 0, 0.5)
    schedule.plan("press", {20 * S: ("heat",)}, 5 * S, 0, 0.0)
    assert [poll.keys for poll in take_all(schedule, 9 * S)] == [("heat",)]


# --- questions of people ------------------------------------------------------------------


def test_people_go_first_and_count_as_well() -> None:
    schedule = Schedule(1)
    schedule.plan("press", {10 * S: ("level",)}, 5 * S, 0, 0.0)
    assert schedule.ask(question("pump"))
    (poll,) = take_all(schedule, 0)
    assert poll.device_id == "pump"
    schedule.close(poll)
    (poll,) = take_all(schedule, 0)
    assert poll.device_id == "press"


def test_not_too_many_questions_wait_for_one_device() -> None:
    schedule = Schedule(1)
    assert all(schedule.ask(question(pid=str(number))) for number in range(MAX_ASKED))
    assert not schedule.ask(question())
    assert schedule.ask(question("pump"))


def test_what_waits_is_counted_for_each_device_however_it_goes_away() -> None:
    schedule = Schedule(20)
    for number in range(MAX_ASKED):
        schedule.ask(question(pid=str(number)))
    assert schedule.ask(question("valve", due_ns=5))
    taken = schedule.take(0)
    assert taken is not None
    assert schedule.ask(question(pid="again"))
    schedule.put_back([taken])
    assert not schedule.ask(question(pid="too much"))
    assert len(schedule.give_up(1)) == MAX_ASKED + 1
    assert schedule.ask(question(due_ns=9))
    assert [poll.device_id for poll in schedule.forget("press")] == ["press"]
    assert [poll.device_id for poll in take_all(schedule, 0)] == ["valve"]


def test_a_plan_that_changes_again_and_again_fills_no_queue() -> None:
    schedule = Schedule(20)
    schedule.plan("valve", {S: ("level",)}, 5 * S, 0, 0.0)
    for number in range(1_000):
        schedule.plan("press", {(3600 + number) * S: ("level",)}, 5 * S, 0, 1.0)
    assert len(schedule._queue) <= 2 * schedule.devices + SLACK
    assert [poll.device_id for poll in take_all(schedule, 0)] == ["valve"]
    assert [poll.device_id for poll in take_all(schedule, 61 * S)] == ["press"]


def test_a_question_that_cannot_leave_is_given_up_at_last() -> None:
    schedule = Schedule(1)
    schedule.plan("pump", {10 * S: ("level",)}, 5 * S, 0, 0.0)
    asked = question()
    schedule.ask(asked)
    both = [schedule.take(0), schedule.take(0)]
    schedule.put_back([poll for poll in both if poll is not None])
    assert schedule.give_up(WAIT_NS - WAIT_NS) == []
    assert schedule.give_up(1) == [asked]
    assert [poll.device_id for poll in take_all(schedule, 1)] == ["pump"]


def test_a_device_that_is_gone_is_asked_nothing() -> None:
    schedule = Schedule(2)
    schedule.plan("press", {10 * S: ("level",)}, 5 * S, 0, 0.0)
    (poll,) = take_all(schedule, 0)
    waiting = question()
    schedule.ask(waiting)
    assert schedule.forget("press") == [waiting, poll]
    assert not schedule.open
    assert take_all(schedule, 100 * S) == []


# --- many devices -------------------------------------------------------------------------


plans = st.dictionaries(
    st.integers(1, 90).map(lambda s: s * S), st.sampled_from([("level",), ("heat", "flow")]), min_size=1, max_size=2
)


@settings(max_examples=60, deadline=None)
@given(
    fleet=st.lists(st.tuples(plans, st.floats(0, 1, exclude_max=True)), min_size=1, max_size=12),
    most=st.integers(1, 5),
    silent=st.sets(st.integers(0, 11)),
)
def test_never_more_are_open_than_may_be_and_every_channel_has_its_turn(
    fleet: list[tuple[Plan, float]], most: int, silent: set[int]
) -> None:
    schedule = Schedule(most)
    for number, (plan, share) in enumerate(fleet):
        schedule.plan(str(number), plan, 2 * S, 0, share)
    asked: dict[tuple[str, str], list[int]] = {}
    for second in range(200):
        now_ns = second * S
        for poll in schedule.overdue(now_ns):
            schedule.close(poll)
        while (taken := schedule.take(now_ns)) is not None:
            taken.pid = "p"
            schedule.sent(taken, now_ns, now_ns)
            assert len(schedule.open) <= most
            for key in taken.keys:
                asked.setdefault((taken.device_id, key), []).append(second)
            if int(taken.device_id) not in silent:
                schedule.answered(taken, now_ns)
    # In the worst case every turn waits for a round of all devices that say nothing.
    slack = 1 + 2 * len(fleet)
    for number, (plan, _) in enumerate(fleet):
        for interval_ns, keys in plan.items():
            every = interval_ns // S
            first = min(every, SPREAD_NS // S)
            for key in keys:
                turns = asked[str(number), key]
                assert turns[0] <= first + slack
                assert all(after - before <= every + slack for before, after in pairwise(turns))


def test_a_fleet_that_starts_is_not_asked_all_at_once() -> None:
    schedule = Schedule(1_000)
    for number in range(1_000):
        schedule.plan(str(number), {10 * S: ("level",)}, 5 * S, 0, number / 1_000)
    counts = []
    for tick in range(200):
        polls = take_all(schedule, tick * S // 10)
        counts.append(len(polls))
        for poll in polls:
            schedule.answered(poll, tick * S // 10)
    assert max(counts) <= 11
    assert sum(counts[:100]) in range(980, 1_001)
    assert max(schedule.late_ns) < S // 10
    assert set(schedule.took_ns) == {0}
