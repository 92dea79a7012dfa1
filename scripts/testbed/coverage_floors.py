"""Holds every part of the product to its coverage floor; reads the JSON report of coverage.py."""

import json
import sys
from pathlib import Path
from typing import NotRequired, TypedDict

ENGINE = "custom_components/iiot/engine/"
FLOWS = ("custom_components/iiot/config_flow.py", "custom_components/iiot/flows/")

BESIDE = ("iiotctl", "simulator")
"""Programs with a folder of their own."""


class Summary(TypedDict):
    """The counts of one file that the floors are judged by."""

    num_statements: int
    covered_lines: int
    num_branches: NotRequired[int]
    covered_branches: NotRequired[int]


class Measured(TypedDict):
    """One file of the report."""

    summary: Summary
    missing_lines: list[int]
    missing_branches: NotRequired[list[list[int]]]


# Part of the product: (its floor in per cent, lines and branches together). A file counts for the first part it fits.
FLOORS = {"engine": 100.0, "flows": 100.0, "integration": 95.0, "iiotctl": 95.0, "simulator": 95.0}
# Part of which each file has to reach the floor, as Home Assistant's quality scale asks.
EACH_FILE = "integration"


def part_of(path: str) -> str:
    """Return the part of the product that a file belongs to."""
    if path.startswith(ENGINE):
        return "engine"
    if path.startswith(FLOWS):
        return "flows"
    return next((name for name in BESIDE if path.startswith(f"{name}/")), "integration")


def covered(files: dict[str, Measured]) -> tuple[int, int]:
    """Return how many lines and branches ran, and how many there are."""
    sums = [one["summary"] for one in files.values()]
    ran = sum(one["covered_lines"] + one.get("covered_branches", 0) for one in sums)
    return ran, sum(one["num_statements"] + one.get("num_branches", 0) for one in sums)


def share(files: dict[str, Measured]) -> float:
    """Return how much of these files ran, in per cent."""
    ran, all_of_them = covered(files)
    return 100.0 * ran / all_of_them if all_of_them else 100.0


def gaps(files: dict[str, Measured]) -> list[str]:
    """Return one line for each file with lines or branches that did not run, the worst first."""
    rows = []
    for path, one in files.items():
        ran, all_of_them = covered({path: one})
        if ran < all_of_them:
            branches = ", ".join(f"{start}->{end}" for start, end in one.get("missing_branches", [])[:8])
            lines = ", ".join(map(str, one["missing_lines"][:20]))
            rows.append((ran / all_of_them, f"    {path}: lines {lines or 'none'}; branches {branches or 'none'}"))
    return [text for _, text in sorted(rows)]


def main(report: Path) -> int:
    """Print a line for each part; return 1 when one is below its floor, else 0."""
    files: dict[str, Measured] = json.loads(report.read_text(encoding="utf-8"))["files"]
    status = 0
    for part, floor in FLOORS.items():
        mine = {path: one for path, one in files.items() if part_of(path) == part}
        _, all_of_them = covered(mine)
        percent = share(mine)
        reached = percent >= floor and (part != EACH_FILE or all(share({p: mine[p]}) >= floor for p in mine))
        print(f"{part:12} {percent:6.2f} % of {all_of_them:5} (floor {floor:g} %){'' if reached else '  TOO LOW'}")
        if not reached:
            status = 1
            print("\n".join(gaps(mine)))
    return status


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
