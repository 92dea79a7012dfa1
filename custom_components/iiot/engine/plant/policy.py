"""What people decided about one device: kept with it, obeyed by every room, exchanged in the registry file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from ..actuation.interlocks import Interlock
from ..devices.bare import BareTopic
from ..records import Bounds, Matching

type Key = Annotated[str, Matching(r"[a-z0-9_]{1,64}", "must be 1 to 64 of a to z, 0 to 9 and _")]


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """What people decided about one device."""

    interlocks: Mapping[Key, Interlock] = field(default_factory=dict)
    """Actuator → what must hold before it may be moved."""
    topics: tuple[BareTopic, ...] = ()
    """Of a bare device: where it speaks, and what its payloads hold."""
    interval_s: Annotated[float, Bounds(1, 86_400)] = 300.0
    """Of a bare device: how often it speaks at least."""
