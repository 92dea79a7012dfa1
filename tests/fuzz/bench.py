"""A hub with a hostile device, an honest one and a store, whose every effect is looked at."""

import math
from datetime import UTC, datetime
from random import Random
from typing import Any, Final

from iiot_engine.actuation.command import Step
from iiot_engine.actuation.ledger import Ledger
from iiot_engine.devices.device import Device
from iiot_engine.devices.inbox import CAPACITY, MOST_CALL_BYTES, MOST_UNVERIFIED_CARDS, Trust
from iiot_engine.devices.keys import KeyRing
from iiot_engine.effects import DeviceLogged, Effect, Notice, Publish, Refused, ValuesChanged
from iiot_engine.errors import Code
from iiot_engine.plant import Member
from iiot_engine.plant.notices import KEY, MANIFEST, PROTOCOL, TWIN
from iiot_engine.ports import Batch, Kept
from iiot_engine.values import NS_PER_S, Discovery, Quality
from iiot_engine.wire import canonical, codec, signing
from tests.builders import FLEET_KEY, Machine, World

from . import nasty
from .grammar import Speech
from .target import ensure

MOST_STATE_BYTES: Final = 3_000_000
"""State of a device that uses up every bound: 32 boots, each with 1,024 ranges and 256 gaps, and a long heartbeat."""
TOLD: Final = frozenset({MANIFEST, TWIN, KEY, PROTOCOL})
"""What a refused message may have people told: a manifest that cannot be used, another holder or key,
a newer protocol."""
INT64: Final = 2**63


class CheckedWorld(World):
    """A world that looks at every batch before it writes it."""

    def __init__(self, fleet_key: bytes | None = FLEET_KEY, **settings: Any) -> None:
        if "discovery" in settings:
            settings["discovery"] = Discovery(settings["discovery"])
        super().__init__(**settings)
        self.fleet_key = fleet_key
        self._start()

    def _write(self, batch: Batch) -> None:
        for row in batch.rows:
            numbers = (row.received_ns, row.kid, row.boot, row.seq, row.flags, row.anchor_ns or 0, row.skew_ns or 0)
            ensure(all(-INT64 <= number < INT64 for number in numbers), "a number of the journal leaves 64 bits")
        manifests, values = dict(batch.manifests), dict(batch.values or ())
        for device_id, state in batch.states:
            ensure(len(state) <= MOST_STATE_BYTES, f"a state of {len(state)} bytes")
            again = Member(device=Device(id=device_id, keys=KeyRing({})))
            again.restore(Kept(device_id, state, manifests.get(device_id), values.get(device_id)))
            ensure(again.state() == state, "its state is another one after a restart")
        super()._write(batch)


class Bench:
    """What one episode meets."""

    def __init__(self, world: CheckedWorld, *, tq: int, joins: bool) -> None:
        self.world = world
        self.honest = _join(Machine(world, "press-08"))
        self.honest.read(temperature=20.5)
        self.hostile = Machine(world, "press-07", tq=tq)
        if joins:
            _join(self.hostile)
        else:
            world.adopt(self.hostile)
        self.keys = {"own": self.hostile.key, "other": self.honest.key, "nobody": bytes(32)}
        self.speech = Speech(Random(0))
        self.speech.nonce, self.speech.session = self.hostile.nonce, self.hostile.session
        self.speech.index = self.hostile.index
        self.boot, self.seq = self.hostile.boot, self.hostile.seq
        self.shots = 0
        self._windows: dict[str, tuple[int, int]] = {}
        self._sent: dict[str, dict[str, Any]] = {}
        world.clear()

    # --- what the hostile device says ------------------------------------------------------

    def payload(self, leaf: str, random: Random) -> dict[str, Any]:
        """A message in its order, with the device's own time."""
        self.shots += 1
        self.speech.hseq = random.choice((0, self.hostile.hseq, self.hostile.hseq, random.choice(nasty.WHOLE)))
        now = self.world.now
        second = now.wall_ns // NS_PER_S + random.choice((0, 0, 0, 0, -5, 5, -400, 400, 10**8))
        tq = self.hostile.tq
        return self.speech.body(leaf, random, self.boot, second) | {
            "v": 1,
            "type": leaf,
            "id": self.hostile.id,
            "kid": 1,
            "boot": self.boot,
            "seq": self.seq + random.choice((1, 1, 1, 1, 1, 0, 2, 1_100)),
            "up": max(0, self.hostile.up_ns // 1_000_000 + random.choice((0, 0, 0, -1_000, -400_000, 200_000))),
            "ts": second if tq else 0,
            "ts_ns": random.choice((0, 999_999_999)) if tq else 0,
            "tq": tq,
        }

    def last_poll(self, device_id: str) -> dict[str, Any] | None:
        """The newest message that the hub sent to a device."""
        return self._sent.get(device_id)

    # --- time and messages -----------------------------------------------------------------

    def pass_time(self, wait_ms: int, step_s: int = 0) -> None:
        """Let time pass, or set the hub's clock."""
        if step_s:
            self.world.step_clock(step_s)
            self.world.perform(self.world.plant.tick(self.world.now))
        if wait_ms:
            self.world.pass_time(wait_ms / 1000, step_s=max(wait_ms / 1000, 0.1))

    def receive(self, topic: str, message: bytes, *, retained: bool = False) -> Code | None:
        """Deliver it; the code of its refusal."""
        return self.world.refusal_of(topic, message, retained=retained)

    def check_windows(self) -> None:
        """No window was lowered; the device goes on where it stands."""
        for device_id, member in self.world.plant.members.items():
            window = member.device.window
            now = (window.boot, window.high)
            ensure(now >= self._windows.get(device_id, (0, 0)), "a window was lowered")
            self._windows[device_id] = now
        self.boot, self.seq = self._windows[self.hostile.id]
        if self.seq >= 2**32 - 1:
            self.boot, self.seq = min(self.boot + 1, 2**32 - 1), 0

    def check(self) -> None:
        """Look at everything that came out since the last time."""
        world = self.world
        for effect in world.effects:
            check_effect(world, effect)
        for publish in world.sent:
            self._sent[publish.topic.split("/")[-2]] = canonical.decode(codec.split(publish.message).span)
        self.hostile.obey()
        world.clear()
        for member in world.plant.members.values():
            check_member(member)

    def check_inbox(self) -> None:
        """The inbox keeps its bounds."""
        inbox = self.world.plant.inbox
        ensure(len(inbox) <= CAPACITY, "more than fit the inbox")
        for entry in inbox.entries():
            texts = [entry.name, entry.model, entry.fw, entry.place or ""]
            longest = 64 if entry.trust is Trust.UNVERIFIED else 128
            ensure(all(len(text) <= longest and canonical.is_clean_text(text) for text in texts), "a text in the inbox")
            size = sum(len(call.envelope.span) for call in entry.calls)
            ensure(size <= MOST_CALL_BYTES, f"{size} bytes kept of one stranger")
        cards = sum(entry.card and entry.trust is Trust.UNVERIFIED for entry in inbox.entries())
        ensure(cards <= MOST_UNVERIFIED_CARDS, f"{cards} cards of strangers")

    def restart(self) -> None:
        """The hub stops and starts again, with everything that it kept."""
        world = self.world
        world.stop()
        self.check()
        world.pass_time(1, step_s=0.5)
        self.check()


def _join(machine: Machine) -> Machine:
    """A device that said who it is, proved that it is fresh, and said what it measures."""
    machine.world.adopt(machine)
    machine.beat()
    machine.world.pass_time(1.2)
    machine.obey()
    machine.beat()
    ensure(machine.tell_manifest() is None, "a good manifest was refused")
    return machine


# --- what must hold --------------------------------------------------------------------------


def digest(world: World, only: str | None = None) -> dict[str, Any]:
    """All that a refused message must not change: not its count, not who asks whom for a sign of life."""
    site = world.plant._site
    found: dict[str, Any] = {}
    for device_id, member in site.members.items():
        if only in (None, device_id):
            found[device_id] = _member_digest(member)
    if only is None:
        waiting = site.waiting
        found["waiting"] = (len(waiting.rows), waiting.size, sorted(waiting.dirty), waiting.due_ns)
        found["site"] = (
            site.accepted,
            site.doubts,
            sorted(str(notice) for notice in site.notices if notice[0] not in TOLD),
        )
        found["jumps"] = dict(site.jumps._first_ns)
    return found


def _member_digest(member: Member) -> tuple[Any, ...]:
    device, board = member.device, member.board
    downlink = device.downlink
    return (
        device.window.state(),
        {boot: (*clock.state(), clock.up_ns, clock.heard_steady_ns) for boot, clock in device.clocks.items()},
        (downlink.nonce, downlink.last, downlink.used, downlink.reserved, downlink.reserving),
        (device.liveness.state_facts(), device.digest, device.session, device.lag_ns, device.is_foreign),
        (id(device.heartbeat), id(device.manifest)),
        member.positions.state(),
        (dict(board.values), board.position, board.position_ns, dict(board.unjudged)),
        (member.connection, member.messages, member.lost_rows, member.repeated_rows, member.heartbeat_at),
        (member.receipts.due_ns, member.owed, member.answer, len(member.manifest_changes), member.clock_quality),
        ledger_digest(member.ledger),
    )


def ledger_digest(ledger: Ledger) -> dict[str, Step]:
    """Each command that is remembered, and its step."""
    remembered = (*ledger.waiting, ledger.open, *ledger._closed.values())
    return {command.cid: command.step for command in remembered if command is not None}


def inbox_digest(world: World, *, proven: bool) -> dict[str, Any]:
    """Those that wait and hold a key, or hold none."""
    return {
        entry.id: (entry.trust, entry.name, entry.boot, entry.seq, entry.kid, entry.key, entry.downlink.last)
        for entry in world.plant.inbox.entries()
        if (entry.trust is not Trust.UNVERIFIED) is proven
    }


def check_effect(world: World, effect: Effect) -> None:
    """An effect holds only what Home Assistant can take."""
    match effect:
        case ValuesChanged(device_id, channels):
            member = world.plant.members.get(device_id)
            known = member.board.values if member else {}
            for key in channels:
                if key in known:
                    _check_value(known[key].value, known[key].time_ns)
                    ensure(known[key].quality in Quality, "a quality")
        case DeviceLogged(_, level, logger, msg):
            ensure(level in ("debug", "info", "warning", "error", "critical"), "a log level")
            ensure(_is_fit(logger, 128) and _is_fit(msg, 1_024), "a log line")
        case Refused(_, code, detail, count):
            ensure(code in Code and count > 0 and _is_fit(detail, 300), "a refusal that cannot be logged")
        case Notice(_, _, _, facts):
            for fact in facts.values():
                ensure(_is_fit(fact, 300) if isinstance(fact, str) else fact is None or math.isfinite(fact), "a notice")
        case Publish(topic, message, qos):
            _check_sent(world, topic, message, qos)
        case _:
            pass


def _check_sent(world: World, topic: str, message: bytes, qos: int) -> None:
    prefix, device_id, leaf = topic.split("/")
    ensure(prefix == "iiot" and {"poll": 0, "stored": 1, "command": 2}[leaf] == qos, "topic or QoS")
    ensure(not world.settings.listen_only, "a hub that only listens spoke")
    envelope = codec.split(message)
    payload = canonical.decode(envelope.span)
    ensure(payload["id"] == device_id and payload["type"] == leaf and 0 < payload["hseq"] < 2**32, "its place")
    member = world.plant.members.get(device_id)
    entry = world.plant.inbox.get(device_id)
    key = member.device.keys.current[1] if member else entry.key if entry else None
    ensure(key is None or signing.is_signed_by(key, envelope.span, envelope.mac), "not signed with the device's key")


def _check_value(value: Any, time_ns: int) -> None:
    ensure(-INT64 <= time_ns < INT64, "a time leaves 64 bits")
    if isinstance(value, str):
        ensure(_is_fit(value, 4_096), "a text that no state can be")
    elif isinstance(value, float):
        ensure(math.isfinite(value), "a value that is not finite")
    else:
        ensure(value is None or abs(value) < 2**64, "a number beyond 64 bits")


def check_member(member: Member) -> None:
    """A device's figures can be shown, and what is kept of it is bounded."""
    health = member.health()
    for name in ("lag_s", "rssi_dbm", "battery", "skew_s", "buffered", "lost_rows", "refused"):
        figure = getattr(health, name)
        ensure(figure is None or math.isfinite(figure), f"{name} is {figure}")
    for moment in (health.last_seen_ns, health.booted_ns):
        if moment is not None:
            datetime.fromtimestamp(moment // NS_PER_S, UTC)
    ensure(all(text is None or _is_fit(text, 128) for text in (health.firmware, health.ip)), "a text of its health")
    board, rows = member.board, member.positions.rows
    ensure(len(board.values) <= 256 and len(board.unjudged) <= 256, "too many values")
    ensure(len(member.device.clocks) <= 32 and len(rows) <= 32, "too many boots")
    ensure(all(len(each.above) <= 1_100 and len(each.gaps) <= 257 for each in rows.values()), "too many ranges")


def _is_fit(text: str, most: int) -> bool:
    return len(text) <= most and canonical.is_clean_text(text)
