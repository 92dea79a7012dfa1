"""What the model device does when it is told: actuators that count for themselves, and a ring of answers.

Written from docs/reference/protocol.md alone, as the device is.
"""

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from .rows import NS

if TYPE_CHECKING:
    from .device import Device

MS: Final = 1_000_000
RING: Final = 16
HARMLESS: Final = ("describe", "set_time", "identify", "set_interval")
"""Done twice they do no harm, so they need no memory."""
STUBBORN: Final = 66
"""The speed that this machine never takes."""
DIGEST: Final = "00112233aabbccdd"
CHANNELS: Final = [
    {"key": "count", "kind": "int"},
    {"key": "level", "kind": "float", "unit": "%", "min": 0, "max": 100},
    {"key": "vibration", "kind": "float"},
]
ACTUATORS: Final = [
    {"key": "fan", "kind": "switch"},
    {"key": "speed", "kind": "number", "min": 0, "max": 100},
    {"key": "gate", "kind": "valve"},
    {"key": "reset", "kind": "button"},
]
SLOW: Final = "gate"
COMMANDS: Final = ["describe", "set", "press", "sleep", "restart", "identify", "set_interval"]


class PowerCutError(Exception):
    """The power went away in the middle of something."""


class Answer(NamedTuple):
    """What it says of a command."""

    status: str
    reason: str = ""


DONE: Final = Answer("done")
ACCEPTED: Final = Answer("accepted")
UNKNOWN_OUTCOME: Final = Answer("failed", "unknown_outcome")


class Move(NamedTuple):
    """An actuator on its way."""

    due_ns: int
    cid: str
    key: str


class Hands:
    """The acting part of one device over all its boots. Its ring is in the flash; the counts are the machine's own."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self.moved: list[tuple[str, str]] = []
        """(cid, actuator) of every movement that really happened, whoever remembers it."""
        self.obeyed: list[tuple[str, int]] = []
        """(cid, true time) of every command that it began to act on."""
        self.said: dict[str, set[Answer]] = {}
        """cid → every answer that it signed."""
        self.torn: set[str] = set()
        """Commands whose outcome a reset took away."""
        self.lies: set[bytes] = set()
        """Answers that it signed and that are nobody's."""
        self.cut_chance = 0.0
        self.stuck_chance = 0.0
        self.demands_rise = True
        """A command must come under a higher number than the one before it."""

    def start(self) -> None:
        """A boot begins: of what was under way nobody knows what became of it."""
        self.moves: list[Move] = []
        self.highest = 0
        self._said_ns: dict[str, int] = {}
        ring = self.device.flash.ring
        for cid in [cid for cid, answer in ring.items() if answer == ACCEPTED]:
            ring[cid] = UNKNOWN_OUTCOME
            self.torn.add(cid)

    # --- told ----------------------------------------------------------------------------------

    def repeat(self, cid: str, now_ns: int) -> bool:
        """Whether it remembers this command; then it answers again, at most once a second."""
        answer = self.device.flash.ring.get(cid)
        if answer is not None and now_ns - self._said_ns.get(cid, -NS) >= NS:
            self._say(cid, answer, now_ns)
        return answer is not None

    def obey(self, payload: dict[str, Any], now_ns: int) -> None:
        """Do a command whose sender and place are beyond doubt."""
        cid, name, args = payload["cid"], payload["cmd"], payload["args"]
        is_late = self.device.up_ns(now_ns) // MS > payload["until"]
        if name in HARMLESS:
            self._say(cid, Answer("expired") if is_late else self._do_no_harm(name, args, now_ns), now_ns)
            return
        if self.demands_rise and payload["hseq"] <= self.highest:
            return
        self.highest = payload["hseq"]
        refused = Answer("expired") if is_late else self._refuses(name, args)
        if refused is not None:
            self._end(cid, refused, now_ns)
        elif name in ("restart", "sleep"):
            self.obeyed.append((cid, now_ns))
            self._end(cid, DONE, now_ns)
            self._leave(name, args, now_ns)
        else:
            self.obeyed.append((cid, now_ns))
            self._act(cid, args["key"], now_ns)

    def _do_no_harm(self, name: str, args: dict[str, Any], now_ns: int) -> Answer:
        device = self.device
        if name == "describe":
            commands = COMMANDS if device.clock.tq else [*COMMANDS, "set_time"]
            manifest = {"digest": DIGEST, "channels": CHANNELS, "actuators": ACTUATORS, "commands": commands}
            device.say("manifest", manifest, now_ns, 1)
        elif name == "set_time":
            trip_ns = device.up_ns(now_ns) - args["up"] * MS
            if device.clock.tq or not 0 <= trip_ns <= 10 * NS:
                return Answer("rejected")
            device.base_ns = args["ts"] * NS + args["ts_ns"] + trip_ns // 2 - device.up_ns(now_ns)
        return DONE

    def _refuses(self, name: str, args: dict[str, Any]) -> Answer | None:
        if name not in COMMANDS:
            return Answer("rejected", "unsupported")
        if name == "set" and args["value"] == STUBBORN:
            return Answer("rejected", "not_today")
        return None

    def _leave(self, name: str, args: dict[str, Any], now_ns: int) -> None:
        if name == "restart":
            raise PowerCutError
        if self.device.is_leaving_ns is None:
            self.device.sleep(now_ns, args["for_s"])

    # --- acting --------------------------------------------------------------------------------

    def _act(self, cid: str, key: str, now_ns: int) -> None:
        self._note(cid, ACCEPTED)
        self._maybe_cut()
        if key == SLOW:
            self._say(cid, ACCEPTED, now_ns)
            self.moves.append(Move(now_ns + self.device.random.randrange(20 * NS), cid, key))
        else:
            self._move(cid, key, now_ns)

    def _move(self, cid: str, key: str, now_ns: int) -> None:
        is_stuck = self.device.random.random() < self.stuck_chance
        if not is_stuck:
            self.moved.append((cid, key))
        self._maybe_cut()
        self._end(cid, Answer("failed", "stuck") if is_stuck else DONE, now_ns)

    def _end(self, cid: str, answer: Answer, now_ns: int) -> None:
        self._note(cid, answer)
        self._maybe_cut()
        self._say(cid, answer, now_ns)

    def tick(self, now_ns: int) -> None:
        """Let slow movements end."""
        for move in [move for move in self.moves if move.due_ns <= now_ns]:
            self.moves.remove(move)
            self._move(move.cid, move.key, now_ns)

    def _note(self, cid: str, answer: Answer) -> None:
        ring = self.device.flash.ring
        ring.pop(cid, None)
        ring[cid] = answer
        while len(ring) > RING:
            del ring[next(iter(ring))]

    def _maybe_cut(self) -> None:
        if self.device.random.random() < self.cut_chance:
            raise PowerCutError

    # --- answering -----------------------------------------------------------------------------

    def _say(self, cid: str, answer: Answer, now_ns: int) -> None:
        self._said_ns[cid] = now_ns
        self.said.setdefault(cid, set()).add(answer)
        self.device.say("ack", self._body(cid, answer), now_ns, 1)
        if self.device.is_leaving_ns is not None:
            self.device.beat(now_ns)

    def lie(self, cid: str, answer: Answer, now_ns: int) -> None:
        """Answer what it was never asked, or what it answered long ago, otherwise."""
        sent = self.device.sign("ack", self._body(cid, answer), now_ns, 1)
        self.lies.add(sent.message)
        if self.device.is_connected:
            self.device.send(sent)

    def _body(self, cid: str, answer: Answer) -> dict[str, Any]:
        reason = {"reason": answer.reason} if answer.reason else {}
        return {"cid": cid, "status": answer.status, "hseq": self.device.hseq, **reason}
