"""Where a device stands below its area, and how it relates to others: what people wrote of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, NamedTuple

from ..records import Key, Matching

type PlaceName = Annotated[
    str,
    Matching(
        r"[^\s/\x00-\x1f\x7f](?:[^/\x00-\x1f\x7f]{0,62}[^\s/\x00-\x1f\x7f])?",
        "must be 1 to 64 visible characters, without / and without a blank at either end",
    ),
]
"""Name of a line or a cell. The slash stands between the parts of a path."""

type Target = Annotated[str, Matching(r"[^\s\x00-\x1f\x7f]{1,64}", "must be the id of a device")]
"""A device of the site by its own id, or any other one by its id in Home Assistant."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asset:
    """The lower part of an ISA-95 path; site and area are Home Assistant's."""

    line: PlaceName | None = None
    cell: PlaceName | None = None

    def flaw(self) -> tuple[str, str] | None:
        """Say what does not fit together."""
        return ("cell", "needs a line in which it is") if self.cell is not None and self.line is None else None


class RelationKind(StrEnum):
    """What a device, or one of its channels, is to another device."""

    PART_OF = "part_of"
    FEEDS = "feeds"
    MEASURES = "measures"


@dataclass(frozen=True, kw_only=True, slots=True)
class Relation:
    """What a device, or one of its channels, is to another device."""

    kind: RelationKind
    target: Target
    channel: Key | None = None
    """Key of the channel that is meant; None: the device as a whole."""


type Relations = tuple[Relation, ...]


class Flaw(StrEnum):
    """Why a relation cannot be."""

    TWICE = "relation_twice"
    ITSELF = "relation_to_itself"
    TWO_WHOLES = "relation_to_two"
    RING = "relation_ring"


class Flawed(NamedTuple):
    """A relation that cannot be."""

    at: int
    """Its place in the list."""
    flaw: Flaw


def part_of(relations: Relations) -> str | None:
    """Give what a device as a whole is part of."""
    wanted = (RelationKind.PART_OF, None)
    return next((one.target for one in relations if (one.kind, one.channel) == wanted), None)


def flaw_of(device_id: str, relations: Relations, parents: Mapping[str, str]) -> Flawed | None:
    """Say what cannot be of a device's relations, with what each device of the site is part of, this one too.

    A device is part of one thing at most, and of nothing that is part of itself. What feeds may go round: coolant does.
    """
    seen: set[Relation] = set()
    has_whole = False
    for at, one in enumerate(relations):
        is_whole = one.kind is RelationKind.PART_OF and one.channel is None
        if one in seen:
            return Flawed(at, Flaw.TWICE)
        if one.target == device_id and one.channel is None:
            return Flawed(at, Flaw.ITSELF)
        if is_whole and has_whole:
            return Flawed(at, Flaw.TWO_WHOLES)
        if is_whole and _leads_back(device_id, one.target, parents):
            return Flawed(at, Flaw.RING)
        seen.add(one)
        has_whole = has_whole or is_whole
    return None


def renamed(relations: Relations, before: str, after: str) -> Relations:
    """Give the relations with another id for one target: other hardware took its place."""
    return tuple(
        Relation(kind=one.kind, target=after, channel=one.channel) if one.target == before else one for one in relations
    )


def _leads_back(device_id: str, target: str, parents: Mapping[str, str]) -> bool:
    seen: set[str] = set()
    above: str | None = target
    while above is not None and above not in seen:
        if above == device_id:
            return True
        seen.add(above)
        above = parents.get(above)
    return False
