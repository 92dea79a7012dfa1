"""What the hub reads back from its own disk: keys, states, the journal, the whole file."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, Final

from iiot_engine.devices.device import Device
from iiot_engine.devices.keys import KeyRing
from iiot_engine.errors import StoreError
from iiot_engine.plant import Member, Plant
from iiot_engine.ports import Batch, JournalRow, Kept
from iiot_engine.stores.key_file import KeyFile
from iiot_engine.stores.sqlite_intake import SqliteIntake
from iiot_engine.values import NS_PER_S, Settings
from tests.builders import Machine, World
from tests.entropy import counting_entropy

from . import nasty
from .target import ACCEPTED, BytesTarget, Target, Verdict, ensure, shorter, timed
from .wire_targets import text_of

KEY_FILE: Final = {
    "version": 1,
    "fleet_key": "00" * 32,
    "devices": {"press-07": {"1": "11" * 32}, "press-08": {"1": "22" * 32, "2": "33" * 32}},
}


class _Folder:
    """A place for one file, gone with the target."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="iiot-fuzz-")

    @property
    def path(self) -> Path:
        return Path(self._folder.name)


class KeyFileTarget(BytesTarget[_Folder]):
    """The key file: keys, or an error that names the file; a damaged one is never a first run."""

    name = "key_file"
    share = 3
    episode = 200

    def fresh(self, setup: dict[str, Any]) -> _Folder:
        return _Folder()

    def draw(self, subject: _Folder, random: Random) -> bytes:
        document: Any = KEY_FILE
        for _ in range(random.choice((0, 1, 1, 2))):
            document = nasty.spoiled(document, random)
        return text_of(document, random)

    def feed(self, subject: _Folder, item: bytes) -> Verdict:
        path = subject.path / "keys.json"
        path.write_bytes(item)
        file = KeyFile(path)
        try:
            _, cost = timed(file.load)
        except StoreError as err:
            ensure("00" * 8 not in str(err) and "11" * 8 not in str(err), "a key in an error")
            return Verdict(type(err).__name__, 0)
        keys = [file.fleet_key or bytes(32), *file.device_keys("press-07").values()]
        ensure(all(type(key) is bytes and len(key) == 32 for key in keys), "a key of another length")
        ensure(path.read_bytes() == item, "reading wrote")
        return Verdict(ACCEPTED, cost)


def a_state() -> Kept:
    """What a store keeps of a device that has done a bit of everything."""
    world = World()
    machine = Machine(world).join()
    machine.read(temperature=20.5, note="Süd")
    machine.rows(["strokes"], [[1_795_190_400, 0, 1]], n=[1, 5], late=True)
    machine.beat(drop=[[1, 8, 9]], loc=[48.1, 11.5], alarms=[["OILP", None, 1]])
    machine.reboot()
    machine.beat(held=[1, 2])
    machine.send("data", r={"temperature": 1, "unheard": 2}, loc=[1, 2])
    world.stop()
    return next(kept for kept in world.store.load() if kept.device_id == machine.id)


class StateTarget(BytesTarget[Kept]):
    """State, manifest and values of a device: taken up whole, or not at all; and then the device can go on."""

    name = "state"
    share = 3
    episode = 100

    def fresh(self, setup: dict[str, Any]) -> Kept:
        return a_state()

    def draw(self, subject: Kept, random: Random) -> bytes:
        parts: list[Any] = [json.loads(part or b"null") for part in subject[1:]]
        for _ in range(random.choice((0, 1, 1, 2))):
            at = random.choice((0, 0, 1, 2))
            parts[at] = nasty.spoiled(parts[at], random)
        if random.random() < 0.7:
            return b"\n".join(json.dumps(part).encode() for part in parts)
        return b"\n".join(text_of(part, random).replace(b"\n", b" ") for part in parts)

    def feed(self, subject: Kept, item: bytes) -> Verdict:
        state, manifest, values = [*item.split(b"\n"), b"", b""][:3]
        kept = Kept(subject.device_id, state, manifest, values)
        member = Member(device=Device(id=subject.device_id, keys=KeyRing({})))
        try:
            _, cost = timed(lambda: member.restore(kept))
        except StoreError as err:
            return Verdict(type(err).__name__, 0)
        self._go_on(kept)
        return Verdict(ACCEPTED, cost)

    def _go_on(self, kept: Kept) -> None:
        """A hub that took this up works: it starts, hears the device, and keeps what it knows."""
        world = World()
        machine = Machine(world, kept.device_id, boot=5)
        world.keys[machine.id] = {machine.kid: machine.key}
        world.plant.restore([kept], world.keys)
        world.perform(world.plant.start(world.now))
        member = world.plant.members[machine.id]
        member.health()
        machine.beat()
        machine.read(temperature=21, strokes=3)
        machine.rows(["strokes"], [[1_795_190_400, 0, 1]], n=[1, 9], late=True)
        world.pass_time(1, step_s=1)
        world.kill()


class JournalTarget(Target[World, JournalRow]):
    """Rows of the journal, as they come back after a start: shown or left out, never an end of the start."""

    name = "journal"
    share = 3
    episode = 100

    def fresh(self, setup: dict[str, Any]) -> World:
        world = World()
        machine = Machine(world).join()
        machine.read(temperature=20.5)
        return world

    def draw(self, subject: World, random: Random) -> JournalRow:
        machine = Machine(subject, boot=subject.plant.members["press-07"].device.window.boot)
        topic, message = machine.make(
            "data", r={"temperature": nasty.scalar(random)}, n=[1, random.choice(nasty.WHOLE)]
        )
        fields: dict[str, Any] = {
            "received_ns": subject.now.wall_ns,
            "device_id": "press-07",
            "topic": topic,
            "kid": 1,
            "boot": machine.boot,
            "seq": 9,
            "flags": random.randrange(32),
            "anchor_ns": subject.now.wall_ns - NS_PER_S,
            "skew_ns": 0,
            "message": message if random.random() < 0.3 else nasty.mutated(message, random),
        }
        if random.random() < 0.5:
            name = random.choice([name for name in fields if name != "message"])
            whole = random.choice([number for number in nasty.WHOLE if number < 2**63])
            fields[name] = random.choice(nasty.TEXTS) if type(fields[name]) is str else whole
            if name in ("anchor_ns", "skew_ns") and random.random() < 0.5:
                fields[name] = None
        return JournalRow(**fields)

    def feed(self, subject: World, item: JournalRow) -> Verdict:
        member = subject.plant.members["press-07"]
        before = dict(member.board.values)
        _, cost = timed(lambda: subject.plant.replay([_Entry(1, item)]))
        member.state()
        return Verdict(ACCEPTED if before != member.board.values else "left out", cost)

    def size(self, item: JournalRow) -> int:
        return len(item.message)

    def smaller(self, item: JournalRow) -> Iterator[JournalRow]:
        return (item._replace(message=message) for message in shorter(item.message))

    def dump(self, item: JournalRow) -> Any:
        return {**item._asdict(), "message": item.message.hex()}

    def load(self, kept: Any) -> JournalRow:
        return JournalRow(**{**kept, "message": bytes.fromhex(kept["message"])})


class _Entry:
    """A journal entry, whatever its row holds."""

    def __init__(self, position: int, row: JournalRow) -> None:
        self.position = position
        self.row = row


class SqliteTarget(BytesTarget[_Folder]):
    """The journal's file, after a disk that lies: it opens and its hub starts, or it is an error of the store."""

    name = "sqlite"
    share = 1
    episode = 20
    base_ns = 400_000_000

    def fresh(self, setup: dict[str, Any]) -> _Folder:
        folder = _Folder()
        path = folder.path / "good.sqlite"
        store = SqliteIntake(path)
        world = World(store)
        machine = Machine(world).join()
        for value in range(20):
            machine.read(temperature=value)
        world.stop()
        store.close()
        return folder

    def draw(self, subject: _Folder, random: Random) -> bytes:
        good = bytearray((subject.path / "good.sqlite").read_bytes())
        for _ in range(random.choice((1, 1, 2, 8))):
            at = random.randrange(len(good))
            if random.random() < 0.5:
                at = random.choice([place for place, byte in enumerate(good) if byte])
            good[at] ^= 1 << random.randrange(8)
        cut = random.choice((len(good), len(good), len(good), random.randrange(len(good))))
        return bytes(good[:cut])

    def feed(self, subject: _Folder, item: bytes) -> Verdict:
        path = subject.path / "intake.sqlite"
        for name in ("intake.sqlite", "intake.sqlite-wal", "intake.sqlite-shm"):
            (subject.path / name).unlink(missing_ok=True)
        path.write_bytes(item)
        try:
            _, cost = timed(lambda: _open_and_go_on(path))
        except StoreError as err:
            return Verdict(type(err).__name__, 0)
        return Verdict(ACCEPTED, cost)

    def smaller(self, item: bytes) -> Iterator[bytes]:
        return iter(())


def _open_and_go_on(path: Path) -> None:
    """Start a hub on the file, as `compose.py` does."""
    store = SqliteIntake(path)
    try:
        plant = Plant(Settings(), counting_entropy(), bytes(32))
        plant.restore(store.load(), {"press-07": {1: bytes(32)}})
        position = store.cursor("last_values")
        while entries := store.read_after(position, 100):
            plant.replay(entries)
            position = entries[-1].position
        store.commit(Batch(1, [], [], [], []))
        store.extent()
        while store.trim(before_ns=2**62, max_bytes=0).more:
            pass
    finally:
        store.close()


TARGETS: Final = (KeyFileTarget(), StateTarget(), JournalTarget(), SqliteTarget())
