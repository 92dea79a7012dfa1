"""Scenarios: TOML files that say which devices there are. Read strictly, with the place of a mistake named."""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

from iiot_engine.errors import EngineError
from iiot_engine.values import Kind

from .attacks import WAYS
from .faults import FAULT_KINDS
from .profile import ChannelProfile, ClockKind, Fault, Form, Profile, Timing
from .signals import SHAPES

FOLDER: Final = Path(__file__).parent / "scenarios"
MAX_DEVICES: Final = 1000
_PLAIN: Final = {
    "name": str,
    "model": str,
    "fw": str,
    "interval_s": float,
    "sample_s": float,
    "batch": int,
    "wave_s": float,
    "wave": str,
    "skew_s": float,
    "place": str,
    "lap_s": float,
    "sleep_s": float,
    "log_s": float,
    "alarm_s": float,
    "keep_rows": int,
    "message_rows": int,
}
"""Members of a device that are taken as they stand, with their type."""
_BUILT: Final = frozenset(("channels", "form", "clock", "caps", "net", "power", "route", "alarms"))
_TABLE: Final = frozenset(("template", "ref", "via"))


class ScenarioError(EngineError):
    """A scenario cannot be used; the text names the place."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Attack:
    """One way of an intruder, and how often."""

    kind: str
    count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Scenario:
    """A fleet, or an intruder, or both."""

    name: str
    title: str
    profiles: tuple[Profile, ...]
    attacks: tuple[Attack, ...] = ()
    watch_s: float = 0.0
    """How long the intruder listens before it begins."""


def built_in() -> dict[str, Path]:
    """Names and files of the scenarios that come with the simulator."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.toml"))}


def load(name: str, *, seed: int = 1, devices: int | None = None) -> Scenario:
    """Read a built-in scenario or a file; raises `ScenarioError`."""
    path = built_in().get(name) or Path(name)
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as err:
        raise ScenarioError(f"there is no scenario {name}: {err.strerror}") from err
    except (ValueError, RecursionError) as err:
        raise ScenarioError(f"{path.name} is not TOML: {err}") from err
    try:
        return read(document, path.stem, seed=seed, devices=devices)
    except (TypeError, ValueError, LookupError, AttributeError, OverflowError) as err:
        raise ScenarioError(f"{path.name}: something in it is of another kind than it should be: {err}") from err


def read(document: dict[str, Any], name: str, *, seed: int = 1, devices: int | None = None) -> Scenario:
    """Build a scenario; with `devices` its devices are repeated up to, or cut to, so many."""
    tables: list[dict[str, Any]] = document.get("devices", [])
    wanted = len(tables) if devices is None else devices
    if not 0 <= wanted <= MAX_DEVICES or (wanted and not tables):
        raise ScenarioError(f"{name}: {wanted} devices; 1 to {MAX_DEVICES} are possible")
    timing = _timing(document.get("timing", {}), name)
    templates = document.get("templates", {})
    profiles = []
    for at in range(wanted):
        lap, table = at // len(tables), tables[at % len(tables)]
        merged = _merged(table, templates, name)
        profiles.append(_profile(merged, _Naming(name, seed, lap), timing))
    return Scenario(
        name=name,
        title=str(document.get("title", name)),
        profiles=_with_gateways(profiles),
        attacks=tuple(_attack(raw, name) for raw in document.get("attacks", [])),
        watch_s=float(document.get("watch_s", 0)),
    )


@dataclass(frozen=True, slots=True)
class _Naming:
    """Ids that stay the same from run to run."""

    scenario: str
    seed: int
    lap: int

    def id_of(self, ref: str) -> str:
        digest = hashlib.sha256(f"{self.scenario}|{self.seed}|{ref}|{self.lap}".encode()).hexdigest()
        return f"sn-{digest[:10]}"


def _merged(table: dict[str, Any], templates: dict[str, Any], where: str) -> dict[str, Any]:
    template = table.get("template")
    if template is None:
        return table
    if template not in templates:
        raise ScenarioError(f"{where}: there is no template {template}")
    return _deep(templates[template], table)


def _deep(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = _deep(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def _profile(table: dict[str, Any], naming: _Naming, timing: Timing) -> Profile:
    name = table.get("name")
    if not isinstance(name, str) or not name:
        raise ScenarioError(f"{naming.scenario}: a device has no name")
    where = f"{naming.scenario}: {name}"
    unknown = set(table) - set(_PLAIN) - _BUILT - _TABLE
    if unknown:
        raise ScenarioError(f"{where}: nobody knows {', '.join(sorted(unknown))}")
    plain = {key: _plain(table[key], kind, f"{where}: {key}") for key, kind in _PLAIN.items() if key in table}
    if naming.lap:
        plain["name"] = f"{name} ({naming.lap + 1})"
    plain.setdefault("model", "simulated device")
    via = table.get("via")
    net = dict(table.get("net", {}))
    if via is not None:
        net["via"] = naming.id_of(via)
    if "caps" in table:
        plain["caps"] = tuple(table["caps"])
    return Profile(
        id=naming.id_of(table.get("ref", name)),
        form=_word(Form, table.get("form", "r"), where),
        clock=_word(ClockKind, table.get("clock", "ntp"), where),
        channels=tuple(_channel(key, raw, where) for key, raw in table.get("channels", {}).items()),
        net=net,
        power=table.get("power", {}),
        route=tuple((float(lat), float(lon)) for lat, lon in table.get("route", [])),
        alarms=tuple(table.get("alarms", [])),
        timing=timing,
        gateway=net.get("via"),
        **plain,
    )


def _plain(value: object, kind: type, where: str) -> Any:
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise ScenarioError(f"{where} is not of type {kind.__name__}")
    return value


def _word[T: (Form, ClockKind, Kind)](words: type[T], value: str, where: str) -> T:
    try:
        return words(value)
    except ValueError:
        raise ScenarioError(f"{where}: {value} is none of {', '.join(words)}") from None


def _channel(key: str, raw: dict[str, Any], where: str) -> ChannelProfile:
    place = f"{where}: channel {key}"
    entry = dict(raw)
    signal = entry.pop("signal", {})
    faults = tuple(_fault(fault, place) for fault in entry.pop("faults", []))
    kind = _word(Kind, entry.pop("kind", "float"), place)
    if signal.get("shape", "gaussian") not in SHAPES:
        raise ScenarioError(f"{place}: there is no shape {signal['shape']}")
    if kind is Kind.ENUM:
        signal = {"options": entry.get("options", []), **signal}
    return ChannelProfile(key=key, kind=kind, entry=entry, signal=signal, faults=faults)


def _attack(raw: dict[str, Any], where: str) -> Attack:
    if raw.get("kind") not in WAYS:
        raise ScenarioError(f"{where}: there is no attack {raw.get('kind')}")
    return Attack(kind=raw["kind"], count=int(raw.get("count", 1)))


def _fault(raw: dict[str, Any], where: str) -> Fault:
    if raw.get("kind") not in FAULT_KINDS:
        raise ScenarioError(f"{where}: there is no fault {raw.get('kind')}")
    return Fault(kind=raw["kind"], chance=float(raw.get("chance", 0.01)), size=float(raw.get("size", 0.0)))


def _timing(raw: dict[str, Any], where: str) -> Timing:
    unknown = set(raw) - {field.name for field in fields(Timing)}
    if unknown:
        raise ScenarioError(f"{where}: timing knows no {', '.join(sorted(unknown))}")
    return Timing(**{key: float(value) for key, value in raw.items()})


def _with_gateways(profiles: list[Profile]) -> tuple[Profile, ...]:
    """Devices whose gateway was cut away have nobody to carry their messages: they go too."""
    known = {profile.id for profile in profiles}
    return tuple(profile for profile in profiles if profile.gateway is None or profile.gateway in known)
