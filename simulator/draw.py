"""Plants drawn at random: kind, rate, heartbeat, place and serial number; the same seed draws the same plant."""

from __future__ import annotations

import tomllib
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

from .profile import Profile
from .scenario import MAX_DEVICES, Scenario, ScenarioError

KINDS_FILE: Final = Path(__file__).parent / "kinds.toml"
HEARTBEATS_S: Final = (10, 20, 30, 60, 120)
PLACES: Final = ("Press hall", "Packing", "Compressor room", "Pump room", "Material store", "Laboratory", "Yard")


class Kind(NamedTuple):
    """One kind of devices: the template in `kinds.toml`, and what may be drawn for it."""

    label: str
    serial: str
    samples_s: tuple[float, ...]
    """Seconds between two readings."""


KINDS: Final = {
    "climate": Kind("Climate", "HT", (10, 15, 30, 60)),
    "air": Kind("Air quality", "AQ", (15, 30, 60)),
    "pressure": Kind("Pressure", "PT", (0.5, 1, 2, 5)),
    "flow": Kind("Flow", "FM", (1, 2, 5, 10)),
    "level": Kind("Level", "LV", (5, 10, 30)),
    "energy": Kind("Energy", "EM", (1, 2, 5, 10)),
    "motor": Kind("Motor", "MD", (1, 2, 5)),
    "machine": Kind("Machine", "MC", (2, 5, 10)),
    "door": Kind("Door", "DC", (5, 10, 30)),
    "valve": Kind("Valve", "CV", (2, 5, 10)),
    "furnace": Kind("Furnace", "FU", (1, 5, 10)),
    "torque": Kind("Test bench", "TB", (0.2, 0.5, 1)),
}


class Drawn(Scenario):
    """A plant at random; `another` draws on."""

    def __init__(self, count: int, seed: int) -> None:
        source = describe(count, seed)
        super().__init__(tomllib.loads(source), f"random-{seed}", source, seed=seed)
        self._seed_drawn = seed

    def another(self) -> Profile:
        """Draw one device more."""
        self._next += 1
        source = f"{_kinds()}\n{_device(self._next - 1, self._seed_drawn)}"
        (profile,) = Scenario(tomllib.loads(source), self.name, source, seed=self._seed_drawn).profiles
        return profile


def describe(count: int, seed: int) -> str:
    """Write the description of so many devices, the same for the same seed; raises `ScenarioError`."""
    if not 1 <= count <= MAX_DEVICES:
        raise ScenarioError(f"{count:,} devices; 1 to {MAX_DEVICES:,} are possible")
    head = f'# iiot-sim random {count} --seed {seed}\ntitle = "{count:,} devices drawn at random"\n'
    return "\n".join((head, _kinds(), *(_device(at, seed) for at in range(count))))


def _kinds() -> str:
    return KINDS_FILE.read_text(encoding="utf-8")


def _device(at: int, seed: int) -> str:
    """Write one device; it depends on nothing but its number and the seed."""
    random = Random(f"{seed}|{at}")
    template = random.choice(sorted(KINDS))
    kind = KINDS[template]
    return (
        "[[devices]]\n"
        f'template = "{template}"\n'
        f'id = "{kind.serial}-{random.randbytes(6).hex()}"\n'
        f'name = "{kind.label} {at + 1}"\n'
        f'place = "{random.choice(PLACES)}"\n'
        f"sample_s = {random.choice(kind.samples_s):g}\n"
        f"interval_s = {random.choice(HEARTBEATS_S)}\n"
        f"net = {{ rssi = {random.randint(-95, -45)} }}\n"
    )
