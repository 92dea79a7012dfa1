"""The commands of one device, in their order: one at a time, sent anew until answered, never after they are closed."""

from collections import OrderedDict, deque
from collections.abc import Iterable
from typing import Any, Final

from ..errors import RequestError
from ..values import NS_PER_S, Now
from .command import ON_ITS_WAY, Command, Step

MOST_WAITING: Final = 64
"""Commands of one device that may wait for their turn."""
MOST_CLOSED: Final = 64
"""Closed commands remembered, for late answers and for those who ask."""
FIRST_AGAIN_NS: Final = 5 * NS_PER_S
"""An open command is sent again after this, then after twice as long each time."""


class QueueFullError(RequestError):
    """Too many commands wait for this device."""

    code = "queue_full"


class Ledger:
    """What one device was asked to do."""

    __slots__ = ("_again_ns", "_closed", "_ends_ns", "_fresh", "_open", "_settled", "_waiting")

    def __init__(self) -> None:
        self._waiting: Final[deque[Command]] = deque()
        self._open: Command | None = None
        self._closed: Final[OrderedDict[str, Command]] = OrderedDict()
        self._fresh: Final[dict[str, Command]] = {}
        """Changed since the last commit was closed."""
        self._settled = False
        """The open command is durable as sent: it may leave."""
        self._again_ns = 0
        """Steady time of its next sending."""
        self._ends_ns = 0
        """Steady time of its deadline."""

    # --- reading -------------------------------------------------------------------------

    @property
    def open(self) -> Command | None:
        """The command that the device may be acting on."""
        return self._open

    @property
    def waiting(self) -> tuple[Command, ...]:
        """Commands that wait for their turn, the next one first."""
        return tuple(self._waiting)

    @property
    def closed(self) -> tuple[Command, ...]:
        """The newest that are closed, the latest last."""
        return tuple(self._closed.values())

    @property
    def newest(self) -> str:
        """Highest id of a command that is remembered; empty without any."""
        asked = [command.cid for command in (*self._waiting, self._open) if command is not None]
        return max((*asked, *self._closed), default="")

    def pending(self, key: str) -> Command | None:
        """The newest command that moves an actuator and is not closed."""
        for command in (*reversed(self._waiting), self._open):
            if command is not None and command.args.get("key") == key:
                return command
        return None

    def on_its_way(self, key: str) -> list[Command]:
        """Commands that move an actuator and are not closed, the oldest first."""
        found = (self._open, *self._waiting)
        return [command for command in found if command is not None and command.args.get("key") == key]

    def last_done(self, key: str) -> Command | None:
        """The newest command that set an actuator and that the device did."""
        for command in reversed(self._closed.values()):
            if command.step is Step.DONE and command.name == "set" and command.args.get("key") == key:
                return command
        return None

    def last_unanswered(self, key: str) -> Command | None:
        """The newest command for an actuator, when it was sent and nobody will say what became of it."""
        found = (command for command in reversed(self._closed.values()) if command.args.get("key") == key)
        newest = next(found, None)
        return newest if newest is not None and newest.ended_unanswered else None

    def get(self, cid: str) -> Command | None:
        """A command by its id, as long as it is remembered."""
        if self._open is not None and self._open.cid == cid:
            return self._open
        waiting = next((command for command in self._waiting if command.cid == cid), None)
        return waiting or self._closed.get(cid)

    # --- moving --------------------------------------------------------------------------

    def ask(self, command: Command, now: Now) -> None:
        """Take a command in; raises `QueueFullError`."""
        if len(self._waiting) >= MOST_WAITING:
            raise QueueFullError(device_id=command.device_id)
        command.pass_to(Step.REQUESTED, now.wall_ns)
        self._waiting.append(command)
        self._note(command)

    def begin(self, now: Now) -> Command | None:
        """Let the next one have its turn: it is sent as soon as that is durable."""
        if self._open is not None or not self._waiting:
            return None
        command = self._waiting.popleft()
        command.pass_to(Step.SENT, now.wall_ns)
        command.until_ns = now.wall_ns + command.life_ns
        self._open, self._settled = command, False
        self._again_ns, self._ends_ns = now.steady_ns, now.steady_ns + command.life_ns
        self._note(command)
        return command

    def bar(self, now: Now, reason: str) -> Command:
        """Close the next one: something stands in its way by now, so that it never leaves."""
        command = self._waiting.popleft()
        command.pass_to(Step.NOT_SENT, now.wall_ns)
        command.reason = reason
        self._remember(command)
        self._note(command)
        return command

    def due(self, now: Now) -> Command | None:
        """The open command, when it is to be sent now."""
        command = self._open
        if command is None or not self._settled or now.steady_ns < self._again_ns or now.steady_ns >= self._ends_ns:
            return None
        return command

    def remaining_ns(self, now: Now) -> int:
        """Time until the deadline of the open command."""
        return max(0, self._ends_ns - now.steady_ns)

    def sent(self, now: Now) -> None:
        """The open command left the hub once more. One that nobody will answer is closed by that."""
        command = self._open
        if command is None:
            return
        self._again_ns = now.steady_ns + (FIRST_AGAIN_NS << min(command.sends, 16))
        command.sends += 1
        if command.ended_unanswered:
            self._open = None
            self._remember(command)
            self._note(command)

    def answer(self, cid: str, step: Step, now: Now, reason: str = "", result: Any = None) -> Command | None:
        """Take a signed answer in; gives back the command when it changed by it."""
        command = self._open if self._open is not None and self._open.cid == cid else self._closed.get(cid)
        if command is None or not command.pass_to(step, now.wall_ns):
            return None
        command.reason, command.result = reason, result
        self._note(command)
        if command is self._open and not command.is_open:
            self._open = None
            self._remember(command)
        return command

    def expire(self, now: Now, *, is_lost: bool = False) -> list[Command]:
        """Close what waited too long, and what does not wait for a device that `is_lost`; gives back what changed."""
        changed = []
        if self._open is not None and now.steady_ns >= self._ends_ns:
            late, self._open = self._open, None
            late.pass_to(Step.UNKNOWN, now.wall_ns)
            self._remember(late)
            changed.append(late)
        for command in [
            held for held in self._waiting if now.wall_ns >= held.wait_until_ns or (is_lost and not held.waits)
        ]:
            self._waiting.remove(command)
            command.pass_to(Step.NOT_SENT, now.wall_ns)
            self._remember(command)
            changed.append(command)
        for command in changed:
            self._note(command)
        return changed

    def cancel(self, now: Now, cid: str | None = None) -> list[Command]:
        """Withdraw what has not left the hub: one command, or all that wait."""
        changed = [command for command in self._waiting if cid in (None, command.cid)]
        for command in changed:
            self._waiting.remove(command)
            command.pass_to(Step.CANCELLED, now.wall_ns)
            self._remember(command)
            self._note(command)
        return changed

    # --- keeping -------------------------------------------------------------------------

    def take_fresh(self) -> list[Command]:
        """What changed since the last call, for the next commit."""
        fresh = list(self._fresh.values())
        self._fresh.clear()
        return fresh

    def put_back(self, commands: Iterable[Command]) -> None:
        """The commit failed: these have to be kept with the next one, whether they are remembered here or not."""
        for command in commands:
            self._fresh.setdefault(command.cid, command)

    def kept(self, commands: Iterable[Command]) -> None:
        """These are durable as they were when they were taken; what has changed since is not."""
        held = self._open
        if held is not None and held.cid not in self._fresh and any(command is held for command in commands):
            self._settled = True

    @property
    def is_held(self) -> bool:
        """Whether a command has its turn and waits for the commit that lets it leave."""
        return self._open is not None and not self._settled

    def restore(self, commands: list[Command]) -> None:
        """Take up the commands of the journal, oldest first; `resume` sends on what was sent."""
        for command in commands:
            if command.step is Step.REQUESTED:
                self._waiting.append(command)
            elif command.step in ON_ITS_WAY and command.is_open and self._open is None:
                self._open, self._settled = command, True
            else:
                self._remember(command)

    def resume(self, now: Now) -> None:
        """The hub starts: nobody knows whether the open command arrived, so it is sent on until its deadline.

        One that nobody answers is not: it may have left, and is to be done once at most.
        """
        if self._open is not None:
            left_ns = min(self._open.life_ns, max(0, (self._open.until_ns or 0) - now.wall_ns))
            left_ns = left_ns if self._open.answered else 0
            self._again_ns, self._ends_ns = now.steady_ns, now.steady_ns + left_ns

    def hurry(self, now: Now) -> None:
        """The device started anew: what it may have missed is sent again at once."""
        self._again_ns = min(self._again_ns, now.steady_ns)

    def abandon(self, now: Now) -> list[Command]:
        """The device is taken out: nothing is sent any more; gives back what changed."""
        changed = self.cancel(now)
        if self._open is not None:
            self._ends_ns = now.steady_ns
            changed += self.expire(now)
        return changed

    def _note(self, command: Command) -> None:
        self._fresh[command.cid] = command

    def _remember(self, command: Command) -> None:
        self._closed[command.cid] = command
        while len(self._closed) > MOST_CLOSED:
            self._closed.popitem(last=False)
