"""A device that never loses a row (protocol.md, data), with a network that loses nearly everything else."""

from random import Random
from typing import Any

from iiot_engine.effects import Publish
from iiot_engine.values import NS_PER_S
from iiot_engine.wire import canonical, codec, signing
from tests.builders import Machine, World

type RowId = tuple[int, int]
"""Boot and index."""

ROWS_A_MESSAGE = 4
MOST_RESENT = 8
RESEND_AFTER_NS = 60 * NS_PER_S


def rows_in(payload: dict[str, Any]) -> dict[RowId, Any]:
    """Every row of a data message, by identity."""
    boot, first = payload["n"]
    if "r" in payload:
        return {(boot, first): payload["r"]["strokes"]}
    return {(boot, first + at): row[2] for at, row in enumerate(payload["rows"])}


def durable_rows(world: World) -> dict[RowId, Any]:
    """The journal as its readers see it: of two rows with one identity the first wins."""
    found: dict[RowId, Any] = {}
    for row in world.journal():
        if row.topic.endswith("/data"):
            for identity, value in rows_in(canonical.decode(codec.split(row.message).span)).items():
                assert found.setdefault(identity, value) == value, "two different rows with one identity"
    return found


class Recorder(Machine):
    """Keeps rows until they are answered, and sends them again as the protocol says."""

    def __init__(self, world: World, **options: Any) -> None:
        self.kept: dict[RowId, tuple[int, int]] = {}
        """Identity → time of the row and its value: on flash, so it survives a reboot."""
        self.made: dict[RowId, int] = {}
        self.given_up: set[RowId] = set()
        self.drops: list[list[int]] = []
        self.sent_ns: dict[RowId, int] = {}
        self.resent: dict[RowId, int] = {}
        self.beat_ns = 0
        super().__init__(world, **options)

    def reboot(self) -> None:
        super().reboot()
        self.sent_ns, self.resent, self.beat_ns = {}, {}, 0

    def measure(self) -> tuple[str, bytes]:
        """Take a reading and send it at once."""
        identity = (self.boot, self.index)
        self.index += 1
        value = len(self.made)
        self.made[identity] = value
        self.kept[identity] = (self.world.now.wall_ns, value)
        self.sent_ns[identity] = self.world.steady_ns
        return self.make("data", r={"strokes": value}, n=list(identity))

    def heartbeat(self) -> tuple[str, bytes]:
        """What it keeps, and what it gave up above that."""
        self.beat_ns = self.world.steady_ns
        held = min(self.kept, default=(self.boot, self.index))
        self.drops = [drop for drop in self.drops if (drop[0], drop[2]) >= held]
        return self.make("heartbeat", **self.heartbeat_body(held=list(held), drop=self.drops))

    def give_up(self, random: Random) -> None:
        """Its shelf is full: some row goes."""
        if self.kept:
            identity = random.choice(sorted(self.kept))
            del self.kept[identity]
            self.given_up.add(identity)
            self.drops = [*self.drops, [identity[0], identity[1], identity[1]]][-60:]

    def again(self) -> list[tuple[str, bytes]]:
        """Messages with the rows that are due to be sent again, the oldest first."""
        now, messages = self.world.steady_ns, []
        due = [row for row in sorted(self.kept) if now - self.sent_ns.get(row, -RESEND_AFTER_NS) >= RESEND_AFTER_NS]
        open_messages = sum(1 for row in self.resent if row in self.kept)
        while due and open_messages < MOST_RESENT:
            first = due.pop(0)
            together = [first]
            while due and len(together) < ROWS_A_MESSAGE and due[0] == (first[0], together[-1][1] + 1):
                together.append(due.pop(0))
            rows = [
                [self.kept[row][0] // NS_PER_S, self.kept[row][0] % NS_PER_S, self.kept[row][1]] for row in together
            ]
            for row in together:
                self.sent_ns[row] = now
            self.resent[first] = now
            open_messages += 1
            messages.append(self.make("data", cols=["strokes"], rows=rows, n=list(first), late=True))
        self.resent = {row: at for row, at in self.resent.items() if row in self.kept and now - at < RESEND_AFTER_NS}
        return messages

    def take(self, message: bytes) -> dict[str, Any] | None:
        """A message from above: a receipt frees the rows that it answers."""
        envelope = codec.split(message)
        assert signing.is_signed_by(self.key, envelope.span, envelope.mac)
        payload = canonical.decode(envelope.span)
        if payload["nonce"] != self.nonce:
            return None
        self.hseq = max(self.hseq, payload["hseq"])
        if payload["type"] == "stored":
            for boot, upto in [payload["upto"], *payload.get("more", [])]:
                for row in [row for row in self.kept if row[0] == boot and row[1] <= upto]:
                    del self.kept[row]
        return payload


class Storm:
    """A device, a hub and a network that a seed drives."""

    STEP_S = 5.0

    def __init__(self, world: World, seed: int) -> None:
        self.random = Random(seed)
        self.world = world
        self.device = Recorder(world)
        self.way: list[tuple[str, bytes]] = []
        self.ever: list[tuple[str, bytes]] = []
        self.forged: set[bytes] = set()
        self.is_calm = False
        world.adopt(self.device)
        world.receive(*self.device.make("manifest", digest=self.device.digest, channels=[{"key": "strokes"}]))

    def chance(self, share: float) -> bool:
        return not self.is_calm and self.random.random() < share

    def send(self, message: tuple[str, bytes]) -> None:
        self.ever.append(message)
        if self.chance(0.3):
            return
        self.way.insert(self.random.randint(0, len(self.way)) if self.chance(0.3) else len(self.way), message)
        if self.chance(0.1):
            self.way.append(message)

    def deliver(self) -> None:
        """Some of what is on its way arrives, with replays and forgeries among it."""
        arriving = len(self.way) if self.is_calm else self.random.randint(0, len(self.way))
        for topic, message in [self.way.pop(0) for _ in range(arriving)]:
            self.world.receive(topic, message)
        if self.chance(0.2):
            self.world.receive(*self.random.choice(self.ever))
        if self.chance(0.1):
            forger = Recorder(self.world, boot=self.device.boot, key=bytes(32))
            topic, message = forger.measure()
            self.forged.add(message)
            self.world.receive(topic, message)

    def answers(self) -> None:
        """Receipts reach the device, or not; each speaks of durable rows only."""
        durable = durable_rows(self.world)
        for effect in self.world.of(Publish):
            payload = canonical.decode(codec.split(effect.message).span)
            if payload["type"] == "stored":
                self.check_receipt(payload, durable)
            if not self.chance(0.3):
                self.device.take(effect.message)
        self.world.clear()

    def check_receipt(self, payload: dict[str, Any], durable: dict[RowId, Any]) -> None:
        for boot, upto in [payload["upto"], *payload.get("more", [])]:
            for row in self.device.kept:
                assert row[0] != boot or row[1] > upto or row in durable, f"{row} is answered and not durable"

    def step(self) -> None:
        device, world = self.device, self.world
        if self.chance(0.04):
            device.reboot()
        if self.chance(0.05):
            device.give_up(self.random)
        if self.chance(0.05):
            world.kill(away_s=self.random.choice([0, 5, 100]))
        world.store_fails = self.chance(0.05)
        if world.held_commits is None and self.chance(0.1):
            world.held_commits = []
        for _ in range(self.random.randint(0, 2)):
            self.send(device.measure())
        if world.steady_ns - device.beat_ns >= 30 * NS_PER_S:
            self.send(device.heartbeat())
        for message in device.again():
            self.send(message)
        self.deliver()
        world.pass_time(self.STEP_S, step_s=0.5)
        if world.held_commits is not None and not self.chance(0.3):
            world.finish_commits()
        self.answers()

    def calm_down(self) -> None:
        """Everything works again: in the end nothing is kept."""
        self.is_calm = True
        self.world.finish_commits()
        self.world.store_fails = False
        for _ in range(150):
            if not self.device.kept:
                break
            if self.world.steady_ns - self.device.beat_ns >= 30 * NS_PER_S:
                self.send(self.device.heartbeat())
            for message in self.device.again():
                self.send(message)
            self.deliver()
            self.world.pass_time(self.STEP_S, step_s=0.5)
            self.answers()
