"""What must hold of commands: looked at whenever one leaves, is kept, or is answered, and at the end.

The machines count their movements themselves; the hub is believed nothing.
"""

import json
from collections import Counter
from random import Random
from typing import Any, Final, NamedTuple

from iiot_engine.actuation.command import ON_ITS_WAY, OPEN, Command, Passed, Step
from iiot_engine.errors import RequestError
from iiot_engine.ports import Batch
from tests.fuzz.bench import ledger_digest

from .broken import ensure
from .device import Device
from .hands import UNKNOWN_OUTCOME, Answer
from .hub import Hub
from .people import Asked
from .rows import NS

HUBS_OWN: Final = ("describe", "set_time")
SLACK_NS: Final = NS
"""What the hub may be off in a device's time since its start, to the device's good."""
MOVES: Final = ("set", "press")
ANSWERS: Final = (Step.DONE, Step.REJECTED, Step.FAILED, Step.EXPIRED)


class Taken(NamedTuple):
    """A command that the hub took."""

    device: Device
    asked: Asked
    place: int
    """Its place among those of the device."""


class CommandJudge:
    """Compares what the hub knows of each command with what the device really did."""

    def __init__(self, hub: Hub, devices: list[Device]) -> None:
        self.hub = hub
        self.devices = {device.id: device for device in devices}
        self.taken: dict[str, Taken] = {}
        self.places: Counter[str] = Counter()
        self.durable: dict[str, Command] = {}
        """As last made durable."""
        self.left: dict[str, int] = {}
        """cid → how often it was published."""
        self.first_left_ns: dict[str, int] = {}
        self.newest: dict[str, int] = {}
        """Device → place of the newest command that left."""
        self.unanswered: set[str] = set()
        """Commands whose deadline passed without an answer, whatever came later."""
        self.counts: Counter[str] = Counter()
        self.now_ns = 0
        """True time, as the history tells it."""

    # --- people ask ----------------------------------------------------------------------------

    def ask(self, asked: Asked, true_ns: int) -> str | None:
        """Let somebody ask for something; its id, None when the hub refused."""
        device = list(self.devices.values())[asked.device]
        self.counts["asked"] += 1
        if self.hub.plant is None:
            self.counts["hub away"] += 1
            return None
        try:
            cid, effects = self.hub.plant.command(device.id, asked.wish, self.hub.now(true_ns))
        except RequestError as err:
            self.counts[f"refused: {err.code}"] += 1
            return None
        ensure(cid not in self.taken, "two commands have one id")
        self.places[device.id] += 1
        self.taken[cid] = Taken(device, asked, self.places[device.id])
        self.hub.perform(effects, true_ns)
        return cid

    def cancel(self, cid: str, true_ns: int) -> None:
        """Let somebody withdraw a command."""
        if self.hub.plant is not None:
            _, effects = self.hub.plant.cancel(self.taken[cid].device.id, cid, self.hub.now(true_ns))
            self.hub.perform(effects, true_ns)

    def nobodys(self, device: Device, random: Random) -> str:
        """Id of a command that the device has nothing to say about (any more)."""
        others = [cid for cid, taken in self.taken.items() if taken.device is not device]
        closed = [cid for cid, command in self.durable.items() if command.device_id == device.id]
        closed = [cid for cid in closed if self.durable[cid].step in ANSWERS]
        unheard = f"{random.getrandbits(64):026X}"
        return random.choice(random.choice([found for found in (others, closed, [unheard]) if found]))

    # --- the disk ------------------------------------------------------------------------------

    def judge_batch(self, batch: Batch) -> None:
        """A batch became durable: no step is taken back, and none comes after the last."""
        for kept in batch.commands:
            now = Command.restored(kept.cid, kept.device_id, kept.state)
            before = self.durable.get(kept.cid)
            self.durable[kept.cid] = now
            ensure(kept.is_open == (now.step in OPEN), "open is not what it is kept as")
            old = 0 if before is None else len(before.steps)
            if before is not None:
                ensure(now.steps[:old] == before.steps, "a step of a command was taken back")
                closed = before.step not in OPEN and before.step is not Step.UNKNOWN
                ensure(not closed or len(now.steps) == old, "a closed command went on")
            for passed in now.steps[old:]:
                self._judge_step(now, passed)

    def _judge_step(self, command: Command, passed: Passed) -> None:
        if passed.step is Step.UNKNOWN:
            self.unanswered.add(command.cid)
            sent_ns = next(before.at_ns for before in command.steps if before.step is Step.SENT)
            in_time = passed.at_ns - sent_ns < command.life_ns
            ensure(not in_time or self.hub.clock_steps, "unknown before the deadline")
        elif passed.step in ANSWERS:
            said = self.taken[command.cid].device.hands.said.get(command.cid, set())
            ensure(passed.step in {answer.status for answer in said}, f"{passed.step} without the device's word")

    # --- the hub speaks ------------------------------------------------------------------------

    def published(self, payload: dict[str, Any]) -> None:
        """A command leaves: durable as sent, open, the only one, and after all before it."""
        if payload["type"] != "command" or payload["cmd"] in HUBS_OWN:
            return
        cid, device_id = payload["cid"], payload["id"]
        taken, durable = self.taken.get(cid), self.durable.get(cid)
        ensure(taken is not None and durable is not None and taken.device.id == device_id, "nobody asked for it")
        assert taken is not None
        assert durable is not None
        ensure(durable.step in ON_ITS_WAY, f"it left although it is kept as {durable.step}")
        now = self.hub.member(device_id).ledger.open
        ensure(now is not None and now.cid == cid, "it left although another one is open, or none")
        ensure(taken.place >= self.newest.get(device_id, 0), "a newer command left before it")
        self.newest[device_id] = taken.place
        self.left[cid] = self.left.get(cid, 0) + 1
        self.first_left_ns.setdefault(cid, self.now_ns)
        ensure((payload["cmd"], payload["args"]) == (taken.asked.name, taken.asked.args), "something else left")

    # --- the hub hears, dies and starts --------------------------------------------------------

    def ledgers(self) -> dict[str, dict[str, Step]]:
        """All that the hub remembers of its commands."""
        plant = self.hub.plant
        assert plant is not None
        return {device_id: ledger_digest(member.ledger) for device_id, member in plant.members.items()}

    def answered(self, device: Device, message: bytes, before: dict[str, dict[str, Step]]) -> None:
        """An ack was taken: it moved the command that it names, as far as the table lets it, and no other one."""
        after = self.ledgers()
        if message in device.hands.lies:
            ensure(after == before, "an answer that is nobody's changed a command")
            return
        payload = json.loads(message[65:-1])
        cid, said = payload["cid"], Step(payload["status"])
        was = before[device.id].get(cid)
        wants = said in ANSWERS or was is Step.SENT
        expected = {cid: said} if was in (Step.SENT, Step.ACCEPTED, Step.UNKNOWN) and wants else {}
        mine = before[device.id] | expected
        remembered = {known: step for known, step in mine.items() if known in after[device.id]}
        ensure(after == before | {device.id: remembered}, f"{said} was not taken for what it is")
        ensure(cid in after[device.id] or cid not in mine, "the command that was answered is forgotten")

    def started(self) -> None:
        """The hub is back: what was kept as open is known, in its step or beyond; what was not kept never left."""
        for cid, command in self.durable.items():
            if command.step in OPEN:
                now = self.hub.member(command.device_id).ledger.get(cid)
                ensure(now is not None and now.steps[: len(command.steps)] == command.steps, "an open command is lost")
        for cid in self.taken.keys() - self.durable.keys():
            ensure(cid not in self.left, "what left is not on the disk")

    def is_over(self) -> bool:
        """Whether nothing waits for anything any more."""
        plant = self.hub.plant
        assert plant is not None
        return all(member.ledger.open is None and not member.ledger.waiting for member in plant.members.values())

    # --- at any time, and at the end -----------------------------------------------------------

    def moved(self) -> None:
        """No machine moved twice for one command, and each moved in the order of asking."""
        for device in self.devices.values():
            cids = [cid for cid, _ in device.hands.moved]
            ensure(len(cids) == len(set(cids)), "a machine moved twice for one command")
            places = [self.taken[cid].place for cid, _ in device.hands.obeyed]
            ensure(places == sorted(set(places)), "commands of a device were obeyed out of order, or twice")
            self._in_time(device)

    def _in_time(self, device: Device) -> None:
        """Nothing was begun after its deadline, as far as the hub's clock was never set."""
        for cid, at_ns in device.hands.obeyed[-3:]:
            until_ns = self.first_left_ns[cid] + round(self.taken[cid].asked.life_s * NS)
            late_ns = at_ns - until_ns
            ensure(late_ns <= SLACK_NS or self.hub.clock_steps, f"obeyed {late_ns / NS:.1f} s after the deadline")

    def finish(self) -> None:
        """After the last fault: each command as it ended, and what the machine says."""
        self.moved()
        for cid in self.taken:
            self._judge_end(cid)
        steps = Counter(command.step for command in self.durable.values())
        self.counts.update({str(step): count for step, count in steps.items()})
        self.counts["forgotten before it was kept"] += len(self.taken.keys() - self.durable.keys())
        done = sum(
            command.step is Step.DONE and self.taken[cid].asked.name in MOVES for cid, command in self.durable.items()
        )
        self.counts["done, moved"] += done
        self.counts["moved"] += sum(len(device.hands.moved) for device in self.devices.values())
        self.counts["deadline passed"] += len(self.unanswered)
        self.counts["sent again"] += sum(times - 1 for times in self.left.values())

    def _judge_end(self, cid: str) -> None:
        device, asked, _ = self.taken[cid]
        moves = sum(moved == cid for moved, _ in device.hands.moved)
        command = self.durable.get(cid)
        if command is None:
            ensure(not moves and cid not in self.left, "a command was obeyed that is not on the disk")
            return
        step, answer = command.step, Answer(command.step, command.reason)
        ensure(not command.is_open, f"a command is still {step}")
        if asked.name in MOVES and step is Step.DONE:
            ensure(moves == 1, "done, and nothing moved")
        if moves:
            may = step in (Step.DONE, Step.UNKNOWN) or answer == UNKNOWN_OUTCOME
            ensure(may, f"{step}, {command.reason}: and it moved")
        if step in (Step.NOT_SENT, Step.CANCELLED):
            ensure(cid not in self.left, f"{step}, and it left")
        if answer == UNKNOWN_OUTCOME:
            ensure(cid in device.hands.torn, "the outcome is unknown, and no reset tore it")
            self.counts["failed, unknown_outcome"] += 1
