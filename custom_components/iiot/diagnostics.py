"""What a person may send to somebody who helps: how the hub and its devices are, no secret and no place."""

from dataclasses import asdict
from typing import Any, Final

from homeassistant.components.diagnostics import async_redact_data
from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr

from .bridge import mqtt
from .const import CONF_FINGERPRINT, CONF_KID
from .engine.devices.inbox import Inbox
from .engine.devices.manifest import Manifest
from .engine.plant import Member, Plant
from .engine.wire.heartbeat import Heartbeat
from .runtime import IiotConfigEntry, Runtime

TO_REDACT: Final = frozenset({"ip", "key", "loc", "mac", "nonce", "place", "session"})


async def async_get_config_entry_diagnostics(hass: HomeAssistant, entry: IiotConfigEntry) -> dict[str, Any]:
    """Describe a hub with all its devices."""
    facts: dict[str, Any] = {
        "state": entry.state.value,
        "data": dict(entry.data),
        "options": dict(entry.options),
        "broker_connected": mqtt.is_connected(hass),
    }
    runtime: Runtime | None = getattr(entry, "runtime_data", None)
    if runtime is not None:
        plant = runtime.hub.plant
        facts |= {
            "running": runtime.hub.is_running,
            "settings": asdict(plant.settings),
            "has_fleet_key": runtime.hub.keys.fleet_key is not None,
            "accepted": plant.accepted,
            "refused_of_strangers": plant.strangers,
            "inbox": _inbox(plant.inbox),
            "devices": [_device(plant, subentry) for subentry in entry.subentries.values()],
        }
    return async_redact_data(facts, TO_REDACT)


async def async_get_device_diagnostics(
    hass: HomeAssistant, entry: IiotConfigEntry, device: dr.AnyDeviceEntry
) -> dict[str, Any]:
    """Describe one device; the hub's own page describes the hub."""
    subentry = entry.subentries.get(device.config_subentry_id or "")
    runtime: Runtime | None = getattr(entry, "runtime_data", None)
    if subentry is None or runtime is None:
        return await async_get_config_entry_diagnostics(hass, entry)
    plant = runtime.hub.plant
    facts = _device(plant, subentry)
    member = plant.members.get(str(subentry.unique_id))
    if member is not None:
        manifest = member.device.manifest
        facts |= {
            "manifest": None if manifest is None else _manifest(manifest),
            "qualities": {key: shown.quality.name.lower() for key, shown in member.board.values.items()},
        }
    return async_redact_data(facts, TO_REDACT)


def _inbox(inbox: Inbox) -> dict[str, Any]:
    waiting = inbox.entries()
    return {
        "waiting": len(waiting),
        "dropped": inbox.dropped,
        "newest": [
            {"trust": found.trust.value, "reason": found.reason, "calls": found.count, "model": found.model}
            for found in waiting[-20:]
        ],
    }


def _device(plant: Plant, subentry: ConfigSubentry) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "device_id": subentry.unique_id,
        "name": subentry.title,
        CONF_KID: subentry.data.get(CONF_KID),
        CONF_FINGERPRINT: subentry.data.get(CONF_FINGERPRINT),
    }
    member = plant.members.get(str(subentry.unique_id))
    return facts if member is None else facts | _member(member)


def _member(member: Member) -> dict[str, Any]:
    device = member.device
    return {
        "health": asdict(member.health()),
        "messages": member.messages,
        "repeated_rows": member.repeated_rows,
        "refused": dict(device.refusals.counts),
        "two_devices_hold_this_key": device.has_twin,
        "second_commander": device.is_foreign,
        "window": {"boot": device.window.boot, "highest": device.window.high},
        "heartbeat": None if device.heartbeat is None else _heartbeat(device.heartbeat),
    }


def _heartbeat(beat: Heartbeat) -> dict[str, Any]:
    facts = asdict(beat)
    # As it came, it may hold anything; what is understood of it stands beside it.
    del facts["source"]
    facts["caps"] = sorted(beat.caps)
    # A salt says nothing without the key, and nothing to a person either.
    facts["rekeyed"] = [kid for kid, _ in beat.rekeyed]
    return facts


def _manifest(manifest: Manifest) -> dict[str, Any]:
    return {
        "digest": manifest.digest,
        "channels": {
            key: {name: fact for name, fact in asdict(channel).items() if name != "key"}
            for key, channel in manifest.channels.items()
        },
        "actuators": sorted(manifest.actuators),
        "alarms": [alarm.code for alarm in manifest.alarms],
        "commands": sorted(manifest.commands),
    }
