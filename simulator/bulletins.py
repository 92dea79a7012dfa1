"""What a device says unasked beside its readings: log lines, and alarms of its own."""

from __future__ import annotations

from collections import deque
from random import Random
from typing import Any, Final

from iiot_engine.values import Leaf

from .clock import DeviceClock, Moment
from .profile import Cause, ClockKind, Profile
from .signer import Out, Signer

LEVELS: Final = ("debug", "info", "warning", "error", "critical")
USUAL_LEVEL: Final = "info"
LOG_LINES: Final = (
    ("info", "sensor", "self-test passed"),
    ("info", "net", "signal quality changed"),
    ("debug", "sampler", "sampling jitter 3 ms"),
    ("warning", "sensor", "reading repeated after a checksum error"),
    ("warning", "net", "broker answered slowly"),
    ("error", "storage", "flash page relocated"),
)
MAX_LINES: Final = 64
"""Lines that wait for a connection; beyond it the oldest go."""
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
        self._lines: deque[tuple[str, str, str]] = deque(maxlen=MAX_LINES)
        self._level = USUAL_LEVEL
        self._level_until_ms = 0
        self._log_ms = self._later(profile.log_s, 0)
        self._change_ms = self._later(profile.alarm_s, 0) if profile.alarms else None
        self._repeat_ms = 0
        self._occurrence = 0
        self._raised: dict[str, Any] | None = None

    def tell(self, level: str, logger: str, msg: str) -> None:
        """Note a log line; it leaves with the next `due`, if its level is wanted."""
        self._lines.append((level, logger, msg))

    def set_level(self, level: str, until_ms: int) -> None:
        """Send lines from this level on, until then."""
        self._level, self._level_until_ms = level, until_ms

    def due(self, moment: Moment) -> list[Out]:
        """Messages that are due; call while connected."""
        if self._log_ms is not None and moment.up_ms >= self._log_ms:
            self._log_ms = self._later(self._profile.log_s, moment.up_ms)
            self.tell(*self._random.choice(LOG_LINES))
        out = self._speak(moment)
        if self._change_ms is not None and moment.up_ms >= self._change_ms:
            out.append(self._change(moment))
        elif self._raised is not None and moment.up_ms >= self._repeat_ms:
            self._repeat_ms = moment.up_ms + REPEAT_MS
            out.append(self._signer.sign(Leaf.ALARM, self._raised, moment, 1))
        return out

    def raised(self) -> list[list[Any]]:
        """Member `alarms` of the heartbeat."""
        return [] if self._raised is None else [[self._raised["code"], self._raised.get("ch"), self._raised["occ"]]]

    def next_ms(self) -> int | None:
        """When something is due."""
        if self._lines:
            return 0
        times = [at for at in (self._log_ms, self._change_ms) if at is not None]
        if self._raised is not None:
            times.append(self._repeat_ms)
        return min(times, default=None)

    def _speak(self, moment: Moment) -> list[Out]:
        if moment.up_ms >= self._level_until_ms:
            self._level = USUAL_LEVEL
        wanted = LEVELS[LEVELS.index(self._level) :]
        lines, self._lines = self._lines, deque(maxlen=MAX_LINES)
        return [
            self._signer.sign(Leaf.LOG, {"level": level, "logger": logger, "msg": msg}, moment, 0)
            for level, logger, msg in lines
            if level in wanted
        ]

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


def boot_lines(profile: Profile, boot: int, cause: Cause) -> list[tuple[str, str, str]]:
    """Log lines of a start up to the network, each with its time since the reset, as firmware writes them."""
    told: list[tuple[str, str, str]] = [
        ("warning" if cause in (Cause.BROWNOUT, Cause.WATCHDOG) else "info", "boot", f"reset cause: {cause}"),
        ("info", "boot", f"{profile.model}, firmware {profile.fw}, boot {boot}"),
    ]
    for channel in profile.channels:
        if any(fault.kind == "comm" for fault in channel.faults):
            told.append(("warning", "sensor", f"{channel.key}: no answer, trying again"))
        told.append(("info", "sensor", f"{channel.key} found"))
    clocks = {ClockKind.NTP: "set by NTP", ClockKind.HUB: "none, asking the hub", ClockKind.NONE: "none"}
    told.append(("info", "clock", clocks[profile.clock]))
    return [(level, logger, f"[{0.012 + 0.07 * at:.3f}] {msg}") for at, (level, logger, msg) in enumerate(told)]
