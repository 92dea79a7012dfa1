"""The replies of every command."""

from typing import Any, TypedDict


class NodeShape(TypedDict):
    """A place on which a role can be granted."""

    level: str
    id: str
    name: str


class GrantShape(TypedDict):
    """A person has a role on a node, and below it."""

    user_id: str
    user: str
    node: NodeShape
    role: str


class RolesShape(TypedDict):
    """Who has which role at a site, as far as it concerns whoever asks."""

    config_entry_id: str
    own: str | None
    """Role on the site as a whole; None: roles are not in use."""
    grants: list[GrantShape]


class PolicyShape(TypedDict):
    """What people decided about a device."""

    device_id: str
    policy: dict[str, Any]


class PolicyChangeShape(PolicyShape):
    """What became of a change."""

    name: str
    changed: list[str]
    """Sections."""
    dry_run: bool
