"""One run of the simulator: a fleet, an intruder or both, keys of the terminal, a table and a status file."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import ssl
import sys
import time

from iiot_engine.links.broker import Broker
from iiot_engine.wire import signing
from iiot_engine.wire.topics import check_prefix

from . import status
from .bus import Connect, over_broker, over_memory, printing_bus
from .device import Device
from .fleet import Fleet
from .intruder import Intruder
from .keyboard import Keyboard
from .keyring import FIRST_KID
from .limits import LimitError, in_words, make_room
from .profile import Profile
from .record import Recorder
from .scenario import MAX_DEVICES, Scenario, ScenarioError
from .state import FolderStore, MemoryStore

SHARE_OF_TIME = 0.05
"""The status of a large fleet takes long to write: it is written less often, so that it takes no more."""
PASSWORD = "IIOT_SIM_PASSWORD"  # noqa: S105 - the name of a variable
KEYS = "keys: + adds a device, - takes one away, q leaves"


class Run:
    """Everything that lives from start to leave."""

    def __init__(self, plan: Scenario, options: argparse.Namespace) -> None:
        check_prefix(options.prefix)
        self._plan = plan
        self._options = options
        self._fleet_key = _fleet_key(options)
        self._connect = _connect(options)
        self._stop = asyncio.Event()
        self._keys: asyncio.Queue[str] = asyncio.Queue()
        self._said = ""
        self._started = int(time.time())
        """Rises from run to run: the boot number of devices that keep none."""
        if not options.dry_run:
            make_room(_connections(plan, options))
        devices = [self._device(profile.quicker(options.speed)) for profile in plan.profiles]
        self.fleet = Fleet(
            devices,
            options.prefix,
            self._connect,
            connections=options.connections,
            starts_a_second=options.starts,
        )

    async def live(self) -> None:
        """Run until the end of the duration or of the attacks, a signal or the key for leaving."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup, and shells for the background, mean it
                loop.add_signal_handler(number, self._stop.set)
        with Keyboard(sys.stdin, self._keys.put_nowait) as keyboard:
            if keyboard.is_listening and self._plan.profiles:
                self._said = KEYS
            beside = [asyncio.create_task(self._show()), asyncio.create_task(self._obey())]
            try:
                if self._plan.attacks:
                    await self._intrude()
                else:
                    await self.fleet.run(self._stop, self._options.duration)
            finally:
                for task in beside:
                    task.cancel()
                await asyncio.gather(*beside, return_exceptions=True)

    async def _obey(self) -> None:
        """Do what the keys say, one after the other."""
        while True:
            key = await self._keys.get()
            match key:
                case "+":
                    self._said = self._add()
                case "-":
                    name = await self.fleet.take()
                    self._said = "nobody is left" if name is None else f"took {name}"
                case "q":
                    self._stop.set()

    def _add(self) -> str:
        if len(self.fleet.carried) >= MAX_DEVICES:
            return f"{MAX_DEVICES:,} devices are the most"
        try:
            make_room(self.fleet.connections + 1)
            device = self._device(self._plan.another().quicker(self._options.speed))
        except (LimitError, ScenarioError, OSError) as err:
            return str(err)
        self.fleet.add(device)
        return f"added {device.profile.name}"

    async def _intrude(self) -> None:
        """Attack beside the fleet, if there is one; end when the attacks are over, or when asked to."""
        plan, options = self._plan, self._options
        intruder = Intruder(options.prefix, self._fleet_key, self._connect, seed=options.seed)
        living = asyncio.create_task(self.fleet.run(self._stop, options.duration))
        attacking = asyncio.create_task(intruder.run(plan.attacks, plan.watch_s / options.speed))
        stopping = asyncio.create_task(self._stop.wait())
        await asyncio.wait((attacking, stopping), timeout=options.duration, return_when=asyncio.FIRST_COMPLETED)
        self._stop.set()
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

    def _device(self, profile: Profile) -> Device:
        options = self._options
        key = signing.derive_device_key(self._fleet_key, profile.id, FIRST_KID)
        seed = str(options.seed)
        if options.dry_run:
            return Device(profile, key, MemoryStore(), seed=seed)
        if options.forget:
            return Device(profile, key, MemoryStore(boot=self._started), seed=seed)
        store = FolderStore(options.state_dir, profile.id)
        if options.record:
            recorder = Recorder(options.state_dir, profile.id)
            return Device(profile, key, store, seed=seed, record=recorder.row, count=recorder.move)
        return Device(profile, key, store, seed=seed)

    async def _show(self) -> None:
        """Keep the status file and the table up to date, until cancelled; the file a last time then."""
        options, started_s = self._options, time.monotonic()
        file = options.status_json if self._plan.profiles else None
        is_drawn = not (options.quiet or options.dry_run) and bool(self._plan.profiles)
        table = status.Table(sys.stdout) if is_drawn else None
        if file is None and table is None:
            return
        try:
            while True:
                begun_s, spent_s = time.monotonic(), time.process_time()
                content = self._content(begun_s - started_s)
                if file is not None:
                    status.write(file, content)
                if table is not None:
                    table.draw(content)
                await asyncio.sleep(max(1.0, (time.process_time() - spent_s) / SHARE_OF_TIME))
        finally:
            if file is not None:
                status.write(file, self._content(time.monotonic() - started_s))

    def _content(self, up_s: float) -> dict[str, object]:
        trouble = self.fleet.trouble
        said = self._said if trouble is None else f"no connection: {in_words(trouble)}"
        return status.report(self._plan.name, self.fleet.carried, up_s, said)


def _fleet_key(options: argparse.Namespace) -> bytes:
    if options.fleet_key_file is not None:
        return signing.parse_key(options.fleet_key_file.read_text(encoding="ascii"))
    if options.dry_run:
        return bytes(signing.KEY_BYTES)
    raise ScenarioError("a fleet key is needed: --fleet-key-file FILE")


def _connect(options: argparse.Namespace) -> Connect:
    if options.dry_run:
        return over_memory(printing_bus(sys.stdout))
    host, _, port = options.broker.rpartition(":")
    if not host or not port.isdigit():
        raise ScenarioError(f"{options.broker} is not HOST:PORT")
    broker = Broker(host=host, port=int(port), user=options.user, password=_password(options), tls=_tls(options))
    if options.own_logins and (options.connections is not None or options.user is not None):
        raise ScenarioError("--own-logins is for devices with a connection each, and without --user")
    return over_broker(broker, mqtt5=options.mqtt == "5", seed=options.seed, own_logins=options.own_logins)


def _password(options: argparse.Namespace) -> str | None:
    """Never an option of its own: every user of the machine can read a command line."""
    if options.password_file is None:
        return os.environ.get(PASSWORD) if options.user is not None else None
    if options.user is None:
        raise ScenarioError("a password needs a user: --user NAME")
    return str(options.password_file.read_text(encoding="utf-8")).rstrip("\r\n")


def _tls(options: argparse.Namespace) -> ssl.SSLContext | None:
    if options.ca is None:
        return ssl.create_default_context() if options.tls else None
    try:
        return ssl.create_default_context(cadata=options.ca.read_text(encoding="ascii"))
    except (ssl.SSLError, ValueError) as err:
        raise ScenarioError(f"{options.ca} holds no certificate in PEM form") from err


def _connections(plan: Scenario, options: argparse.Namespace) -> int:
    own = sum(profile.gateway is None for profile in plan.profiles)
    return own if options.connections is None else min(own, int(options.connections))
