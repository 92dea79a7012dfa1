"""The command line of `scripts/fuzz`."""

import argparse
import json
import os
import sys
import time
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from pathlib import Path
from typing import Any

from . import registry
from .campaign import Failure, Tally, replay
from .target import Target

INPUTS = 1_000_000


def main() -> int:
    """Run a campaign, or play a failing input again; 0 when nothing broke."""
    options = _options()
    if options.replay:
        return _replay(options.replay)
    names = options.target or [*registry.targets(), *registry.WITH_HASS]
    chosen = {name: registry.find(name) for name in names}
    tallies = campaign(chosen, options)
    sys.stdout.write(table(tallies, options.seed) + "\n")
    failures = [failure for tally in tallies.values() for failure in tally.failures]
    for error, alike in _alike(failures).items():
        first = alike[0]
        sys.stdout.write(f"{len(alike)} times: {error}\n  by {first.target}, seed {first.seed}, input {first.index}\n")
    return 1 if failures else 0


def _keep(failures: list[Failure], corpus: Path | None) -> None:
    """Tell of failures as they come, and keep them: a campaign may be ended before its end."""
    for failure in failures:
        where = failure.write(corpus) if corpus else "give --corpus to keep it"
        sys.stderr.write(f"{failure.target}, input {failure.index}: {failure.error}\n  {where}\n")


def _alike(failures: list[Failure]) -> dict[str, list[Failure]]:
    """Failures by what they say; the shortest first."""
    found: dict[str, list[Failure]] = {}
    for failure in sorted(failures, key=lambda failure: len(failure.items)):
        found.setdefault(f"{failure.target}: {failure.error}", []).append(failure)
    return found


def _options() -> argparse.Namespace:
    names = [*registry.targets(), *registry.WITH_HASS, *registry.MODELS]
    parser = argparse.ArgumentParser(prog="scripts/fuzz", description="Fuzzes everything that reads foreign bytes.")
    parser.add_argument("--inputs", type=int, default=INPUTS, help="over all targets (default: %(default)s)")
    parser.add_argument("--minutes", type=float, help="go on for so long instead")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--target", action="append", choices=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("--corpus", type=Path, help="folder for inputs that break something")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 2)
    parser.add_argument("--replay", type=Path, help="play an input of the corpus again")
    return parser.parse_args()


def campaign(chosen: dict[str, Target[Any, Any]], options: argparse.Namespace) -> dict[str, Tally]:
    """Share the inputs out over targets and processes."""
    tallies = {name: Tally() for name in chosen}
    blocks = _blocks(chosen, None if options.minutes else options.inputs)
    end = time.monotonic() + 60 * options.minutes if options.minutes else None
    with ProcessPoolExecutor(options.processes) as pool:
        running: dict[Future[Tally], str] = {}
        told = time.monotonic()
        while True:
            while len(running) < 2 * options.processes and (end is None or time.monotonic() < end):
                block = next(blocks, None)
                if block is None:
                    break
                running[pool.submit(registry.play, options.seed, *block)] = block[0]
            if not running:
                return tallies
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                tally = future.result()
                tallies[running.pop(future)].add(tally)
                _keep(tally.failures, options.corpus)
            if time.monotonic() - told > 10:
                told = time.monotonic()
                _tell(tallies)


def _blocks(chosen: dict[str, Target[Any, Any]], inputs: int | None) -> Any:
    """(target, first episode, inputs) in turn, each target as often as its share says."""
    total = sum(target.share for target in chosen.values())
    played = dict.fromkeys(chosen, 0)
    while inputs is None or sum(played.values()) < inputs:
        name = min(chosen, key=lambda name: played[name] / chosen[name].share)
        target = chosen[name]
        block = target.block
        most = block if inputs is None else max(1, -(-inputs * target.share // total) - played[name])
        count = min(block, most)
        yield name, -(-played[name] // target.episode), count
        played[name] += -(-count // target.episode) * target.episode


def _tell(tallies: dict[str, Tally]) -> None:
    inputs = sum(tally.inputs for tally in tallies.values())
    failures = sum(len(tally.failures) for tally in tallies.values())
    sys.stderr.write(f"{inputs:,} inputs, {failures} failures\n")


def table(tallies: dict[str, Tally], seed: int) -> str:
    """What came of it, for people: a Markdown table."""
    lines = [
        "| target | inputs | accepted | refused | slowest | exceptions |",
        "|---|---:|---:|---|---|---:|",
    ]
    for name, tally in tallies.items():
        refused = ", ".join(f"{code} {n:,}" for code, n in tally.codes.most_common() if code != "accepted")
        slowest = f"{tally.slowest_ns / 1e6:.1f} ms ({tally.slowest_size:,} B)"
        accepted = tally.codes["accepted"]
        lines.append(f"| {name} | {tally.inputs:,} | {accepted:,} | {refused} | {slowest} | {len(tally.failures)} |")
    for name, tally in tallies.items():
        if tally.counted:
            lines += ["", f"| {name} | count |", "|---|---:|"]
            lines += [f"| {what} | {count:,} |" for what, count in sorted(tally.counted.items())]
    inputs = sum(tally.inputs for tally in tallies.values())
    seconds = sum(tally.cost_ns for tally in tallies.values()) / 1e9
    memory = max((tally.memory_kib for tally in tallies.values()), default=0) // 1024
    failures = sum(len(tally.failures) for tally in tallies.values())
    lines.append(f"\n{inputs:,} inputs, seed {seed}: {failures} exceptions; {seconds:.0f} s of processor time in what")
    lines[-1] += f" was fuzzed, largest process {memory} MiB"
    return "\n".join(lines)


def _replay(path: Path) -> int:
    kept = json.loads(path.read_text(encoding="utf-8"))
    target = registry.find(kept["target"])
    told = replay(target, kept["setup"], [target.load(item) for item in kept["items"]])
    sys.stdout.write(f"{told or 'nothing breaks'}\n")
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main())
