"""What devices are to others: checked when it is decided, resolved to pages of Home Assistant, put into words."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypedDict

from homeassistant.helpers import device_registry as dr

from ..engine.devices.assets import Flaw, Flawed, Relation, Relations, flaw_of, part_of
from ..engine.errors import RecordError
from .enrolment import policy_of
from .stations import page_of, subentry_of

if TYPE_CHECKING:
    from homeassistant.config_entries import ConfigSubentry

    from ..engine.plant.policy import Policy
    from .hub import Hub

type Parents = Mapping[str, str | None]
"""Device → what it is to be part of."""

MOST_STEPS: Final = 64
"""Devices between a device and what it hangs on, in Home Assistant."""
REASONS: Final = {
    Flaw.TWICE: "stands there twice",
    Flaw.ITSELF: "relates the device to itself",
    Flaw.TWO_WHOLES: "would make the device part of two things",
    Flaw.RING: "would make the device part of itself: its target is part of it already",
}


class Related(TypedDict):
    """What a device, or one of its channels, is to another."""

    kind: str
    channel: str | None
    target: str
    name: str
    device_id: str | None
    """Its page in Home Assistant; None: it is gone."""


def check(hub: Hub, subentry: ConfigSubentry, policy: Policy, planned: Parents = MappingProxyType({})) -> None:
    """Raise `RecordError` when a device cannot have the relations of a policy; those that it has already may stay.

    `planned` is what other devices are to be part of, with the same decision.
    """
    before = policy_of(subentry).relations
    if policy.relations == before:
        return
    device_id = str(subentry.unique_id)
    for at, one in enumerate(policy.relations):
        if one not in before:
            _check_ends(hub, device_id, one, f"relations[{at}]")
    flawed = flaw_at_site(hub, device_id, policy.relations, planned)
    if flawed is not None:
        raise RecordError(f"relations[{flawed.at}]", REASONS[flawed.flaw])


def flaw_at_site(
    hub: Hub, device_id: str, relations: Relations, planned: Parents = MappingProxyType({})
) -> Flawed | None:
    """Say what cannot be of a device's relations, beside those of all others."""
    parents = {name: part_of(member.policy.relations) for name, member in hub.plant.members.items()}
    parents |= {**planned, device_id: part_of(relations)}
    return flaw_of(device_id, relations, {name: above for name, above in parents.items() if above is not None})


def page_of_target(hub: Hub, target: str) -> dr.DeviceEntry | None:
    """Give the page of a target: of a device of the site, or of any other one of Home Assistant."""
    subentry = subentry_of(hub.entry, target)
    if subentry is not None:
        return page_of(hub.hass, hub.entry.entry_id, subentry.subentry_id)
    return dr.async_get(hub.hass).async_get(target, include_child_devices=False)


def target_of(hub: Hub, registry_id: str) -> str:
    """Write a device of Home Assistant as a target: one of the site by its own id."""
    page = dr.async_get(hub.hass).async_get(registry_id)
    subentry = None if page is None else hub.entry.subentries.get(page.config_subentry_id or "")
    return registry_id if subentry is None else str(subentry.unique_id)


def name_of_target(hub: Hub, target: str) -> str:
    """What people call a target; its id when it is gone."""
    page = page_of_target(hub, target)
    return target if page is None else page.name_by_user or page.name or target


def related(hub: Hub, one: Relation) -> Related:
    """Describe a relation."""
    page = page_of_target(hub, one.target)
    return {
        "kind": one.kind.value,
        "channel": one.channel,
        "target": one.target,
        "name": name_of_target(hub, one.target),
        "device_id": None if page is None else page.id,
    }


def parent_of(hub: Hub, device_id: str) -> dr.DeviceEntry | None:
    """Give the page of what a device is part of."""
    member = hub.plant.members.get(device_id)
    target = None if member is None else part_of(member.policy.relations)
    return None if target is None else page_of_target(hub, target)


def hangs_on(registry: dr.DeviceRegistry, page: dr.DeviceEntry, other_id: str) -> bool:
    """Whether a page is that of a device, or is connected by way of it, however far."""
    above: dr.DeviceEntry | None = page
    for _ in range(MOST_STEPS):
        if above is None:
            return False
        if above.id == other_id:
            return True
        above = registry.async_get(above.via_device_id or "", include_child_devices=False)
    return True


def shown(hub: Hub, relations: Relations, channel: str | None) -> dict[str, str]:
    """Put the relations of a channel, or of the device as a whole, into words: kind → names of the targets."""
    found: dict[str, list[str]] = {}
    for one in relations:
        if one.channel == channel:
            found.setdefault(str(one.kind), []).append(name_of_target(hub, one.target))
    return {kind: ", ".join(names) for kind, names in found.items()}


def _check_ends(hub: Hub, device_id: str, one: Relation, path: str) -> None:
    page = page_of_target(hub, one.target)
    if page is None:
        raise RecordError(f"{path}.target", "is no device of this site, and none of Home Assistant")
    if target_of(hub, page.id) != one.target:
        raise RecordError(f"{path}.target", f"is a device of this site: write its own id, {target_of(hub, page.id)}")
    manifest = hub.plant.members[device_id].device.manifest
    if one.channel is not None and manifest is not None and one.channel not in manifest.channels:
        raise RecordError(f"{path}.channel", "is no channel of the device")
