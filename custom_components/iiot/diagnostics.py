"""What a person may send to somebody who helps: how the hub and its devices are, no secret and no place."""

import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final

from homeassistant.components.diagnostics import async_redact_data
from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.loader import async_get_integration

from .bridge.hub import Hub
from .bridge.places import path_of, place_of
from .bridge.redaction import redacted
from .const import CONF_BROKER, CONF_FINGERPRINT, CONF_KID, CONF_POLICY, DOMAIN
from .engine.devices.bare import Bare
from .engine.devices.inbox import Inbox
from .engine.devices.manifest import Manifest
from .engine.errors import StoreError
from .engine.plant import Member
from .engine.polling.schedule import Schedule
from .engine.ports import STATE_VERSION
from .engine.stores import migrations
from .engine.values import NS_PER_S
from .engine.wire import frames
from .engine.wire.heartbeat import Heartbeat
from .runtime import IiotConfigEntry, Runtime

TO_REDACT: Final = frozenset(
    {"authority", "ip", "key", "loc", "mac", "nonce", "password", "place", "session", "user", "user_id"}
)


async def async_get_config_entry_diagnostics(hass: HomeAssistant, entry: IiotConfigEntry) -> dict[str, Any]:
    """Describe a hub with all its devices."""
    facts: dict[str, Any] = {
        "versions": await _versions(hass, entry),
        "state": entry.state.value,
        "reason": entry.reason,
        "data": dict(entry.data),
        "options": dict(entry.options),
    }
    runtime: Runtime | None = getattr(entry, "runtime_data", None)
    if runtime is not None:
        plant = runtime.hub.plant
        facts |= {
            "running": runtime.hub.is_running,
            "broker": _broker(runtime.hub, entry),
            "settings": asdict(plant.settings),
            "has_fleet_key": runtime.hub.keys.fleet_key is not None,
            "accepted": plant.accepted,
            "refused": plant.refused_by_code,
            "refused_of_strangers": plant.strangers,
            "clock_in_doubt": plant.doubts_clock,
            "notices": [{"kind": kind, "device": device_id} for kind, device_id in plant.standing],
            "journal": await _journal(runtime.hub),
            "inbox": _inbox(plant.inbox),
            "polls": _polls(plant.polls),
            "devices": [_device(runtime.hub, subentry) for subentry in entry.subentries.values()],
        }
    return _without_secrets(facts)


async def async_get_device_diagnostics(
    hass: HomeAssistant, entry: IiotConfigEntry, device: dr.AnyDeviceEntry
) -> dict[str, Any]:
    """Describe one device; the hub's own page describes the hub."""
    subentry = entry.subentries.get(device.config_subentry_id or "")
    runtime: Runtime | None = getattr(entry, "runtime_data", None)
    if subentry is None or runtime is None:
        return await async_get_config_entry_diagnostics(hass, entry)
    plant = runtime.hub.plant
    facts = _device(runtime.hub, subentry)
    member = plant.members.get(str(subentry.unique_id))
    if member is not None:
        manifest = member.device.manifest
        facts |= {
            "manifest": None if manifest is None else _manifest(manifest),
            "reasons": dict(member.board.reasons),
            "qualities": {key: shown.quality.name.lower() for key, shown in member.board.values.items()},
            "waveforms_only": sorted(member.board.waves),
        }
    return _without_secrets(facts)


def _without_secrets(facts: dict[str, Any]) -> dict[str, Any]:
    """Blank what is secret by its name, and what looks like a secret wherever somebody has put it."""
    found: dict[str, Any] = redacted(async_redact_data(facts, TO_REDACT))
    return found


async def _versions(hass: HomeAssistant, entry: IiotConfigEntry) -> dict[str, Any]:
    integration = await async_get_integration(hass, DOMAIN)
    return {
        "integration": str(integration.version),
        "protocol": frames.VERSION,
        "entry": f"{entry.version}.{entry.minor_version}",
        "journal": migrations.JOURNAL_VERSION,
        "state": STATE_VERSION,
        "key_file": migrations.KEY_FILE_VERSION,
    }


def _broker(hub: Hub, entry: IiotConfigEntry) -> dict[str, Any]:
    return {
        "is": "own" if CONF_BROKER in entry.data else "home_assistant",
        "connected": hub.link.is_connected,
        "fault": hub.link.fault,
        "dropped": hub.link.dropped,
    }


async def _journal(hub: Hub) -> dict[str, Any]:
    reach = await hub.async_journal()
    if isinstance(reach, StoreError):
        return {"error": reach.reason}
    first_ns = reach.first_ns
    return {
        "size_bytes": reach.size_bytes,
        "oldest": None if first_ns is None else datetime.fromtimestamp(first_ns / NS_PER_S, UTC).isoformat(),
        "age_s": None if first_ns is None else round((time.time_ns() - first_ns) / NS_PER_S),
        "first": reach.first,
        "last": reach.last,
        "cursors": reach.cursors,
        "unread": {reader: max(0, reach.last - position) for reader, position in reach.cursors.items()},
        "began_anew": hub.began_anew,
        "troubles": hub.troubles,
    }


def _inbox(inbox: Inbox) -> dict[str, Any]:
    waiting = inbox.entries()
    return {
        "waiting": inbox.undecided,
        "calling_though_removed": len(inbox) - inbox.undecided,
        "dropped": inbox.dropped,
        "newest": [
            {"trust": found.trust.value, "reason": found.reason, "calls": found.count, "model": found.model}
            for found in waiting[-20:]
        ],
    }


def _polls(schedule: Schedule) -> dict[str, Any]:
    late, took = sorted(schedule.late_ns), sorted(schedule.took_ns)
    return {
        "devices": schedule.devices,
        "open": len(schedule.open),
        "at_once": schedule.most,
        "late_s": {"median": _middle_s(late), "most": late[-1] / NS_PER_S if late else None},
        "took_s": {"median": _middle_s(took), "most": took[-1] / NS_PER_S if took else None},
    }


def _middle_s(sorted_ns: list[int]) -> float | None:
    return sorted_ns[len(sorted_ns) // 2] / NS_PER_S if sorted_ns else None


def _device(hub: Hub, subentry: ConfigSubentry) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "device_id": subentry.unique_id,
        "name": subentry.title,
        "asset": path_of(hub, place_of(hub, subentry)),
        CONF_KID: subentry.data.get(CONF_KID),
        CONF_FINGERPRINT: subentry.data.get(CONF_FINGERPRINT),
        CONF_POLICY: dict(subentry.data.get(CONF_POLICY, {})),
    }
    member = hub.plant.members.get(str(subentry.unique_id))
    return facts if member is None else facts | _member(member)


def _member(member: Member) -> dict[str, Any]:
    device = member.device
    return {
        "health": asdict(member.health()),
        "signed": not member.policy.entities,
        "messages": member.messages,
        "repeated_rows": member.repeated_rows,
        "polled": asdict(member.polled),
        "refused": dict(device.refusals.counts),
        "two_devices_hold_this_key": device.has_twin,
        "second_commander": device.is_foreign,
        "window": {"boot": device.window.boot, "highest": device.window.high},
        "heartbeat": None if device.heartbeat is None else _heartbeat(device.heartbeat),
        "topics": None if member.bare is None else _topics(member.bare),
    }


def _topics(bare: Bare) -> dict[str, Any]:
    """Where a bare device has spoken, and up to when by its own clock."""
    return {
        topic: datetime.fromtimestamp(window.newest_ns / NS_PER_S, UTC).isoformat()
        for topic, window in bare.windows.items()
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
