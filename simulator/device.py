"""One device, without I/O and clock: moments and bytes go in, messages and naps come out."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any, Final

from iiot_engine.errors import Refusal
from iiot_engine.values import Leaf
from iiot_engine.wire.frames import pair_in

from .actuators import Actuators, Move
from .beats import Beats, Flood, following
from .bulletins import Bulletins, boot_lines
from .clock import DeviceClock, Moment
from .commands import ACCEPTED, DONE, IDEMPOTENT, Answer, Ring, perform
from .downward import MAX_CID, Dropped, Gate
from .keyring import Keyring
from .nap import Nap, Phase
from .profile import Cause, Profile
from .readings import Readings, Record
from .row import Reading
from .sensors import Sensors
from .signer import Out, Signer
from .state import Store
from .surroundings import sleep_facts, surroundings

COMPLAIN_MS: Final = 5_000
"""At most one heartbeat in this time answers messages with an old nonce, or tells of rows lost."""
LOOK_MS: Final = 1_000
"""How often a device with unanswered rows looks after them."""
SETTLE_MS: Final = 1_000
"""After waking, the connection gets this long to stand before the first reading."""
LATER_MS: Final = 3_600_000
"""When a device looks again that has nothing to do."""
_PID: Final = re.compile(r"[0-9a-f]{8}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Sleep:
    """End the connection without a farewell message and come back later."""

    until_ms: int
    """`up` at the wake-up."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Restart:
    """Put the device of `Device.restarted` in the place of this one, when the start is over."""

    cause: Cause
    takes_s: float
    is_clean: bool
    """Leave the broker in order first; otherwise it publishes the will."""


@dataclass(frozen=True, slots=True)
class Reconnect:
    """End the connection and begin another one: the will has to be signed with the new key."""


@dataclass(frozen=True, slots=True)
class Retire:
    """Leave the broker for good: the device has no key any more."""


type Effect = Out | Sleep | Restart | Reconnect | Retire


def _nothing(*_: object) -> None:
    """Record nothing."""


class Device:
    """The device of `profile` in one boot. Build another one on the same store to restart it."""

    def __init__(
        self,
        profile: Profile,
        key: bytes,
        store: Store,
        *,
        seed: str = "",
        record: Record = _nothing,
        count: Callable[[Move, Moment], None] = _nothing,
        cause: Cause = Cause.POWER_ON,
    ) -> None:
        start = store.begin()
        random = Random(f"{seed}|{profile.id}|{start.boot}")
        self.profile = profile
        self.boot: Final = start.boot
        self.nonce: Final = random.randbytes(8).hex()
        self.session = ""
        self.store, self.random = store, random
        self.clock = DeviceClock(profile.clock, profile.deviation)
        self.nap = Nap(profile.sleep_s, profile.timing)
        self.keyring = Keyring(profile.id, key, start.rekeyed)
        self.identify_until_ms = 0
        self._digest = profile.digest
        self.is_connected = self.is_description_due = self.is_restart_due = False
        self.is_forgotten = start.forgotten
        self.signer = Signer(profile.id, self.keyring, start.boot, self.clock)
        self.readings = Readings(profile, start, store, self.clock, self.signer, random, record)
        self._count = count
        self._ring = Ring(start.ring)
        self.gate = Gate(profile.id, self.keyring, self.nonce, self._ring.answers)
        self.actuators = Actuators(profile.actuators)
        inner = Random(f"{seed}|{profile.id}|sensors|{start.boot}")
        self.sensors = Sensors(profile, inner, start.totals, self.actuators)
        self.bulletins = Bulletins(profile, self.clock, self.signer, random)
        first_ms = round(random.uniform(0, 1000 * min(profile.sample_s, 5.0)))
        self.beats = Beats(profile.periods_s, first_ms)
        self._flood = None if profile.flooding is None else Flood(profile.flooding, first_ms)
        self._wave_ms = first_ms + round(1000 * self.sensors.lasts_s)
        self._reset_ms = self._draw_reset()
        self._heartbeat_ms = 0
        """When the next heartbeat is due."""
        self._beat_ms = 0
        """When the last one was sent."""
        self._complained_ms = -COMPLAIN_MS
        self._looked_ms = 0
        """When rows were last looked after."""
        self._again = partial(Device, profile, key, store, seed=seed, record=record, count=count)
        if profile.booting.log:
            for line in boot_lines(profile, start.boot, cause):
                self.bulletins.tell(*line)

    def restarted(self, cause: Cause) -> Device:
        """Build this device in its next boot."""
        return self._again(cause=cause)

    # --- the connection ------------------------------------------------------------------

    def open_session(self, moment: Moment) -> bytes:
        """Begin a connection attempt; give back the will, signed for it."""
        self.session = self.random.randbytes(4).hex()
        return self._status("offline", moment).message

    def connected(self, moment: Moment) -> list[Effect]:
        """The broker has accepted the connection."""
        self.is_connected = True
        self.readings.connected(moment)
        if self.profile.booting.log:
            self.bulletins.tell("info", "net", f"[{moment.up_ms / 1000:.3f}] connected, session {self.session}")
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
        times = [self.beats.next_ms(), self.actuators.next_ms(), self._reset_ms]
        if self.profile.wave_s:
            times.append(self._wave_ms)
        if self._flood is not None:
            times.append(self._flood.next_ms)
        if self.nap.phase is not Phase.AWAKE:
            times.append(self.nap.until_ms)
        if self.is_connected:
            times += (self._heartbeat_ms, self.bulletins.next_ms(), self._look_ms())
        return min((at for at in times if at is not None), default=LATER_MS)

    def _look_ms(self) -> int | None:
        """When to look after rows that nobody has signed for."""
        due_ms = self.readings.resender.next_ms()
        return None if due_ms is None else max(due_ms, self._looked_ms + LOOK_MS)

    def tick(self, moment: Moment) -> list[Effect]:
        """Do what is due."""
        if self.nap.is_asleep:
            if not self.nap.is_over(moment.up_ms):
                return []
            self.nap.wake(moment.up_ms)
            self.beats.begin(moment.up_ms + SETTLE_MS)
        if self._reset_ms is not None and moment.up_ms >= self._reset_ms:
            cause = self.random.choice((Cause.BROWNOUT, Cause.WATCHDOG))
            return [Restart(cause=cause, takes_s=self.profile.booting.takes_s, is_clean=False)]
        effects: list[Effect] = [*self._read(moment), *self._end_moves(moment)]
        if self.nap.is_over(moment.up_ms):
            return [*effects, *self._end_phase(moment)]
        if self.is_connected and self.nap.phase is not Phase.LEAVING:
            effects += self._routine(moment)
        return effects

    def _read(self, moment: Moment) -> list[Out]:
        """Read what is due, and make it rows."""
        out: list[Out] = []
        keys = self.beats.take_due(moment.up_ms)
        if self._flood is not None and self._flood.is_due(moment.up_ms):
            keys = list(self.beats.periods_s)
        if keys:
            out += self._sample(moment, keys)
        if self.profile.wave_s and moment.up_ms >= self._wave_ms:
            self._wave_ms = following(self._wave_ms, self.profile.wave_s, moment.up_ms)
            burst = self.sensors.burst(moment.up_ms / 1000)
            out += self.readings.take_alone(
                Reading(wave=burst.body()),
                moment,
                is_connected=self.is_connected,
                lasted_ms=min(burst.lasts_ms, moment.up_ms),
            )
        return out

    def _routine(self, moment: Moment) -> list[Effect]:
        self._looked_ms = moment.up_ms
        effects: list[Effect] = [*self.bulletins.due(moment)]
        said_something = any(out.leaf == Leaf.ALARM for out in effects if isinstance(out, Out))
        self.readings.give_up_stuck(moment)
        has_news = self.readings.is_loss_untold and moment.up_ms - self._beat_ms >= COMPLAIN_MS
        if said_something or has_news or moment.up_ms >= self._heartbeat_ms:
            effects.append(self._heartbeat(moment))
        return [*effects, *self.readings.send_again(moment)]

    def _sample(self, moment: Moment, keys: list[str] | None = None, *, bye: bool = False) -> list[Out]:
        reading = self.sensors.sample(moment.up_ms / 1000, keys)
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

    def _draw_reset(self) -> int | None:
        mean_s = self.profile.booting.every_s
        return round(1000 * mean_s * self.random.uniform(0.5, 1.5)) if mean_s else None

    # --- messages from above --------------------------------------------------------------

    def received(self, leaf: Leaf, message: bytes, moment: Moment, *, retained: bool = False) -> list[Effect]:
        """Judge and obey a message from above; what a device says that has taken leave ends with its leave."""
        effects = self._obey(leaf, message, moment, retained=retained)
        said = {effect.leaf for effect in effects if isinstance(effect, Out)}
        if self.nap.phase is Phase.LEAVING and said and said != {Leaf.HEARTBEAT}:
            effects.append(self._heartbeat(moment))
        return effects

    def _obey(self, leaf: Leaf, message: bytes, moment: Moment, *, retained: bool) -> list[Effect]:
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
        return [*self.readings.answer(self.sensors.answer(keys, moment.up_ms / 1000), pid, moment)]

    def _take_command(self, payload: dict[str, Any], moment: Moment) -> list[Effect]:
        cid, cmd = payload.get("cid"), payload.get("cmd")
        if not isinstance(cmd, str) or not isinstance(cid, str) or not 0 < len(cid) <= MAX_CID:
            self.gate.dropped[Dropped.FORM] += 1
            return []
        if cmd not in IDEMPOTENT and not self.gate.follows(payload["hseq"]):
            return []
        kid = self.keyring.kid
        answer = perform(self, payload, self.profile.commands, moment)
        if cmd not in IDEMPOTENT:
            self.store.note(self._ring.note(cid, answer))
        ended = self._end_moves(moment)
        effects: list[Effect] = [] if ended and answer == ACCEPTED else [self._ack(cid, answer, moment)]
        effects += ended
        manifest = self.profile.manifest_with(self.beats.periods_s)
        has_changed = self._digest != manifest["digest"]
        if self.is_description_due or has_changed:
            self.is_description_due, self._digest = False, manifest["digest"]
            effects.append(self.signer.sign(Leaf.MANIFEST, manifest, moment, 1))
        if has_changed or (cmd in ("set_time", "rekey") and answer == DONE):
            effects.append(self._heartbeat(moment))
        if self.is_restart_due:
            restart = Restart(cause=Cause.COMMAND, takes_s=self.profile.booting.takes_s, is_clean=True)
            effects += [*self.farewell(moment), restart]
        if self.keyring.kid != kid:
            effects.append(Reconnect())
        if self.is_forgotten:
            self.store.forget()
            effects += [*self.farewell(moment), Retire()]
        return effects

    def _end_moves(self, moment: Moment) -> list[Effect]:
        """Answer the commands whose actuators have arrived, or have not, and read what reports them."""
        effects: list[Effect] = []
        for move in self.actuators.take_ended(moment.up_ms):
            answer = Answer("failed", "stuck") if move.fails else DONE
            if not move.fails:
                self._count(move, moment)
            self.store.note(self._ring.note(move.cid, answer))
            if self.is_connected:
                effects.append(self._ack(move.cid, answer, moment))
            channel = self.actuators.channel_of(move.key)
            if channel is not None and not move.fails:
                reading = self.sensors.sample(moment.up_ms / 1000, [channel])
                effects += self.readings.take_alone(reading, moment, is_connected=self.is_connected)
        return effects

    def _answer_again(self, cid: str, moment: Moment) -> list[Effect]:
        answer = self._ring.again(cid, moment.up_ms)
        return [] if answer is None else [self._ack(cid, answer, moment)]

    # --- what it says of itself ------------------------------------------------------------

    def _ack(self, cid: str, answer: Answer, moment: Moment) -> Out:
        body = {"cid": cid, "status": answer.status, "hseq": self.gate.window.high}
        return self.signer.sign(Leaf.ACK, {**body, "reason": answer.reason} if answer.reason else body, moment, 1)

    def _status(self, state: str, moment: Moment) -> Out:
        return self.signer.sign(Leaf.STATUS, {"state": state, "session": self.session}, moment, 1)

    def _heartbeat(self, moment: Moment) -> Out:
        self._beat_ms = moment.up_ms
        self.store.meter(self.sensors.totals)
        self._heartbeat_ms = moment.up_ms + round(self.profile.interval_s * 1000)
        profile = self.profile
        body = {
            "name": profile.name,
            "model": profile.model,
            "fw": profile.fw,
            "nonce": self.nonce,
            "session": self.session,
            "interval": profile.interval_s,
            "manifest": self._digest,
            "hseq": self.gate.window.high,
            "alarms": self.bulletins.raised(),
            "caps": list(profile.caps),
            **({"rekeyed": [list(step) for step in self.keyring.steps]} if self.keyring.steps else {}),
            **sleep_facts(self.nap, self.clock, moment),
            **self.readings.facts(),
            **surroundings(profile, self.sensors.position(moment.up_ms / 1000), self.random, moment),
        }
        return self.signer.sign(Leaf.HEARTBEAT, body, moment, 0)
