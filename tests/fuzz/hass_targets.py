"""What the integration itself reads: pasted keys and provisioning texts, and what a manifest becomes as entities."""

import math
from datetime import date, datetime
from random import Random
from typing import Any, Final

import yaml
from homeassistant.const import MAX_LENGTH_STATE_STATE, Platform

from custom_components.iiot.bridge.enrolment import DeviceKey, read_key
from custom_components.iiot.bridge.mapping import describe
from custom_components.iiot.bridge.marked_yaml import FlawsError
from custom_components.iiot.bridge.registry import read_registry
from custom_components.iiot.engine.devices.manifest_rules import read_manifest
from custom_components.iiot.engine.errors import KeyFormError, Refusal
from custom_components.iiot.engine.ingest.gates import gate_of
from custom_components.iiot.engine.plant.registry import said_of
from custom_components.iiot.engine.wire import canonical

from . import nasty
from .target import ACCEPTED, BytesTarget, Verdict, ensure, timed
from .wire_targets import document, text_of

PROVISIONING: Final = {
    "id": "press-07",
    "kid": 2,
    "key": "00" * 32,
    "boot": 7,
    "prefix": "iiot",
    "broker": {"host": "192.0.2.1", "port": 1883, "tls": False},
}
REGISTRY: Final = b"""version: 1
profiles:
  press: {model: demo, policy: {channels: {temperature: {low: -20, high: 120.5}}, trial: true}}
devices:
  press-07:
    profile: press
    name: "Press 7"
    channel_descriptions: {temperature: Upper bearing}
    policy: {interlocks: {fan: {minimum_on_s: 60}}, channels: {temperature: {high: 90}}}
  press-08: {area: "", description: "x"}
"""
RAWS: Final = (
    *nasty.WHOLE,
    *nasty.FRACTIONS,
    *nasty.TEXTS,
    None,
    True,
    False,
    "2026-10-01",
    "2026-10-01T12:00:00+24:00",
)
CLEAN: Final = tuple(raw for raw in RAWS if type(raw) is not str or canonical.is_clean_text(raw))
"""What the codec lets through."""


class PastedKeyTarget(BytesTarget[None]):
    """What a person pastes where a key is asked for: a key, or a word that it is none."""

    name = "pasted_key"
    share = 4

    def fresh(self, setup: dict[str, Any]) -> None:
        return None

    def draw(self, subject: None, random: Random) -> bytes:
        if random.random() < 0.3:
            return nasty.mutated(random.choice((b"00" * 32, b"0011-2233 " * 8)), random)
        document: Any = PROVISIONING
        for _ in range(random.choice((0, 1, 1, 2))):
            document = nasty.spoiled(document, random)
        return text_of(document, random)

    def feed(self, subject: None, item: bytes) -> Verdict:
        text = item.decode("utf-8", "surrogateescape")
        try:
            found, cost = timed(lambda: read_key(text, "press-07", 1))
        except KeyFormError as err:
            ensure("00" * 8 not in repr(err), "a key in an error")
            return Verdict(err.code, 0)
        ensure(type(found) is DeviceKey and len(found.key) == 32 and 1 <= found.kid < 2**32, "no key")
        ensure(found.key.hex() not in repr(found), "a key in its own words")
        return Verdict(ACCEPTED, cost)


class MappingTarget(BytesTarget[None]):
    """Any manifest that is taken becomes entities that Home Assistant can show, with any value."""

    name = "mapping"
    share = 8

    def fresh(self, setup: dict[str, Any]) -> None:
        return None

    def draw(self, subject: None, random: Random) -> bytes:
        payload = document(random, "manifest")
        channels = payload.get("channels") if isinstance(payload, dict) else None
        for channel in channels if isinstance(channels, list) else ():
            if isinstance(channel, dict) and random.random() < 0.3:
                channel[random.choice(("name", "unit", "class", "state_class"))] = random.choice(nasty.TEXTS)
        return text_of(payload, random)

    def feed(self, subject: None, item: bytes) -> Verdict:
        try:
            manifest = read_manifest(canonical.decode(item))
        except Refusal as refusal:
            return Verdict(refusal.code, 0)
        _, cost = timed(lambda: [_shown(channel) for channel in manifest.channels.values()])
        return Verdict(ACCEPTED, cost)


def _shown(channel: Any) -> None:
    row = describe(channel)
    ensure(row.platform in (Platform.SENSOR, Platform.BINARY_SENSOR), "a platform")
    ensure(0 < len(row.name) <= 128 and canonical.is_clean_text(row.name) and row.name.strip() == row.name, "a name")
    ensure(row.unit is None or 0 < len(row.unit) <= 32, "a unit")
    gate = gate_of(channel)
    for raw in CLEAN:
        judged = gate(raw)
        if judged is None or judged[0] is None:
            continue
        _check_state(row.convert(judged[0]))


def _check_state(value: Any) -> None:
    match value:
        case None | bool():
            return
        case int() | float():
            ensure(math.isfinite(value), "a state that is not finite")
        case str():
            ensure(len(value) <= MAX_LENGTH_STATE_STATE and canonical.is_clean_text(value), "a state that is none")
        case datetime():
            ensure(value.tzinfo is not None and value.isoformat(), "a moment without a zone")
        case date():
            value.isoformat()
        case _:
            ensure(False, f"a state of type {type(value)}")


class RegistryFileTarget(BytesTarget[None]):
    """What a person brings in as a registry file: read, or refused with lines that it has."""

    name = "registry_file"
    share = 2

    def fresh(self, setup: dict[str, Any]) -> None:
        return None

    def draw(self, subject: None, random: Random) -> bytes:
        if random.random() < 0.5:
            return nasty.mutated(REGISTRY, random)
        raw: Any = yaml.safe_load(REGISTRY)
        for _ in range(random.choice((0, 1, 1, 2))):
            raw = nasty.spoiled(raw, random)
        return text_of(raw, random)

    def feed(self, subject: None, item: bytes) -> Verdict:
        text = item.decode("utf-8", "surrogateescape")
        try:
            found, cost = timed(lambda: read_registry(text))
        except FlawsError as err:
            ensure(bool(err.flaws) and all(flaw.reason for flaw in err.flaws), "no reason")
            ensure(all(1 <= flaw.line <= len(text) + 1 for flaw in err.flaws), "a line that is not there")
            return Verdict("flawed", 0)
        for device_id in found.raw.get("devices", {}):
            said_of(found.raw, device_id)
        return Verdict(ACCEPTED, cost)


TARGETS: Final = (PastedKeyTarget(), MappingTarget(), RegistryFileTarget())
