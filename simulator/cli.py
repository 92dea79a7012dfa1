"""The program `iiot-sim`."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

from iiot_engine.errors import EngineError

from . import draw
from . import scenario as scenarios
from .fleet import STARTS_A_SECOND
from .run import Run


def main(arguments: list[str] | None = None) -> int:
    """Run the program; gives back the exit code."""
    options = _parser().parse_args(arguments)
    try:
        return ACTIONS[options.action](options)
    except (EngineError, OSError) as err:
        sys.stderr.write(f"iiot-sim: {err}\n")
        return 1
    except KeyboardInterrupt:
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="iiot-sim", allow_abbrev=False, description="A simulated plant that speaks iiot/1."
    )
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("list", help="name the built-in scenarios")
    run = actions.add_parser("run", allow_abbrev=False, help="run a scenario")
    run.add_argument("scenario", help="name of a built-in scenario, or a TOML file")
    run.add_argument("--devices", type=int, metavar="N", help="repeat or cut the scenario's devices to so many")
    _add_options(run)
    random = actions.add_parser("random", allow_abbrev=False, help="draw a plant at random, and run it")
    random.add_argument("count", type=int, metavar="N", help="number of devices")
    random.add_argument("--print", action="store_true", help="print the description instead of running it")
    random.add_argument("--out", type=Path, metavar="FILE", help="write the description, then run it")
    _add_options(random)
    return parser


def _add_options(run: argparse.ArgumentParser) -> None:
    run.add_argument("--broker", default="127.0.0.1:1883", metavar="HOST:PORT", help="the broker of the hub")
    run.add_argument("--user", metavar="NAME", help="log in to the broker")
    run.add_argument("--password-file", type=Path, metavar="FILE", help="its password; else IIOT_SIM_PASSWORD holds it")
    run.add_argument(
        "--own-logins", action="store_true", help="each device logs in as itself, with a password made from its key"
    )
    run.add_argument("--tls", action="store_true", help="speak TLS, and check the broker's certificate")
    run.add_argument("--ca", type=Path, metavar="FILE", help="TLS that trusts only this authority, in PEM form")
    run.add_argument("--prefix", default="iiot", help="topic prefix")
    run.add_argument("--fleet-key-file", type=Path, metavar="FILE", help="64 hexadecimal digits; needed with a broker")
    run.add_argument("--state-dir", type=Path, default=Path(".iiot-sim"), metavar="DIR", help="what devices remember")
    run.add_argument("--forget", action="store_true", help="keep nothing on disk: boot numbers come from the clock")
    run.add_argument("--seed", type=int, default=1, help="the same seed gives the same devices and values")
    run.add_argument("--connections", type=_positive, metavar="N", help="share so many connections; else one a device")
    run.add_argument(
        "--starts",
        type=_rate,
        default=STARTS_A_SECOND,
        metavar="N",
        help="devices that are switched on in a second",
    )
    run.add_argument("--duration", type=float, metavar="S", help="leave after so many seconds")
    run.add_argument("--status-json", type=Path, metavar="FILE", help="rewritten every second; large ones less often")
    run.add_argument(
        "--record", action="store_true", help="write every row made to DIR/produced, every movement to DIR/moved"
    )
    run.add_argument("--dry-run", action="store_true", help="print messages, use no broker and no files")
    run.add_argument("--quiet", action="store_true", help="no table")
    run.add_argument("--mqtt", choices=("5", "3.1.1"), default="5", help="version of MQTT")
    run.add_argument("--speed", type=_rate, default=1.0, metavar="X", help="divide every period by X")


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1")
    return number


def _rate(text: str) -> float:
    number = float(text)
    if not 0 < number <= 1e6:
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
    return number


def _list(_options: argparse.Namespace) -> int:
    for name in scenarios.built_in():
        loaded = scenarios.load(name)
        print(f"{name:13} {len(loaded.profiles):4} devices {len(loaded.attacks):4} attacks  {loaded.title}")
    return 0


def _run(options: argparse.Namespace) -> int:
    asyncio.run(live(scenarios.load(options.scenario, seed=options.seed, devices=options.devices), options))
    return 0


def _random(options: argparse.Namespace) -> int:
    text = draw.describe(options.count, options.seed)
    if options.print:
        sys.stdout.write(text)
        return 0
    if options.out is not None:
        options.out.write_text(text, encoding="utf-8")
    asyncio.run(live(draw.Drawn(options.count, options.seed), options))
    return 0


async def live(plan: scenarios.Scenario, options: argparse.Namespace) -> None:
    """Run a plan inside the event loop."""
    await Run(plan, options).live()


ACTIONS: dict[str, Callable[[argparse.Namespace], int]] = {"list": _list, "run": _run, "random": _random}


if __name__ == "__main__":
    sys.exit(main())
