"""What a device says unasked beside its readings: log lines, and alarms of its own."""

from __future__ import annotations

from random import Random
from typing import Any, Final

from iiot_engine.values import Leaf

from .clock import DeviceClock, Moment
from .profile import Profile
from .signer import Out, Signer

LOG_LINES: Final = (
    ("info", "sensor", "self-test passed"),
    ("info", "net", "signal quality changed"),
    ("debug", "sampler", "sampling jitter 3 ms"),
    ("warning", "sensor", "reading repeated after a checksum error"),
    ("warning", "net", "broker answered slowly"),
    ("error", "storage", "flash page relocated"),
)
REPEAT_MS: Final = 60_000
"""A raised alarm is said again so often."""
RAISED_S: Final = 90.0
"""How long an alarm lasts on average."""


class Bulletins:
    """Log and alarms of one device in one boot."""

    def __init__(self, profile: Profile, clock: DeviceClock, signer: Signer, random: Random) -> None:
        self._profile = profile
        self._clock = clock
        self._signer = signer
        self._random = random
        self._log_ms = self._later(profile.log_s, 0)
        self._change_ms = self._later(profile.alarm_s, 0) if profile.alarms else None
        self._repeat_ms = 0
        self._occurrence = 0
        self._raised: dict[str, Any] | None = None

    def due(self, moment: Moment) -> list[Out]:
        """Messages that are due; call while connected."""
        out = []
        if self._log_ms is not None and moment.up_ms >= self._log_ms:
            self._log_ms = self._later(self._profile.log_s, moment.up_ms)
            level, logger, msg = self._random.choice(LOG_LINES)
            out.append(self.log(level, logger, msg, moment))
        if self._change_ms is not None and moment.up_ms >= self._change_ms:
            out.append(self._change(moment))
        elif self._raised is not None and moment.up_ms >= self._repeat_ms:
            self._repeat_ms = moment.up_ms + REPEAT_MS
            out.append(self._signer.sign(Leaf.ALARM, self._raised, moment, 1))
        return out

    def log(self, level: str, logger: str, msg: str, moment: Moment) -> Out:
        """Make a log line."""
        return self._signer.sign(Leaf.LOG, {"level": level, "logger": logger, "msg": msg}, moment, 0)

    def raised(self) -> list[list[Any]]:
        """Member `alarms` of the heartbeat."""
        return [] if self._raised is None else [[self._raised["code"], self._raised.get("ch"), self._raised["occ"]]]

    def next_ms(self) -> int | None:
        """When something is due."""
        times = [at for at in (self._log_ms, self._change_ms) if at is not None]
        if self._raised is not None:
            times.append(self._repeat_ms)
        return min(times, default=None)

    def _change(self, moment: Moment) -> Out:
        if self._raised is not None:
            body, self._raised = {**self._raised, "state": "cleared"}, None
            self._change_ms = self._later(self._profile.alarm_s, moment.up_ms)
            return self._signer.sign(Leaf.ALARM, body, moment, 1)
        kind = self._random.choice(self._profile.alarms)
        self._occurrence += 1
        self._raised = {
            "code": kind["code"],
            "state": "raised",
            "priority": kind.get("priority", "medium"),
            "text": kind["name"],
            "occ": self._occurrence,
            "since": list(self._clock.stamp(moment)),
        }
        self._change_ms = self._later(RAISED_S, moment.up_ms)
        self._repeat_ms = moment.up_ms + REPEAT_MS
        return self._signer.sign(Leaf.ALARM, self._raised, moment, 1)

    def _later(self, mean_s: float, up_ms: int) -> int | None:
        return up_ms + round(1000 * mean_s * self._random.uniform(0.5, 1.5)) if mean_s else None
