"""Reading a manifest: limits of the protocol as tables; one wrong entry refuses the whole."""

import math
import re
from collections.abc import Callable
from typing import Any, Final

from ..values import Kind
from ..wire.canonical import is_clean_text
from ..wire.frames import ALARM_PRIORITIES, hex_in, malformed
from .manifest import Actuator, AlarmKind, Channel, Manifest

MAX_CHANNELS: Final = 256
MAX_ACTUATORS: Final = 64
MAX_ALARM_KINDS: Final = 128
MAX_COMMANDS: Final = 64
MAX_OPTIONS: Final = 128
ACTUATOR_KINDS: Final = ("switch", "number", "select", "button", "valve", "text")
MODES: Final = ("push", "poll")
_KEY: Final = re.compile(r"[a-z0-9_]{1,64}")


def read_manifest(payload: dict[str, Any]) -> Manifest:
    """Read a `manifest` payload; raises `Refusal(malformed)` naming the entry that is wrong."""
    channels = [_channel(raw) for raw in _objects(payload, "channels", MAX_CHANNELS)]
    actuators = [_actuator(raw) for raw in _objects(payload, "actuators", MAX_ACTUATORS)]
    commands = payload.get("commands") or []
    if type(commands) is not list or len(commands) > MAX_COMMANDS or not all(type(name) is str for name in commands):
        raise malformed("commands is not a list of names")
    return Manifest(
        digest=hex_in(payload, "digest", 16),
        channels=_by_key(channels, "channels"),
        actuators=_by_key(actuators, "actuators"),
        alarms=tuple(_alarm(raw) for raw in _objects(payload, "alarms", MAX_ALARM_KINDS)),
        commands=frozenset(commands),
        source=payload,
    )


def _channel(raw: dict[str, Any]) -> Channel:
    key = _key(raw, "key")
    where = f"channel {key}"
    kind = raw.get("kind", "float")
    if type(kind) is not str or kind not in Kind:
        raise malformed(f"{where}: kind is unknown")
    scale = _number(raw, "scale", where)
    if scale == 0:
        raise malformed(f"{where}: scale is 0")
    return Channel(
        key=key,
        name=_text(raw, "name", where, 128) or key,
        kind=Kind(kind),
        unit=_text(raw, "unit", where, 32),
        device_class=_text(raw, "class", where, 64),
        state_class=_text(raw, "state_class", where, 64),
        options=_options(raw, where, required=kind == Kind.ENUM),
        precision=_whole(raw, "precision", where, 12),
        minimum=_number(raw, "min", where),
        maximum=_number(raw, "max", where),
        scale=1.0 if scale is None else scale,
        offset=_number(raw, "offset", where) or 0.0,
        polled=_one_of(raw, "mode", where, MODES, "push") == "poll",
        period_s=_number(raw, "period", where),
        deadband=_number(raw, "deadband", where),
        diagnostic=_flag(raw, "diagnostic", where),
    )


def _actuator(raw: dict[str, Any]) -> Actuator:
    key = _key(raw, "key")
    where = f"actuator {key}"
    kind = _one_of(raw, "kind", where, ACTUATOR_KINDS, None)
    return Actuator(
        key=key,
        name=_text(raw, "name", where, 128) or key,
        kind=kind,
        unit=_text(raw, "unit", where, 32),
        minimum=_number(raw, "min", where),
        maximum=_number(raw, "max", where),
        step=_number(raw, "step", where),
        options=_options(raw, where, required=kind == "select"),
        channel=_text(raw, "channel", where, 64),
    )


def _alarm(raw: dict[str, Any]) -> AlarmKind:
    code = _text(raw, "code", "alarm", 64)
    if not code:
        raise malformed("an alarm has no code")
    where = f"alarm {code}"
    return AlarmKind(
        code=code,
        name=_text(raw, "name", where, 128) or code,
        priority=_one_of(raw, "priority", where, ALARM_PRIORITIES, "medium"),
    )


def _objects(payload: dict[str, Any], member: str, most: int) -> list[dict[str, Any]]:
    value = payload.get(member)
    if value is None:
        return []
    if type(value) is not list or not all(type(entry) is dict for entry in value):
        raise malformed(f"{member} is not a list of objects")
    if len(value) > most:
        raise malformed(f"{len(value)} {member}; at most {most} fit one device")
    return value


def _by_key[T: (Channel, Actuator)](entries: list[T], member: str) -> dict[str, T]:
    found = {entry.key: entry for entry in entries}
    if len(found) != len(entries):
        raise malformed(f"a key stands twice in {member}")
    return found


def _key(raw: dict[str, Any], member: str) -> str:
    value = raw.get(member)
    if type(value) is not str or not _KEY.fullmatch(value):
        raise malformed("a key is not 1-64 of a-z 0-9 _")
    return value


def _member[T](raw: dict[str, Any], member: str, where: str, is_good: Callable[[Any], bool]) -> Any:
    value = raw.get(member)
    if value is not None and not is_good(value):
        raise malformed(f"{where}: {member} is wrong")
    return value


def _text(raw: dict[str, Any], member: str, where: str, limit: int) -> str | None:
    def is_good(value: Any) -> bool:
        return type(value) is str and len(value) <= limit and is_clean_text(value)

    value: str | None = _member(raw, member, where, is_good)
    return value


def _number(raw: dict[str, Any], member: str, where: str) -> float | None:
    value = _member(
        raw,
        member,
        where,
        lambda v: type(v) in (int, float) and math.isfinite(v) and abs(v) < 1e300,
    )
    return None if value is None else float(value)


def _whole(raw: dict[str, Any], member: str, where: str, most: int) -> int | None:
    value: int | None = _member(raw, member, where, lambda v: type(v) is int and 0 <= v <= most)
    return value


def _flag(raw: dict[str, Any], member: str, where: str) -> bool:
    return bool(_member(raw, member, where, lambda v: type(v) is bool))


def _one_of(raw: dict[str, Any], member: str, where: str, known: tuple[str, ...], default: str | None) -> str:
    value = raw.get(member, default)
    if value not in known:
        raise malformed(f"{where}: {member} is none of {', '.join(known)}")
    return str(value)


def _options(raw: dict[str, Any], where: str, *, required: bool) -> tuple[str, ...]:
    value = raw.get("options")
    if value is None and not required:
        return ()
    if (
        type(value) is not list
        or not 1 <= len(value) <= MAX_OPTIONS
        or not all(type(text) is str and 0 < len(text) <= 128 and is_clean_text(text) for text in value)
        or len(set(value)) != len(value)
    ):
        raise malformed(f"{where}: options is not a list of different texts")
    return tuple(value)
