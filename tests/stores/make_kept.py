"""Writes the small site that the upgrade tests keep: journal, key file and entry, as one release leaves them.

What is checked in under `kept/format-1` was written by the release at commit 59f34d5. To write it again, take that
commit's tree and put this file into it:

    git worktree add ../old 59f34d5
    mkdir ../old/tests/stores && cp tests/stores/make_kept.py ../old/tests/stores/
    (cd ../old && python -m tests.stores.make_kept ../kept)

All keys in it come from the fleet key `00 01 02 … 1f` that the protocol page prints: they guard nothing.
"""

import json
import sys
from pathlib import Path
from typing import Any

from iiot_engine.stores.key_file import KeyFile
from iiot_engine.stores.sqlite_intake import SqliteIntake
from iiot_engine.wire import codec, signing
from tests.builders import FLEET_KEY, Machine, World

ENTRY_ID = "01JKEPTSTORE0000000000SITE"
SITE = "Kept site"


def write(folder: Path) -> None:
    """Let a few devices live, and leave what a hub that died afterwards leaves."""
    world = World(SqliteIntake(folder / "intake.sqlite"))
    machines = live(world)
    world.store.close()
    keys = KeyFile(folder / "keys.json")
    keys.create(FLEET_KEY)
    for machine in machines:
        keys.put_device(machine.id, machine.kid, machine.key)
    (folder / "entry.json").write_text(json.dumps(entry(machines), indent=1, ensure_ascii=False) + "\n", "utf-8")


def live(world: World) -> list[Machine]:
    """Give back the devices that are registered in the end. Everything that the state can hold occurs."""
    press, pump, kiln, gone = (
        Machine(world, "press-07"),
        Machine(world, "pump-1", tq=0, interval=10),
        Machine(world, "kiln-2", clock_ahead_s=100),
        Machine(world, "gone-3"),
    )
    for machine in (press, pump, kiln, gone):
        machine.join()
    gone.read(temperature=1.5)
    press.read(temperature=20.5, strokes=7, guard=True, program="run", note="Süd")
    press.index += 3  # rows that come later, or never
    press.read(temperature=21.0)
    press.send("data", r={"humidity": 40.0}, n=[press.boot, press.index])  # no channel of its manifest
    press.index += 1
    press.beat(held=[press.boot, 1], drop=[[press.boot, 3, 3]], power={"battery": 71}, net={"rssi": -61})
    pump.send("data", r={"temperature": 5}, n=[pump.boot, 1], loc=[48.1, 11.5])
    pump.index = 2
    pump.beat(state="asleep", sleep_s=600)
    kiln.read(temperature=125)
    kiln.beat(hseq=kiln.hseq + 1_000_000)  # a number that this hub never used
    world.receive(f"iiot/{kiln.id}/data", codec.seal(bytes(32), kiln.payload("data", {"r": {}, "n": [1, 9]})))
    world.pass_time(40)
    world.remove(gone)
    press.reboot()
    press.beat(held=[1, 2])
    press.read(temperature=22.25)
    world.pass_time(3)
    press.read(temperature=23.5)  # after the last values were saved: only the journal has it
    world.pass_time(3)
    return [press, pump, kiln]


def entry(machines: list[Machine]) -> dict[str, Any]:
    """Give the entry as Home Assistant keeps it."""
    return {
        "created_at": "2026-11-20T16:00:00+00:00",
        "data": {"prefix": "iiot"},
        "discovery_keys": {},
        "disabled_by": None,
        "domain": "iiot",
        "entry_id": ENTRY_ID,
        "minor_version": 1,
        "modified_at": "2026-11-20T16:00:00+00:00",
        "options": {"discovery": "ask", "state_interval": 0.5},
        "pref_disable_new_entities": False,
        "pref_disable_polling": False,
        "source": "user",
        "subentries": [
            {
                "data": {
                    "device_id": machine.id,
                    "kid": machine.kid,
                    "fingerprint": signing.fingerprint(machine.key),
                    "area": None,
                    "description": "Watches the oil",
                    "channel_descriptions": {"temperature": "Sump"},
                },
                "subentry_id": f"01JKEPTSTORE000000000000D{at}",
                "subentry_type": "device",
                "title": f"Machine {machine.id}",
                "unique_id": machine.id,
            }
            for at, machine in enumerate(machines)
        ],
        "title": SITE,
        "unique_id": "01JKEPTSTORE0000000UNIQUE1",
        "version": 1,
    }


if __name__ == "__main__":
    write(Path(sys.argv[1]))
