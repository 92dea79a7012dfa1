"""A fleet as the command line sees it, whichever way it came in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Final, Protocol

from .errors import RefusedError

MOST_NAMED: Final = 20
"""Devices that a refusal lists."""
MOST_NEAR: Final = 5
"""Of them, when they are called nearly as what was asked for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Value:
    """The newest value of one channel."""

    key: str
    name: str
    value: str
    """As it is shown."""
    unit: str = ""

    def __str__(self) -> str:
        return " ".join(filter(None, (self.name, self.value, self.unit)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """One device at one moment."""

    id: str
    """The hardware."""
    name: str
    model: str = ""
    state: str = "unknown"
    """`live`, `late`, `asleep`, `lost`, or `unknown`."""
    lag_s: float | None = None
    """How old its newest data was when it came."""
    values: tuple[Value, ...] = ()
    pending: str = ""
    """Its command that is under way."""
    refused: int | None = None
    """Messages in its name that were refused; None: nobody tells."""
    note: str = ""
    """What else a person should know."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """Something to ask of devices."""

    name: str
    """As on the wire: `set`, `sleep`, `set_interval`, …; `poll` is the downward leaf of that name."""
    args: dict[str, Any] = field(default_factory=dict)
    life_s: float = 30.0
    waits: bool = False
    """A device that sleeps gets it when it wakes up."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What one device made of an order."""

    id: str
    name: str
    status: str
    """`done`, `requested` (it waits for a device that sleeps), or why not."""
    reason: str = ""
    result: Any = None
    command_id: str = ""

    @property
    def is_fine(self) -> bool:
        """Whether nothing has gone wrong."""
        return self.status in ("done", "requested")


class Way(Protocol):
    """A way in: through Home Assistant, or straight to the broker."""

    async def devices(self) -> list[Seen]:
        """Every device as it is known now; cheap once the first call has answered."""
        ...

    async def order(self, order: Order, names: Sequence[str]) -> list[Outcome]:
        """Ask devices, by id or name; all of them when none is named. Raises when nobody can be asked."""
        ...


def chosen[T: Seen](devices: Sequence[T], names: Sequence[str]) -> list[T]:
    """Those that are named by id or by name, in the order of the names; all when none is."""
    if not names:
        return list(devices)
    found = []
    for name in names:
        fits = [one for one in devices if one.id == name] or [
            one for one in devices if one.name.casefold() == name.casefold()
        ]
        if len(fits) > 1:
            raise RefusedError(f"several devices are called {name}: name it by its id, {listed(fits)}")
        if not fits:
            raise RefusedError(f"there is no device {name}; {_instead(devices, name)}")
        found += fits
    return found


def _instead(devices: Sequence[Seen], name: str) -> str:
    """Say which devices are called alike, else which there are."""
    wanted = name.casefold()
    by_name = {one.name.casefold(): one for one in devices} | {one.id.casefold(): one for one in devices}
    near = [text for text in by_name if wanted in text] or get_close_matches(wanted, by_name, MOST_NEAR)
    found = list({by_name[text].id: by_name[text] for text in near}.values())
    if not found:
        return f"there are: {listed(devices) or 'none'}"
    told = ", ".join(f"{one.name} ({one.id})" for one in sorted(found, key=lambda one: one.name)[:MOST_NEAR])
    return f"called alike: {told}"


def listed(devices: Sequence[Seen]) -> str:
    """Ids of devices, not too many of them."""
    ids = sorted(one.id for one in devices)
    more = f" and {len(ids) - MOST_NAMED} more" if len(ids) > MOST_NAMED else ""
    return ", ".join(ids[:MOST_NAMED]) + more
