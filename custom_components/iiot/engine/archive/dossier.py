"""What the archive knows of one device: as far as it has read the journal, and no further."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from ..devices.adopted import AdoptedEntity
from ..devices.anchor import MAX_BOOTS
from ..devices.bare import BareTopic
from ..devices.manifest import Channel
from ..ingest.calculated import Calculated
from ..ingest.checks import Checks
from ..intake.ranges import Ranges
from ..values import maybe_whole, whole

MAX_TAKEN_BOOTS: Final = 2 * MAX_BOOTS
"""Boots of which the numbers of kept rows are remembered: more than the intake waits for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Described:
    """What people decided about a device, as far as its history rests on it."""

    name: str
    """Under which its readings are kept, whatever hardware stands there."""
    channels: Mapping[str, Channel] = field(default_factory=dict)
    """By its present manifest: for rows from before the first manifest in the journal."""
    checks: Mapping[str, Checks] = field(default_factory=dict)
    calculated: Mapping[str, Calculated] = field(default_factory=dict)
    topics: tuple[BareTopic, ...] = ()
    entities: tuple[AdoptedEntity, ...] = ()


class Anchor(NamedTuple):
    """Where a boot lies in the hub's time, as the journal said last."""

    began_ns: int
    skew_ns: int | None


class Dossier:
    """Of one device."""

    __slots__ = ("anchors", "channels", "taken")

    def __init__(self) -> None:
        self.channels: dict[str, Channel] = {}
        self.anchors: dict[int, Anchor] = {}
        self.taken: dict[int, Ranges] = {}
        """Boot → numbers of the rows that are kept."""

    def follow_clock(self, boot: int, began_ns: int | None, skew_ns: int | None) -> None:
        """Note where a boot lies."""
        if began_ns is None:
            return
        before = self.anchors.get(boot)
        self.anchors[boot] = Anchor(began_ns, before.skew_ns if before and skew_ns is None else skew_ns)
        while len(self.anchors) > MAX_BOOTS:
            del self.anchors[min(self.anchors)]

    def fresh(self, boot: int, first: int, last: int) -> list[int]:
        """Count rows as kept; gives the numbers of those that were not."""
        ranges = self.taken.get(boot)
        if ranges is None:
            ranges = self.taken[boot] = Ranges()
            while len(self.taken) > MAX_TAKEN_BOOTS:
                del self.taken[min(self.taken)]
        missing = ranges.missing(first, last)
        ranges.add(first, last)
        return [number for low, high in missing for number in range(low, high + 1)]

    def state(self) -> list[Any]:
        """What has to be durable, as JSON; the argument of `restored`. Channels come from the manifest."""
        return [
            {str(boot): list(anchor) for boot, anchor in self.anchors.items()},
            {str(boot): ranges.state() for boot, ranges in self.taken.items()},
        ]

    @classmethod
    def restored(cls, state: list[Any]) -> Dossier:
        """Build what `state` described."""
        found = cls()
        anchors, taken = state
        found.anchors = {int(boot): Anchor(whole(began), maybe_whole(skew)) for boot, (began, skew) in anchors.items()}
        found.taken = {int(boot): Ranges(ranges) for boot, ranges in taken.items()}
        return found
