"""Who may do what where: a role is granted on a node, holds for all below it, and the nearest decides."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Role(StrEnum):
    """What a person may do, the least first; each may do what those before it may."""

    VIEWER = "viewer"
    """Read."""
    OPERATOR = "operator"
    """Also move controls, put devices to sleep and wake them, let them show themselves, ask them."""
    ENGINEER = "engineer"
    """Also send any command, set up sampling and interlocks, and grant roles below the own node."""

    def covers(self, need: Role) -> bool:
        """Whether it may do what takes the role `need`."""
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(need)


class Level(StrEnum):
    """Kinds of nodes, from the top: the ISA-95 path of a device, with the floor where there is one."""

    SITE = "site"
    FLOOR = "floor"
    AREA = "area"
    LINE = "line"
    CELL = "cell"
    DEVICE = "device"


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """A place on which a role can be granted."""

    level: Level
    id: str
    """Of the hub's entry, the floor, the area, or the device's subentry, which outlives its hardware; of a line or a
    cell the way to it from its area, as `line_node` and `cell_node` write it."""


def line_node(area_id: str | None, line: str) -> Node:
    """Name a line of an area, however its letters are written; None: it is in no area."""
    return Node(level=Level.LINE, id=f"{area_id or ''}/{line.casefold()}")


def cell_node(area_id: str | None, line: str, cell: str) -> Node:
    """Name a cell of a line, however its letters are written."""
    return Node(level=Level.CELL, id=f"{line_node(area_id, line).id}/{cell.casefold()}")


def way_to(node: Node) -> tuple[str | None, str, str | None]:
    """Give area, line and cell of the node of a line (no cell) or a cell."""
    area_id, _, below = node.id.partition("/")
    line, _, cell = below.partition("/")
    return area_id or None, line, cell or None


type Path = tuple[Node, ...]
"""From the site down to the node that is meant."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Grant:
    """A person has a role on a node, and below it."""

    user_id: str
    node: Node
    role: Role


@dataclass(frozen=True, kw_only=True, slots=True)
class Grants:
    """Every grant of one site; at most one of a person on a node."""

    grants: tuple[Grant, ...] = ()

    def with_role(self, user_id: str, node: Node, role: Role | None) -> Grants:
        """Grant a role, or take away the one that was granted there (None)."""
        kept = tuple(found for found in self.grants if (found.user_id, found.node) != (user_id, node))
        return Grants(grants=kept if role is None else (*kept, Grant(user_id=user_id, node=node, role=role)))


class Person(NamedTuple):
    """Who asks."""

    user_id: str | None
    """None: an automation, that is the site itself."""
    is_admin: bool = False


def role_of(person: Person, path: Path, grants: Collection[Grant]) -> Role | None:
    """The role at the end of a path; None: roles are not in use, since nobody was granted any on the site."""
    if person.user_id is None or person.is_admin:
        return Role.ENGINEER
    if not grants:
        return None
    own = {grant.node: grant.role for grant in grants if grant.user_id == person.user_id}
    return next((own[node] for node in reversed(path) if node in own), Role.VIEWER)


def may(person: Person, path: Path, grants: Collection[Grant], need: Role, *, is_control: bool = False) -> bool:
    """Whether somebody may do what takes a role.

    Before the first grant of a site, controls follow Home Assistant's own rights; all else is for administrators.
    """
    role = role_of(person, path, grants)
    return is_control if role is None else role.covers(need)


def may_grant(person: Person, path: Path, grants: Collection[Grant]) -> bool:
    """Whether somebody may grant roles on the node at the end of a path: who is engineer of the node above it."""
    return may(person, path[:-1], grants, Role.ENGINEER)
