"""Commands that a simulated device obeys, and the ring of those it has answered."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from random import Random
from typing import Any, Final, NamedTuple, Protocol

from iiot_engine.values import NS_PER_MS, NS_PER_S, ClockQuality
from iiot_engine.wire.frames import MAX_UINT32

from .actuators import Actuators, Move
from .beats import Beats
from .bulletins import LEVELS, Bulletins
from .clock import DeviceClock, Moment
from .keyring import MAX_STEPS, Keyring
from .nap import Nap
from .sensors import Sensors
from .state import RING, Store

IDEMPOTENT: Final = frozenset(
    ("describe", "set_time", "identify", "rekey", "config", "set_interval", "set_rate"),
)
"""Done again when asked again; they have no place in the ring."""
ROUND_TRIP_MS: Final = 10_000
"""`set_time` is taken only within this of the message that it answers."""
LONGEST_S: Final = 604_800.0  # a week
SHORTEST_S: Final = 0.1
FASTEST_HZ: Final = 100.0
"""Of readings; a waveform is sampled at up to 25 kHz."""
FASTEST_WAVE_HZ: Final = 25_000.0
_SALT: Final = re.compile(r"(?:[0-9a-f]{2}){1,64}")


class Answer(NamedTuple):
    """How a command ended, or that it is under way."""

    status: str
    reason: str = ""


class Obeying(Protocol):
    """What commands may touch of a device."""

    clock: DeviceClock
    nap: Nap
    beats: Beats
    sensors: Sensors
    actuators: Actuators
    bulletins: Bulletins
    keyring: Keyring
    store: Store
    random: Random
    identify_until_ms: int
    is_description_due: bool
    is_restart_due: bool
    is_forgotten: bool


DONE: Final = Answer("done")
ACCEPTED: Final = Answer("accepted")
BAD_ARGS: Final = Answer("rejected", "bad_args")
UNKNOWN_OUTCOME: Final = Answer("failed", "unknown_outcome")
type Args = dict[str, Any]
type Perform = Callable[[Obeying, Args, Moment], Answer]


class Ring:
    """Commands answered, at most sixteen; `answers` is shared with the gate.

    One that the boot before this had only accepted has failed: what came of it is not known.
    """

    def __init__(self, stored: Iterable[list[str]]) -> None:
        self.answers: dict[str, list[str]] = {
            cid: list(UNKNOWN_OUTCOME) if status == ACCEPTED.status else [status, reason]
            for cid, status, reason in stored
        }
        self._said_ms: dict[str, int] = {}

    def note(self, cid: str, answer: Answer) -> list[list[str]]:
        """Take an answer in, oldest out; give back the ring for keeping."""
        self.answers.pop(cid, None)
        self.answers[cid] = [answer.status, answer.reason]
        while len(self.answers) > RING:
            oldest = next(iter(self.answers))
            del self.answers[oldest]
            self._said_ms.pop(oldest, None)
        return [[known, *words] for known, words in self.answers.items()]

    def again(self, cid: str, up_ms: int) -> Answer | None:
        """The latest answer to a command, at most once a second."""
        if up_ms - self._said_ms.get(cid, -1000) < 1000:
            return None
        self._said_ms[cid] = up_ms
        status, reason = self.answers[cid]
        return Answer(status, reason)


def perform(device: Obeying, payload: dict[str, Any], known: tuple[str, ...], moment: Moment) -> Answer:
    """Obey a command whose place and order are beyond doubt."""
    until = payload.get("until")
    if type(until) is int and moment.up_ms > until:
        return Answer("expired")
    name = payload.get("cmd")
    if name not in known:
        return Answer("rejected", "unsupported")
    args = payload.get("args")
    return COMMANDS[name](device, {**args, "cid": payload["cid"]} if isinstance(args, dict) else {}, moment)


def _describe(device: Obeying, _args: Args, _moment: Moment) -> Answer:
    device.is_description_due = True
    return DONE


def _set_time(device: Obeying, args: Args, moment: Moment) -> Answer:
    if device.clock.quality == ClockQuality.NTP_OR_GPS:
        return Answer("rejected", "has_clock")
    ts, ts_ns, asked_ms = args.get("ts"), args.get("ts_ns", 0), args.get("up")
    if type(ts) is not int or type(ts_ns) is not int or type(asked_ms) is not int:
        return BAD_ARGS
    trip_ms = moment.up_ms - asked_ms
    if not 0 <= trip_ms <= ROUND_TRIP_MS:
        return Answer("rejected", "too_slow")
    device.clock.set(ts * NS_PER_S + ts_ns + trip_ms * NS_PER_MS // 2, moment)
    return DONE


def _identify(device: Obeying, args: Args, moment: Moment) -> Answer:
    seconds = _number(args.get("s", 10), 0, LONGEST_S)
    if seconds is None:
        return BAD_ARGS
    device.identify_until_ms = moment.up_ms + round(seconds * 1000)
    device.bulletins.tell("info", "device", f"light flashes for {seconds:g} s")
    return DONE


def _set_interval(device: Obeying, args: Args, moment: Moment) -> Answer:
    seconds = _number(args.get("s"), SHORTEST_S, LONGEST_S)
    return BAD_ARGS if seconds is None else _set_period(device, args.get("ch"), seconds, moment)


def _set_rate(device: Obeying, args: Args, moment: Moment) -> Answer:
    vibration, ch = device.sensors.vibration, args.get("ch")
    if vibration is not None and ch == vibration.ch:
        hz = _number(args.get("hz"), 1, FASTEST_WAVE_HZ)
        if hz is None:
            return BAD_ARGS
        vibration.rate_hz = hz
        return DONE
    hz = _number(args.get("hz"), 1 / LONGEST_S, FASTEST_HZ)
    return BAD_ARGS if hz is None else _set_period(device, ch, 1 / hz, moment)


def _set_period(device: Obeying, ch: object, seconds: float, moment: Moment) -> Answer:
    """Read one channel, or all that are pushed, so often."""
    if ch is not None and (not isinstance(ch, str) or ch not in device.beats.periods_s):
        return BAD_ARGS
    device.beats.change(list(device.beats.periods_s) if ch is None else [ch], seconds, moment.up_ms)
    return DONE


def _set(device: Obeying, args: Args, moment: Moment) -> Answer:
    reason = device.actuators.why_not(args.get("key"), args.get("value"))
    return _move(device, args, moment) if reason is None else Answer("rejected", reason)


def _press(device: Obeying, args: Args, moment: Moment) -> Answer:
    profile = device.actuators.profiles.get(str(args.get("key")))
    if profile is None or profile.kind != "button":
        return Answer("rejected", "unknown_key")
    return _move(device, {**args, "value": None}, moment)


def _move(device: Obeying, args: Args, moment: Moment) -> Answer:
    profile = device.actuators.profiles[args["key"]]
    fails = device.random.random() < profile.fail_chance
    until_ms = moment.up_ms + round(profile.takes_s * 1000)
    device.actuators.begin(Move(args["cid"], profile.key, args["value"], until_ms, fails))
    return ACCEPTED


def _sleep(device: Obeying, args: Args, moment: Moment) -> Answer:
    seconds = _number(args.get("for_s"), SHORTEST_S, LONGEST_S)
    if seconds is None:
        return BAD_ARGS
    device.nap.ask_for_sleep(seconds, moment.up_ms)
    return DONE


def _awake(device: Obeying, _args: Args, _moment: Moment) -> Answer:
    device.nap.stay_awake()
    return DONE


def _set_log_level(device: Obeying, args: Args, moment: Moment) -> Answer:
    level, seconds = args.get("level"), _number(args.get("for_s", LONGEST_S), 0, LONGEST_S)
    if level not in LEVELS or seconds is None:
        return BAD_ARGS
    device.bulletins.set_level(str(level), moment.up_ms + round(seconds * 1000))
    return DONE


def _restart(device: Obeying, _args: Args, _moment: Moment) -> Answer:
    device.is_restart_due = True
    return DONE


def _forget(device: Obeying, _args: Args, _moment: Moment) -> Answer:
    device.is_forgotten = True
    return DONE


def _rekey(device: Obeying, args: Args, _moment: Moment) -> Answer:
    kid, salt, keyring = args.get("kid"), args.get("salt"), device.keyring
    if type(kid) is not int or not isinstance(salt, str) or not _SALT.fullmatch(salt):
        return BAD_ARGS
    if (kid, salt) in keyring.steps[-1:]:
        return DONE
    if not keyring.kid < kid <= MAX_UINT32:
        return Answer("rejected", "old_kid")
    if len(keyring.steps) >= MAX_STEPS:
        return Answer("rejected", "full")
    keyring.step(kid, salt)
    device.store.rekey(keyring.steps)
    return DONE


def _number(value: object, low: float, high: float) -> float | None:
    return value if type(value) in (int, float) and low <= value <= high else None  # type: ignore[operator,return-value]


COMMANDS: Final[dict[str, Perform]] = {
    "describe": _describe,
    "set_time": _set_time,
    "identify": _identify,
    "set_interval": _set_interval,
    "set_rate": _set_rate,
    "set": _set,
    "press": _press,
    "sleep": _sleep,
    "awake": _awake,
    "set_log_level": _set_log_level,
    "restart": _restart,
    "rekey": _rekey,
    "forget": _forget,
}
