"""One device with everything that the rooms keep of it."""

from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from ..actuation.command import Command
from ..actuation.interlocks import Guard
from ..actuation.ledger import Ledger
from ..devices.bare import Bare
from ..devices.device import Device
from ..devices.keys import KeyRing, KeyStep
from ..devices.manifest_rules import read_manifest
from ..devices.templates import Spoken
from ..errors import Refusal, StoreError, StoreVersionError
from ..ingest.board import Board
from ..intake.positions import Positions
from ..intake.receipts import ReceiptClock
from ..ports import STATE_VERSION, Kept
from ..values import NS_PER_S, Connection, tally, whole
from ..wire import topics
from .policy import Policy

MAX_CHANGES: Final = 10

type Answer = tuple[tuple[int, int], list[tuple[int, int]]]
"""`upto` and `more` of a receipt."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Health:
    """What the health entities of a device show. None: not known."""

    connection: Connection
    last_seen_ns: int | None
    lag_s: float | None
    """Age of the newest reading when it came."""
    rssi_dbm: float | None
    battery: float | None
    """Percent."""
    booted_ns: int | None
    """When the device started, hub time."""
    refused: int
    refused_by_code: dict[str, int]
    skew_s: float | None
    """Device clock minus hub clock."""
    buffered: int | None
    """Rows that the device keeps for sending."""
    lost_rows: int
    """Rows that the device gave up and that never came."""
    poll_timeouts: int | None
    """Questions for readings that were not answered in time; None: none was ever asked."""
    poll_failures: int | None
    """Readings that were asked for and failed."""
    firmware: str | None
    ip: str | None
    boot: int
    is_revoked: bool


@dataclass(kw_only=True, slots=True)
class Wants:
    """Messages that should go to a device as soon as they may, in steady time."""

    poll_due_ns: int | None = None
    polled_ns: int | None = None
    asked_ns: int | None = None
    """When it was asked where it stands, after the hub's start."""
    described_ns: int | None = None
    describes: int = 0
    """How often its manifest was asked for in vain."""
    set_time_up_ns: int | None = None
    """`up` of the message that a `set_time` answers."""
    set_time_at_ns: int = 0
    """When that message came, steady."""
    timed_ns: int | None = None


@dataclass(kw_only=True, slots=True)
class Polled:
    """What came of asking a device for its readings, since its counters began."""

    sent: int = 0
    timeouts: int = 0
    """Questions that were not answered in time, or not in full."""
    failures: int = 0
    """Readings that failed."""


@dataclass(kw_only=True, slots=True)
class Member:
    """A registered device, or a removed one whose window must hold."""

    device: Device
    positions: Positions = field(default_factory=Positions)
    receipts: ReceiptClock = field(default_factory=ReceiptClock)
    board: Board = field(default_factory=Board)
    policy: Policy = field(default_factory=Policy)
    """What people decided about it."""
    guards: dict[str, Guard] = field(default_factory=dict)
    """Actuator → who judges wishes for it; those that have interlocks."""
    wants: Wants = field(default_factory=Wants)
    ledger: Ledger = field(default_factory=Ledger)
    polled: Polled = field(default_factory=Polled)
    connection: Connection = Connection.LOST
    """As last announced."""
    is_removed: bool = False
    is_disabled: bool = False
    """A person disabled its page: what it says is kept, and it is asked for nothing."""
    answer: Answer = ((0, 0), [])
    """What a receipt may say: committed rows only."""
    snapshot: Answer | None = None
    """Becomes `answer` when the commit under way succeeds."""
    owed: bool = False
    """The commit under way is to be followed by a receipt."""
    messages: int = 0
    lost_rows: int = 0
    repeated_rows: int = 0
    """Rows that came again although they had been taken."""
    heartbeat_at: tuple[int, int] = (0, 0)
    """Boot and seq of the newest heartbeat."""
    listens_until_ns: int = 0
    """Steady time until which it listens although it counts as asleep: it just called."""
    manifest_changes: deque[int] = field(default_factory=lambda: deque(maxlen=MAX_CHANGES))
    """Steady times of the last changes of its manifest."""
    unfit: int = 0
    """Messages in its name since the last accepted one that no key of ours made."""
    clock_quality: int = 0
    """`tq` of the last undelayed message."""
    values_changed: bool = False
    """Since the last values were last saved."""
    manifest_changed: bool = False
    """Since the manifest was last committed."""
    joined: Spoken | None = None
    """Of a bare device: what it said while it waited to be approved, until it has topics."""
    bare: Bare | None = None
    """Of a device that does not speak the protocol; its id is none of the protocol's, so that it can have no topic of
    it."""

    def __post_init__(self) -> None:
        """Tell devices that speak the protocol from the others."""
        if not topics.is_device_id(self.device.id):
            self.bare = Bare()

    def hold(self, keys: dict[int, bytes], step: KeyStep | None = None) -> None:
        """Take its keys: the two newest of a device of the protocol, one for each topic of a bare one."""
        if self.bare is None:
            self.device.keys = KeyRing(keys, step)
        else:
            self.bare.keys = dict(keys)

    @property
    def is_muted(self) -> bool:
        """Whether nothing may be sent to it."""
        if self.bare is None:
            return self.device.is_muted
        commands = self.policy.commands
        is_ours = not (self.device.is_revoked or self.device.stands_back)
        return commands is None or commands.kid not in self.bare.keys or not is_ours

    def health(self) -> Health:
        """Read the health figures."""
        device, beat = self.device, self.device.heartbeat
        clock = device.clocks.get(device.window.boot)
        return Health(
            connection=self.connection,
            last_seen_ns=device.liveness.heard_ns or None,
            lag_s=None if device.lag_ns is None else device.lag_ns / NS_PER_S,
            rssi_dbm=beat.net.rssi if beat else None,
            battery=beat.battery if beat else None,
            booted_ns=clock.anchor_ns if clock else None,
            refused=device.refusals.total,
            refused_by_code=dict(device.refusals.counts),
            skew_s=clock.skew_ns / NS_PER_S if clock and clock.skew_ns is not None else None,
            buffered=beat.buffered if beat else None,
            lost_rows=self.lost_rows,
            poll_timeouts=self.polled.timeouts if self.polled.sent else None,
            poll_failures=self.polled.failures if self.polled.sent else None,
            firmware=beat.fw if beat else None,
            ip=beat.net.ip if beat else None,
            boot=device.window.boot,
            is_revoked=device.is_revoked,
        )

    def state(self) -> bytes:
        """Everything of it that a crash must not lose."""
        facts = {
            "version": STATE_VERSION,
            "device": self.device.state(),
            "positions": self.positions.state(),
            "removed": self.is_removed,
            "rows": [self.lost_rows, self.repeated_rows],
            "polls": [self.polled.sent, self.polled.timeouts, self.polled.failures],
            "beat": self.heartbeat_at,
            "guards": {key: held for key, guard in self.guards.items() if (held := guard.state()) is not None},
        }
        return orjson.dumps(facts if self.bare is None else facts | {"bare": self.bare.state()})

    def restore(self, kept: Kept) -> None:
        """Take up what `state`, the manifest and the values said; raises `StoreError` when it makes no sense.

        `StoreVersionError` when a newer release wrote it.

        A window that cannot be read must not start anew: old messages would count again.
        """
        try:
            self._restore(kept)
        except (ValueError, KeyError, TypeError, IndexError, AttributeError, Refusal) as err:
            raise StoreError(f"what is kept of device {kept.device_id} cannot be understood") from err

    def _restore(self, kept: Kept) -> None:
        state: dict[str, Any] = orjson.loads(kept.state)
        version = state["version"]
        if version > STATE_VERSION:
            raise StoreVersionError(
                f"what is kept of device {kept.device_id} was written by a newer release",
                version=version,
                known=STATE_VERSION,
            )
        self.device.restore(state["device"])
        self.positions = Positions.restored(state["positions"])
        self.is_removed = bool(state["removed"])
        self.lost_rows, self.repeated_rows = map(tally, state["rows"])
        sent, timeouts, failures = map(tally, state.get("polls", (0, 0, 0)))
        self.polled = Polled(sent=sent, timeouts=timeouts, failures=failures)
        boot, seq = map(whole, state["beat"])
        self.heartbeat_at = (boot, seq)
        for key, held in state.get("guards", {}).items():
            self.guards[key] = Guard()
            self.guards[key].restore(held)
        self.answer = self.positions.answered(self.device.window.boot)
        self.ledger.restore([Command.restored(cid, owner, state) for cid, owner, _, state in kept.commands])
        if self.bare is not None:
            self.bare.restore(state["bare"])
            self.bare.kept_values = None if kept.values is None or self.is_removed else orjson.loads(kept.values)
            return
        if kept.manifest is not None:
            self.device.manifest = read_manifest(orjson.loads(kept.manifest))
            self.board.learn(self.device.manifest)
        if kept.values is not None and not self.is_removed:
            self.board.restore(orjson.loads(kept.values))
