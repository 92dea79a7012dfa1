"""When a device reads its sensors. Times are its `up` in milliseconds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .profile import Flooding


class Beats:
    """Channels by period; those of one period are read together, and beats that were missed are left out."""

    def __init__(self, periods_s: Mapping[str, float], start_ms: int) -> None:
        self.periods_s = dict(periods_s)
        """Channel to the seconds between two readings."""
        self._due_ms: dict[float, int] = {}
        self._keys: dict[float, list[str]] = {}
        self.begin(start_ms)

    def begin(self, at_ms: int) -> None:
        """Read every channel at `at_ms`, and from there on its beat."""
        self._keys = {}
        for key, period_s in self.periods_s.items():
            self._keys.setdefault(period_s, []).append(key)
        self._due_ms = dict.fromkeys(self._keys, at_ms)

    def change(self, keys: Iterable[str], period_s: float, up_ms: int) -> None:
        """Give channels another period; they are read next when it has passed."""
        due_ms = self._due_ms.get(period_s, up_ms + _millis(period_s))
        before = self._due_ms
        self.periods_s |= dict.fromkeys(keys, period_s)
        self.begin(due_ms)
        self._due_ms |= {period: at for period, at in before.items() if period in self._due_ms}

    def next_ms(self) -> int | None:
        """When something is due; None when nothing ever is."""
        return min(self._due_ms.values(), default=None)

    def take_due(self, up_ms: int) -> list[str]:
        """Channels that are due."""
        due = [period_s for period_s, at in self._due_ms.items() if up_ms >= at]
        for period_s in due:
            self._due_ms[period_s] = following(self._due_ms[period_s], period_s, up_ms)
        return [key for period_s in due for key in self._keys[period_s]]


class Flood:
    """Readings far beyond what was announced."""

    def __init__(self, flooding: Flooding, start_ms: int) -> None:
        lasts_s, every_s = flooding.lasts_s, flooding.every_s
        self._period_s = 1 / flooding.hz
        self._calm_ms = _millis(every_s - lasts_s) if every_s > lasts_s > 0 else 0
        self._every_ms = _millis(every_s) if self._calm_ms else 0
        self._start_ms = start_ms
        self.next_ms = start_ms + self._calm_ms

    def is_due(self, up_ms: int) -> bool:
        """Whether to read now; the next time is set."""
        if up_ms < self.next_ms:
            return False
        self.next_ms = following(self.next_ms, self._period_s, up_ms)
        if self._every_ms:
            lap_ms = (self.next_ms - self._start_ms) % self._every_ms
            self.next_ms += max(0, self._calm_ms - lap_ms)
        return True


def following(at_ms: int, period_s: float, up_ms: int) -> int:
    """Next time on the beat after `at_ms` that lies in the future of `up_ms`."""
    after_ms = at_ms + _millis(period_s)
    return after_ms if after_ms > up_ms else up_ms + _millis(period_s)


def _millis(seconds: float) -> int:
    return max(1, round(seconds * 1000))
