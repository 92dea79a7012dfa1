"""The program `iiot-sim`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import resource
import signal
import sys
import time
from pathlib import Path

from iiot_engine.errors import EngineError
from iiot_engine.links.broker import Broker
from iiot_engine.wire import signing
from iiot_engine.wire.topics import check_prefix

from . import scenario as scenarios
from . import status
from .bus import Connect, over_broker, over_memory, printing_bus
from .device import Device
from .fleet import Fleet
from .intruder import Intruder
from .profile import Profile
from .record import Recorder
from .signer import KID
from .state import FolderStore, MemoryStore

OPEN_FILES = 8192
"""A connection takes three descriptors."""


def main(arguments: list[str] | None = None) -> int:
    """Run the program; gives back the exit code."""
    options = _parser().parse_args(arguments)
    try:
        if options.action == "list":
            return _list()
        return asyncio.run(_run(options))
    except (EngineError, OSError) as err:
        sys.stderr.write(f"iiot-sim: {err}\n")
        return 1
    except KeyboardInterrupt:
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="iiot-sim", description="A simulated plant that speaks iiot/1.")
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("list", help="name the built-in scenarios")
    run = actions.add_parser("run", help="run a scenario")
    run.add_argument("scenario", help="name of a built-in scenario, or a TOML file")
    run.add_argument("--broker", default="127.0.0.1:1883", metavar="HOST:PORT")
    run.add_argument("--prefix", default="iiot", help="topic prefix")
    run.add_argument("--fleet-key-file", type=Path, metavar="FILE", help="64 hexadecimal digits; needed with a broker")
    run.add_argument("--state-dir", type=Path, default=Path(".iiot-sim"), metavar="DIR", help="what devices remember")
    run.add_argument("--devices", type=int, metavar="N", help="repeat or cut the scenario's devices to so many")
    run.add_argument("--seed", type=int, default=1)
    run.add_argument("--duration", type=float, metavar="S", help="leave after so many seconds")
    run.add_argument("--status-json", type=Path, metavar="FILE", help="rewritten every second")
    run.add_argument("--record", action="store_true", help="write every row made to DIR/produced")
    run.add_argument("--dry-run", action="store_true", help="print messages, use no broker and no files")
    run.add_argument("--quiet", action="store_true", help="no table")
    run.add_argument("--mqtt", choices=("5", "3.1.1"), default="5")
    run.add_argument("--speed", type=float, default=1.0, metavar="X", help="divide every period by X")
    return parser


def _list() -> int:
    for name in scenarios.built_in():
        loaded = scenarios.load(name)
        print(f"{name:12} {len(loaded.profiles):4} devices {len(loaded.attacks):4} attacks  {loaded.title}")
    return 0


async def _run(options: argparse.Namespace) -> int:
    check_prefix(options.prefix)
    plan = scenarios.load(options.scenario, seed=options.seed, devices=options.devices)
    fleet_key = _fleet_key(options)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    _allow_open_files()
    connect = _connect(options)
    devices = [_device(profile.quicker(options.speed), fleet_key, options) for profile in plan.profiles]
    fleet = Fleet(devices, options.prefix, connect)
    showing = asyncio.create_task(_show(plan.name, fleet, options))
    try:
        if plan.attacks:
            await _intrude(plan, fleet, Intruder(options.prefix, fleet_key, connect, seed=options.seed), stop, options)
        else:
            await fleet.run(stop, options.duration)
    finally:
        showing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await showing
    return 0


async def _intrude(
    plan: scenarios.Scenario, fleet: Fleet, intruder: Intruder, stop: asyncio.Event, options: argparse.Namespace
) -> None:
    """Attack beside the fleet, if there is one; end when the attacks are over, or when asked to."""
    living = asyncio.create_task(fleet.run(stop, options.duration))
    attacking = asyncio.create_task(intruder.run(plan.attacks, plan.watch_s / options.speed))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait((attacking, stopping), timeout=options.duration, return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    try:
        if attacking.done():
            attacking.result()
        attacking.cancel()
    finally:
        await asyncio.wait((living, attacking, stopping))
        if not options.quiet:
            print(intruder.table())
        if options.status_json is not None:
            status.write(options.status_json, {"scenario": plan.name, "attacks": intruder.report()})


def _fleet_key(options: argparse.Namespace) -> bytes:
    if options.fleet_key_file is not None:
        return signing.parse_key(options.fleet_key_file.read_text(encoding="ascii"))
    if options.dry_run:
        return bytes(signing.KEY_BYTES)
    raise scenarios.ScenarioError("a fleet key is needed: --fleet-key-file FILE")


def _device(profile: Profile, fleet_key: bytes, options: argparse.Namespace) -> Device:
    key = signing.derive_device_key(fleet_key, profile.id, KID)
    seed = str(options.seed)
    if options.dry_run:
        return Device(profile, key, MemoryStore(), seed=seed)
    store = FolderStore(options.state_dir, profile.id)
    if options.record:
        return Device(profile, key, store, seed=seed, record=Recorder(options.state_dir, profile.id))
    return Device(profile, key, store, seed=seed)


def _connect(options: argparse.Namespace) -> Connect:
    if options.dry_run:
        return over_memory(printing_bus(sys.stdout))
    host, _, port = options.broker.rpartition(":")
    if not host or not port.isdigit():
        raise scenarios.ScenarioError(f"{options.broker} is not HOST:PORT")
    return over_broker(Broker(host=host, port=int(port)), mqtt5=options.mqtt == "5", seed=options.seed)


async def _show(name: str, fleet: Fleet, options: argparse.Namespace) -> None:
    """Keep the status file and the table up to date, until cancelled; the file a last time then."""
    started_s = time.monotonic()
    table = None if options.quiet or options.dry_run or not fleet.carried else status.Table(sys.stdout)
    try:
        while True:
            content = status.report(name, fleet.carried, time.monotonic() - started_s)
            if options.status_json is not None and fleet.carried:
                status.write(options.status_json, content)
            if table is not None:
                table.draw(content)
            await asyncio.sleep(1)
    finally:
        if options.status_json is not None and fleet.carried:
            status.write(options.status_json, status.report(name, fleet.carried, time.monotonic() - started_s))


def _allow_open_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < OPEN_FILES:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(OPEN_FILES, hard), hard))


if __name__ == "__main__":
    sys.exit(main())
