"""A device on the bench: a person with its key speaks to it by hand."""

from typing import Any

from iiot_engine.values import Leaf
from iiot_engine.wire import codec
from iiot_sim.clock import Moment
from iiot_sim.device import Device, Effect, Reconnect, Restart, Retire, Sleep
from iiot_sim.profile import Profile
from iiot_sim.state import MemoryStore
from tests.simulator.world import START_NS, a_profile, key_of, payload_of

CID = "01JD8Z6Q4W3M5N7P9R0T1V2X3Y"
HUB_START = 4711


class Bench:
    """One device, connected; messages to it are numbered from `HUB_START`."""

    def __init__(self, profile: Profile | None = None, store: MemoryStore | None = None, **options: Any) -> None:
        self.profile = profile or a_profile(sample_s=3600.0, interval_s=3600.0)
        self.store = store or MemoryStore()
        self.device = Device(self.profile, key_of(self.profile.id), self.store, **options)
        self.up_ms = 10_000
        self.hseq = HUB_START
        self.device.open_session(self.moment)
        self.device.tick(self.moment)
        self.first = read(self.device.connected(self.moment))

    @property
    def moment(self) -> Moment:
        return Moment(up_ms=self.up_ms, wall_ns=START_NS + self.up_ms * 1_000_000)

    def wait(self, seconds: float) -> list[dict[str, Any]]:
        """Let time pass in one step."""
        self.up_ms += round(seconds * 1000)
        return read(self.device.tick(self.moment))

    def say(self, leaf: Leaf, **changes: Any) -> list[dict[str, Any]]:
        """Send a message down; `changes` overrule its members, one that is `...` is left out."""
        return read(self.device.received(leaf, self.message(leaf, **changes), self.moment))

    def command(self, cmd: str, args: dict[str, Any] | None = None, **changes: Any) -> list[dict[str, Any]]:
        facts = {"cid": CID, "cmd": cmd, "args": args or {}, "until": self.up_ms + 30_000}
        return self.say(Leaf.COMMAND, **{**facts, **changes})

    def message(self, leaf: Leaf, **changes: Any) -> bytes:
        self.hseq += 1
        facts: dict[str, Any] = {
            "v": 1,
            "type": str(leaf),
            "id": self.profile.id,
            "kid": 1,
            "ts": 1,
            "ts_ns": 0,
            "nonce": self.device.nonce,
            "hseq": self.hseq,
        }
        payload = {key: value for key, value in {**facts, **changes}.items() if value is not ...}
        return codec.seal(key_of(self.profile.id), payload)


def read(effects: list[Effect]) -> list[dict[str, Any]]:
    """Payloads of what a device sends; a nap is `{"type": "sleep"}`, a new start `{"type": "restart"}`, and so on."""
    return [_payload(effect) for effect in effects]


def _payload(out: Effect) -> dict[str, Any]:
    if isinstance(out, Sleep):
        return {"type": "sleep"}
    if isinstance(out, Reconnect):
        return {"type": "reconnect"}
    if isinstance(out, Retire):
        return {"type": "retire"}
    if isinstance(out, Restart):
        return {"type": "restart", "cause": str(out.cause), "clean": out.is_clean}
    return {**payload_of(out.message), "qos": out.qos}
