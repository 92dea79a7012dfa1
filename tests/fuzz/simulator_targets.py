"""What a device reads: messages from above, its scenario, its own files after the power went."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple

from iiot_engine.values import Leaf
from iiot_engine.wire import canonical, codec
from iiot_sim import scenario
from iiot_sim.clock import Moment
from iiot_sim.device import Device, Reconnect, Restart, Retire, Sleep
from iiot_sim.profile import ActuatorProfile, ClockKind
from iiot_sim.row import Reading, Row
from iiot_sim.signer import Out
from iiot_sim.state import FolderStore
from tests.simulator.bench import Bench
from tests.simulator.world import a_profile, key_of
from tests.vectors import reference

from . import nasty
from .target import ACCEPTED, BytesTarget, Target, Verdict, ensure, golden, shorter, timed
from .wire_targets import text_of

LEAVES: Final = ("stored", "poll", "command", "command")
COMMANDS: Final[dict[str, dict[str, Any]]] = {
    "describe": {},
    "set_time": {"ts": 1_795_190_401, "ts_ns": 0, "up": 10_000},
    "identify": {"s": 10},
    "set_interval": {"s": 5},
    "sleep": {"for_s": 60},
    "awake": {},
    "restart": {},
    "set": {"key": "fan", "value": True},
    "press": {"key": "horn"},
    "set_rate": {"hz": 5, "ch": "temperature"},
    "set_log_level": {"level": "debug", "for_s": 5},
    "rekey": {"kid": 2, "salt": "00" * 16},
    "config": {"x": 1},
}
ACTUATORS: Final = (
    ActuatorProfile(key="fan", kind="switch", takes_s=1.0),
    ActuatorProfile(key="speed", kind="number", entry={"min": 0, "max": 100, "step": 5}, fail_chance=0.5),
    ActuatorProfile(key="mode", kind="select", entry={"options": ["auto", "manual"]}),
    ActuatorProfile(key="sign", kind="text"),
    ActuatorProfile(key="horn", kind="button"),
)


class Word(NamedTuple):
    """One message from above."""

    leaf: str
    span: bytes
    signed: bool = True
    retained: bool = False
    wait_ms: int = 0


class DownTarget(Target[Bench, Word]):
    """Whatever a hub with the device's key says: obeyed or dropped, once."""

    name = "down"
    share = 8
    episode = 60

    def setup(self, random: Random) -> dict[str, Any]:
        return {"clock": random.choice(("ntp", "hub")), "sleep_s": random.choice((0.0, 0.0, 60.0))}

    def fresh(self, setup: dict[str, Any]) -> Bench:
        clock = ClockKind(setup["clock"])
        periods = {"sleep_s": setup["sleep_s"], "sample_s": 30.0, "interval_s": 30.0}
        return Bench(a_profile(clock=clock, actuators=ACTUATORS, **periods))

    def draw(self, subject: Bench, random: Random) -> Word:
        leaf = random.choice(LEAVES)
        wait = random.choice((0, 0, 0, 10, 1_100, 31_000))
        if random.random() < 0.05:
            return Word(leaf, nasty.mutated(random.choice(_GOLDEN), random), signed=False, wait_ms=wait)
        subject.hseq += random.choice((1, 1, 1, 1, 1, 1, 0, 5, 70))
        payload: dict[str, Any] = {
            "v": 1,
            "type": leaf,
            "id": subject.profile.id,
            "kid": 1,
            "ts": 1,
            "ts_ns": 0,
            "nonce": subject.device.nonce,
            "hseq": max(1, subject.hseq),
        } | _body(leaf, subject, random)
        for _ in range(random.choice((0, 0, 1, 2))):
            payload = nasty.spoiled(payload, random)
        return Word(leaf, text_of(payload, random), retained=random.random() < 0.02, wait_ms=wait)

    def feed(self, subject: Bench, item: Word) -> Verdict:
        if item.wait_ms:
            subject.wait(item.wait_ms / 1000)
        device, key = subject.device, key_of(subject.profile.id)
        message = reference.envelope(key, item.span) if item.signed else item.span
        high, dropped = device.gate.window.high, sum(device.gate.dropped.values())
        leaf = Leaf(item.leaf)
        effects, cost = timed(lambda: device.received(leaf, message, subject.moment, retained=item.retained))
        ensure(device.gate.window.high >= high, "the window was lowered")
        for effect in effects:
            ensure(isinstance(effect, Out | Sleep | Restart | Reconnect | Retire), "no effect of a device")
            if isinstance(effect, Out):
                canonical.decode(codec.split(effect.message).span)
        subject.wait(0.001)
        ensure(len(device.gate.dropped) <= 12 and len(device._ring.answers) <= 16, "a list that grows")
        return Verdict(ACCEPTED if sum(device.gate.dropped.values()) == dropped else "dropped", cost)

    def size(self, item: Word) -> int:
        return len(item.span)

    def smaller(self, item: Word) -> Iterator[Word]:
        return (item._replace(span=span) for span in shorter(item.span))

    def dump(self, item: Word) -> Any:
        return {**item._asdict(), "span": item.span.hex()}

    def load(self, kept: Any) -> Word:
        return Word(**{**kept, "span": bytes.fromhex(kept["span"])})


def _body(leaf: str, bench: Bench, random: Random) -> dict[str, Any]:
    if leaf == "stored":
        return {"upto": [1, random.choice((0, 1, 2**32))], "more": [[0, 5]]}
    if leaf == "poll":
        return {"pid": "0a1b2c3d", "ch": random.choice(([], ["level"], ["nobody"]))}
    cmd = random.choice(list(COMMANDS))
    args = dict(COMMANDS[cmd])
    if cmd == "set_time":
        args["up"] = bench.up_ms
    if cmd == "set":
        args |= {"key": random.choice(ACTUATORS).key, "value": random.choice((True, 50, "auto", nasty.scalar(random)))}
    cid = f"01JD8Z6Q4W3M5N7P9R0T1V2X{random.randrange(30):02}"
    return {"cid": cid, "cmd": cmd, "args": args, "until": bench.up_ms + 30_000, "exp": 1}


_GOLDEN: Final = golden("down_good.json") + golden("down_bad.json")


class _Folder:
    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="iiot-fuzz-")
        self.path = Path(self._folder.name)


class ScenarioTarget(BytesTarget[_Folder]):
    """Scenario files of people: a fleet, or an error that names the place."""

    name = "scenario"
    share = 3
    episode = 100
    base_ns = 200_000_000

    def fresh(self, setup: dict[str, Any]) -> _Folder:
        return _Folder()

    def draw(self, subject: _Folder, random: Random) -> bytes:
        if random.random() < 0.2:
            return nasty.mutated(random.choice(_SCENARIOS)[:6_000], random)
        document: Any = _FLEET
        for _ in range(random.choice((0, 1, 1, 2, 3))):
            document = nasty.spoiled(document, random)
        return _toml(document).encode("utf-8", "replace")

    def feed(self, subject: _Folder, item: bytes) -> Verdict:
        path = subject.path / "fleet.toml"
        path.write_bytes(item)
        try:
            found, cost = timed(lambda: scenario.load(str(path)))
        except scenario.ScenarioError as err:
            ensure(0 < len(str(err)) < 10_000, "an error without words")
            return Verdict(type(err).__name__, 0)
        ensure(len(found.profiles) <= scenario.MAX_DEVICES, "more devices than it may have")
        return Verdict(ACCEPTED, cost)


_SCENARIOS: Final = [path.read_bytes() for path in scenario.built_in().values()]
_FLEET: Final[dict[str, Any]] = {
    "title": "Two presses",
    "watch_s": 1,
    "timing": {"resend_after_s": 5},
    "templates": {"press": {"model": "demo", "channels": {"t": {"kind": "float", "signal": {"shape": "sine"}}}}},
    "devices": [
        {
            "name": "Press",
            "template": "press",
            "sample_s": 5,
            "clock": "hub",
            "caps": ["confirm"],
            "net": {"rssi": -60},
        },
        {"name": "Truck", "route": [[48.1, 11.5], [48.2, 11.6]], "power": {"battery": 80}, "form": "rows", "batch": 3},
        {
            "name": "Mode",
            "via": "Press",
            "channels": {"m": {"kind": "enum", "options": ["a"], "faults": [{"kind": "nan"}]}},
        },
    ],
    "attacks": [{"kind": "replayed", "count": 2}],
}


def _toml(node: Any) -> str:
    """A document as TOML: inline, so that any nesting can be written."""
    if not isinstance(node, dict):
        return f"x = {_inline(node)}\n"
    return "".join(f"{_quoted(str(key))} = {_inline(value)}\n" for key, value in node.items())


def _inline(node: Any) -> str:
    if isinstance(node, dict):
        return "{" + ", ".join(f"{_quoted(str(key))} = {_inline(value)}" for key, value in node.items()) + "}"
    if isinstance(node, list):
        return "[" + ", ".join(_inline(value) for value in node) + "]"
    if isinstance(node, bool):
        return "true" if node else "false"
    if isinstance(node, str):
        return _quoted(node)
    return "nan" if node is None else repr(node)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(ch if ch >= " " and ch != "\x7f" else f"\\u{ord(ch):04x}" for ch in escaped) + '"'


class PowerCutTarget(BytesTarget[_Folder]):
    """Files of a device whose process ended while it wrote: its rows and its boot number are there."""

    name = "power_cut"
    share = 1
    episode = 50

    def fresh(self, setup: dict[str, Any]) -> _Folder:
        return _Folder()

    def draw(self, subject: _Folder, random: Random) -> bytes:
        store = FolderStore(subject.path, "whole")
        boot = store.begin().boot
        for index in range(1, 12):
            store.keep(Row(boot=boot, index=index, s=index, ns=0, reading=Reading(values={"note": "Süd", "t": 1.5})))
        store.free([Row(boot=boot, index=1, s=1, ns=0, reading=Reading())])
        whole = (subject.path / "whole.rows").read_bytes()
        return whole[: random.randrange(len(whole) + 1)]

    def feed(self, subject: _Folder, item: bytes) -> Verdict:
        (subject.path / "cut.rows").write_bytes(item)
        profile = a_profile()
        store = FolderStore(subject.path, "cut")
        device, cost = timed(lambda: Device(profile, key_of(profile.id), store))
        whole_lines = item.count(b'"keep"', 0, item.rfind(b"\n") + 1)
        ensure(len(device.readings.shelf) >= whole_lines - item.count(b'"free"'), "a row is gone")
        device.open_session(Moment(up_ms=1, wall_ns=1))
        return Verdict(ACCEPTED, cost)


TARGETS: Final = (DownTarget(), ScenarioTarget(), PowerCutTarget())
