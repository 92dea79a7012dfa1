"""What people registered of a bare device that can be told something: where, under which key, and what it moves."""

from dataclasses import dataclass
from typing import Annotated, Final, Literal

from ..records import Bounds, Matching
from .bare import BareTopic, Key, Name, Word
from .manifest import Actuator
from .manifest_rules import MAX_ACTUATORS

type Topic = Annotated[str, Matching(r"[^$+#\x00-\x1f][^+#\x00-\x1f]{0,255}", "must be a topic without + and #")]

ACTUATOR_KINDS: Final = ("switch", "number", "button")


@dataclass(frozen=True, kw_only=True, slots=True)
class BareActuator:
    """One thing that a bare device can be told to move."""

    key: Key
    name: Name = ""
    kind: Literal["switch", "number", "button"] = "switch"
    unit: Word | None = None
    minimum: float | None = None
    maximum: float | None = None
    step: Annotated[float | None, Bounds(low=0)] = None
    channel: Annotated[str | None, Matching(r"[a-z0-9_]{1,64}", "must be the key of a channel")] = None
    """Channel that reports it; None: nothing does."""

    def flaw(self) -> tuple[str, str] | None:
        """Field and reason, when its fields contradict each other."""
        ranged = [name for name in ("unit", "minimum", "maximum", "step") if getattr(self, name) is not None]
        if self.kind != "number" and ranged:
            return ranged[0], f"means nothing for a {self.kind}"
        if self.kind == "button" and self.channel is not None:
            return "channel", "means nothing for a button"
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            return "maximum", "must not be below the minimum"
        return None


@dataclass(frozen=True, kw_only=True, slots=True)
class BareCommands:
    """How a bare device is told what to do."""

    topic: Topic
    """Where it listens."""
    kid: Annotated[int, Bounds(1, 2**32 - 1)] = 1
    """Number of the key for commands and answers in the key file."""
    ack: Topic | None = None
    """Where it answers; None: it cannot, so that a command ends as sent."""
    actuators: tuple[BareActuator, ...] = ()

    def flaw(self) -> tuple[str, str] | None:
        """Field and reason, when its fields contradict each other."""
        if self.ack == self.topic:
            return "ack", "must be another topic than that of the commands"
        if len({one.key for one in self.actuators}) < len(self.actuators):
            return "actuators", "must have different keys"
        if len(self.actuators) > MAX_ACTUATORS:
            return "actuators", f"must be at most {MAX_ACTUATORS}"
        return None

    @property
    def answers(self) -> BareTopic | None:
        """The topic of its answers, as one to listen to."""
        return None if self.ack is None else BareTopic(topic=self.ack, kid=self.kid)


def actuators_of(commands: BareCommands | None) -> dict[str, Actuator]:
    """Describe what it moves like the actuators of any device."""
    return {
        one.key: Actuator(
            key=one.key,
            name=one.name or one.key,
            kind=one.kind,
            unit=one.unit,
            minimum=one.minimum,
            maximum=one.maximum,
            step=one.step,
            channel=one.channel,
        )
        for one in (commands.actuators if commands is not None else ())
    }
