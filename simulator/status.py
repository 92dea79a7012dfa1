"""How the fleet is: a JSON file for programs, a live table for people."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, TextIO

import orjson

from .carrier import Carried

_HOME = "\x1b[H"
_CLEAR = "\x1b[2J"
_LINE_END = "\x1b[K\n"
_BELOW = "\x1b[J"


def facts(carried: Carried) -> dict[str, Any]:
    """One device: what it sent, what was answered, what waits."""
    device = carried.device
    readings = device.readings
    return {
        "id": device.profile.id,
        "name": device.profile.name,
        "state": _state(carried),
        "boot": device.boot,
        "sent": carried.sent,
        "unsent": carried.unsent,
        "made": readings.made,
        "acked": readings.answered,
        "waiting": len(readings.shelf),
        "squeezed_out": readings.shelf.overflowed,
        "given_up": readings.given_up,
        "in_flight": readings.resender.in_flight,
        "dropped": dict(device.gate.dropped),
    }


def report(scenario: str, fleet: list[Carried], up_s: float, said: str = "") -> dict[str, Any]:
    """The whole fleet: `devices` by id, and sums over them; `said` is what a person should know."""
    devices = {carried.device.profile.id: facts(carried) for carried in fleet}
    sums = {key: sum(one[key] for one in devices.values()) for key in ("sent", "made", "acked", "waiting")}
    online = sum(one["state"] == "online" for one in devices.values())
    return {
        "scenario": scenario,
        "up_s": round(up_s, 1),
        "said": said,
        "total": {**sums, "online": online},
        "devices": devices,
    }


def write(path: Path, content: dict[str, Any]) -> None:
    """Replace the file at `path` as a whole: a reader never sees half of it."""
    beside = path.with_name(path.name + ".new")
    beside.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2))
    beside.replace(path)


class Table:
    """A table in the terminal, drawn over itself; on anything else one line now and then."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_terminal = stream.isatty()
        self._drawn = 0

    def draw(self, content: dict[str, Any]) -> None:
        """Show the report; call every second."""
        self._drawn += 1
        if self._is_terminal:
            lines = self._lines(content, shutil.get_terminal_size().lines - 1)
            clear = _CLEAR if self._drawn == 1 else ""
            self._stream.write(clear + _HOME + _LINE_END.join(lines) + _LINE_END + _BELOW)
        elif self._drawn % 10 == 1:
            self._stream.write("; ".join(filter(None, (_headline(content), content["said"]))) + "\n")
        self._stream.flush()

    def _lines(self, content: dict[str, Any], height: int) -> list[str]:
        lines = [
            _headline(content),
            content["said"],
            f"{'id':14} {'name':30} {'state':8} {'boot':>4} {'sent':>7} {'acked':>7} {'waiting':>7}",
        ]
        lines += [
            f"{one['id']:14} {one['name'][:30]:30} {one['state']:8} {one['boot']:4} {one['sent']:7}"
            f" {one['acked']:7} {one['waiting']:7}"
            for one in content["devices"].values()
        ]
        if len(lines) > height:
            hidden = len(lines) - height + 1
            lines = [*lines[: height - 1], f"… and {hidden} more"]
        return lines


def _headline(content: dict[str, Any]) -> str:
    total = content["total"]
    return (
        f"{content['scenario']}: {total['online']} of {len(content['devices'])} online, up {content['up_s']:.0f} s,"
        f" {total['made']} rows made, {total['acked']} answered, {total['waiting']} waiting"
    )


def _state(carried: Carried) -> str:
    if carried.device.is_forgotten:
        return "forgotten"
    if not carried.is_on:
        return "off"
    if carried.device.nap.is_asleep:
        return "asleep"
    return "online" if carried.device.is_connected else "offline"
