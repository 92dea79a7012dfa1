"""The plant's door as a whole: a registered device that turned hostile, its honest neighbour, and strangers."""

from random import Random
from typing import Any, Final, NamedTuple

from iiot_engine.errors import Code
from tests.builders import FLEET_KEY, Machine
from tests.vectors import reference

from . import nasty
from .bench import Bench, CheckedWorld, digest, inbox_digest
from .grammar import LEAVES
from .target import ACCEPTED, Target, Verdict, ensure, golden, shorter, timed
from .wire_targets import text_of

STRANGE_TOPICS: Final = (
    *(
        "",
        "/",
        "iiot",
        "iiot/",
        "iiot/press-07",
        "iiot/press-07/",
        "iiot//data",
        "iiot/hub/head",
        "iiot/press-07/data/x",
    ),
    *(
        "iiot/press-07/DATA",
        "iiot/press-07/stored",
        "iiot/press-07/poll",
        "IIOT/press-07/data",
        "x" * 65_535,
        "iiot/\x00/data",
    ),
    *(
        "iiot/" + "a" * 65 + "/heartbeat",
        "iiot/Süd/heartbeat",
        "iiot/+/data",
        "#",
        "iiot/\ud800/heartbeat",
        "/iiot/press-07/data",
    ),
)


class Shot(NamedTuple):
    """One message, and what time did before it."""

    topic: str
    span: bytes
    """The payload, signed as it stands; or, when `key` is empty, the whole message."""
    key: str
    """`own`, `other` (the neighbour's), `fleet` (derived for the topic's device), `nobody`; empty: not signed by us."""
    payload_first: bool = False
    retained: bool = False
    wait_ms: int = 0
    step_s: int = 0
    """Step of the hub's wall clock."""

    def message(self, keys: dict[str, bytes]) -> bytes:
        """The bytes that arrive."""
        if not self.key:
            return self.span
        device_id = self.topic.split("/")[-2] if self.topic.count("/") > 1 else ""
        key = reference.device_key(FLEET_KEY, device_id, 1) if self.key == "fleet" else keys[self.key]
        seal = reference.envelope_payload_first if self.payload_first else reference.envelope
        return seal(key, self.span)


class ShotTarget[S](Target[S, Shot]):
    """A target whose input is a message at a time."""

    def size(self, item: Shot) -> int:
        return len(item.span)

    def smaller(self, item: Shot) -> Any:
        if item.wait_ms or item.step_s:
            yield item._replace(wait_ms=0, step_s=0)
        for span in shorter(item.span):
            yield item._replace(span=span)

    def dump(self, item: Shot) -> Any:
        return {**item._asdict(), "span": item.span.hex(), "topic": item.topic.encode("utf-8", "surrogatepass").hex()}

    def load(self, kept: Any) -> Shot:
        topic = bytes.fromhex(kept["topic"]).decode("utf-8", "surrogatepass")
        return Shot(**{**kept, "span": bytes.fromhex(kept["span"]), "topic": topic})


class DoorTarget(ShotTarget[Bench]):
    """Whatever a device with a good key sends: taken or refused, and what is refused changes nothing."""

    name = "door"
    share = 36
    episode = 60
    base_ns = 60_000_000

    def setup(self, random: Random) -> dict[str, Any]:
        options = (
            {},
            {},
            {},
            {"strict": True},
            {"listen_only": True},
            {"discovery": "verified"},
            {"discovery": "closed"},
        )
        return {"settings": random.choice(options), "tq": random.choice((0, 1, 2, 2)), "joins": random.random() < 0.7}

    def fresh(self, setup: dict[str, Any]) -> Bench:
        return Bench(CheckedWorld(**setup["settings"]), tq=setup["tq"], joins=setup["joins"])

    def draw(self, subject: Bench, random: Random) -> Shot:
        shot = self._draw_message(subject, random)
        if random.random() < 0.02:
            shot = shot._replace(retained=True)
        pick = random.random()
        if pick < 0.25:
            wait = random.choice((1, 50, 900, 1_000, 9_000, 31_000, 61_000, 301_000, 4_000_000))
            shot = shot._replace(wait_ms=wait)
        elif pick < 0.26:
            shot = shot._replace(step_s=random.choice((-86_400, -61, 61, 400, 86_400)))
        return shot

    def _draw_message(self, bench: Bench, random: Random) -> Shot:
        pick = random.random()
        leaf = random.choice(LEAVES)
        topic = f"iiot/press-07/{leaf}"
        if pick < 0.05:
            return Shot(topic, nasty.mutated(random.choice(GOOD), random), "")
        if pick < 0.08:
            return Shot(random.choice(STRANGE_TOPICS), text_of(bench.payload(leaf, random), random), "own")
        if pick < 0.12:
            topic = f"iiot/{random.choice(('press-08', 'press-09', 'press-07'))}/{random.choice(LEAVES)}"
        span = text_of(_dirtied(bench.payload(leaf, random), random), random)
        if pick < 0.16:
            keys = {"own": bench.hostile.key, "other": bench.honest.key, "nobody": bytes(32)}
            return Shot(topic, nasty.mutated(Shot(topic, span, "own").message(keys), random), "")
        key = "own" if pick < 0.96 else random.choice(("other", "nobody", "fleet"))
        return Shot(topic, span, key, payload_first=random.random() < 0.1)

    def feed(self, subject: Bench, item: Shot) -> Verdict:
        subject.pass_time(item.wait_ms, item.step_s)
        message = item.message(subject.keys)
        topic, world = item.topic, subject.world
        before, aside = digest(world), digest(world, only=subject.honest.id)
        code, cost = timed(lambda: subject.receive(topic, message, retained=item.retained))
        after = digest(world)
        ensure(aside == digest(world, only=subject.honest.id) or item.key == "other", "its neighbour changed")
        if code is None or code is Code.WRONG_SHAPE:
            subject.check_windows()
            again = subject.receive(topic, message)
            ensure(again in (Code.DUPLICATE, Code.REPLAYED), f"taken a second time: {again}")
            ensure(after == digest(world), "a duplicate changed something")
        else:
            ensure(before == after, f"refused as {code}, and something changed: {_difference(before, after)}")
        subject.check()
        return Verdict(code or ACCEPTED, cost)

    def end(self, subject: Bench) -> None:
        subject.restart()


def _dirtied(payload: dict[str, Any], random: Random) -> dict[str, Any]:
    for _ in range(random.choice((0, 0, 0, 0, 1, 1, 2))):
        payload = nasty.spoiled(payload, random)
    return payload


def _difference(before: dict[str, Any], after: dict[str, Any]) -> str:
    return ", ".join(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))


GOOD: Final = golden("good.json")


class InboxTarget(ShotTarget[Bench]):
    """Strangers with and without a key of this hub: they change nothing but a bounded inbox."""

    name = "inbox"
    share = 8
    episode = 300

    def setup(self, random: Random) -> dict[str, Any]:
        return {
            "settings": {
                "discovery": random.choice(("ask", "verified", "closed")),
                "listen_only": random.random() < 0.2,
            },
            "crowd": random.choice((0, 0, 990)),
            "fleet": random.random() < 0.8,
        }

    def fresh(self, setup: dict[str, Any]) -> Bench:
        world = CheckedWorld(fleet_key=FLEET_KEY if setup["fleet"] else None, **setup["settings"])
        bench = Bench(world, tq=2, joins=True)
        for number in range(setup["crowd"]):
            stranger = Machine(world, f"crowd-{number}", key=None if number % 3 else bytes(32))
            world.receive(*stranger.make("heartbeat", **stranger.heartbeat_body()))
        return bench

    def draw(self, subject: Bench, random: Random) -> Shot:
        device_id = random.choice(
            (f"new-{random.randrange(40)}", *(f"crowd-{random.randrange(1_200)}" for _ in range(8)), "hub", "press-07")
        )
        leaf = "heartbeat" if random.random() < 0.9 else random.choice(LEAVES)
        payload = subject.payload(leaf, random) | {"id": device_id, "seq": random.choice((1, subject.shots, 2**32 - 1))}
        if random.random() < 0.15:
            sent = subject.last_poll(device_id)
            payload |= {"hseq": sent["hseq"], "nonce": sent["nonce"]} if sent else {}
        span = text_of(_dirtied(payload, random), random)
        if random.random() < 0.03:
            span = span[:-1] + b',"z":"' + b"z" * random.choice((4_000, 8_192, 60_000)) + b'"}'
        wait = random.choice((0, 0, 0, 0, 50, 1_000, 5_900, 61_000))
        return Shot(f"iiot/{device_id}/{leaf}", span, random.choice(("fleet", "fleet", "nobody", "own")), wait_ms=wait)

    def feed(self, subject: Bench, item: Shot) -> Verdict:
        subject.pass_time(item.wait_ms)
        message = item.message(subject.keys)
        world = subject.world
        before, proven = digest(world), inbox_digest(world, proven=True)
        code, cost = timed(lambda: subject.receive(item.topic, message))
        if item.topic.split("/")[1] == subject.hostile.id:
            return Verdict(code or ACCEPTED, cost)
        ensure(code in (Code.UNKNOWN_DEVICE, Code.MALFORMED, Code.TOO_LARGE), f"a stranger got {code}")
        ensure(before == digest(world), "a stranger changed a device")
        if item.key != "fleet" or world.fleet_key is None:
            ensure(proven == inbox_digest(world, proven=True), "somebody without a key changed one who holds one")
        subject.check()
        if not subject.shots % 25:
            subject.check_inbox()
        return Verdict(code or ACCEPTED, cost)

    def end(self, subject: Bench) -> None:
        for entry in subject.world.plant.inbox.entries()[:5]:
            machine = Machine(subject.world, entry.id, key=entry.key or bytes(32), kid=entry.kid)
            subject.world.adopt(machine)
        subject.world.pass_time(1, step_s=0.5)
        subject.restart()


TARGETS: Final = (DoorTarget(), InboxTarget())
