"""The command line of the benchmarks: `scripts/bench`."""

import argparse
import asyncio
import sys
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from signal import SIGHUP, SIGINT, SIGTERM

from testbed.errors import TestbedError

from . import command, figure, fleet_in_hass, ingest, latency, page, profile_ingest, waveform
from .figure import Figure

INTERRUPTED = 128 + SIGINT
PROFILE_MESSAGES = 20_000


def main() -> int:
    """Read the command line, measure, print the table, and return the exit code."""
    options = _arguments()
    if options.what == "page":
        page.renew()
        return 0
    try:
        figures = _measured(options)
    except TestbedError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except asyncio.CancelledError:
        return INTERRUPTED
    if options.json is not None:
        figure.write(options.json, figures)
    print(figure.table(figures))
    return 0


def _measured(options: argparse.Namespace) -> list[Figure]:
    match options.what:
        case "ingest":
            return _ingest(options)
        case "latency":
            return _run(latency.measure(latency.SHORT if options.short else latency.Plan()))
        case "command":
            return _run(command.measure(command.SHORT if options.short else command.Plan()))
        case "fleet":
            return _run(fleet_in_hass.measure(fleet_in_hass.SHORT if options.short else fleet_in_hass.Plan()))
        case _:
            return waveform.measure(waveform.SHORT if options.short else waveform.Plan())


def _ingest(options: argparse.Namespace) -> list[Figure]:
    plan = replace(ingest.SHORT if options.short else _ingest_plan(options), own=options.own)
    if not options.profile:
        return _run(ingest.measure(plan))
    messages = min(plan.messages, PROFILE_MESSAGES)
    figures = profile_ingest.profile(plan.devices, messages, plan.rounds)
    profile_ingest.hot_functions(plan.devices, messages)
    return figures


def _ingest_plan(options: argparse.Namespace) -> ingest.Plan:
    return ingest.Plan(
        devices=options.devices,
        messages=options.messages,
        rounds=options.rounds,
        paced_rounds=min(options.rounds, ingest.Plan().paced_rounds),
        paces=tuple(options.pace),
        pace_s=options.pace_s,
        quiet_s=options.quiet_s,
        idle_s=options.idle_s,
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    commands = parser.add_subparsers(dest="what", required=True)
    _add_ingest(commands.add_parser("ingest", help=ingest.__doc__))
    for name, module in {"command": command, "latency": latency, "fleet": fleet_in_hass, "waveform": waveform}.items():
        _add_common(commands.add_parser(name, help=module.__doc__))
    commands.add_parser("page", help="renew the tables of docs/explain/speed.md from benchmarks/results")
    return parser.parse_args()


def _add_common(run: argparse.ArgumentParser) -> None:
    run.add_argument("--json", type=Path, metavar="FILE", help="write a JSON list there, one object a figure")
    run.add_argument(
        "--short", action="store_true", help="seconds instead of minutes: shows that it runs, not how fast"
    )


def _add_ingest(run: argparse.ArgumentParser) -> None:
    plan = ingest.Plan()
    _add_common(run)
    run.add_argument("--profile", action="store_true", help="the engine alone, stage by stage")
    run.add_argument("--own", action="store_true", help="the hub has a connection of its own")
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


def _run(work: Coroutine[None, None, list[Figure]]) -> list[Figure]:
    return asyncio.run(_until_signal(work))


async def _until_signal(work: Coroutine[None, None, list[Figure]]) -> list[Figure]:
    """Do the work until it is done, or a signal to end cancels it; what it started is ended either way."""
    task = asyncio.create_task(work)
    for number in (SIGHUP, SIGINT, SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    return await task


if __name__ == "__main__":
    sys.exit(main())
