"""Which devices are asked now: a queue by due time, so many questions open at once.

Times are steady nanoseconds. A device has one scheduled question open at most; questions that people ask go first.
"""

import heapq
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any, Final

from ..values import NS_PER_S
from .plan import Plan

SPREAD_NS: Final = 60 * NS_PER_S
"""The first questions after a start or a change are spread over this, or over the interval if that is shorter."""
MEASURED: Final = 2_048
"""Newest questions of which is known how late they left and how long they took."""
WAIT_NS: Final = 300 * NS_PER_S
"""What people ask and cannot leave for so long has failed."""
MAX_ASKED: Final = 16
"""Questions of people that may wait for one device."""
SLACK: Final = 64
"""Places in the queue, besides one for each device, that may be void before they are taken out."""


@dataclass(kw_only=True, slots=True, eq=False)
class Poll:
    """One question to one device."""

    device_id: str
    pid: str
    keys: tuple[str, ...]
    timeout_ns: int
    due_ns: int
    """When it should leave."""
    is_asked: bool = False
    """Somebody waits for what comes of it."""
    deadline_ns: int = 0
    sent_ns: int = 0
    sent_wall_ns: int = 0
    missing: set[str] = field(default_factory=set)
    """Channels that have not been answered."""
    values: dict[str, Any] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    """Channel → `COMM` or `VALUE`."""


@dataclass(kw_only=True, slots=True)
class Slot:
    """Channels of one device that share an interval."""

    interval_ns: int
    keys: tuple[str, ...]
    due_ns: int


@dataclass(kw_only=True, slots=True)
class Course:
    """How one device is asked."""

    device_id: str
    plan: Plan
    timeout_ns: int
    slots: list[Slot]
    ticket: int = 0
    """Of its valid place in the queue; 0: it has none, since a question of it is under way."""


class Schedule:
    """All courses of a hub, and the questions that are open."""

    def __init__(self, most: int) -> None:
        self.most: Final = most
        """Questions open at once."""
        self.open: Final[dict[tuple[str, str], Poll]] = {}
        """By device and pid."""
        self.late_ns: Final[deque[int]] = deque(maxlen=MEASURED)
        """How long after they were due the newest questions left."""
        self.took_ns: Final[deque[int]] = deque(maxlen=MEASURED)
        """How long the newest whole answers took."""
        self._courses: Final[dict[str, Course]] = {}
        self._queue: list[tuple[int, int, str]] = []
        """Due time, ticket, device; one whose ticket is not the device's is void."""
        self._ready: deque[Poll] = deque()
        self._waiting: Counter[str] = Counter()
        """Device → how many of the questions in `_ready` are for it."""
        self._tickets = 0

    @property
    def devices(self) -> int:
        """How many devices are asked by plan."""
        return len(self._courses)

    def plan(self, device_id: str, plan: Plan, timeout_ns: int, now_ns: int, share: float) -> None:
        """Ask a device by `plan` from now on; `share` of 0 to 1 is its place among the others."""
        course = self._courses.get(device_id)
        if not plan:
            self._courses.pop(device_id, None)
            return
        if course is not None and course.plan == plan:
            course.timeout_ns = timeout_ns
            return
        first_ns = now_ns + int(share * min(max(plan), SPREAD_NS))
        slots = [
            Slot(interval_ns=interval_ns, keys=keys, due_ns=first_ns - (first_ns - now_ns) // interval_ns * interval_ns)
            for interval_ns, keys in plan.items()
        ]
        self._courses[device_id] = course = Course(device_id=device_id, plan=plan, timeout_ns=timeout_ns, slots=slots)
        if not any(poll.device_id == device_id and not poll.is_asked for poll in (*self._ready, *self.open.values())):
            self._line_up(course)

    def forget(self, device_id: str) -> list[Poll]:
        """Ask a device nothing more; gives back what was asked of it and will not be answered."""
        self._courses.pop(device_id, None)
        gone = [poll for poll in (*self._ready, *self.open.values()) if poll.device_id == device_id]
        for poll in gone:
            self.open.pop((device_id, poll.pid), None)
        if device_id in self._waiting:
            self._remove(set(gone))
        return gone

    def ask(self, poll: Poll) -> bool:
        """Ask what a person wants to know, as soon as a place is free; False: too much waits for this device."""
        if self._waiting[poll.device_id] >= MAX_ASKED:
            return False
        self._ready.append(poll)
        self._waiting[poll.device_id] += 1
        return True

    def take(self, now_ns: int) -> Poll | None:
        """Give the next question that may leave now. It is to be given back: `sent`, `put_back` or `close`."""
        if len(self.open) >= self.most:
            return None
        if self._ready:
            poll = self._ready.popleft()
            self._waiting[poll.device_id] -= 1
            if not self._waiting[poll.device_id]:
                del self._waiting[poll.device_id]
            return poll
        while self._queue and self._queue[0][0] <= now_ns:
            place = heapq.heappop(self._queue)
            if self._is_valid(place):
                due_ns, _, device_id = place
                course = self._courses[device_id]
                course.ticket = 0
                keys = _take_due(course, now_ns)
                return Poll(device_id=device_id, pid="", keys=keys, timeout_ns=course.timeout_ns, due_ns=due_ns)
        return None

    def give_up(self, before_ns: int) -> list[Poll]:
        """Give back questions of people that were due before this and have not left."""
        gone = [poll for poll in self._ready if poll.is_asked and poll.due_ns < before_ns]
        if gone:
            self._remove(set(gone))
        return gone

    def put_back(self, polls: list[Poll]) -> None:
        """These cannot leave just now: they are the next to be tried."""
        self._ready.extendleft(reversed(polls))
        self._waiting.update(poll.device_id for poll in polls)

    def sent(self, poll: Poll, now_ns: int, wall_ns: int) -> None:
        """A question left."""
        poll.sent_ns, poll.sent_wall_ns = now_ns, wall_ns
        poll.deadline_ns = now_ns + poll.timeout_ns
        poll.missing = set(poll.keys)
        self.late_ns.append(now_ns - poll.due_ns)
        self.open[poll.device_id, poll.pid] = poll

    def close(self, poll: Poll) -> None:
        """A question is over, however it ended: the device may be asked again."""
        self.open.pop((poll.device_id, poll.pid), None)
        course = self._courses.get(poll.device_id)
        if course is not None and not poll.is_asked and not course.ticket:
            self._line_up(course)

    def answered(self, poll: Poll, now_ns: int) -> None:
        """All of a question was answered."""
        self.took_ns.append(now_ns - poll.sent_ns)
        self.close(poll)

    def overdue(self, now_ns: int) -> list[Poll]:
        """Open questions whose time is over; there are at most `most`."""
        return [poll for poll in self.open.values() if poll.deadline_ns <= now_ns]

    def _is_valid(self, place: tuple[int, int, str]) -> bool:
        _, ticket, device_id = place
        course = self._courses.get(device_id)
        return course is not None and course.ticket == ticket

    def _remove(self, gone: set[Poll]) -> None:
        self._ready = deque(poll for poll in self._ready if poll not in gone)
        self._waiting = Counter(poll.device_id for poll in self._ready)

    def _line_up(self, course: Course) -> None:
        if len(self._queue) >= 2 * len(self._courses) + SLACK:
            self._queue = [place for place in self._queue if self._is_valid(place)]
            heapq.heapify(self._queue)
        self._tickets += 1
        course.ticket = self._tickets
        due_ns = min(slot.due_ns for slot in course.slots)
        heapq.heappush(self._queue, (due_ns, course.ticket, course.device_id))


def _take_due(course: Course, now_ns: int) -> tuple[str, ...]:
    """Channels that are due, whose slots go on to their next time after now."""
    found: list[str] = []
    for slot in course.slots:
        if slot.due_ns <= now_ns:
            found += slot.keys
            slot.due_ns += ((now_ns - slot.due_ns) // slot.interval_ns + 1) * slot.interval_ns
    return tuple(found)
