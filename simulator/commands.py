"""Commands that a simulated device obeys, and the ring of those it has answered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple, Protocol

from iiot_engine.values import NS_PER_MS, NS_PER_S, ClockQuality

from .clock import DeviceClock, Moment
from .nap import Nap
from .state import RING

IDEMPOTENT: Final = frozenset(
    ("describe", "set_time", "identify", "rekey", "config", "set_interval", "set_rate"),
)
"""Done again when asked again; they have no place in the ring."""
ROUND_TRIP_MS: Final = 10_000
"""`set_time` is taken only within this of the message that it answers."""
LONGEST_S: Final = 604_800.0  # a week


class Answer(NamedTuple):
    """How a command ended."""

    status: str
    reason: str = ""


class Obeying(Protocol):
    """What commands may touch of a device."""

    clock: DeviceClock
    nap: Nap
    sample_s: float
    identify_until_ms: int
    is_description_due: bool


DONE: Final = Answer("done")
type Perform = Callable[[Obeying, dict[str, Any], Moment], Answer]


class Ring:
    """Commands answered, at most sixteen; `answers` is shared with the gate."""

    def __init__(self, stored: list[list[str]]) -> None:
        self.answers: dict[str, list[str]] = {cid: [status, reason] for cid, status, reason in stored}
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
    if name not in known or name not in COMMANDS:
        return Answer("rejected", "unsupported")
    args = payload.get("args")
    return COMMANDS[name](device, args if isinstance(args, dict) else {}, moment)


def _describe(device: Obeying, _args: dict[str, Any], _moment: Moment) -> Answer:
    device.is_description_due = True
    return DONE


def _set_time(device: Obeying, args: dict[str, Any], moment: Moment) -> Answer:
    if device.clock.quality == ClockQuality.NTP_OR_GPS:
        return Answer("rejected", "has_clock")
    ts, ts_ns, asked_ms = args.get("ts"), args.get("ts_ns", 0), args.get("up")
    if type(ts) is not int or type(ts_ns) is not int or type(asked_ms) is not int:
        return Answer("rejected", "bad_args")
    trip_ms = moment.up_ms - asked_ms
    if not 0 <= trip_ms <= ROUND_TRIP_MS:
        return Answer("rejected", "too_slow")
    device.clock.set(ts * NS_PER_S + ts_ns + trip_ms * NS_PER_MS // 2, moment)
    return DONE


def _identify(device: Obeying, args: dict[str, Any], moment: Moment) -> Answer:
    seconds = _seconds(args.get("s", 10))
    if seconds is None:
        return Answer("rejected", "bad_args")
    device.identify_until_ms = moment.up_ms + round(seconds * 1000)
    return DONE


def _set_interval(device: Obeying, args: dict[str, Any], _moment: Moment) -> Answer:
    seconds = _seconds(args.get("s"))
    if seconds is None or seconds < 0.1 or "ch" in args:  # one interval for all channels
        return Answer("rejected", "bad_args")
    device.sample_s = seconds
    return DONE


def _sleep(device: Obeying, args: dict[str, Any], moment: Moment) -> Answer:
    seconds = _seconds(args.get("for_s"))
    if not seconds:
        return Answer("rejected", "bad_args")
    device.nap.ask_for_sleep(seconds, moment.up_ms)
    return DONE


def _awake(device: Obeying, _args: dict[str, Any], _moment: Moment) -> Answer:
    device.nap.stay_awake()
    return DONE


def _seconds(value: object) -> float | None:
    return value if type(value) in (int, float) and 0 <= value <= LONGEST_S else None  # type: ignore[operator,return-value]


COMMANDS: Final[dict[str, Perform]] = {
    "describe": _describe,
    "set_time": _set_time,
    "identify": _identify,
    "set_interval": _set_interval,
    "sleep": _sleep,
    "awake": _awake,
}
