"""How often entities write: at most once in their pace, the last value wins, the first after a quiet time at once.

One timer serves all entities. What a message costs here is a look-up and a comparison for each of its channels.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from homeassistant.core import CALLBACK_TYPE, callback

_LOGGER = logging.getLogger(__name__)

BUCKETS_PER_S: Final = 10
"""Writes that wait are done together, in steps of 100 ms: so an entity never writes early, and at most 100 ms late."""


class Turn:
    """One entity's place in the order of writing."""

    __slots__ = ("changes", "due", "is_waiting", "pace_s", "slow_s", "write")

    def __init__(self, write: Callable[[], None], pace_s: float) -> None:
        self.write: Final = write
        self.pace_s = pace_s
        """Shortest time between two writes, as people want it."""
        self.slow_s = 0.0
        """The same, while it changes too often; the longer one counts."""
        self.changes = 0
        """Since somebody looked."""
        self.due = 0.0
        """Loop time from which it may write again."""
        self.is_waiting = False

    def wrote(self, now: float) -> None:
        """It writes now: when may it again?"""
        self.due = now + max(self.pace_s, self.slow_s)


class Pacer:
    """Who writes when."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop: Final = loop
        self._turns: Final[dict[str, dict[str, Turn]]] = {}
        self._buckets: Final[dict[int, list[Turn]]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._next: int = 0

    @callback
    def watch(self, device_id: str, key: str, write: Callable[[], None], pace_s: float) -> CALLBACK_TYPE:
        """Call `write` when the point `key` of a device changed; call what comes back to end it."""
        turns = self._turns.setdefault(device_id, {})
        turn = turns[key] = Turn(write, pace_s)

        @callback
        def release() -> None:
            turn.due = float("inf")
            if turns.get(key) is turn:
                del turns[key]
            if not turns and self._turns.get(device_id) is turns:
                del self._turns[device_id]

        return release

    @callback
    def changed(self, device_id: str, keys: Iterable[str]) -> None:
        """These points of a device have another value: write now, or when their time comes."""
        turns = self._turns.get(device_id)
        if turns is None:
            return
        now = self._loop.time()
        for key in keys:
            turn = turns.get(key)
            if turn is None:
                continue
            turn.changes += 1
            if turn.is_waiting:
                continue
            if turn.due <= now:
                turn.wrote(now)
                turn.write()
            else:
                self._wait(turn)

    @callback
    def all_changed(self, device_id: str) -> None:
        """Everything of a device has to be shown anew, at once: it came or went."""
        now = self._loop.time()
        for turn in list(self._turns.get(device_id, {}).values()):
            turn.wrote(now)
            turn.write()

    def turns(self) -> Iterator[tuple[str, str, Turn]]:
        """Give everybody who writes: device, key, turn."""
        for device_id, turns in self._turns.items():
            for key, turn in turns.items():
                yield device_id, key, turn

    def turns_of(self, device_id: str) -> list[tuple[str, Turn]]:
        """Give everybody who writes for a device."""
        return list(self._turns.get(device_id, {}).items())

    @callback
    def stop(self) -> None:
        """Forget what waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._buckets.clear()
        self._turns.clear()

    def _wait(self, turn: Turn) -> None:
        turn.is_waiting = True
        number = int(turn.due * BUCKETS_PER_S) + 1
        bucket = self._buckets.get(number)
        if bucket is not None:
            bucket.append(turn)
            return
        self._buckets[number] = [turn]
        if self._timer is None or number < self._next:
            self._arm(number)

    def _arm(self, number: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._next = number
        self._timer = self._loop.call_at(number / BUCKETS_PER_S, self._flush)

    @callback
    def _flush(self) -> None:
        self._timer = None
        now = self._loop.time()
        ripe = [number for number in self._buckets if number <= self._next or number / BUCKETS_PER_S <= now]
        for number in sorted(ripe):
            for turn in self._buckets.pop(number):
                turn.is_waiting = False
                if turn.due == float("inf"):
                    continue
                turn.wrote(now)
                try:
                    turn.write()
                except Exception:  # one entity that cannot be written must not silence those behind it
                    _LOGGER.exception("An entity could not be written")
        if self._buckets:
            self._arm(min(self._buckets))
