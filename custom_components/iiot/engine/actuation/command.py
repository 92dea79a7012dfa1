"""One command from the wish to the device's signed answer: its life as a table, its facts as they are kept."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, NamedTuple

import orjson

from ..errors import StoreError
from ..values import NS_PER_S


class Step(StrEnum):
    """Where a command stands. Only the device's signed answer makes it `done`."""

    REQUESTED = "requested"
    """Noted; waits for its turn, or for the device to wake up."""
    SENT = "sent"
    """Handed to the broker at least once; nobody knows yet whether it arrived."""
    ACCEPTED = "accepted"
    """The device works on it."""
    DONE = "done"
    REJECTED = "rejected"
    """The device will not do it; nothing moved."""
    FAILED = "failed"
    """The device tried; what moved is not certain."""
    EXPIRED = "expired"
    """It reached the device after its deadline; nothing moved."""
    UNKNOWN = "unknown"
    """No answer by the deadline. It may have been done."""
    NOT_SENT = "not_sent"
    """It never left the hub."""
    CANCELLED = "cancelled"
    """Withdrawn before it left the hub."""


_ANSWERS: Final = frozenset({Step.DONE, Step.REJECTED, Step.FAILED, Step.EXPIRED})
NEXT: Final[dict[Step, frozenset[Step]]] = {
    Step.REQUESTED: frozenset({Step.SENT, Step.NOT_SENT, Step.CANCELLED}),
    Step.SENT: frozenset({Step.ACCEPTED, Step.UNKNOWN}) | _ANSWERS,
    Step.ACCEPTED: frozenset({Step.UNKNOWN}) | _ANSWERS,
    Step.UNKNOWN: _ANSWERS,
    Step.DONE: frozenset(),
    Step.REJECTED: frozenset(),
    Step.FAILED: frozenset(),
    Step.EXPIRED: frozenset(),
    Step.NOT_SENT: frozenset(),
    Step.CANCELLED: frozenset(),
}
"""The whole life of a command. A late answer corrects `unknown`; nothing else is ever corrected."""

OPEN: Final = frozenset({Step.REQUESTED, Step.SENT, Step.ACCEPTED})
"""Steps of a command that is not closed."""
ON_ITS_WAY: Final = frozenset({Step.SENT, Step.ACCEPTED})
"""Steps of a command that the device may be acting on."""

UNKNOWN_OUTCOME: Final = "unknown_outcome"
"""Why a command failed, in the word of a device that was reset between intent and answer: it may have been done."""


class Actor(NamedTuple):
    """Who asked for it."""

    user_id: str | None
    """Home Assistant user; None: an automation, that is the site itself."""
    context_id: str | None
    """Home Assistant context, by which the automation behind it is found."""
    source: str
    """Where it was asked: `entity`, `service`, `form`, `schedule`, `hub`."""


class Passed(NamedTuple):
    """A step with its time."""

    step: Step
    at_ns: int
    """Hub time, Unix nanoseconds."""


@dataclass(kw_only=True, slots=True)
class Command:
    """A command with everything that a restart must not lose."""

    cid: str
    """ULID."""
    device_id: str
    name: str
    args: dict[str, Any]
    actor: Actor
    life_ns: int
    """From its first sending to its deadline."""
    wait_until_ns: int
    """Until when it may wait to be sent, hub time."""
    waits: bool = False
    """It waits for a device that is away; otherwise it is void when the device is lost before its turn has come."""
    steps: list[Passed] = field(default_factory=list)
    until_ns: int | None = None
    """Its deadline, hub time; None before it was sent."""
    reason: str = ""
    """The device's word for why it was not done."""
    result: Any = None
    """What came of it, as the device said."""
    sends: int = 0
    answered: bool = True
    """The device has a way to answer; the command of one that has none ends when it is sent."""

    @property
    def step(self) -> Step:
        """Where it stands."""
        return self.steps[-1].step

    @property
    def is_open(self) -> bool:
        """Whether it still waits for something."""
        return self.step in OPEN and not self.ended_unanswered

    @property
    def ended_unanswered(self) -> bool:
        """Whether it has left the hub, and nobody will ever say what became of it."""
        return self.step is Step.SENT and self.sends > 0 and not self.answered

    def pass_to(self, step: Step, at_ns: int) -> bool:
        """Go on to `step`; False when the table does not allow it, and nothing changed."""
        if self.steps and step not in NEXT[self.step]:
            return False
        self.steps.append(Passed(step, at_ns))
        return True

    def state(self) -> bytes:
        """Everything of it, for the journal."""
        return orjson.dumps(
            {
                "name": self.name,
                "args": self.args,
                "actor": list(self.actor),
                "life_ns": self.life_ns,
                "wait_until_ns": self.wait_until_ns,
                "waits": self.waits,
                "steps": [list(passed) for passed in self.steps],
                "until_ns": self.until_ns,
                "reason": self.reason,
                "result": self.result,
                "sends": self.sends,
                "answered": self.answered,
            }
        )

    @classmethod
    def restored(cls, cid: str, device_id: str, state: bytes) -> Command:
        """Build the command that `state` described; raises `StoreError` when it makes no sense."""
        try:
            facts = orjson.loads(state)
            facts["actor"] = Actor(*facts["actor"])
            facts["steps"] = [Passed(Step(step), at_ns) for step, at_ns in facts["steps"]]
            return cls(cid=cid, device_id=device_id, **facts)
        except (ValueError, KeyError, TypeError) as err:
            raise StoreError(f"what is kept of command {cid} cannot be understood") from err


DEFAULT_LIFE_NS: Final = 30 * NS_PER_S
"""A command is void so long after it was first sent."""
DEFAULT_WAIT_NS: Final = 24 * 3600 * NS_PER_S
"""A command for a sleeping device waits so long for it to wake up."""
