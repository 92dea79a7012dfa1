"""One device, without I/O and clock: moments and bytes go in, messages and naps come out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from iiot_engine.errors import Refusal
from iiot_engine.values import NS_PER_S, Leaf
from iiot_engine.wire.frames import pair_in

from .bulletins import Bulletins
from .clock import DeviceClock, Moment
from .commands import IDEMPOTENT, Ring, perform
from .downward import MAX_CID, Dropped, Gate
from .nap import Nap, Phase
from .profile import Profile
from .readings import Readings, Record
from .sensors import Sensors
from .signer import Out, Signer
from .state import Store

COMPLAIN_MS: Final = 5_000
"""At most one heartbeat in this time answers messages with an old nonce, or tells of rows lost."""
LOOK_MS: Final = 1_000
"""How often a device with unanswered rows looks after them."""
SETTLE_MS: Final = 1_000
"""After waking, the connection gets this long to stand before the first reading."""
_PID: Final = re.compile(r"[0-9a-f]{8}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Sleep:
    """End the connection without a farewell message and come back later."""

    until_ms: int
    """`up` at the wake-up."""


type Effect = Out | Sleep


def _nothing(*_: object) -> None:
    """Record nothing."""


class Device:
    """The device of `profile` in one boot. Build another one on the same store to restart it."""

    def __init__(
        self, profile: Profile, key: bytes, store: Store, *, seed: str = "", record: Record = _nothing
    ) -> None:
        start = store.begin()
        random = Random(f"{seed}|{profile.id}|{start.boot}")
        self.profile = profile
        self.boot: Final = start.boot
        self.nonce: Final = random.randbytes(8).hex()
        self.session = ""
        self.clock = DeviceClock(profile.clock, round(profile.skew_s * NS_PER_S))
        self.nap = Nap(profile.sleep_s, profile.timing)
        self.sample_s = profile.sample_s
        self.identify_until_ms = 0
        self.is_description_due = False
        self.is_connected = False
        self.signer = Signer(profile.id, key, start.boot, self.clock)
        self.readings = Readings(profile, start, store, self.clock, self.signer, random, record)
        self.gate: Gate
        self._store = store
        self._random = random
        self._ring = Ring(start.ring)
        self.gate = Gate(profile.id, key, self.nonce, self._ring.answers)
        self._sensors = Sensors(profile, Random(f"{seed}|{profile.id}|sensors|{start.boot}"), start.totals)
        self._bulletins = Bulletins(profile, self.clock, self.signer, random)
        self._sample_ms = round(random.uniform(0, 1000 * min(profile.sample_s, 5.0)))
        self._wave_ms = self._sample_ms
        self._heartbeat_ms = 0
        """When the next heartbeat is due."""
        self._beat_ms = 0
        """When the last one was sent."""
        self._complained_ms = -COMPLAIN_MS

    # --- the connection ------------------------------------------------------------------

    def open_session(self, moment: Moment) -> bytes:
        """Begin a connection attempt; give back the will, signed for it."""
        self.session = self._random.randbytes(4).hex()
        return self._status("offline", moment).message

    def connected(self, moment: Moment) -> list[Effect]:
        """The broker has accepted the connection."""
        self.is_connected = True
        self.readings.connected(moment)
        self.nap.listen(moment.up_ms)
        return [self._status("online", moment), self._heartbeat(moment)]

    def disconnected(self) -> None:
        """The connection has ended."""
        self.is_connected = False

    def farewell(self, moment: Moment) -> list[Effect]:
        """Messages of a clean leave."""
        return [*self.readings.flush(moment, is_connected=True), self._status("offline", moment)]

    # --- time passes ----------------------------------------------------------------------

    def next_ms(self) -> int:
        """`up` at which `tick` has something to do."""
        if self.nap.is_asleep:
            return self.nap.until_ms
        times = [self._sample_ms]
        if self.profile.wave_s:
            times.append(self._wave_ms)
        if self.nap.phase is not Phase.AWAKE:
            times.append(self.nap.until_ms)
        if self.is_connected:
            times.append(self._heartbeat_ms)
            bulletin_ms = self._bulletins.next_ms()
            if bulletin_ms is not None:
                times.append(bulletin_ms)
        return min(times)

    @property
    def has_unanswered(self) -> bool:
        """Whether rows are to be looked after every `LOOK_MS`."""
        return self.is_connected and not self.nap.is_asleep and len(self.readings.shelf) > 0

    def tick(self, moment: Moment) -> list[Effect]:
        """Do what is due."""
        if self.nap.is_asleep:
            if not self.nap.is_over(moment.up_ms):
                return []
            self.nap.wake(moment.up_ms)
            self._sample_ms = moment.up_ms + SETTLE_MS
        effects: list[Effect] = []
        if moment.up_ms >= self._sample_ms:
            self._sample_ms = self._after(self._sample_ms, self.sample_s, moment)
            effects += self._sample(moment)
        if self.profile.wave_s and moment.up_ms >= self._wave_ms:
            self._wave_ms = self._after(self._wave_ms, self.profile.wave_s, moment)
            wave = self._sensors.wave(moment.up_ms / 1000)
            effects += self.readings.take_wave(wave, moment, is_connected=self.is_connected)
        if self.nap.is_over(moment.up_ms):
            return [*effects, *self._end_phase(moment)]
        if self.is_connected and self.nap.phase is not Phase.LEAVING:
            effects += self._routine(moment)
        return effects

    def _routine(self, moment: Moment) -> list[Effect]:
        effects: list[Effect] = [*self._bulletins.due(moment)]
        said_something = any(out.leaf == Leaf.ALARM for out in effects if isinstance(out, Out))
        self.readings.give_up_stuck(moment)
        has_news = self.readings.is_loss_untold and moment.up_ms - self._beat_ms >= COMPLAIN_MS
        if said_something or has_news or moment.up_ms >= self._heartbeat_ms:
            effects.append(self._heartbeat(moment))
        return [*effects, *self.readings.send_again(moment)]

    def _sample(self, moment: Moment, *, bye: bool = False) -> list[Out]:
        reading = self._sensors.sample(moment.up_ms / 1000)
        return self.readings.take(reading, moment, is_connected=self.is_connected, bye=bye)

    def _end_phase(self, moment: Moment) -> list[Effect]:
        """Listening is over: say good-bye. Leaving is over, or nobody is there: sleep."""
        if self.nap.phase is Phase.LISTENING and self.is_connected:
            self.nap.leave(moment.up_ms)
            return [*self._sample(moment, bye=True), self._heartbeat(moment)]
        return [self._fall_asleep(moment)]

    def _fall_asleep(self, moment: Moment) -> Sleep:
        self.nap.fall_asleep(moment.up_ms)
        return Sleep(until_ms=self.nap.until_ms)

    def _after(self, at_ms: int, period_s: float, moment: Moment) -> int:
        """Next time on the beat; beats that were missed are left out."""
        following = at_ms + max(1, round(period_s * 1000))
        return following if following > moment.up_ms else moment.up_ms + max(1, round(period_s * 1000))

    # --- messages from above --------------------------------------------------------------

    def received(self, leaf: Leaf, message: bytes, moment: Moment, *, retained: bool = False) -> list[Effect]:
        """Judge and obey a message from above."""
        verdict = self.gate.check(leaf, message, retained=retained)
        if verdict.dropped is Dropped.OLD_NONCE:
            return self._complain(moment)
        if verdict.dropped is Dropped.REPEATED:
            return self._answer_again(verdict.payload["cid"], moment)
        if verdict.dropped is not None:
            return []
        self.nap.heard(moment.up_ms)
        match leaf:
            case Leaf.STORED:
                return self._take_receipt(verdict.payload, moment)
            case Leaf.POLL:
                return self._take_poll(verdict.payload, moment)
            case Leaf.COMMAND:
                return self._take_command(verdict.payload, moment)
        return []

    def _complain(self, moment: Moment) -> list[Effect]:
        if moment.up_ms - self._complained_ms < COMPLAIN_MS:
            return []
        self._complained_ms = moment.up_ms
        return [self._heartbeat(moment)]

    def _take_receipt(self, payload: dict[str, Any], moment: Moment) -> list[Effect]:
        try:
            more = payload.get("more") or []
            upto = [pair_in(entry, "stored") for entry in [payload.get("upto"), *more]]
        except Refusal, TypeError:
            self.gate.dropped[Dropped.FORM] += 1
            return []
        self.readings.receipt(upto, moment)
        if self.nap.phase is Phase.LEAVING:
            return [self._fall_asleep(moment)]
        return [*self.readings.send_again(moment)]

    def _take_poll(self, payload: dict[str, Any], moment: Moment) -> list[Effect]:
        self.readings.resender.hub_spoke()
        keys = payload.get("ch")
        if keys == []:
            return [self._heartbeat(moment)]
        pid = payload.get("pid")
        is_list = keys is None or (isinstance(keys, list) and all(isinstance(key, str) for key in keys))
        if "poll" not in self.profile.caps or not isinstance(pid, str) or not _PID.fullmatch(pid) or not is_list:
            return []
        return [*self.readings.answer(self._sensors.answer(keys, moment.up_ms / 1000), pid, moment)]

    def _take_command(self, payload: dict[str, Any], moment: Moment) -> list[Effect]:
        cid, cmd = payload.get("cid"), payload.get("cmd")
        if not isinstance(cmd, str) or not isinstance(cid, str) or not 0 < len(cid) <= MAX_CID:
            self.gate.dropped[Dropped.FORM] += 1
            return []
        answer = perform(self, payload, self.profile.commands, moment)
        if cmd not in IDEMPOTENT:
            self._store.note(self._ring.note(cid, answer))
        effects: list[Effect] = [self._ack(cid, answer.status, answer.reason, moment)]
        if self.is_description_due:
            self.is_description_due = False
            effects.append(self.signer.sign(Leaf.MANIFEST, self.profile.manifest, moment, 1))
        if cmd == "set_time" and answer.status == "done":
            effects.append(self._heartbeat(moment))
        return effects

    def _answer_again(self, cid: str, moment: Moment) -> list[Effect]:
        answer = self._ring.again(cid, moment.up_ms)
        return [] if answer is None else [self._ack(cid, answer.status, answer.reason, moment)]

    # --- what it says of itself ------------------------------------------------------------

    def _ack(self, cid: str, status: str, reason: str, moment: Moment) -> Out:
        body = {"cid": cid, "status": status, "hseq": self.gate.window.high}
        return self.signer.sign(Leaf.ACK, {**body, "reason": reason} if reason else body, moment, 1)

    def _status(self, state: str, moment: Moment) -> Out:
        return self.signer.sign(Leaf.STATUS, {"state": state, "session": self.session}, moment, 1)

    def _heartbeat(self, moment: Moment) -> Out:
        self._beat_ms = moment.up_ms
        self._store.meter(self._sensors.totals)
        self._heartbeat_ms = moment.up_ms + round(self.profile.interval_s * 1000)
        profile = self.profile
        body = {
            "name": profile.name,
            "model": profile.model,
            "fw": profile.fw,
            "nonce": self.nonce,
            "session": self.session,
            "interval": profile.interval_s,
            "manifest": profile.manifest["digest"],
            "hseq": self.gate.window.high,
            "alarms": self._bulletins.raised(),
            "caps": list(profile.caps),
            **self._sleep_facts(moment),
            **self.readings.facts(),
            **self._surroundings(moment),
        }
        return self.signer.sign(Leaf.HEARTBEAT, body, moment, 0)

    def _sleep_facts(self, moment: Moment) -> dict[str, Any]:
        if self.nap.phase is not Phase.LEAVING:
            return {"state": "awake"}
        facts: dict[str, Any] = {"state": "asleep", "for_s": self.nap.sleep_s}
        unix_ns = self.clock.unix_ns(moment)
        if unix_ns:
            facts["wake"] = unix_ns // NS_PER_S + round(self.nap.sleep_s)
        return facts

    def _surroundings(self, moment: Moment) -> dict[str, Any]:
        profile = self.profile
        facts: dict[str, Any] = {}
        if profile.net:
            rssi = profile.net.get("rssi")
            moved = {} if rssi is None else {"rssi": rssi + self._random.randint(-3, 3)}
            facts["net"] = {**profile.net, **moved}
        if profile.power:
            facts["power"] = _drained(profile.power, moment.up_ms)
        if profile.place is not None:
            facts["place"] = profile.place
        loc = self._sensors.position(moment.up_ms / 1000)
        if loc is not None:
            facts["loc"] = loc
        return facts


def _drained(power: dict[str, Any], up_ms: int) -> dict[str, Any]:
    """The battery as it is after so long: one percent in two hours."""
    battery = power.get("battery")
    return power if battery is None else {**power, "battery": max(0, round(battery - up_ms / 7_200_000, 1))}
