"""A plant on the bench: devices that sign, a hub with its journal, and a clock that only tests move."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from iiot_engine.devices.inbox import Trust
from iiot_engine.effects import Commit, Effect, KeysChanged, Notice, Publish
from iiot_engine.errors import Code
from iiot_engine.plant import Member, Plant
from iiot_engine.plant.policy import Policy
from iiot_engine.ports import Batch, IntakeStore, JournalRow
from iiot_engine.stores.memory import MemoryIntake
from iiot_engine.values import NS_PER_S, Now, Quality, Settings, Shown
from iiot_engine.wire import canonical, codec, signing

from .entropy import counting_entropy

START_S: Final = 1_795_190_400
FLEET_KEY: Final = bytes(range(32))
NONCES: Final = "{:016x}"
DIGEST: Final = "00112233aabbccdd"
CHANNELS: Final[list[dict[str, Any]]] = [
    {"key": "temperature", "name": "Temperature", "kind": "float", "unit": "°C", "min": -40, "max": 125},
    {"key": "strokes", "name": "Strokes", "kind": "int"},
    {"key": "guard", "name": "Guard", "kind": "bool"},
    {"key": "program", "name": "Program", "kind": "enum", "options": ["idle", "run"]},
    {"key": "note", "name": "Note", "kind": "text"},
]


class World:
    """One hub with its store. `pass_time` moves both clocks; effects are performed as they come."""

    def __init__(self, store: IntakeStore | None = None, **settings: Any) -> None:
        self.settings = Settings(**settings)
        self.store: IntakeStore = store if store is not None else MemoryIntake()
        self.keys: dict[str, dict[int, bytes]] = {}
        self.policies: dict[str, Policy] = {}
        """What people decided about devices."""
        self.steps, self.key_file_fails = {}, False
        self.fleet_key: bytes | None = FLEET_KEY
        self.steady_ns = 5_000 * NS_PER_S
        self.wall_offset_ns = START_S * NS_PER_S - self.steady_ns
        self.entropy = counting_entropy()
        self.connected = True
        self.effects: list[Effect] = []
        """Everything since `clear`, in order."""
        self.sent: list[Publish] = []
        self.held_commits: list[Batch] | None = None
        """Batches that wait for `finish_commits`; None: each is written at once."""
        self.store_fails = False
        self.standing: set[tuple[str, str | None]] = set()
        """Notices that people see when the hub starts."""
        self.plant: Plant
        self._start()

    # --- time ----------------------------------------------------------------------------

    @property
    def now(self) -> Now:
        """Both clocks of the hub."""
        return Now(wall_ns=self.steady_ns + self.wall_offset_ns, steady_ns=self.steady_ns)

    def pass_time(self, seconds: float, step_s: float = 0.1) -> None:
        """Let time pass in ticks."""
        end = self.steady_ns + round(seconds * NS_PER_S)
        step = round(step_s * NS_PER_S)
        while self.steady_ns < end:
            self.steady_ns = min(end, self.steady_ns + step)
            self.perform(self.plant.tick(self.now))

    def skip(self, seconds: float) -> None:
        """Let time pass in one piece, with a tick at its end."""
        self.pass_time(seconds, step_s=max(seconds, 0.1))

    def step_clock(self, seconds: float) -> None:
        """Set the hub's wall clock."""
        self.wall_offset_ns += round(seconds * NS_PER_S)

    # --- effects -------------------------------------------------------------------------

    def perform(self, effects: list[Effect]) -> list[Effect]:
        """Do what the plant asks: write, and send."""
        for effect in effects:
            self.effects.append(effect)
            match effect:
                case Commit(batch):
                    self._commit(batch)
                case Publish():
                    self.sent.append(effect)
                case KeysChanged(name) if not self.key_file_fails:
                    self.keys[name], self.steps[name] = (ring := self.plant.members[name].device.keys).all, ring.step
        return effects

    def _commit(self, batch: Batch) -> None:
        if self.held_commits is not None:
            self.held_commits.append(batch)
        else:
            self._write(batch)

    def _write(self, batch: Batch) -> None:
        if self.store_fails:
            self.perform(self.plant.not_committed(batch, "disk full", self.now))
            return
        self.store.commit(batch)
        self.perform(self.plant.committed(batch, self.now))

    @contextmanager
    def slow_store(self) -> Iterator[None]:
        """Commits begun in here are finished at its end, or by `finish_commits`."""
        self.held_commits = []
        yield
        self.finish_commits()

    def finish_commits(self, *, hold: bool = False) -> None:
        """Write what waits; what comes then is written at once, or held again."""
        waiting, self.held_commits = self.held_commits or [], [] if hold else None
        for batch in waiting:
            self._write(batch)

    def clear(self) -> None:
        """Forget effects and messages seen so far."""
        self.effects.clear()
        self.sent.clear()

    def of[T](self, kind: type[T]) -> list[T]:
        """Effects of one kind since `clear`."""
        return [effect for effect in self.effects if isinstance(effect, kind)]

    def notices(self, kind: str) -> list[tuple[str | None, bool]]:
        """Device and whether it is raised, of each notice of a kind since `clear`."""
        return [(notice.device_id, notice.active) for notice in self.of(Notice) if notice.kind == kind]

    def flags_of_newest(self) -> int:
        """How the newest message was placed in time."""
        self.pass_time(2)
        return self.journal()[-1].flags

    # --- messages ------------------------------------------------------------------------

    def receive(self, topic: str, message: bytes, *, retained: bool = False) -> list[Effect]:
        """The broker delivers a message."""
        return self.perform(self.plant.on_message(topic, message, self.now, retained=retained))

    def refusal_of(self, topic: str, message: bytes, *, retained: bool = False) -> Code | None:
        """Deliver a message; the code of its refusal, None when it was accepted."""
        before = self._counts()
        accepted = self.plant.accepted
        self.receive(topic, message, retained=retained)
        after = self._counts()
        codes = [code for code in after if after[code] != before.get(code, 0)]
        if not codes:
            assert self.plant.accepted == accepted + 1, "neither accepted nor refused"
            return None
        assert len(codes) == 1
        return Code(codes[0])

    def _counts(self) -> dict[str, int]:
        found = dict(self.plant.strangers)
        for member in self.plant.members.values():
            for code, count in member.device.refusals.counts.items():
                found[code] = found.get(code, 0) + count
        return found

    def down(self, leaf: str, device_id: str | None = None) -> list[dict[str, Any]]:
        """Payloads of the messages that the hub sent, by leaf, since `clear`."""
        found = []
        for effect in self.sent:
            _, name, kind = effect.topic.split("/")
            if kind == leaf and device_id in (None, name):
                found.append(canonical.decode(codec.split(effect.message).span))
        return found

    # --- life ----------------------------------------------------------------------------

    def _start(self) -> None:
        self.plant = Plant(self.settings, self.entropy, self.fleet_key)
        self.prepare()
        self.plant.restore(self.store.load(), self.keys, self.steps)
        for device_id in self.policies.keys() & self.keys.keys():
            self.plant.set_policy(device_id, self.policies[device_id])
        position = self.store.cursor("last_values")
        while entries := self.store.read_after(position, 100):
            self.plant.replay(entries)
            position = entries[-1].position
        self.plant.recall(self.standing)
        self.plant.set_connected(self.connected, self.now)
        self.perform(self.plant.start(self.now))

    def prepare(self) -> None:
        """Tell the plant what it has to know before its devices."""

    def kill(self, away_s: float = 0) -> None:
        """The hub dies at once and starts again later: what was not committed is gone."""
        self.held_commits = None
        self.steady_ns += round(away_s * NS_PER_S)
        self._start()

    def stop(self) -> None:
        """The hub stops in good order and starts again."""
        self.perform(self.plant.flush(self.now))
        self.kill()

    def adopt(self, machine: Machine) -> Machine:
        """A person approves a device."""
        self.keys[machine.id] = {machine.kid: machine.key}
        self.perform(self.plant.adopt(machine.id, self.keys[machine.id], self.now))
        return machine

    def remove(self, machine: Machine) -> None:
        """A person takes a device out."""
        del self.keys[machine.id]
        self.perform(self.plant.remove(machine.id, self.now))

    def journal(self) -> list[JournalRow]:
        """Everything that is durable."""
        return [entry.row for entry in self.store.read_after(0, 1_000_000)]

    def __repr__(self) -> str:
        return f"World({len(self.plant.members)} devices)"


class Machine:
    """A device that signs and counts. It sends only what a test tells it to send."""

    def __init__(self, world: World, device_id: str = "press-07", **options: Any) -> None:
        self.world = world
        self.id = device_id
        self.kid: int = options.get("kid", 1)
        self.key: bytes = options.get("key") or signing.derive_device_key(FLEET_KEY, device_id, self.kid)
        self.tq: int = options.get("tq", 2)
        self.clock_ahead_s: float = options.get("clock_ahead_s", 0.0)
        self.interval: float = options.get("interval", 30)
        self.boot: int = options.get("boot", 0)
        self.hseq = 0
        """Highest down number obeyed in this boot."""
        self.digest = DIGEST
        self.held: tuple[int, int] | None = None
        self._sessions = 0
        self.reboot()

    # --- life ----------------------------------------------------------------------------

    def reboot(self) -> None:
        """Start again: everything but boot and keys is forgotten."""
        self.boot += 1
        self.seq = 0
        self.born_ns = self.world.steady_ns
        self.nonce = NONCES.format(self.boot * 0x1234_5678_9ABC % (1 << 64))
        self.hseq, self.index = 0, 1
        self.connect()

    def connect(self) -> None:
        """Begin a new connection."""
        self._sessions += 1
        self.session = f"{self._sessions:08x}"

    @property
    def up_ns(self) -> int:
        """Time since boot."""
        return self.world.steady_ns - self.born_ns

    @property
    def member(self) -> Member:
        """What the hub keeps of it."""
        return self.world.plant.members[self.id]

    @property
    def connection(self) -> str:
        """As the hub announced it last."""
        return self.member.connection

    def shown(self, channel: str) -> Shown | None:
        """What an entity would show."""
        return self.member.board.values.get(channel)

    def judged(self, channel: str) -> tuple[Any, Quality] | None:
        """Value and quality that an entity would show."""
        shown = self.shown(channel)
        return None if shown is None else (shown.value, shown.quality)

    def value(self, channel: str) -> Any:
        """The value that an entity would show."""
        shown = self.shown(channel)
        assert shown is not None, f"nothing was shown of {channel}"
        return shown.value

    def trust(self) -> Trust | None:
        """How far the hub's inbox believes it; None: it does not wait there."""
        entry = self.world.plant.inbox.get(self.id)
        return entry.trust if entry else None

    def answer(self) -> None:
        """Answer the hub's question with a heartbeat."""
        self.obey()
        self.beat()

    # --- messages ------------------------------------------------------------------------

    def payload(self, leaf: str, body: dict[str, Any]) -> dict[str, Any]:
        """A payload with the next number."""
        self.seq += 1
        ts = self.world.now.wall_ns + round(self.clock_ahead_s * NS_PER_S) if self.tq else 0
        return {
            "v": 1,
            "type": leaf,
            "id": self.id,
            "kid": self.kid,
            "ts": ts // NS_PER_S,
            "ts_ns": ts % NS_PER_S,
            "boot": self.boot,
            "seq": self.seq,
            "up": self.up_ns // 1_000_000,
            "tq": self.tq,
        } | body

    def make(self, leaf: str, **body: Any) -> tuple[str, bytes]:
        """Topic and signed message; sent later, or never."""
        return f"{self.world.settings.prefix}/{self.id}/{leaf}", codec.seal(self.key, self.payload(leaf, body))

    def heartbeat_body(self, **changed: Any) -> dict[str, Any]:
        """Members of a heartbeat."""
        return {
            "name": f"Machine {self.id}",
            "model": "demo",
            "fw": "1.0.0",
            "nonce": self.nonce,
            "session": self.session,
            "interval": self.interval,
            "state": "awake",
            "manifest": self.digest,
            "hseq": self.hseq,
            "held": list(self.held or (self.boot, self.index)),
            "alarms": [],
            "caps": ["confirm", "poll"],
        } | changed

    def send(self, leaf: str, **body: Any) -> Code | None:
        """Send at once; the code of the refusal, if any."""
        return self.world.refusal_of(*self.make(leaf, **body))

    def beat(self, **changed: Any) -> Code | None:
        """Send a heartbeat."""
        return self.send("heartbeat", **self.heartbeat_body(**changed))

    def tell_manifest(self, channels: list[dict[str, Any]] | None = None, **changed: Any) -> Code | None:
        """Send a manifest."""
        found = CHANNELS if channels is None else channels
        body = {"digest": self.digest, "channels": found, "commands": ["describe", "set_time"]}
        return self.send("manifest", **body | changed)

    def read(self, **values: Any) -> Code | None:
        """Send one moment, numbered."""
        index = self.index
        self.index += 1
        return self.send("data", r=values, n=[self.boot, index])

    def rows(self, cols: list[str], rows: list[list[Any]], **body: Any) -> Code | None:
        """Send many moments; numbered unless `n` says otherwise."""
        first = body.pop("n", [self.boot, self.index])
        self.index = max(self.index, first[1] + len(rows)) if first and first[0] == self.boot else self.index
        numbered = {} if first is None else {"n": first}
        return self.send("data", cols=cols, rows=rows, **numbered, **body)

    def obey(self) -> list[dict[str, Any]]:
        """Read what the hub sent to it; the highest number is reported from now on."""
        found = []
        for effect in self.world.sent:
            if not effect.topic.startswith(f"{self.world.settings.prefix}/{self.id}/"):
                continue
            envelope = codec.split(effect.message)
            assert signing.is_signed_by(self.key, envelope.span, envelope.mac), "not signed with its key"
            payload = canonical.decode(envelope.span)
            if payload["nonce"] == self.nonce:
                self.hseq = max(self.hseq, payload["hseq"])
                found.append(payload)
        return found

    def prove(self) -> None:
        """Answer the poll that is due with a heartbeat: the hub knows that it is fresh."""
        self.world.clear()
        self.world.pass_time(1.2)
        polls = [payload for payload in self.obey() if payload["type"] == "poll"]
        assert polls, "the hub asked for nothing"
        assert self.beat() is None

    def join(self) -> Machine:
        """Be adopted, say who it is and what it measures, and prove that it is fresh."""
        self.world.adopt(self)
        assert self.beat() is None
        assert self.tell_manifest() is None
        self.prove()
        self.world.pass_time(1)
        self.world.clear()
        return self
