"""What people decided about devices: read from the subentries, checked, written back."""

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from homeassistant.core import Context, callback
from homeassistant.exceptions import ConfigEntryError

from ..const import CONF_POLICY, CONF_TEMPLATES, DOMAIN, SUBENTRY_BARE
from ..engine import records
from ..engine.devices.templates import read_templates
from ..engine.errors import RecordError
from ..engine.plant.policy import Policy
from . import relations
from .adopted import FLAWS, entity_flaw
from .enrolment import policy_of
from .relations import Parents
from .roles import grants_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from homeassistant.config_entries import ConfigEntry, ConfigSubentry

    from ..runtime import IiotConfigEntry
    from .hub import Hub


def check_readable(entry: IiotConfigEntry) -> None:
    """Raise `ConfigEntryError` in words when something that people decided cannot be read: no site runs without it."""
    try:
        grants_of(entry.options)
    except RecordError as err:
        raise _unreadable("roles_unreadable", entry.title, err) from err
    try:
        read_templates(entry.options.get(CONF_TEMPLATES, ()))
    except RecordError as err:
        raise _unreadable("templates_unreadable", entry.title, err) from err
    for subentry in entry.subentries.values():
        try:
            policy_of(subentry)
        except RecordError as err:
            raise _unreadable("policy_unreadable", subentry.title, err) from err


def changed_policy(subentry: ConfigSubentry, sections: Mapping[str, Any]) -> Policy:
    """The policy of a device with some sections replaced; None in place of a section takes it away.

    Raises `RecordError`.
    """
    present: dict[str, Any] = {**subentry.data.get(CONF_POLICY, {}), **sections}
    return records.read(Policy, {name: section for name, section in present.items() if section is not None})


def changed_sections(subentry: ConfigSubentry, policy: Policy) -> list[str]:
    """Name what differs from what is kept."""
    before, after = subentry.data.get(CONF_POLICY, {}), records.write(policy)
    return sorted(name for name in {**before, **after} if before.get(name) != after.get(name))


class Planned(NamedTuple):
    """What other devices are to have instead of what they have, with the same decision; by their ids."""

    topics: Mapping[str, Iterable[str]] | None = None
    """Every topic that is theirs alone, of all that only sign; None: what they have."""
    parents: Parents = MappingProxyType({})
    """What they are to be part of."""


NOTHING_ELSE: Final = Planned()


def check_policy(hub: Hub, subentry: ConfigSubentry, policy: Policy, planned: Planned = NOTHING_ELSE) -> None:
    """Raise `RecordError` when the device of a subentry cannot have this policy."""
    device_id, before = str(subentry.unique_id), policy_of(subentry)
    # A key that no topic of now names is about to be forgotten.
    kids = before.kids & hub.keys.device_keys(device_id).keys()
    taken = topics_of_others(hub.entry, device_id, planned.topics) if policy.topics else []
    hub.plant.check_policy(device_id, policy, kids, taken)
    relations.check(hub, subentry, policy, planned.parents)
    for at, entity in enumerate(policy.entities):
        flaw = None if entity in before.entities else entity_flaw(hub.hass, entity)
        if flaw is not None:
            raise RecordError(f"entities[{at}].entity_id", FLAWS[flaw])


def topics_of_others(
    entry: ConfigEntry[Any], device_id: str, claims: Mapping[str, Iterable[str]] | None = None
) -> list[str]:
    """Give the topics that other bare devices have; or are to have, as `claims` says."""
    found = claims_of(entry) if claims is None else claims
    return [topic for owner, topics in found.items() if owner != device_id for topic in topics]


def claims_of(
    entry: ConfigEntry[Any], planned: Mapping[str, Iterable[str]] = MappingProxyType({})
) -> dict[str, list[str]]:
    """Device → every topic that is its alone; for those in `planned`, with these topics instead of theirs."""
    bare = [found for found in entry.subentries.values() if found.subentry_type == SUBENTRY_BARE]
    return {
        owner: [*planned[owner], *policy.told_on] if owner in planned else policy.claimed
        for owner, policy in ((str(found.unique_id), policy_of(found)) for found in bare)
    }


@callback
def write_policy(hub: Hub, subentry: ConfigSubentry, policy: Policy, context: Context | None = None) -> list[str]:
    """Keep the policy of a device, which is obeyed from then on; gives back the sections that changed."""
    sections = changed_sections(subentry, policy)
    if sections:
        data = {**subentry.data, CONF_POLICY: records.write(policy)}
        hub.hass.config_entries.async_update_subentry(hub.entry, subentry, data=data)
        hub.effects.events.policy_changed(str(subentry.unique_id), sections, context)
    return sections


def _unreadable(key: str, name: str, err: RecordError) -> ConfigEntryError:
    return ConfigEntryError(
        translation_domain=DOMAIN,
        translation_key=key,
        translation_placeholders={"name": name, "path": err.path, "reason": err.reason},
    )
