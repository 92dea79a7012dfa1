"""One registered device: what the hub knows of it. Moved by the plant, kept by the intake."""

from dataclasses import dataclass, field
from typing import Any, Final

from ..values import NS_PER_S, maybe_text, tally
from ..wire.heartbeat import Heartbeat, read_heartbeat
from ..wire.replay import ReplayWindow
from .anchor import MAX_BOOTS, BootClock
from .downlink import Downlink
from .keys import KeyRing
from .liveness import Liveness
from .manifest import Manifest
from .refusals import Refusals

TWIN_PROOFS: Final = 3
"""Fresh messages of a lower boot until a second holder of the key is certain."""
TWIN_APART_NS: Final = 60 * NS_PER_S
"""Their time must lie this far after the higher boot's first message."""


@dataclass(kw_only=True, slots=True)
class Device:
    """A device that a person approved, or that once was (`removed`)."""

    id: str
    keys: KeyRing
    window: ReplayWindow = field(default_factory=ReplayWindow)
    clocks: dict[int, BootClock] = field(default_factory=dict)
    """Boot → its clock, for every boot of which rows may still come."""
    downlink: Downlink = field(default_factory=Downlink)
    liveness: Liveness = field(default_factory=Liveness)
    refusals: Refusals = field(default_factory=Refusals)
    manifest: Manifest | None = None
    heartbeat: Heartbeat | None = None
    digest: str | None = None
    """Of the manifest that it has now, from its newest heartbeat, however late."""
    session: str | None = None
    """Connection that the present will belongs to."""
    lag_ns: int | None = None
    """Age of the newest reading when it came."""
    twin_seq: int = 0
    twin_count: int = 0
    has_twin: bool = False
    """Two devices hold this key; nothing is sent to it until a person decides."""
    is_foreign: bool = False
    """Somebody else commands this device; nothing is sent to it until a person decides."""
    is_revoked: bool = False
    """A person revoked it: nothing that it says counts, and nothing is sent to it. Kept by whoever knows people."""
    stands_back: bool = False
    """A person left it to another hub: this one listens to it, and sends it nothing. Kept by whoever knows people."""
    just_adopted: bool = True
    """Until its first heartbeat: a reported number above ours is continued, not suspected."""

    def clock(self, boot: int) -> BootClock:
        """Clock of `boot`; a new one is not kept yet."""
        return self.clocks.get(boot) or BootClock()

    def keep_clock(self, boot: int, clock: BootClock) -> None:
        """Keep the clock of `boot`; the oldest boots are forgotten."""
        if boot not in self.clocks:
            self.clocks[boot] = clock
            while len(self.clocks) > MAX_BOOTS:
                del self.clocks[min(self.clocks)]

    def obeys(self, command: str) -> bool:
        """Whether the device has said that it knows `command`."""
        return self.manifest is not None and command in self.manifest.commands

    @property
    def is_muted(self) -> bool:
        """Whether nothing may be sent to it."""
        return self.has_twin or self.is_foreign or self.is_revoked or self.stands_back or not self.keys

    def state(self) -> dict[str, Any]:
        """What has to be durable, as JSON; the argument of `restore`."""
        return {
            "window": self.window.state(),
            "clocks": {str(boot): clock.state() for boot, clock in self.clocks.items()},
            "downlink": self.downlink.state(),
            "liveness": self.liveness.state_facts(),
            "refusals": dict(self.refusals.counts),
            "heartbeat": self.heartbeat.source if self.heartbeat else None,
            "digest": self.digest,
            "session": self.session,
            "flags": [self.has_twin, self.is_foreign, self.just_adopted],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up `state` again."""
        self.window = ReplayWindow.restored(state["window"])
        self.clocks = {int(b): BootClock.restored(clock) for b, clock in state["clocks"].items()}
        self.downlink = Downlink.restored(state["downlink"])
        self.liveness = Liveness.restored(state["liveness"])
        self.refusals = Refusals({code: tally(count) for code, count in state["refusals"].items()})
        beat = state["heartbeat"]
        self.heartbeat = None if beat is None else read_heartbeat(beat)
        self.digest = maybe_text(state["digest"])
        self.session = maybe_text(state["session"])
        self.has_twin, self.is_foreign, self.just_adopted = map(bool, state["flags"])
