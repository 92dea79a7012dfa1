"""What somebody wants of a device, and whether an actuator can take it at all."""

from dataclasses import dataclass
from typing import Any, Final

import orjson

from ..devices.manifest import Actuator, Manifest
from ..errors import RequestError
from ..values import Scalar
from .command import DEFAULT_LIFE_NS, DEFAULT_WAIT_NS, Actor

MAX_TEXT: Final = 255
"""Characters of a text that is set; a state of Home Assistant holds no more."""

MAX_ARGS_BYTES: Final = 16_384
"""Of the arguments of a command, as JSON."""

MOVES: Final = frozenset({"set", "press"})
"""Commands that move an actuator."""
OF_CHANNELS: Final = frozenset({"set_interval", "set_rate"})
"""Commands that may name one channel, and else hold for all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """A command before it is one."""

    name: str
    args: dict[str, Any]
    actor: Actor
    waits: bool = False
    """Wait for a device that is away; otherwise it is refused at once. A sleeping device is always waited for."""
    life_ns: int = DEFAULT_LIFE_NS
    wait_ns: int = DEFAULT_WAIT_NS


class ActuatorError(RequestError):
    """The device has no such actuator."""

    code = "no_actuator"


class NoChannelError(RequestError):
    """The device has no such channel."""

    code = "no_channel"


class ValueRefusedError(RequestError):
    """The actuator cannot take this value."""

    code = "value_refused"


class ArgumentsError(RequestError):
    """The arguments cannot be kept and sent as they are."""

    code = "arguments_refused"


class UnsupportedError(RequestError):
    """The device does not know this command."""

    code = "command_unsupported"


def check(wish: Wish, manifest: Manifest | None) -> None:
    """Raise a `RequestError` when the device has said that it cannot do this, or nobody can tell it."""
    if not _is_plain(wish.args):
        raise ArgumentsError(command=wish.name, limit=MAX_ARGS_BYTES)
    known = manifest.commands if manifest is not None else frozenset()
    if wish.name not in MOVES:
        if wish.name not in known:
            raise UnsupportedError(command=wish.name)
        if wish.name in OF_CHANNELS:
            _check_channel(wish.args.get("ch"), manifest)
        return
    key = wish.args.get("key")
    actuators = manifest.actuators if manifest is not None else {}
    actuator = actuators.get(key) if type(key) is str else None
    if actuator is None or (actuator.kind == "button") != (wish.name == "press"):
        fitting = [one.key for one in actuators.values() if (one.kind == "button") == (wish.name == "press")]
        raise ActuatorError(key=str(key or "-"), fitting=", ".join(fitting) or "-")
    if wish.name == "set":
        _check_value(actuator, wish.args.get("value"))


def _check_channel(key: Any, manifest: Manifest | None) -> None:
    if type(key) is str and (manifest is None or key not in manifest.channels):
        raise NoChannelError(key=key)


def _check_value(actuator: Actuator, value: Scalar | None) -> None:
    match actuator.kind:
        case "switch":
            fits = type(value) is bool
        case "number":
            fits = _is_within(actuator, value)
        case "valve":
            fits = type(value) is bool or _is_within(actuator, value)
        case "select":
            fits = value in actuator.options
        case _:
            fits = type(value) is str and len(value) <= MAX_TEXT
    if not fits:
        raise ValueRefusedError(name=actuator.name, value=str(value))


def _is_within(actuator: Actuator, value: Scalar | None) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    low, high = actuator.minimum, actuator.maximum
    return (low is None or value >= low) and (high is None or value <= high)


def _is_plain(args: dict[str, Any]) -> bool:
    """Whether JSON carries them whole: a number that is none or too long would stop the journal, or arrive as null."""
    try:
        text = orjson.dumps(args)
    except TypeError:
        return False
    return len(text) <= MAX_ARGS_BYTES and orjson.loads(text) == args
