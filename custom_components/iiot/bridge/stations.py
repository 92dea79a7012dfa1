"""What a subentry stands for: a station, whatever hardware is there today."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Protocol, Self
from weakref import WeakKeyDictionary

from homeassistant.config_entries import ConfigEntry, ConfigSubentry
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr

from ..const import CONF_CHANNEL_DESCRIPTIONS, CONF_DESCRIPTION, CONF_REPLACED, DOMAIN
from .revocation import reason_of

if TYPE_CHECKING:
    from homeassistant.helpers.entity import Entity

    from ..engine.plant import Member, Plant


_KNOWN: Final[WeakKeyDictionary[ConfigEntry[Any], dict[str, str]]] = WeakKeyDictionary()
"""Entry → device → its subentry, as they were when somebody searched for one that was not here."""


class Described(Protocol):
    """What a table says of one entity. Equal descriptions need no change of it."""

    @property
    def key(self) -> str:
        """Unique within a station. Those that are no channel have a dot in it, which no channel has."""
        ...

    @property
    def platform(self) -> Platform:
        """Where it belongs."""
        ...


@dataclass(kw_only=True, slots=True, eq=False)
class Station:
    """One device of the hub, or the hub itself (`device_id` is empty)."""

    id: str
    """Id of the subentry, or of the entry: what entities are keyed by."""
    subentry_id: str | None
    identifier: tuple[str, str]
    """Of its device in the registry."""
    device_id: str
    """The hardware that is there today."""
    plant: Plant
    description: str = ""
    channel_descriptions: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    revoked: str | None = None
    """Why a person revoked the device; None: it is not revoked."""
    kept: frozenset[str] = frozenset()
    """Keys whose entities stay although the hardware that is there today does not have them."""
    known: dict[str, Described] = field(default_factory=dict)
    """What was handed to Home Assistant, by key."""
    entities: dict[str, Entity] = field(default_factory=dict)
    """Those that are enabled, by key."""

    @property
    def member(self) -> Member | None:
        """The device at work; None before it is adopted and after it is dropped."""
        return self.plant.members.get(self.device_id)

    def unique_id(self, key: str) -> str:
        """Unique id of the entity that shows `key`."""
        return f"{self.id}_{key}"

    def follow(self, subentry: ConfigSubentry) -> None:
        """Take over what a person wrote."""
        self.description = subentry.data.get(CONF_DESCRIPTION) or ""
        self.channel_descriptions = MappingProxyType(dict(subentry.data.get(CONF_CHANNEL_DESCRIPTIONS) or {}))
        self.revoked = reason_of(subentry)
        self.kept = frozenset(subentry.data.get(CONF_REPLACED) or ())

    @classmethod
    def of_device(cls, entry: ConfigEntry, subentry: ConfigSubentry, plant: Plant) -> Self:
        """Build the station that a subentry stands for."""
        found = cls(
            id=subentry.subentry_id,
            subentry_id=subentry.subentry_id,
            identifier=device_identifier(entry.entry_id, subentry.subentry_id),
            device_id=str(subentry.unique_id),
            plant=plant,
        )
        found.follow(subentry)
        return found

    @classmethod
    def of_hub(cls, entry: ConfigEntry, plant: Plant) -> Self:
        """Build the station of the hub itself."""
        return cls(
            id=entry.entry_id,
            subentry_id=None,
            identifier=hub_identifier(entry.entry_id),
            device_id="",
            plant=plant,
        )


def subentry_of(entry: ConfigEntry[Any], device_id: str) -> ConfigSubentry | None:
    """Give the subentry of a device; None when it is not registered. Who asks for a known one searches nothing."""
    known = _KNOWN.get(entry, {})
    found = entry.subentries.get(known.get(device_id, ""))
    if found is None or found.unique_id != device_id:
        known = _KNOWN[entry] = {str(one.unique_id): one.subentry_id for one in entry.subentries.values()}
        found = entry.subentries.get(known.get(device_id, ""))
    return found


def page_of(hass: HomeAssistant, entry_id: str, subentry_id: str) -> dr.DeviceEntry | None:
    """Give a device's page in Home Assistant, on which people may have moved or renamed it; None: it has none yet."""
    identifier = device_identifier(entry_id, subentry_id)
    return dr.async_get(hass).async_get_device_by_identifier(identifier, entry_id)


@callback
def move(hass: HomeAssistant, page: dr.DeviceEntry | None, area_id: str | None) -> None:
    """Let the device of a page stand in an area; None: in none."""
    if page is not None and page.area_id != area_id:
        dr.async_get(hass).async_update_device(page.id, area_id=area_id)


def hub_identifier(entry_id: str) -> tuple[str, str]:
    """Identifier of the hub's device."""
    return (DOMAIN, entry_id)


def device_identifier(entry_id: str, subentry_id: str) -> tuple[str, str]:
    """Identifier of a device: the subentry's, so that new hardware keeps its place."""
    return (DOMAIN, f"{entry_id}:{subentry_id}")
