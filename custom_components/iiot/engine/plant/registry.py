"""The registry file: what people wrote and decided about devices, to be kept outside, compared and brought in again.

There is no key in it. What it leaves out stays as it is; what it names is what holds then.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Annotated, Any, Final, NamedTuple

from .. import records
from ..devices.assets import Relations
from ..errors import RecordError
from ..records import Bounds, Key
from .policy import Policy

VERSION: Final = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Profile:
    """What several devices have in common. What a device itself says lies over it, key by key."""

    model: str | None = None
    """Only for devices of this model; None: for any."""
    channel_descriptions: Mapping[Key, str] | None = None
    policy: Policy | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class DeviceRecord:
    """What people wrote and decided about one device. What is left out stays as it is."""

    name: str | None = None
    area: str | None = None
    """Name of an area; empty: none."""
    description: str | None = None
    channel_descriptions: Mapping[Key, str] | None = None
    """All of them."""
    profile: str | None = None
    """Name of a profile in the same file."""
    policy: Policy | None = None
    """A section that is named is replaced as a whole."""
    signed: bool | None = None
    """False: nobody signs what it says, since it is made of entities. It is told, and cannot be changed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """What people wrote and decided about a device that is going to join. Empty: nothing."""

    name: str = ""
    area_id: str | None = None
    profile: str = ""
    """Name of the profile that the rest is of."""
    model: str | None = None
    """What it has to be to join by itself; None: anything."""
    channel_descriptions: Mapping[Key, str] = field(default_factory=dict)
    policy: Policy = field(default_factory=Policy)


@dataclass(frozen=True, kw_only=True, slots=True)
class RegistryFile:
    """What people wrote and decided about devices of a site."""

    version: Annotated[int, Bounds(VERSION, VERSION)]
    profiles: Mapping[str, Profile] = field(default_factory=dict)
    devices: Mapping[str, DeviceRecord] = field(default_factory=dict)
    """By the id that is set on the device."""


class Said(NamedTuple):
    """What a file says of one device, with its profile. None: nothing."""

    model: str | None
    """That the profile asks for."""
    name: str | None
    area: str | None
    description: str | None
    channel_descriptions: Mapping[str, str] | None
    sections: Mapping[str, Any]
    """Of its policy, as plain data."""
    signed: bool | None = None
    """Whether the file takes it for a device that signs."""

    @property
    def relations(self) -> Relations | None:
        """What the device is to be to others; None: the file does not say it."""
        if "relations" not in self.sections:
            return None
        return records.read(Policy, {"relations": self.sections["relations"]}).relations

    @property
    def topics(self) -> list[str] | None:
        """Where it is to speak; None: where it speaks now."""
        return [topic["topic"] for topic in self.sections["topics"] or ()] if "topics" in self.sections else None


class Change(NamedTuple):
    """One place at which something else is to stand. None: nothing."""

    path: str
    before: Any
    after: Any


def flaws_of(raw: object) -> list[RecordError]:
    """Give everything that is wrong with a file as plain data: one flaw at most for a field or a section."""
    return list(_flaws(raw)) or list(_dangling(records.read(RegistryFile, raw)))


def said_of(raw: Mapping[str, Any], device_id: str) -> Said:
    """Give what a file without flaws says of a device."""
    own = raw["devices"][device_id]
    return _said(_profile(raw, own.get("profile")), own)


def said_by_profile(raw: Mapping[str, Any], name: str) -> Said | None:
    """Give what a file without flaws says of every device of a profile; None: it has no such profile."""
    return _said(_profile(raw, name), {}) if name in raw.get("profiles", {}) else None


def differences(before: Any, after: Any, path: str = "") -> list[Change]:
    """Name every place at which two plain documents differ; a list is one place."""
    if not isinstance(before, Mapping) or not isinstance(after, Mapping):
        return [] if before == after else [Change(path, before, after)]
    names = dict.fromkeys([*before, *after])
    return [
        change
        for name in names
        for change in differences(before.get(name), after.get(name), f"{path}.{name}" if path else name)
    ]


def written(devices: Mapping[str, DeviceRecord]) -> dict[str, Any]:
    """Make plain data of records, with each field and each section that they have: brought in, it restores them all."""
    return {"version": VERSION, "devices": {device_id: _whole(record) for device_id, record in devices.items()}}


def _whole(record: DeviceRecord) -> dict[str, Any]:
    found = {one.name: records.write(getattr(record, one.name)) for one in fields(record)}
    if record.policy is not None:
        policy = record.policy
        found["policy"] = {one.name: records.write(getattr(policy, one.name)) for one in fields(policy)}
    return {name: value for name, value in found.items() if value is not None}


def _profile(raw: Mapping[str, Any], name: str | None) -> Mapping[str, Any]:
    profile: Mapping[str, Any] = {} if name is None else raw["profiles"][name]
    return profile


def _said(profile: Mapping[str, Any], own: Mapping[str, Any]) -> Said:
    texts = _laid_over(profile.get("channel_descriptions"), own.get("channel_descriptions"))
    sections = _laid_over(profile.get("policy"), own.get("policy"))
    return Said(
        model=profile.get("model"),
        name=own.get("name"),
        area=own.get("area"),
        description=own.get("description"),
        channel_descriptions=texts,
        sections=sections or {},
        signed=own.get("signed"),
    )


def _laid_over(below: Any, above: Any) -> Any:
    if above is None:
        return below
    if not isinstance(below, Mapping) or not isinstance(above, Mapping):
        return above
    return {**below, **{name: _over(below, name, value) for name, value in above.items()}}


def _over(below: Mapping[str, Any], name: str, value: Any) -> Any:
    """Inside a policy nothing is something: it takes away what the profile sets."""
    return None if value is None else _laid_over(below.get(name), value)


def _flaws(raw: object) -> Iterator[RecordError]:
    if not isinstance(raw, Mapping):
        yield RecordError("", "must have fields: version, profiles, devices")
        return
    rest = dict(raw)
    for part, kind in (("profiles", Profile), ("devices", DeviceRecord)):
        if isinstance(members := raw.get(part), Mapping):
            rest[part] = {name: {} for name in members}
            for name, member in members.items():
                yield from _flaws_of_member(kind, member, f"{part}.{name}")
    for name in [name for name in rest if name != "version"]:
        yield from _flaw(RegistryFile, {"version": VERSION, name: rest[name]}, "")
    yield from _flaw(RegistryFile, {name: value for name, value in rest.items() if name == "version"}, "")


def _flaws_of_member(kind: type, member: Any, path: str) -> Iterator[RecordError]:
    if not isinstance(member, Mapping):
        yield RecordError(path, "must have fields")
        return
    for name, value in member.items():
        if name == "policy" and isinstance(value, Mapping):
            for section, said in value.items():
                yield from _flaw(Policy, {section: said}, f"{path}.policy")
        else:
            yield from _flaw(kind, {name: value}, path)


def _flaw(kind: type, raw: object, path: str) -> Iterator[RecordError]:
    try:
        records.read(kind, raw, path)
    except RecordError as err:
        yield err


def _dangling(file: RegistryFile) -> Iterator[RecordError]:
    for device_id, record in file.devices.items():
        if record.profile is not None and record.profile not in file.profiles:
            known = ", ".join(file.profiles) or "none"
            yield RecordError(f"devices.{device_id}.profile", f"is not in this file; there are: {known}")
