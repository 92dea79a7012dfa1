"""The replies of every command."""

from typing import Any, TypedDict

from ..bridge.assets import Described


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


ChangeShape = TypedDict("ChangeShape", {"path": str, "from": Any, "to": Any})
"""One place at which something else is to stand, or stands now; None: nothing, or what stands there by default."""


class DeviceChangesShape(TypedDict):
    """What changes of one device."""

    name: str
    changes: list[ChangeShape]


class FlawShape(TypedDict):
    """Where a registry file is wrong, and why."""

    line: int
    path: str
    reason: str


class SerialsShape(TypedDict):
    """What became of a list of devices that are going to join: ids."""

    dry_run: bool
    errors: list[FlawShape]
    """With a single one, nothing was changed. The path is a column."""
    added: list[str]
    changed: list[str]
    unchanged: list[str]
    joined: list[str]
    """Those that are in already: nothing changes for them."""
    dropped: list[str]


class JoinerShape(TypedDict):
    """How far a device has come."""

    id: str
    name: str
    model: str
    step: str
    listed: bool
    holds_key: bool
    other_model: str


class JoiningShape(TypedDict):
    """Who joins a site now."""

    until: str | None
    """End of the window; None: it is closed."""
    steps: dict[str, int]
    devices: list[JoinerShape]


class ImportShape(TypedDict):
    """What became of a registry file."""

    dry_run: bool
    errors: list[FlawShape]
    """With a single one, nothing was changed."""
    devices: dict[str, DeviceChangesShape]
    """Those of which something changes."""


class PlaceShape(TypedDict):
    """Where a device stands below its site."""

    name: str
    """Of the device."""
    area_id: str | None
    line: str | None
    cell: str | None


class AssetsShape(TypedDict):
    """The devices of a site: where they stand, what they are to others."""

    config_entry_id: str
    site: str
    devices: list[Described]
