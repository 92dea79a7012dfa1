"""The command line of the benchmarks: `scripts/bench`."""

import argparse
import asyncio
import sys
from collections.abc import Coroutine
from pathlib import Path
from signal import SIGHUP, SIGINT, SIGTERM

from testbed.errors import TestbedError

from . import figure, ingest, page, profile_ingest
from .figure import Figure

INTERRUPTED = 128 + SIGINT
PROFILE_MESSAGES = 20_000


def main() -> int:
    """Read the command line, measure, print the table, and return the exit code."""
    options = _arguments()
    if options.what == "page":
        page.renew()
        return 0
    plan = ingest.Plan(
        devices=options.devices,
        messages=options.messages,
        rounds=options.rounds,
        paced_rounds=min(options.rounds, ingest.Plan().paced_rounds),
        paces=tuple(options.pace),
        pace_s=options.pace_s,
        quiet_s=options.quiet_s,
        idle_s=options.idle_s,
    )
    try:
        if options.profile:
            figures = profile_ingest.profile(plan.devices, min(plan.messages, PROFILE_MESSAGES), plan.rounds)
            profile_ingest.hot_functions(plan.devices, min(plan.messages, PROFILE_MESSAGES))
        else:
            figures = asyncio.run(_until_signal(ingest.measure(plan)))
    except TestbedError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except asyncio.CancelledError:
        return INTERRUPTED
    if options.json is not None:
        figure.write(options.json, figures)
    print(figure.table(figures))
    return 0


def _arguments() -> argparse.Namespace:
    plan = ingest.Plan()
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    commands = parser.add_subparsers(dest="what", required=True)
    run = commands.add_parser("ingest", help=ingest.__doc__)
    run.add_argument("--json", type=Path, metavar="FILE", help="write a JSON list there, one object a figure")
    run.add_argument("--profile", action="store_true", help="the engine alone, stage by stage")
    run.add_argument("--devices", type=int, default=plan.devices)
    run.add_argument("--messages", type=int, default=plan.messages, help="of each lane and round of the burst")
    run.add_argument("--rounds", type=int, default=plan.rounds)
    run.add_argument(
        "--pace",
        type=float,
        nargs="*",
        default=plan.paces,
        metavar="HZ",
        help="messages a second of each device, for the rounds with a steady pace",
    )
    run.add_argument("--pace-s", type=float, default=plan.pace_s, help="seconds of such a round")
    run.add_argument("--quiet-s", type=float, default=plan.quiet_s, help="seconds without work that end a round")
    run.add_argument("--idle-s", type=float, default=plan.idle_s, help="seconds in which the idle share is measured")
    commands.add_parser("page", help="renew the tables of docs/explain/speed.md from benchmarks/results")
    return parser.parse_args()


async def _until_signal(work: Coroutine[None, None, list[Figure]]) -> list[Figure]:
    """Do the work until it is done, or a signal to end cancels it; what it started is ended either way."""
    task = asyncio.create_task(work)
    for number in (SIGHUP, SIGINT, SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    return await task


if __name__ == "__main__":
    sys.exit(main())
