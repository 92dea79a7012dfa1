"""Sleep of a device that saves its battery: listen, take leave, sleep, wake."""

from __future__ import annotations

from enum import Enum, auto

from .profile import Timing


class Phase(Enum):
    """Where in its day a device is."""

    AWAKE = auto()
    """Stays up: it never sleeps, or was told to stay awake."""
    LISTENING = auto()
    """Awake for a little while."""
    LEAVING = auto()
    """Has said good-bye and waits for the receipt."""
    ASLEEP = auto()


class Nap:
    """When a device sleeps. Times are its `up` in milliseconds."""

    def __init__(self, sleep_s: float, timing: Timing) -> None:
        self.phase = Phase.AWAKE
        self.until_ms = 0
        """When the phase ends."""
        self.sleep_s = sleep_s
        """Length of the next sleep; 0: stays awake."""
        self._usual_s = sleep_s
        self._timing = timing
        self._woke_ms = 0

    def listen(self, up_ms: int) -> None:
        """Awake and connected: listen for a while, if it sleeps at all."""
        if self.sleep_s:
            self.phase, self._woke_ms = Phase.LISTENING, up_ms
            self.until_ms = up_ms + round(self._timing.listen_s * 1000)

    def wake(self, up_ms: int) -> None:
        """The sleep is over: a connection has to stand soon, else it sleeps again."""
        self.phase, self._woke_ms = Phase.LISTENING, up_ms
        self.sleep_s = self._usual_s
        self.until_ms = up_ms + round(self._timing.listen_longest_s * 1000)

    def heard(self, up_ms: int) -> None:
        """A message came down: listen longer."""
        if self.phase is Phase.LISTENING:
            latest = self._woke_ms + round(self._timing.listen_longest_s * 1000)
            self.until_ms = min(latest, max(self.until_ms, up_ms) + round(self._timing.listen_more_s * 1000))

    def leave(self, up_ms: int) -> None:
        """Good-bye was said: wait for its answer, but not long."""
        self.phase, self.until_ms = Phase.LEAVING, up_ms + round(self._timing.bye_s * 1000)

    def fall_asleep(self, up_ms: int) -> None:
        """Sleep from now on."""
        self.phase, self.until_ms = Phase.ASLEEP, up_ms + round(self.sleep_s * 1000)

    def stay_awake(self) -> None:
        """Do not sleep until told to."""
        self.phase, self.sleep_s = Phase.AWAKE, 0.0

    def ask_for_sleep(self, for_s: float, up_ms: int) -> None:
        """Take leave at the next opportunity, for so long."""
        self.sleep_s = for_s
        self.phase, self.until_ms = Phase.LISTENING, up_ms

    @property
    def is_asleep(self) -> bool:
        """Whether the device does nothing."""
        return self.phase is Phase.ASLEEP

    def is_over(self, up_ms: int) -> bool:
        """Whether the present phase has ended."""
        return self.phase is not Phase.AWAKE and up_ms >= self.until_ms
