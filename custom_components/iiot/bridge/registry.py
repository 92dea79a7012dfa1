"""The registry file of a site: written from its subentries, compared with them, brought in as a whole or not at all."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import yaml
from homeassistant.core import Context, callback
from homeassistant.helpers import area_registry as ar

from ..const import CONF_AREA, CONF_CHANNEL_DESCRIPTIONS, CONF_DESCRIPTION, CONF_POLICY, SUBENTRY_ADOPTED
from ..engine import records
from ..engine.devices.assets import Asset, part_of
from ..engine.errors import RecordError
from ..engine.plant import registry
from ..engine.plant.registry import Change, DeviceRecord, Said
from .enrolment import area_named, policy_of
from .mapping import clean_name
from .marked_yaml import Document, Flaw, FlawsError, read_marked
from .places import Place
from .policies import NOTHING_ELSE, Planned, changed_policy, check_policy, claims_of
from .stations import move, page_of, subentry_of

if TYPE_CHECKING:
    from homeassistant.config_entries import ConfigSubentry

    from ..engine.plant.policy import Policy
    from .hub import Hub

_DUMPER: Final = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
"""In C, where the system has it."""
MAX_FLAWS: Final = 100
"""Named at once."""


class Plan(NamedTuple):
    """What is to become of one device."""

    subentry: ConfigSubentry
    record: DeviceRecord
    area_id: str | None
    """Where it is to stand."""
    changes: list[Change]

    @property
    def moves(self) -> bool:
        """Whether it is to stand elsewhere."""
        return any(change.path == "area" or change.path.startswith("policy.asset") for change in self.changes)

    @property
    def place(self) -> Place:
        """Where it is to stand."""
        asset = Asset() if self.record.policy is None else self.record.policy.asset
        return Place(self.area_id, asset.line, asset.cell)


def read_registry(text: str) -> Document:
    """Read a registry file; raises `FlawsError`."""
    document = read_marked(text)
    if flaws := registry.flaws_of(document.raw):
        raise flawed(document, flaws)
    return document


def flawed(document: Document, flaws: list[RecordError]) -> FlawsError:
    """Say of flaws in which lines they are, from above to below."""
    found = sorted(Flaw(document.line_of(flaw.path), flaw.path, flaw.reason) for flaw in flaws)
    return FlawsError(found[:MAX_FLAWS])


async def async_exported(hub: Hub) -> str:
    """Write the registry file of a site."""
    found = {str(one.unique_id): _record(hub, one) for one in hub.entry.subentries.values()}
    return await hub.hass.async_add_executor_job(_yaml_of, dict(sorted(found.items())))


def _yaml_of(found: dict[str, DeviceRecord]) -> str:
    return str(yaml.dump(registry.written(found), Dumper=_DUMPER, sort_keys=False, allow_unicode=True))


def plan_file(hub: Hub, document: Document) -> list[Plan]:
    """Say what a file would change; raises `FlawsError`."""
    plans, flaws = [], []
    told = {device_id: registry.said_of(document.raw, device_id) for device_id in document.raw.get("devices", {})}
    planned = Planned(
        topics=claims_of(
            hub.entry, {found: topics for found, said in told.items() if (topics := said.topics) is not None}
        ),
        parents={device_id: part_of(own) for device_id, said in told.items() if (own := said.relations) is not None},
    )
    for device_id, said in told.items():
        path = f"devices.{device_id}"
        try:
            plans.append(plan(hub, device_id, said, planned))
        except RecordError as err:
            flaws.append(RecordError(f"{path}.{err.path}".removesuffix("."), err.reason))
    if flaws:
        raise flawed(document, flaws)
    return plans


def plan(hub: Hub, device_id: str, said: Said, planned: Planned = NOTHING_ELSE) -> Plan:
    """Say what would change of one device, beside what others are to have; raises `RecordError`."""
    subentry = subentry_of(hub.entry, device_id)
    if subentry is None or device_id not in hub.plant.members:
        raise RecordError("", "is no device of this site: a device joins with its key, not by a file")
    _check_model(hub, device_id, said.model)
    present = _record(hub, subentry)
    if said.signed is not None and said.signed is not (present.signed is None):
        raise RecordError("signed", "says what the device is and cannot be changed: leave it as it was exported")
    area_id, area = _area(hub, subentry, present, said)
    record = replace(present, policy=_policy(hub, subentry, said, planned), **_details(said) | {"area": area})
    if record.name != present.name and record.name != clean_name(str(record.name), ""):
        raise RecordError("name", "must be one line of 1 to 128 visible characters")
    before, after = (records.write(one) for one in (present, record))
    return Plan(subentry, record, area_id, registry.differences(before, after))


@callback
def apply(hub: Hub, plans: list[Plan], context: Context) -> None:
    """Bring in what was planned since the event loop last ran anybody else."""
    for one in plans:
        if one.changes:
            _apply(hub, one, context)


def _apply(hub: Hub, one: Plan, context: Context) -> None:
    record, subentry = one.record, one.subentry
    data = {
        **subentry.data,
        CONF_AREA: one.area_id,
        CONF_DESCRIPTION: record.description,
        CONF_CHANNEL_DESCRIPTIONS: dict(record.channel_descriptions or {}),
        CONF_POLICY: records.write(record.policy),
    }
    move(hub.hass, page_of(hub.hass, hub.entry.entry_id, subentry.subentry_id), one.area_id)
    hub.hass.config_entries.async_update_subentry(hub.entry, subentry, data=data, title=str(record.name))
    touched = sorted({change.path.removeprefix("policy.").partition(".")[0] for change in one.changes})
    hub.effects.events.policy_changed(str(subentry.unique_id), touched, context)


def _record(hub: Hub, subentry: ConfigSubentry) -> DeviceRecord:
    area_id = _area_of(hub, subentry)
    area = None if area_id is None else ar.async_get(hub.hass).async_get_area(area_id)
    return DeviceRecord(
        name=subentry.title,
        area="" if area is None else area.name,
        description=subentry.data.get(CONF_DESCRIPTION, ""),
        channel_descriptions=dict(subentry.data.get(CONF_CHANNEL_DESCRIPTIONS, {})),
        policy=policy_of(subentry),
        signed=False if subentry.subentry_type == SUBENTRY_ADOPTED else None,
    )


def _details(said: Said) -> dict[str, Any]:
    named = ("name", "description", "channel_descriptions")
    return {name: value for name in named if (value := getattr(said, name)) is not None}


def _policy(hub: Hub, subentry: ConfigSubentry, said: Said, planned: Planned) -> Policy:
    try:
        policy = changed_policy(subentry, said.sections)
        check_policy(hub, subentry, policy, planned)
    except RecordError as err:
        raise RecordError(f"policy.{err.path}", err.reason) from err
    return policy


def _area(hub: Hub, subentry: ConfigSubentry, present: DeviceRecord, said: Said) -> tuple[str | None, str]:
    """Id and name of the area in which it is to stand."""
    if said.area is None or said.area == present.area:
        return _area_of(hub, subentry), str(present.area)
    if not said.area:
        return None, ""
    area = ar.async_get(hub.hass).async_get_area(area_named(hub.hass, said.area) or "")
    if area is None:
        raise RecordError("area", "is no area of Home Assistant: make it first, or write its name as it is there")
    return area.id, area.name


def _area_of(hub: Hub, subentry: ConfigSubentry) -> str | None:
    """Where people have put it since, on its page."""
    page = page_of(hub.hass, hub.entry.entry_id, subentry.subentry_id)
    area_id: str | None = subentry.data.get(CONF_AREA) if page is None else page.area_id
    return area_id


def _check_model(hub: Hub, device_id: str, model: str | None) -> None:
    """Raise when a device says that it is of another model; one that has not spoken yet may be of any."""
    beat = hub.plant.members[device_id].device.heartbeat
    if model is not None and beat is not None and beat.model != model:
        raise RecordError("profile", f"is for the model {model}, and this device is a {beat.model or 'nameless one'}")
