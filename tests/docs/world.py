"""A hub of the real engine with clocks that stand still: messages go in at a time, messages come out."""

import hashlib
from typing import Any, Final

from iiot_engine.effects import Commit, Effect, Publish, Refused
from iiot_engine.plant import Plant
from iiot_engine.values import NS_PER_S, Leaf, Now, Settings
from iiot_engine.wire import codec, signing

FLEET_KEY: Final = bytes(range(32))
DEVICE_ID: Final = "press-07"
DEVICE_KEY: Final = signing.derive_device_key(FLEET_KEY, DEVICE_ID, 1)
STRANGER_KEY: Final = hashlib.sha256(b"a key that this hub does not hold").digest()
KEYS: Final = {"press-07": DEVICE_KEY, "stranger": STRANGER_KEY, "fleet": FLEET_KEY}
"""Keys that the pages name."""
START_S: Final = 1_795_190_400
"""Hub time at which every story begins."""
TICK_NS: Final = NS_PER_S // 10


class World:
    """One hub, one registered device, a broker that never fails, and a store that commits at once."""

    def __init__(self) -> None:
        self._drawn = 0
        self._at_ns = 0
        self.sent: list[Publish] = []
        self.plant = Plant(Settings(), self._entropy, FLEET_KEY)
        self.plant.restore([], {DEVICE_ID: {1: DEVICE_KEY}})
        self.plant.set_connected(True, self.now)
        self._perform(self.plant.start(self.now))

    @property
    def now(self) -> Now:
        return Now(wall_ns=START_S * NS_PER_S + self._at_ns, steady_ns=NS_PER_S + self._at_ns)

    def advance(self, at_s: float) -> None:
        """Let time pass until so many seconds after the start."""
        target = round(at_s * NS_PER_S)
        while self._at_ns < target:
            self._at_ns = min(self._at_ns + TICK_NS, target)
            self._perform(self.plant.tick(self.now))

    def receive(self, topic: str, message: bytes, *, retained: bool = False) -> str:
        """Take a message in; gives back `accepted` or the code of its refusal."""
        before = self._counts()
        effects = self.plant.on_message(topic, message, self.now, retained=retained)
        said = [effect.code for effect in effects if isinstance(effect, Refused)]
        self._perform(effects)
        changed = [code for code, count in self._counts().items() if count != before.get(code, 0)]
        assert len(changed) <= 1, changed
        assert not said or [*said] == changed
        return changed[0] if changed else "accepted"

    def take_down(self, leaf: Leaf) -> Publish:
        """The oldest message of this kind that the hub sent and nobody has taken."""
        found = next(publish for publish in self.sent if publish.topic.endswith(f"/{leaf}"))
        self.sent.remove(found)
        return found

    def _counts(self) -> dict[str, int]:
        found = {str(code): count for code, count in self.plant.strangers.items()}
        for code, count in self.plant.members[DEVICE_ID].device.refusals.counts.items():
            found[str(code)] = found.get(str(code), 0) + count
        return found

    def _perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Publish():
                    self.sent.append(effect)
                case Commit(batch):
                    self._perform(self.plant.committed(batch, self.now))
                case _:
                    pass

    def _entropy(self, count: int) -> bytes:
        self._drawn += 1
        return hashlib.sha256(self._drawn.to_bytes(8)).digest()[:count]


def up(leaf: str, boot: int, seq: int, up_ms: int, *, tq: int = 2, ts: float | None = None) -> dict[str, Any]:
    """Members of every upward payload."""
    stamp = 0 if tq == 0 else round((START_S if ts is None else ts) * 1000)
    seconds, millis = divmod(stamp, 1000)
    return {
        "v": 1,
        "type": leaf,
        "id": DEVICE_ID,
        "kid": 1,
        "boot": boot,
        "seq": seq,
        "up": up_ms,
        "ts": seconds,
        "ts_ns": millis * 1_000_000,
        "tq": tq,
    }


def seal(payload: dict[str, Any], key: bytes = DEVICE_KEY) -> bytes:
    """Sign a payload and put it into its envelope."""
    return codec.seal(key, payload)
