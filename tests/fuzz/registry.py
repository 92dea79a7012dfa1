"""All targets by name. Those that need Home Assistant are loaded when somebody asks for them."""

from importlib import import_module
from typing import Any, Final

from . import bare_targets, door_targets, kept_targets, policy_targets, simulator_targets, wire_targets
from .campaign import Tally, run_block
from .target import Target

MODELS: Final = ("models", "commands")
WITH_HASS: Final = ("pasted_key", "mapping", "registry_file")


def targets() -> dict[str, Target[Any, Any]]:
    """Targets of the engine and the simulator."""
    rooms = (wire_targets, bare_targets, door_targets, kept_targets, policy_targets, simulator_targets)
    return {target.name: target for room in rooms for target in room.TARGETS}


def model_targets() -> dict[str, Target[Any, Any]]:
    """Histories of devices and hub: played when asked for, since one of them takes as long as a thousand inputs."""
    loaded = import_module("tests.models.target")
    return {target.name: target for target in loaded.TARGETS}


def hass_targets() -> dict[str, Target[Any, Any]]:
    """Targets of the integration's own readers."""
    loaded = import_module("tests.fuzz.hass_targets")
    return {target.name: target for target in loaded.TARGETS}


def play(seed: int, name: str, first: int, inputs: int) -> Tally:
    """Play a block of inputs against the target of this name, in whatever process."""
    return run_block(find(name), seed, first, inputs)


def find(name: str) -> Target[Any, Any]:
    """The target of this name; loads what it needs."""
    if name in MODELS:
        return model_targets()[name]
    return (hass_targets() if name in WITH_HASS else targets())[name]
