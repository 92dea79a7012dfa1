"""Channels that change so often that they would drown the recorder: slowed down, and told until it is over."""

from typing import TYPE_CHECKING, Final

from homeassistant.core import callback

from ..engine.effects import Notice
from .mapping import PointDescription, clean_name
from .notices import CHANNEL_CHATTERS
from .pacing import Pacer, Turn

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from .hub import Hub
    from .stations import Described

SWITCHING_A_MINUTE: Final = 30
"""States of a contact, a text or a choice: more is chatter."""
NUMBERS_A_MINUTE: Final = 600
"""States of a number: only where a person let it write more often than once a second."""
MINUTES: Final = 3
"""So many minutes running begin it …"""
QUIET_MINUTES: Final = 5
"""… and so many end it."""
SLOW_S: Final = 10.0
"""Time between two states meanwhile."""

type _Point = tuple[str, str]
"""Device and channel."""


class Chatter:
    """Looks once a minute how often each channel would have written."""

    def __init__(self, hub: Hub, pacer: Pacer, describe: Callable[[str, str], Described | None]) -> None:
        self._hub: Final = hub
        self._pacer: Final = pacer
        self._describe: Final = describe
        """Row of the table by device and key."""
        self._busy: Final[dict[_Point, int]] = {}
        """Minutes running in which it changed too often."""
        self._quiet: Final[dict[_Point, int]] = {}
        """Channels that chatter → minutes running in which they did not."""
        self._told: Final[dict[str, str]] = {}
        """Device → names of its channels, as they were told."""

    @callback
    def sweep(self, _: datetime | None = None) -> None:
        """A minute has passed."""
        present: set[_Point] = set()
        for device_id, key, turn in self._pacer.turns():
            row = self._describe(device_id, key)
            if isinstance(row, PointDescription):
                present.add((device_id, key))
                self._judge((device_id, key), turn, NUMBERS_A_MINUTE if row.is_number else SWITCHING_A_MINUTE)
            turn.changes = 0
        for gone in [point for point in (*self._busy, *self._quiet) if point not in present]:
            self._busy.pop(gone, None)
            self._quiet.pop(gone, None)
        self._tell()

    @callback
    def stop(self) -> None:
        """Forget everything; who chatters after the next start is found again."""
        self._busy.clear()
        self._quiet.clear()
        self._tell()

    def _judge(self, point: _Point, turn: Turn, most: int) -> None:
        allowed = 60 / turn.pace_s if turn.pace_s else turn.changes
        if min(turn.changes, allowed) > most:
            self._busy[point] = self._busy.get(point, 0) + 1
            if point in self._quiet or self._busy[point] >= MINUTES:
                self._quiet[point] = 0
                turn.slow_s = SLOW_S
            return
        self._busy.pop(point, None)
        if point in self._quiet:
            self._quiet[point] += 1
            if self._quiet[point] >= QUIET_MINUTES or turn.pace_s >= 60 / most:
                del self._quiet[point]
                turn.slow_s = 0.0

    def _tell(self) -> None:
        present: dict[str, list[str]] = {}
        for device_id, key in self._quiet:
            row = self._describe(device_id, key)
            present.setdefault(device_id, []).append(row.name if isinstance(row, PointDescription) else key)
        named = {device_id: clean_name(", ".join(sorted(names)), "") for device_id, names in present.items()}
        for device_id in self._told.keys() - named.keys():
            del self._told[device_id]
            self._hub.effects.show(Notice(CHANNEL_CHATTERS, device_id, False, {}))
        for device_id, names in named.items():
            if self._told.get(device_id) != names:
                self._told[device_id] = names
                self._hub.effects.show(Notice(CHANNEL_CHATTERS, device_id, True, {"channels": names}))
