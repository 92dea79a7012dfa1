"""What people write about devices: formulas, and policies as a registry file holds them."""

import json
import math
from random import Random
from typing import Any, Final

from iiot_engine import records
from iiot_engine.errors import RecordError
from iiot_engine.ingest.expression import FUNCTIONS, ExpressionError, read_expression
from iiot_engine.plant.policy import Policy
from tests.builders import Machine, World

from . import nasty
from .target import ACCEPTED, BytesTarget, Verdict, ensure, timed
from .wire_targets import text_of

PIECES: Final = (
    *FUNCTIONS,
    *("temperature", "strokes", "in", "2nd", "1e5", "1e999", "0x1f", ".5", "9" * 40),
    *"+-*/(),.[]'\" \n",
    *("**", " if ", " or ", "//", "lambda:", "__import__"),
)
POLICY: Final[dict[str, Any]] = {
    "polling": {"interval_s": 10, "channels": ["temperature"], "intervals": {"strokes": 60}, "timeout_s": 2},
    "channels": {"temperature": {"low": -5, "high": 90.5, "slew_per_s": 2, "stuck_s": 600, "deadband_percent": 1}},
    "calculated": {"twice": {"name": "Twice", "expression": "temperature * 2", "unit": "K", "precision": 1}},
    "interlocks": {"fan": {"minimum_on_s": 5}},
    "trial": True,
}


class FormulaTarget(BytesTarget[None]):
    """A formula: read or refused, and its value is a finite number or none."""

    name = "formula"
    share = 3
    episode = 200

    def fresh(self, setup: dict[str, Any]) -> None:
        return None

    def draw(self, subject: None, random: Random) -> bytes:
        text = "".join(random.choice(PIECES) for _ in range(random.choice((1, 3, 8, 20, 90)))).encode()
        return nasty.mutated(text, random) if random.random() < 0.2 else text

    def feed(self, subject: None, item: bytes) -> Verdict:
        text = item.decode("utf-8", "replace")
        try:
            found, cost = timed(lambda: read_expression(text))
        except ExpressionError as err:
            return Verdict(err.flaw, 0)
        for number in (0.0, -1.0, 1e308, 3.7):
            value = found.value(dict.fromkeys(found.names, number))
            ensure(value is None or math.isfinite(value), "a value that is no number")
        return Verdict(ACCEPTED, cost)


class PolicyTarget(BytesTarget[Machine]):
    """A policy: read or refused with the place, and a device obeys whatever was read."""

    name = "policy"
    share = 2
    episode = 50

    def fresh(self, setup: dict[str, Any]) -> Machine:
        return Machine(World()).join()

    def draw(self, subject: Machine, random: Random) -> bytes:
        document: Any = POLICY
        for _ in range(random.choice((0, 1, 1, 2))):
            document = nasty.spoiled(document, random)
        return text_of(document, random)

    def feed(self, subject: Machine, item: bytes) -> Verdict:
        try:
            raw = json.loads(item)
        except ValueError, RecursionError:
            return Verdict("no_json", 0)
        try:
            policy, cost = timed(lambda: records.read(Policy, raw))
        except RecordError as err:
            ensure(err.reason, "no reason")
            return Verdict(err.code, 0)
        ensure(records.read(Policy, records.write(policy)) == policy, "written and read again it is another")
        world = subject.world
        world.perform(world.plant.set_policy(subject.id, policy))
        subject.read(temperature=20.5, strokes=3)
        world.pass_time(0.3)
        return Verdict(ACCEPTED, cost)


TARGETS: Final = (FormulaTarget(), PolicyTarget())
