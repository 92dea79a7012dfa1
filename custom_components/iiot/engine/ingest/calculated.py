"""Channels that the hub works out of others of the same device."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final, NamedTuple

from ..devices.manifest import Channel
from ..records import Bounds
from ..values import Kind, Quality, Shown
from .expression import Expression, ExpressionError, read_expression

MAX_CALCULATED: Final = 64
"""Of one device."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Calculated:
    """One calculated channel."""

    name: str
    expression: str
    """Over keys of channels of the same device."""
    unit: str | None = None
    device_class: str | None = None
    """Home Assistant's word, unchecked: an unknown one degrades to a plain sensor."""
    state_class: str | None = None
    precision: Annotated[int | None, Bounds(0, 12)] = None

    def flaw(self) -> tuple[str, str] | None:
        """What is wrong with it: the field, and why."""
        try:
            read_expression(self.expression)
        except ExpressionError as err:
            return "expression", err.reason
        return None


class Formula(NamedTuple):
    """A calculated channel at work."""

    channel: Channel
    expression: Expression

    def work_out(self, values: Mapping[str, Shown]) -> Shown:
        """Give its value by those of the others: as good as the worst of them, and none without one of them."""
        inputs = [values.get(key) for key in sorted(self.expression.names)]
        there = [shown for shown in inputs if shown is not None]
        time_ns = max((shown.time_ns for shown in there), default=0)
        numbers = {
            key: float(shown.value)
            for key, shown in zip(sorted(self.expression.names), inputs, strict=True)
            if shown is not None and shown.quality is not Quality.BAD and isinstance(shown.value, float | int)
        }
        value = self.expression.value(numbers)
        if value is None:
            return Shown(None, Quality.BAD, time_ns)
        return Shown(value, max(shown.quality for shown in there), time_ns)


def formulas_of(calculated: Mapping[str, Calculated]) -> dict[str, Formula]:
    """Read the calculated channels of a device, which were checked when they were written."""
    return {key: Formula(_channel(key, row), read_expression(row.expression)) for key, row in calculated.items()}


def _channel(key: str, row: Calculated) -> Channel:
    return Channel(
        key=key,
        name=row.name or key,
        kind=Kind.FLOAT,
        unit=row.unit,
        device_class=row.device_class,
        state_class=row.state_class,
        precision=row.precision,
    )
