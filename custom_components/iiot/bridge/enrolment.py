"""How a device joins a hub: the key it gets, the text that carries it there, its area and its subentry."""

import asyncio
import re
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from homeassistant.config_entries import ConfigEntryState, ConfigSubentry
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import AbortFlow
from homeassistant.helpers import area_registry as ar
from homeassistant.util.hass_dict import HassKey

from ..const import (
    CONF_AREA,
    CONF_CHANNEL_DESCRIPTIONS,
    CONF_DESCRIPTION,
    CONF_DEVICE_ID,
    CONF_FINGERPRINT,
    CONF_KID,
    CONF_POLICY,
    DOMAIN,
    SUBENTRY_DEVICE,
)
from ..engine import records
from ..engine.devices.inbox import Trust
from ..engine.devices.keys import enrolled_key
from ..engine.errors import KeyFormError
from ..engine.plant.policy import Policy
from ..engine.wire import signing
from ..engine.wire.provision import Credential, Place, qr_text, read_qr_text
from .broker import broker_of
from .stations import subentry_of

if TYPE_CHECKING:
    from ..runtime import IiotConfigEntry
    from .hub import Hub

MOST_KID: Final = 2**32 - 1
_MARKUP: Final = re.compile(r"([!-/:-@\[-`{-~])")
_DATA_LOCK: HassKey[asyncio.Lock] = HassKey(f"{DOMAIN}_enrolment")


@dataclass(frozen=True, kw_only=True, slots=True)
class DeviceKey:
    """A key for one device, with the number under which the device names it."""

    kid: int
    key: bytes = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """What people compare."""
        return signing.fingerprint(self.key)


def running_hub(hass: HomeAssistant, entry_id: str) -> tuple[IiotConfigEntry, Hub]:
    """Give the entry and its hub at work; aborts the flow with `hub_not_running` otherwise."""
    entry: IiotConfigEntry | None = hass.config_entries.async_get_entry(entry_id)
    runtime = getattr(entry, "runtime_data", None)
    if entry is None or runtime is None or entry.state is ConfigEntryState.NOT_LOADED or not runtime.hub.is_running:
        raise AbortFlow("hub_not_running")
    return entry, runtime.hub


def is_registered(entry: IiotConfigEntry, device_id: str) -> bool:
    """Whether the hub has a subentry for the device."""
    return subentry_of(entry, device_id) is not None


def key_turn(hass: HomeAssistant) -> asyncio.Lock:
    """Give the lock under which keys are written: what is read from a key file holds as long as it is held."""
    return hass.data.setdefault(_DATA_LOCK, asyncio.Lock())


async def async_put_key(
    hass: HomeAssistant, hub: Hub, device_id: str, key: DeviceKey, *, is_new: bool, beside: bool = False
) -> None:
    """Write a device's key; aborts with `already_configured` when somebody else was quicker to register it.

    One at a time, so that the loser of a race never overwrites the winner's key: the caller adds the subentry before
    the event loop runs anybody else.
    """
    async with key_turn(hass):
        if is_new and is_registered(hub.entry, device_id):
            raise AbortFlow("already_configured")
        put = partial(hub.keys.put_device, device_id, key.kid, key.key, beside=beside)
        await hass.async_add_executor_job(put)
        if not hub.is_running:
            raise AbortFlow("hub_not_running")  # another one has read the file meanwhile, perhaps before this key


def read_key(text: str, device_id: str, kid: int) -> DeviceKey:
    """Read 64 hexadecimal digits, or a provisioning text of this device; raises `KeyFormError`."""
    if not text.lstrip().startswith("{"):
        return DeviceKey(kid=kid, key=signing.parse_key(text))
    found = read_qr_text(text)
    if found.device_id != device_id:
        raise KeyFormError
    return DeviceKey(kid=found.kid, key=found.key)


def derived_key(hub: Hub, device_id: str) -> DeviceKey | None:
    """Derive a device's key from the fleet key: the one that it proved, or its first; None without a fleet key.

    A device of this id that called under another key has no say: anybody can call.
    """
    waiting = hub.plant.inbox.get(device_id)
    if waiting is not None and waiting.key is not None:
        return DeviceKey(kid=waiting.kid, key=waiting.key)
    fleet_key = hub.keys.fleet_key
    return None if fleet_key is None else DeviceKey(kid=1, key=signing.derive_device_key(fleet_key, device_id, 1))


def kept_key(hub: Hub, device_id: str) -> DeviceKey | None:
    """Give the key under which a device was known that was taken out, or replaced; None when none is kept."""
    removed = hub.keys.removed.get(device_id)
    if removed is None:
        return None
    unproved = None if removed.step is None else removed.step[0]
    kid = next((kid for kid in sorted(removed.keys, reverse=True) if kid != unproved), None)
    return None if kid is None else DeviceKey(kid=kid, key=removed.keys[kid])


def named_by_device(hub: Hub, device_id: str, key: DeviceKey) -> DeviceKey:
    """Give the key under the number that the device itself signed with it; as it is when it signed nothing."""
    waiting = hub.plant.inbox.get(device_id)
    kid = waiting.kid_of(key.key) if waiting else None
    return key if kid is None else replace(key, kid=kid)


def make_key(hub: Hub, device_id: str) -> DeviceKey:
    """Draw a new key, under a number above those that are known to be the device's."""
    waiting = hub.plant.inbox.get(device_id)
    proven = [waiting.kid] if waiting is not None and waiting.key is not None else []
    highest = max([*hub.keys.device_keys(device_id), *proven], default=0)
    return DeviceKey(kid=highest + 1 if highest < MOST_KID else 1, key=secrets.token_bytes(signing.KEY_BYTES))


def provisioning_text(hass: HomeAssistant, hub: Hub, device_id: str, key: DeviceKey) -> str:
    """Everything that the device has to be told (protocol.md, Keys), as canonical JSON."""
    broker = broker_of(hass, hub.entry.data)
    place = Place(
        prefix=hub.plant.settings.prefix,
        host=broker.host,
        port=broker.port,
        tls=broker.tls,
        has_own_login=broker.keeps_logins,
    )
    credential = Credential(device_id=device_id, kid=key.kid, key=key.key)
    return qr_text(credential, place, _highest_boot(hub, device_id))


def device_subentry(
    device_id: str, key: DeviceKey, title: str, details: Mapping[str, Any], kind: str = SUBENTRY_DEVICE
) -> ConfigSubentry:
    """Build the subentry that registers a device."""
    return ConfigSubentry(
        data=MappingProxyType(device_data(device_id, key, details)),
        subentry_type=kind,
        title=title,
        unique_id=device_id,
    )


def device_data(device_id: str, key: DeviceKey, details: Mapping[str, Any]) -> dict[str, Any]:
    """Build a subentry's data. Never holds the key."""
    return {
        CONF_DEVICE_ID: device_id,
        CONF_KID: key.kid,
        CONF_FINGERPRINT: key.fingerprint,
        CONF_AREA: details.get(CONF_AREA),
        CONF_DESCRIPTION: details.get(CONF_DESCRIPTION, ""),
        CONF_CHANNEL_DESCRIPTIONS: dict(details.get(CONF_CHANNEL_DESCRIPTIONS, {})),
        CONF_POLICY: dict(details.get(CONF_POLICY, {})),
    }


def policy_of(subentry: ConfigSubentry) -> Policy:
    """Read what people decided about a device; raises `RecordError`."""
    return records.read(Policy, subentry.data.get(CONF_POLICY, {}))


def area_named(hass: HomeAssistant, place: str) -> str | None:
    """Find the area that people call `place`."""
    registry = ar.async_get(hass)
    area = registry.async_get_area_by_name(place)
    if area is not None:
        return area.id
    return next((alias.id for alias in registry.async_get_areas_by_alias(place)), None)


def devices_on_fleet_key(hub: Hub) -> dict[str, str]:
    """Device → name, of those whose key still rests on the hub's fleet key."""
    fleet_key = hub.keys.fleet_key
    if fleet_key is None:
        return {}
    return {
        subentry.unique_id: subentry.title
        for subentry in hub.entry.subentries.values()
        if subentry.unique_id is not None and _rests_on(hub, fleet_key, subentry.unique_id)
    }


def plain(text: str) -> str:
    """Let a device's own text stand in a form as it is: no link, no picture, no layout."""
    return _MARKUP.sub(r"\\\1", text)


def listed(names: Collection[str], most: int = 20) -> str:
    """Write names as a list for a form, a long one cut short; a dash stands for none."""
    if not names:
        return plain("-")
    lines = [f"- {plain(name)}" for name in list(names)[:most]]
    if len(names) > most:
        lines.append(f"- … (+{len(names) - most})")
    return "\n".join(lines)


def _rests_on(hub: Hub, fleet_key: bytes, device_id: str) -> bool:
    member = hub.plant.members.get(device_id)
    beat = member.device.heartbeat if member else None
    steps = beat.rekeyed if beat else ()
    return any(
        enrolled_key(fleet_key, device_id, kid, steps) == key for kid, key in hub.keys.device_keys(device_id).items()
    )


def _highest_boot(hub: Hub, device_id: str) -> int:
    """Boot number that the device must start above; a stranger's own word for it counts only when it is signed."""
    waiting = hub.plant.inbox.get(device_id)
    claimed = waiting.boot if waiting and waiting.trust is not Trust.UNVERIFIED else 0
    return max(hub.plant.highest_boot(device_id), claimed)
