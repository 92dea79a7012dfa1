"""The list of devices that are going to join: checked as a whole, and kept with their keys in the key file."""

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from homeassistant.core import Context

from ..engine import records
from ..engine.devices.serials import RowFlaw, SerialRow, SerialsError, read_serials
from ..engine.plant.policy import Policy
from ..engine.plant.registry import Listed, said_by_profile
from ..engine.stores.key_file import Expected
from . import discovery
from .enrolment import area_named, key_turn
from .events import SERIALS_IMPORTED
from .mapping import clean_name
from .marked_yaml import Document, Flaw, FlawsError
from .registry import MAX_FLAWS, read_registry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .hub import Hub

NO_DOCUMENT: Final = Document({}, {})


class SerialList(NamedTuple):
    """What a person handed in, without a flaw in itself."""

    rows: list[SerialRow]
    profiles: Document
    """The registry file that has the profiles of the rows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ListPlan:
    """What is to become of the list of a hub."""

    devices: dict[str, Expected] = field(default_factory=dict, repr=False)
    """Those that are put on it, new or changed."""
    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    joined: list[str] = field(default_factory=list)
    """Those that are in already: nothing changes for them."""
    dropped: list[str] = field(default_factory=list)
    """Those that are taken off it."""


NO_PLAN: Final = ListPlan()


def read_list(text: str, registry: str = "") -> SerialList:
    """Read a list, and the registry file that has its profiles; raises `FlawsError`."""
    try:
        rows = read_serials(text)
    except SerialsError as err:
        raise _flawed(err.flaws) from err
    try:
        return SerialList(rows, read_registry(registry) if registry.strip() else NO_DOCUMENT)
    except FlawsError as err:
        flaws = [Flaw(flaw.line, f"registry {flaw.path}".strip(), flaw.reason) for flaw in err.flaws]
        raise FlawsError(flaws) from err


def plan_list(hub: Hub, found: SerialList, *, instead: bool = False) -> ListPlan:
    """Say what a list would change, `instead` of the present one or beside it; raises `FlawsError`."""
    devices: dict[str, Expected] = {}
    flaws: list[RowFlaw] = []
    holders = {
        key: str(one.unique_id)
        for one in hub.entry.subentries.values()
        for key in hub.keys.device_keys(str(one.unique_id)).values()
    }
    present = hub.keys.expected
    named = {row.device_id for row in found.rows}
    holders |= {
        one.key: device_id
        for device_id, one in present.items()
        if one.key is not None and device_id not in named and not instead
    }
    for row in found.rows:
        flaws += _flaws(hub, row, found.profiles, holders)
        devices[row.device_id] = Expected(
            key=row.key, kid=row.kid, record=records.write(_listed(hub, row, found.profiles))
        )
    if flaws:
        raise _flawed(flaws)
    registered = {str(one.unique_id) for one in hub.entry.subentries.values()}
    waiting = {device_id: one for device_id, one in devices.items() if device_id not in registered}
    new = {device_id: one for device_id, one in waiting.items() if present.get(device_id) != one}
    return ListPlan(
        devices=new,
        added=[device_id for device_id in new if device_id not in present],
        changed=[device_id for device_id in new if device_id in present],
        unchanged=[device_id for device_id in waiting if device_id not in new],
        joined=[device_id for device_id in devices if device_id in registered],
        dropped=[device_id for device_id in present if instead and device_id not in waiting],
    )


async def async_expect(hub: Hub, plan: ListPlan, context: Context | None) -> None:
    """Bring the list in; raises `StoreError`, and nothing changed."""
    async with key_turn(hub.hass):
        registered, dropped = {one.unique_id for one in hub.entry.subentries.values()}, set(plan.dropped)
        devices = {found: one for found, one in plan.devices.items() if found not in registered}
        kept = {found: one for found, one in hub.keys.expected.items() if found not in dropped}
        await hub.hass.async_add_executor_job(partial(hub.keys.expect, kept | devices, instead=True))
        _follow(hub)
    for device_id in devices:
        await discovery.async_heed(hub, device_id)
    facts = {
        "added": len(plan.added),
        "changed": len(plan.changed),
        "dropped": len(plan.dropped),
        "expected": len(hub.keys.expected),
    }
    hub.effects.events.decided(SERIALS_IMPORTED, facts, context)


def _follow(hub: Hub) -> None:
    hub.plant.admission.expect({device_id: one.key for device_id, one in hub.keys.expected.items()})


def _flaws(hub: Hub, row: SerialRow, profiles: Document, holders: dict[bytes, str]) -> Iterator[RowFlaw]:
    if row.key is None and hub.keys.fleet_key is None:
        yield RowFlaw(row.line, "key", "is missing: this site has no fleet key that could make one")
    if row.key is not None and (holder := holders.get(row.key, row.device_id)) != row.device_id:
        yield RowFlaw(row.line, "key", f"is that of {holder}: each device needs a key of its own")
    if row.name and row.name != clean_name(row.name, ""):
        yield RowFlaw(row.line, "name", "must be one line without double blanks")
    if row.area and area_named(hub.hass, row.area) is None:
        yield RowFlaw(row.line, "area", "is no area of Home Assistant: make it first, or write its name as it is there")
    if row.profile and row.profile not in profiles.raw.get("profiles", {}):
        yield RowFlaw(row.line, "profile", "is in no registry file: hand in one that has it")


def _listed(hub: Hub, row: SerialRow, profiles: Document) -> Listed:
    said = said_by_profile(profiles.raw, row.profile)
    area_id = area_named(hub.hass, row.area) if row.area else None
    if said is None:
        return Listed(name=row.name, area_id=area_id)
    return Listed(
        name=row.name,
        area_id=area_id,
        profile=row.profile,
        model=said.model,
        channel_descriptions=said.channel_descriptions or {},
        policy=records.read(Policy, said.sections),
    )


def _flawed(flaws: list[RowFlaw]) -> FlawsError:
    return FlawsError([Flaw(*flaw) for flaw in sorted(flaws)[:MAX_FLAWS]])
