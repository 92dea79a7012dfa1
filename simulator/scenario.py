"""Scenarios: TOML files that say which devices there are. Read strictly, with the line of a mistake named."""

from __future__ import annotations

import hashlib
import re
import tomllib
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

from .attacks import WAYS
from .description import read_device
from .places import Places, Spot
from .places import ScenarioError as ScenarioError
from .profile import Profile, Timing
from .rules import TABLE, TABLES, Rule, number, text, whole, word

FOLDER: Final = Path(__file__).parent / "scenarios"
MAX_DEVICES: Final = 10_000
TOP: Final[dict[str, Rule]] = {
    "title": text(200),
    "watch_s": number(0, 3600),
    "timing": TABLE,
    "templates": TABLE,
    "devices": TABLES,
    "attacks": TABLES,
}
ATTACK: Final[dict[str, Rule]] = {"kind": word(sorted(WAYS)), "count": whole(1, 1_000_000)}
TIMING: Final[dict[str, Rule]] = {field.name: number(0, 3600, above=True) for field in fields(Timing)}
_TOML_LINE: Final = re.compile(r"(.*) \(at line (\d+), column \d+\)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Attack:
    """One way of an intruder, and how often."""

    kind: str
    count: int


class Scenario:
    """A fleet, or an intruder, or both."""

    def __init__(
        self, document: dict[str, Any], name: str, source: str, *, seed: int = 1, devices: int | None = None
    ) -> None:
        self.name = name
        self._seed = seed
        self._spot = Spot(file=f"{name}.toml", places=Places(source), bases=((),))
        self._spot.check(document, TOP)
        self.title = str(document.get("title", name))
        self.watch_s = float(document.get("watch_s", 0))
        """How long the intruder listens before it begins."""
        self.attacks = tuple(
            self._attack(raw, self._spot.at("attacks", at)) for at, raw in enumerate(document.get("attacks", []))
        )
        self._timing = self._read_timing(document.get("timing", {}))
        self._templates: dict[str, Any] = document.get("templates", {})
        self._first: dict[int, Profile] = {}
        """Devices of the first lap through the list, by their place in it."""
        self._tables: list[dict[str, Any]] = document.get("devices", [])
        wanted = len(self._tables) if devices is None else devices
        if not 0 <= wanted <= MAX_DEVICES or (wanted and not self._tables):
            raise ScenarioError(f"{name}: {wanted:,} devices; 1 to {MAX_DEVICES:,} are possible")
        self.profiles = self._fleet(wanted)
        self._next = wanted

    def another(self) -> Profile:
        """One device more, with a connection of its own: the list goes on, and begins again at its end."""
        if not self._tables:
            raise ScenarioError(f"{self.name} has no devices to add")
        self._next += 1
        return replace(self._profile(self._next - 1), gateway=None)

    def _fleet(self, wanted: int) -> tuple[Profile, ...]:
        """Build the devices; those whose gateway was cut away have nobody to carry their messages, and go too."""
        profiles = [self._profile(at) for at in range(wanted)]
        known = {profile.id for profile in profiles}
        if len(known) != wanted:
            raise ScenarioError(f"{self.name}: two devices have one id; give them different names, or a ref or id each")
        return tuple(one for one in profiles if one.gateway is None or one.gateway in known)

    def _profile(self, at: int) -> Profile:
        """Build a device; those of further laps through the list share what is said of them."""
        lap, place = divmod(at, len(self._tables))
        if place not in self._first:
            self._first[place] = self._read(place)
        first, table = self._first[place], self._tables[place]
        if not lap:
            return first
        via = None if "via" not in table else self._via(table["via"], lap)
        return replace(
            first,
            id=self._id_of(table, lap),
            name=f"{first.name} ({lap + 1})",
            gateway=via,
            net=first.net if via is None else {**first.net, "via": via},
        )

    def _read(self, place: int) -> Profile:
        table = self._tables[place]
        name, template, via = table.get("name"), table.get("template"), table.get("via")
        whose = f"device {place + 1}" + (f", {name}" if isinstance(name, str) else "")
        spot = replace(self._spot, bases=(("devices", place),), whose=whose)
        if template is not None:
            if not isinstance(template, str) or template not in self._templates:
                known = ", ".join(self._templates) or "none"
                raise spot.at("template").error(f"there is no template {template}; there are {known}")
            if not isinstance(self._templates[template], dict):
                raise self._spot.at("templates", template).error(f"it is not {TABLE.words}")
            spot = replace(spot, bases=(*spot.bases, ("templates", template)))
            table = _deep(self._templates[template], table)
        device_id = self._id_of(table, 0)
        return read_device(table, spot, device_id, None if via is None else self._via(via, 0), self._timing)

    def _via(self, ref: str, lap: int) -> str:
        """Id of the device that is called so."""
        gateway = next((one for one in self._tables if ref in (one.get("ref"), one.get("name"))), {"name": ref})
        return self._id_of(gateway, lap)

    def _id_of(self, table: dict[str, Any], lap: int) -> str:
        """Id that stays the same from run to run."""
        if "id" in table:
            return f"{table['id']}-{lap + 1}" if lap else str(table["id"])
        ref = table.get("ref", table.get("name"))
        digest = hashlib.sha256(f"{self.name}|{self._seed}|{ref}|{lap}".encode()).hexdigest()
        return f"sn-{digest[:10]}"

    def _attack(self, raw: dict[str, Any], spot: Spot) -> Attack:
        spot.check(raw, ATTACK, ["kind"])
        return Attack(kind=raw["kind"], count=raw.get("count", 1))

    def _read_timing(self, raw: dict[str, Any]) -> Timing:
        self._spot.at("timing").check(raw, TIMING)
        return Timing(**{key: float(value) for key, value in raw.items()})


def built_in() -> dict[str, Path]:
    """Names and files of the scenarios that come with the simulator."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.toml"))}


def load(name: str, *, seed: int = 1, devices: int | None = None) -> Scenario:
    """Read a built-in scenario or a file; raises `ScenarioError`."""
    path = built_in().get(name) or Path(name)
    try:
        source = path.read_text(encoding="utf-8")
    except OSError as err:
        raise ScenarioError(f"there is no scenario {name}: {err.strerror}") from err
    except UnicodeDecodeError as err:
        raise ScenarioError(f"{path.name} is not a text in UTF-8") from err
    return parse(source, path.stem, seed=seed, devices=devices)


def parse(source: str, name: str, *, seed: int = 1, devices: int | None = None) -> Scenario:
    """Read the text of a scenario; with `devices` its devices are repeated up to, or cut to, so many."""
    try:
        document = tomllib.loads(source)
    except (ValueError, RecursionError) as err:
        found = _TOML_LINE.fullmatch(str(err))
        where, what = ("", str(err)) if found is None else (f", line {found[2]}", found[1])
        raise ScenarioError(f"{name}.toml{where}: this is not TOML: {what}") from err
    return Scenario(document, name, source, seed=seed, devices=devices)


def read(document: dict[str, Any], name: str, *, seed: int = 1, devices: int | None = None) -> Scenario:
    """Build a scenario from what `tomllib` made of it."""
    return Scenario(document, name, "", seed=seed, devices=devices)


def _deep(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = _deep(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged
