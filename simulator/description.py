"""From the table of one device to its profile. Read strictly: what cannot be is told with its line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from iiot_engine.values import Kind

from .actuators import start_fits
from .faults import FAULT_KINDS
from .places import Spot
from .profile import (
    ActuatorProfile,
    Booting,
    ChannelProfile,
    ClockKind,
    Deviation,
    Fault,
    Flooding,
    Form,
    Profile,
    Timing,
)
from .rules import (
    ACTUATOR,
    ALARM,
    CHANNEL,
    FLAG,
    KEY,
    NET,
    PERIOD,
    POWER,
    SECONDS,
    SHARE,
    TABLE,
    TABLES,
    Rule,
    number,
    pairs,
    pattern,
    series,
    text,
    whole,
    word,
)
from .signals import MAX_LISTED, SHAPES
from .waves import RATE_HZ, SAMPLES

DEVICE: Final[dict[str, Rule]] = {
    "name": text(),
    "model": text(),
    "fw": text(64),
    "id": pattern("(?!hub$)[A-Za-z0-9_-]{1,64}", "1 to 64 of A-Z a-z 0-9 _ -, and not hub"),
    "ref": text(),
    "via": text(),
    "template": text(),
    "interval_s": number(0.1, 604_800),
    "sample_s": PERIOD,
    "form": word(Form),
    "batch": whole(1, 200),
    "wave": KEY,
    "wave_s": SECONDS,
    "clock": word(ClockKind),
    "skew_s": number(),
    "drift_ppm": number(-1e6, 1e6),
    "step_s": number(),
    "step_every_s": SECONDS,
    "place": text(64),
    "route": pairs(number(-90, 90), number(-180, 180), most=1000),
    "lap_s": PERIOD,
    "sleep_s": SECONDS,
    "log_s": SECONDS,
    "alarm_s": SECONDS,
    "alarms": TABLES,
    "keep_rows": whole(1, 1_000_000),
    "message_rows": whole(1, 1000),
    "caps": series(word(("confirm", "poll", "ota", "mesh")), least=0, most=4),
    "net": TABLE,
    "power": TABLE,
    "flood": TABLE,
    "boot": TABLE,
    "channels": TABLE,
    "actuators": TABLE,
}
FLOOD: Final[dict[str, Rule]] = {"hz": number(0.01, 1000), "lasts_s": SECONDS, "every_s": SECONDS}
BOOT: Final[dict[str, Rule]] = {"log": FLAG, "takes_s": SECONDS, "every_s": SECONDS}
FAULT: Final[dict[str, Rule]] = {"kind": word(sorted(FAULT_KINDS)), "chance": SHARE, "size": number()}
_PLAIN: Final = (
    "name",
    "model",
    "fw",
    "wave",
    "batch",
    "place",
    "keep_rows",
    "message_rows",
)
_SECONDS: Final = ("interval_s", "sample_s", "wave_s", "lap_s", "sleep_s", "log_s", "alarm_s")
_DEVIATION: Final = ("skew_s", "drift_ppm", "step_s", "step_every_s")
_REPORTED_AS: Final = {
    "switch": (Kind.BOOL,),
    "number": (Kind.FLOAT, Kind.INT),
    "valve": (Kind.FLOAT, Kind.INT),
    "select": (Kind.ENUM, Kind.TEXT),
    "text": (Kind.TEXT,),
    "button": (Kind.FLOAT, Kind.INT),
}
"""Kinds of channels that can report an actuator; a button's counts how often it was pressed."""
_USUAL_SHAPE: Final = {Kind.BOOL: "toggle", Kind.ENUM: "enum", Kind.TEXT: "text"}


def read_device(table: Mapping[str, Any], spot: Spot, device_id: str, via: str | None, timing: Timing) -> Profile:
    """Build the profile of a device; raises `ScenarioError`."""
    spot.check(table, DEVICE, ["name"])
    net = {**table.get("net", {}), **({} if via is None else {"via": via})}
    spot.at("net").check(net, NET)
    power = table.get("power", {})
    spot.at("power").check(power, POWER)
    channels = tuple(_channel(key, raw, spot.at("channels", key)) for key, raw in table.get("channels", {}).items())
    by_key = {channel.key: channel for channel in channels}
    _check_waves(table, by_key, spot)
    seconds: dict[str, Any] = {name: float(table[name]) for name in _SECONDS if name in table}
    return Profile(
        id=device_id,
        form=Form(table.get("form", "r")),
        clock=ClockKind(table.get("clock", "ntp")),
        deviation=Deviation(**{name: float(table[name]) for name in _DEVIATION if name in table}),
        channels=channels,
        actuators=tuple(
            _actuator(key, raw, by_key, spot.at("actuators", key)) for key, raw in table.get("actuators", {}).items()
        ),
        net=net,
        power=power,
        route=tuple((float(lat), float(lon)) for lat, lon in table.get("route", [])),
        alarms=_alarms(table.get("alarms", []), spot),
        flooding=_flooding(table.get("flood"), spot.at("flood")),
        booting=_booting(table.get("boot", {}), spot.at("boot")),
        timing=timing,
        gateway=via,
        caps=tuple(table.get("caps", ("confirm", "poll"))),
        **{"model": "simulated device", **{name: table[name] for name in _PLAIN if name in table}, **seconds},
    )


def _channel(key: str, raw: Any, spot: Spot) -> ChannelProfile:
    _check_key(key, raw, spot)
    spot.check(raw, CHANNEL)
    entry = {name: value for name, value in raw.items() if name not in ("kind", "signal", "faults")}
    kind = Kind(raw.get("kind", "float"))
    if kind is Kind.ENUM and "options" not in entry:
        raise spot.error(f"options is missing; an enum needs {CHANNEL['options'].words}")
    if entry.get("min", -1e300) >= entry.get("max", 1e300):
        raise spot.at("min").error("min is not below max")
    signal = dict(raw.get("signal", {}))
    _check_signal(signal, kind, entry, spot.at("signal"))
    faults = []
    for at, fault in enumerate(raw.get("faults", [])):
        spot.at("faults", at).check(fault, FAULT, ["kind"])
        chance, size = float(fault.get("chance", 0.01)), float(fault.get("size", 0))
        faults.append(Fault(kind=fault["kind"], chance=chance, size=size))
    return ChannelProfile(key=key, kind=kind, entry=entry, signal=signal, faults=tuple(faults))


def _check_key(key: str, raw: Any, spot: Spot) -> None:
    if not KEY.is_good(key):
        raise spot.error(f"{key!r} is not {KEY.words}")
    if not TABLE.is_good(raw):
        raise spot.error(f"{raw!r} is not {TABLE.words}")


def _check_signal(signal: dict[str, Any], kind: Kind, entry: Mapping[str, Any], spot: Spot) -> None:
    """Judge a signal, and fill in what follows from the channel."""
    shape = signal.setdefault("shape", _USUAL_SHAPE.get(kind, "gaussian"))
    fitting = [name for name, one in SHAPES.items() if kind in one.kinds]
    if shape not in fitting:
        raise spot.at("shape").error(f"{shape!r} is no shape for a channel of kind {kind}; {word(fitting).words} is")
    if shape == "enum":
        signal.setdefault("options", entry["options"])
    if kind is Kind.INT and "round" in SHAPES[shape].parameters:
        signal.setdefault("round", 0)
        if signal["round"] != 0:
            raise spot.at("round").error("an int channel has no decimal places: 0, or leave it out")
    needed = {"steps": ["levels"], "constant": ["value"], "feature": ["of"]}.get(shape, [])
    spot.check(signal, {"shape": word(fitting), **SHAPES[shape].parameters}, needed)
    if signal.get("min", -1e300) > signal.get("max", 1e300):
        raise spot.at("min").error("min is above max")
    for value in [*signal.get("levels", []), *([signal["value"]] if "value" in signal else [])]:
        if not _is_of(kind, value, entry):
            raise spot.error(f"{value!r} does not fit a channel of kind {kind}")


def _is_of(kind: Kind, value: object, entry: Mapping[str, Any]) -> bool:
    match kind:
        case Kind.BOOL:
            return type(value) is bool
        case Kind.TEXT:
            return isinstance(value, str)
        case Kind.ENUM:
            return value in entry["options"]
        case Kind.INT:
            return type(value) is int
    return type(value) in (int, float)


def _check_waves(table: Mapping[str, Any], channels: Mapping[str, ChannelProfile], spot: Spot) -> None:
    wave = table.get("wave")
    if wave is not None and (wave not in channels or channels[wave].signal["shape"] != "wave"):
        raise spot.at("wave").error(f"there is no channel {wave} with a signal of shape wave")
    for key, channel in channels.items():
        place = spot.at("channels", key, "signal")
        shape = channel.signal["shape"]
        if shape == "wave" and key != wave:
            raise place.error(f'a device sends one waveform: wave = "{key}" has to stand beside its name')
        if shape == "feature" and (wave is None or channel.signal["of"] != wave):
            raise place.at("of").error("a feature is of the channel that wave names")
    if wave is None:
        return
    signal, place = channels[wave].signal, spot.at("channels", wave, "signal", "samples")
    samples = signal.get("samples", SAMPLES)
    if signal.get("form") == "v" and samples > MAX_LISTED:
        raise place.error(f"{samples:,} samples as numbers do not fit a message; at most {MAX_LISTED:,}, or form i16")
    lasts_s = samples / signal.get("rate_hz", RATE_HZ)
    if 0 < table.get("wave_s", 0.0) < lasts_s * 0.999:
        raise spot.at("wave_s").error(f"a burst lasts {lasts_s:g} s, longer than that")


def _actuator(key: str, raw: Any, channels: Mapping[str, ChannelProfile], spot: Spot) -> ActuatorProfile:
    _check_key(key, raw, spot)
    spot.check(raw, ACTUATOR, ["kind"])
    kind, channel = raw["kind"], raw.get("channel")
    if kind == "select" and "options" not in raw:
        raise spot.error(f"options is missing; a select needs {ACTUATOR['options'].words}")
    if channel is not None and channel not in channels:
        raise spot.at("channel").error(f"there is no channel {channel}")
    reports = (Kind.BOOL,) if kind == "valve" and not raw.keys() & {"min", "max"} else _REPORTED_AS[kind]
    if channel is not None and channels[channel].kind not in reports:
        told = f"{kind} without min and max" if reports != _REPORTED_AS[kind] else kind
        raise spot.at("channel").error(f"a {told} is reported by a channel of kind {' or '.join(reports)}")
    profile = ActuatorProfile(
        key=key,
        kind=kind,
        entry={name: raw[name] for name in raw if name not in ("kind", "start", "takes_s", "fail_chance")},
        start=raw.get("start"),
        takes_s=float(raw.get("takes_s", 0.0)),
        fail_chance=float(raw.get("fail_chance", 0.0)),
    )
    if not start_fits(profile):
        raise spot.at("start").error(f"{profile.start!r} is nothing that this {kind} can be set to")
    return profile


def _alarms(raw: list[dict[str, Any]], spot: Spot) -> tuple[dict[str, Any], ...]:
    for at, alarm in enumerate(raw):
        spot.at("alarms", at).check(alarm, ALARM, ["code", "name"])
    return tuple(raw)


def _flooding(raw: Mapping[str, Any] | None, spot: Spot) -> Flooding | None:
    if raw is None:
        return None
    spot.check(raw, FLOOD, ["hz"])
    return Flooding(**{name: float(value) for name, value in raw.items()})


def _booting(raw: Mapping[str, Any], spot: Spot) -> Booting:
    spot.check(raw, BOOT)
    log = bool(raw.get("log", False))
    return Booting(log=log, **{name: float(value) for name, value in raw.items() if name != "log"})
