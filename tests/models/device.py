"""A conforming device, written from docs/reference/protocol.md alone: none of the product's code is in it."""

import json
from collections.abc import Callable
from random import Random
from typing import Any, Final, NamedTuple

from tests.vectors import reference

from .hands import DIGEST, Answer, Hands
from .rows import NS, Row, RowId, again, body_of, fits, table

MS: Final = 1_000_000
RESEND_AFTER_NS: Final = 60 * NS
MOST_FLIGHTS: Final = 8
MOST_LONE_SENDS: Final = 8
ROWS_A_MESSAGE: Final = 5
MOST_DROPS: Final = 64


class Sent(NamedTuple):
    """A message on its way up."""

    topic: str
    message: bytes
    qos: int
    true_ns: int
    boot: int
    seq: int
    late: bool
    rows: tuple[Row, ...]
    held: RowId | None
    """What a heartbeat says of what is kept."""


class Flash:
    """What survives a power cut: each write whole or not at all."""

    def __init__(self, boot: int = 0) -> None:
        self.boot = boot
        self.rows: dict[RowId, Row] = {}
        self.ring: dict[str, Answer] = {}
        """Commands that need memory and what it last said of them, the oldest first."""


class Clock(NamedTuple):
    """What a device's own oscillator and clock are worth."""

    tq: int
    """2: has a clock; 0: is given one by the hub."""
    error_ns: int
    drift_ppm: int


class Device:
    """One device over all its boots. It is told what happens and when; what it sends goes to `send`."""

    def __init__(
        self, device_id: str, key: bytes, flash: Flash, clock: Clock, random: Random, send: Callable[[Sent], None]
    ) -> None:
        self.id = device_id
        self.key = key
        self.flash = flash
        self.clock = clock
        self.random = random
        self.send = send
        self.most_rows = 1_000
        self.interval_ns = 30 * NS
        self.made: dict[RowId, Row] = {}
        """All rows of its life, for the judge."""
        self.given_up: set[RowId] = set()
        self.freed: set[RowId] = set()
        self.signed: dict[bytes, Sent] = {}
        self.hands = Hands(self)
        self.is_off = True
        self.is_connected = False

    # --- life --------------------------------------------------------------------------------

    def start(self, now_ns: int) -> None:
        """Power comes: the boot number is raised and durable before anything else."""
        self.flash.boot += 1
        self.boot = self.flash.boot
        self.is_off = False
        self.born_ns = now_ns
        self.seq = 0
        self.nonce = self.random.randbytes(8).hex()
        self.session = ""
        self.index = 1
        self.hseq = 0
        self.seen: set[int] = set()
        self.base_ns: int | None = None
        self.sent_ns: dict[RowId, int] = {}
        self.flights: list[tuple[RowId, RowId, int]] = []
        self.drops: list[tuple[int, int, int]] = []
        self.answered_ns = -1
        self.probe: tuple[int, int] | None = None
        """While it probes: when the next lone row is due, and the pause after it."""
        self.lone: tuple[RowId, int] | None = None
        self.is_stored_since_lone = False
        self.beat_due_ns = now_ns
        self.complained_ns = now_ns - 5 * NS
        self.is_loss_untold = False
        self.asleep_until_ns: int | None = None
        self.is_leaving_ns: int | None = None
        self.hands.start()
        self.disconnected()

    def power_cut(self) -> None:
        """All but the flash is gone."""
        self.is_off = True
        self.is_connected = False

    def connected(self, now_ns: int) -> None:
        """The broker took its connection."""
        self.is_connected = True
        self.session = self.random.randbytes(4).hex()
        self.sent_ns.clear()
        self.flights.clear()
        self.probe = None
        self.again_from_ns = now_ns + self.random.randrange(30 * NS)
        self.will = self.sign("status", {"state": "offline", "session": self.session}, now_ns, 1)
        self.say("status", {"state": "online", "session": self.session}, now_ns, 1)
        self.beat(now_ns)

    def disconnected(self) -> None:
        """The connection ended; whatever is sent is lost."""
        self.is_connected = False

    def up_ns(self, now_ns: int) -> int:
        """Time since the start of the boot, by its own oscillator."""
        passed = now_ns - self.born_ns
        return passed + passed * self.clock.drift_ppm // 1_000_000

    def stamp_ns(self, now_ns: int) -> int:
        """Its time: Unix if it has a clock, since the start of the boot if not."""
        if self.clock.tq:
            return now_ns + self.clock.error_ns
        up = self.up_ns(now_ns)
        return up if self.base_ns is None else self.base_ns + up

    @property
    def tq(self) -> int:
        """Quality of its clock."""
        return self.clock.tq or (0 if self.base_ns is None else 1)

    # --- what it says --------------------------------------------------------------------------

    def say(self, leaf: str, body: dict[str, Any], now_ns: int, qos: int, rows: tuple[Row, ...] = ()) -> None:
        """Sign a message and send it, if there is a connection."""
        sent = self.sign(leaf, body, now_ns, qos, rows)
        if self.is_connected:
            self.send(sent)

    def sign(self, leaf: str, body: dict[str, Any], now_ns: int, qos: int, rows: tuple[Row, ...] = ()) -> Sent:
        """Make the next message."""
        self.seq += 1
        stamp = self.stamp_ns(now_ns) if self.tq else 0
        payload = body | {
            "v": 1,
            "type": leaf,
            "id": self.id,
            "kid": 1,
            "boot": self.boot,
            "seq": self.seq,
            "up": self.up_ns(now_ns) // MS,
            "ts": stamp // NS,
            "ts_ns": stamp % NS,
            "tq": self.tq,
        }
        message = reference.seal(self.key, payload)
        late = bool(body.get("late"))
        held = self.held if leaf == "heartbeat" else None
        sent = Sent(f"iiot/{self.id}/{leaf}", message, qos, now_ns, self.boot, self.seq, late, rows, held)
        self.signed[message] = sent
        return sent

    def beat(self, now_ns: int) -> None:
        """Say how it is and what it keeps."""
        self.beat_due_ns = now_ns + self.interval_ns
        self.is_loss_untold = False
        body: dict[str, Any] = {
            "name": "Model",
            "model": "m",
            "fw": "1",
            "nonce": self.nonce,
            "session": self.session,
            "interval": self.interval_ns / NS,
            "state": "awake" if self.is_leaving_ns is None else "asleep",
            "manifest": DIGEST,
            "hseq": self.hseq,
            "held": list(self.held),
            "caps": ["confirm"],
        }
        if self.is_leaving_ns is not None:
            body["for_s"] = self.sleep_s
        if self.drops:
            body["drop"] = [list(drop) for drop in self.drops]
        self.say("heartbeat", body, now_ns, 0)

    @property
    def held(self) -> RowId:
        """Oldest row that it keeps, or the next one."""
        return min(self.flash.rows, default=(self.boot, self.index))

    def measure(self, now_ns: int, kind: str) -> None:
        """Read the sensors: the row is on flash before it is sent."""
        row = self._row(now_ns, kind)
        if self.is_connected:
            self.sent_ns[row.id] = now_ns
            self.say("data", row.body | {"n": list(row.id)}, now_ns, 0, (row,))

    def measure_batch(self, now_ns: int, count: int) -> None:
        """Read several moments and send them in one message."""
        rows = tuple(self._row(now_ns - (count - at) * NS // 10, "count") for at in range(count))
        if self.is_connected:
            self.sent_ns |= {row.id: now_ns for row in rows}
            self.say("data", table(rows) | {"n": list(rows[0].id)}, now_ns, 0, rows)

    def _row(self, at_ns: int, kind: str) -> Row:
        identity = (self.boot, self.index)
        self.index += 1
        stamp = max(0, self.stamp_ns(at_ns))
        row = Row(identity, stamp, at_ns, body_of(kind, len(self.made), stamp))
        self.made[identity] = self.flash.rows[identity] = row
        while len(self.flash.rows) > self.most_rows:
            self._let_go(min(self.flash.rows))
            self.is_loss_untold = True
        return row

    def lose(self, identity: RowId) -> None:
        """The memory lost a row in the middle of others: a hole that it names."""
        self._let_go(identity)
        self.drops = [*self.drops, (identity[0], identity[1], identity[1])][-MOST_DROPS:]
        self.is_loss_untold = True

    def _let_go(self, identity: RowId) -> None:
        del self.flash.rows[identity]
        self.given_up.add(identity)

    def sleep(self, now_ns: int, seconds: int) -> None:
        """Say good-bye; it sleeps when that is answered, or after 5 s."""
        self.sleep_s = seconds
        self.is_leaving_ns = now_ns
        self.beat(now_ns)

    # --- time ----------------------------------------------------------------------------------

    def tick(self, now_ns: int) -> None:
        """Do what is due."""
        if self.asleep_until_ns is not None:
            if now_ns < self.asleep_until_ns:
                return
            self.asleep_until_ns = None
            self.connected(now_ns)
        self.hands.tick(now_ns)
        if self.is_leaving_ns is not None:
            if now_ns - self.is_leaving_ns >= 5 * NS:
                self._fall_asleep(now_ns)
            return
        if not self.is_connected:
            return
        self._give_up_lone(now_ns)
        wants_word = self.is_loss_untold and now_ns - self.complained_ns >= 5 * NS
        if wants_word or now_ns >= self.beat_due_ns:
            self.complained_ns = now_ns
            self.beat(now_ns)
        self.send_again(now_ns)

    def _fall_asleep(self, now_ns: int) -> None:
        self.is_leaving_ns = None
        self.asleep_until_ns = now_ns + self.sleep_s * NS
        self.disconnected()

    # --- rows that nobody answered ---------------------------------------------------------------

    def send_again(self, now_ns: int) -> None:
        """Send again what has been unanswered for a minute, within the limits."""
        if now_ns < self.again_from_ns:
            return
        overdue = [flight for flight in self.flights if now_ns - flight[2] >= RESEND_AFTER_NS]
        if overdue and self.answered_ns < min(flight[2] for flight in overdue) and self.probe is None:
            self.probe = (now_ns, RESEND_AFTER_NS)
            self.flights.clear()
        if self.probe is not None:
            self._send_alone(now_ns, *self.probe)
            return
        self.flights = [flight for flight in self.flights if flight not in overdue]
        due = [row for row in sorted(self.flash.rows) if self._is_due(row, now_ns)]
        while due and len(self.flights) < MOST_FLIGHTS:
            run = [self.flash.rows[due.pop(0)]]
            while due and len(run) < ROWS_A_MESSAGE and fits(run, self.flash.rows[due[0]]):
                run.append(self.flash.rows[due.pop(0)])
            self._send_late(tuple(run), now_ns)
            self.flights.append((run[0].id, run[-1].id, now_ns))

    def _is_due(self, identity: RowId, now_ns: int) -> bool:
        sent = self.sent_ns.get(identity)
        return sent is None or now_ns - sent >= RESEND_AFTER_NS

    def _send_alone(self, now_ns: int, due_ns: int, pause_ns: int) -> None:
        if now_ns < due_ns or not self.flash.rows:
            return
        identity = min(self.flash.rows)
        times = self.lone[1] if self.lone is not None and self.lone[0] == identity else 0
        if not times or self.is_stored_since_lone:
            self.lone = (identity, times + 1)
        self.is_stored_since_lone = False
        self._send_late((self.flash.rows[identity],), now_ns)
        wait = int(pause_ns * self.random.uniform(0.8, 1.2))
        self.probe = (now_ns + wait, min(2 * pause_ns, 600 * NS))

    def _give_up_lone(self, now_ns: int) -> None:
        if self.lone is None or self.lone[1] < MOST_LONE_SENDS or not self.is_stored_since_lone:
            return
        identity = self.lone[0]
        if identity in self.flash.rows and now_ns - self.sent_ns.get(identity, now_ns) >= RESEND_AFTER_NS:
            self._let_go(identity)
            self.is_loss_untold, self.lone = True, None

    def _send_late(self, rows: tuple[Row, ...], now_ns: int) -> None:
        self.sent_ns |= {row.id: now_ns for row in rows}
        self.say("data", again(rows) | {"n": list(rows[0].id), "late": True}, now_ns, 1, rows)

    # --- what it hears ---------------------------------------------------------------------------

    def hear(self, leaf: str, message: bytes, now_ns: int) -> None:
        """Check a message from above in the page's order, and obey it."""
        payload = self._checked(leaf, message)
        if payload is None or self.asleep_until_ns is not None:
            return
        if leaf == "command" and self.hands.repeat(payload["cid"], now_ns):
            return
        if payload["nonce"] != self.nonce:
            if now_ns - self.complained_ns >= 5 * NS:
                self.complained_ns = now_ns
                self.beat(now_ns)
            return
        number = payload["hseq"]
        if number in self.seen or number < self.hseq - 64:
            return
        self.seen.add(number)
        self.hseq = max(self.hseq, number)
        if leaf == "stored":
            self._take_receipt(payload, now_ns)
        elif leaf == "poll":
            self.probe = None if self.probe is None else (min(self.probe[0], now_ns + RESEND_AFTER_NS), RESEND_AFTER_NS)
            self.beat(now_ns)
        elif leaf == "command":
            self.hands.obey(payload, now_ns)

    def _checked(self, leaf: str, message: bytes) -> dict[str, Any] | None:
        start, middle = b'{"hmac":"', b'","payload":'
        mac, span = message[len(start) : len(start) + 44], message[len(start) + 44 + len(middle) : -1]
        if message != start + mac + middle + span + b"}" or reference.mac(self.key, span).encode() != mac:
            return None
        payload: dict[str, Any] = json.loads(span)
        return payload if payload["id"] == self.id and payload["type"] == leaf and payload["v"] == 1 else None

    def _take_receipt(self, payload: dict[str, Any], now_ns: int) -> None:
        self.is_stored_since_lone = True
        freed = []
        for boot, upto in [payload["upto"], *payload.get("more", [])]:
            freed += [row for row in self.flash.rows if row[0] == boot and row[1] <= upto]
            self.drops = [drop for drop in self.drops if drop[0] != boot or drop[2] > upto]
        for row in freed:
            del self.flash.rows[row]
            self.freed.add(row)
        if freed:
            self.answered_ns, self.probe = now_ns, None
            self.flights = [f for f in self.flights if any(f[0] <= row <= f[1] for row in self.flash.rows)]
        elif self.probe is not None:
            self.probe = (min(self.probe[0], now_ns + RESEND_AFTER_NS), RESEND_AFTER_NS)
        if self.is_leaving_ns is not None:
            self._fall_asleep(now_ns)
