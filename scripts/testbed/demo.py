"""The demo: a real Home Assistant, a real broker and a simulated plant of 40 signed sensors (`scripts/demo`)."""

import argparse
import asyncio
import shutil
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import mkdtemp

from . import hass_log
from .api import Api
from .broker import Broker
from .errors import TestbedError
from .fleet import Row, fleet, table
from .hass import OWNER, HomeAssistant
from .plant import Plant, add_hub, hub_entry, must_start, new_fleet_key
from .ports import LOOPBACK, free_ports, is_free

SITE = "Demo plant"
PREFIX = "iiot"
DEVICES = 40
PORT = 8123
BROKER_PORT = 18830
CHECK_S = 180.0
POLL_S = 1.0
# Home Assistant gathers subscriptions for half a second before it sends them.
SUBSCRIBED_S = 1.0
INTERRUPTED = 128 + signal.SIGINT
FOLDER = Path(__file__).parents[2] / ".cache" / "demo"


class Demo:
    """All that runs in a demo, in one folder."""

    def __init__(self, folder: Path, port: int, broker_port: int) -> None:
        self.key_file = folder / "fleet.key"
        self.broker = Broker(folder / "broker", broker_port)
        self.hass = HomeAssistant(folder / "hass", port=port, broker_port=broker_port, name=SITE)
        self.plant = Plant(folder / "plant", broker_port=broker_port, fleet_key_file=self.key_file, prefix=PREFIX)

    async def start(self, stack: AsyncExitStack) -> None:
        """Start everything; the stack ends it in reverse order, also after half a start."""
        await _begin(stack, "broker", self.broker.start, self.broker.stop)
        await _begin(stack, "Home Assistant", self.hass.start, self.hass.stop)
        async with self.hass.api() as api:
            entry = await hub_entry(api)
            if entry is None:
                _say("adding the hub with a new fleet key")
                await add_hub(api, name=SITE, prefix=PREFIX, fleet_key=new_fleet_key(self.key_file))
            else:
                await must_start(api, entry["entry_id"])
        await asyncio.sleep(SUBSCRIBED_S)
        await _begin(stack, f"the simulated plant of {DEVICES} sensors", self.plant.start, self.plant.stop)

    async def until_live(self, api: Api) -> list[Row]:
        """Wait until every device has live values; raises TestbedError with what is missing after `CHECK_S`."""
        deadline = time.monotonic() + CHECK_S
        told = -1
        while True:
            rows = await fleet(api)
            live = sum(row.is_live for row in rows)
            if live != told:
                _say(f"{len(rows)} of {DEVICES} devices, {live} with live values")
                told = live
            if live >= DEVICES:
                return rows
            self.must_run()
            if time.monotonic() > deadline:
                raise TestbedError(self._missing(rows))
            await asyncio.sleep(POLL_S)

    def must_run(self) -> None:
        """Raise TestbedError when one of the programs has ended by itself."""
        for process in (self.broker.process, self.hass.process, self.plant.process):
            process.must_run()

    def _missing(self, rows: list[Row]) -> str:
        silent = [row.name for row in rows if not row.is_live]
        errors = hass_log.problems(self.hass.log()) or hass_log.errors(self.hass.log())
        parts = [
            f"after {CHECK_S:.0f} s only {len(rows) - len(silent)} of {DEVICES} devices have live values",
            f"registered: {len(rows)}; without a value: {', '.join(silent) or 'none'}",
            "last errors of Home Assistant:",
            *(error[:1000] for error in errors[-5:]),
            "end of the plant's output:",
            self.plant.process.tail(10),
        ]
        return "\n".join(parts)


async def check() -> None:
    """Run the demo headless on free ports in a folder of its own, until all devices are live; then end it."""
    folder = Path(mkdtemp(prefix="iiot-demo-"))
    port, broker_port = free_ports(2)
    demo = Demo(folder, port, broker_port)
    async with AsyncExitStack() as stack:
        stack.push(lambda _kind, error, _trace: _say(f"the logs are kept in {folder}") if error else None)
        await demo.start(stack)
        async with demo.hass.api() as api:
            rows = await demo.until_live(api)
        problems = demo.hass.problems()
        _say("ending what was started")
    # That devices are lost when the plant ends is worth a warning; an error is not.
    problems += [error for error in hass_log.problems(demo.hass.log(), hass_log.ERRORS) if error not in problems]
    if problems:
        raise TestbedError("\n".join([f"the integration logged warnings or errors ({folder}):", *problems[:10]]))
    shutil.rmtree(folder)
    print(table(rows))
    print(f"\nAll {len(rows)} devices have live values.")


async def run(port: int) -> None:
    """Run the demo in its own folder until it is cancelled; raises TestbedError when a program ends by itself."""
    broker_port = BROKER_PORT if is_free(BROKER_PORT) else free_ports(1)[0]
    demo = Demo(FOLDER, port, broker_port)
    async with AsyncExitStack() as stack:
        stack.callback(_say, "everything that was started has ended")
        await demo.start(stack)
        _, username, password = OWNER
        print(f"\n  Home Assistant: {demo.hass.url}   user: {username}   password: {password}")
        print(f"  Broker: {LOOPBACK}:{broker_port}   fleet key: {demo.key_file}\n", flush=True)
        async with demo.hass.api() as api:
            print(table(await demo.until_live(api)))
        print("\n  Ctrl-C ends the demo.", flush=True)
        while True:
            demo.must_run()
            await asyncio.sleep(POLL_S)


def main() -> int:
    """Read the command line, run, and return the exit code."""
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument("--check", action="store_true", help="run headless on free ports, until all devices are live")
    parser.add_argument("--port", type=int, default=PORT, help=f"where Home Assistant answers (default {PORT})")
    parser.add_argument("--reset", action="store_true", help="start afresh: forget what the last demo left")
    options = parser.parse_args()
    if options.reset and not options.check:
        shutil.rmtree(FOLDER, ignore_errors=True)
    try:
        return asyncio.run(_until_signal(check() if options.check else run(options.port)))
    except TestbedError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


async def _until_signal(work: Coroutine[None, None, None]) -> int:
    """Do the work until it is done, or a signal to end cancels it; what it started is ended either way."""
    task = asyncio.create_task(work)
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        return INTERRUPTED
    return 0


async def _begin(
    stack: AsyncExitStack, name: str, start: Callable[[], Awaitable[None]], stop: Callable[[], Awaitable[None]]
) -> None:
    """Start a program; the stack stops it, also when the start fails half-way."""
    _say(f"starting {name}")
    stack.push_async_callback(stop)
    await start()


def _say(text: str) -> None:
    print(f"==> {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
