"""The command line of `scripts/release`: looks, checks, builds, and publishes where that is asked for."""

import argparse
import subprocess
import sys
from pathlib import Path

from .release import NOTES, build, refusals, versions

ROOT = Path(__file__).parents[3]
DIST = ROOT / "dist"


def main(arguments: list[str]) -> int:
    """Return 0 when the release is there."""
    parser = argparse.ArgumentParser(prog="scripts/release", description="Makes a release of the present commit.")
    parser.add_argument("version", nargs="?", help="the tag; in a rehearsal the version of the tree may be left out")
    parser.add_argument("--dry-run", action="store_true", help="a rehearsal: all but publishing, into dist/")
    parser.add_argument("--unchecked", action="store_true", help="a rehearsal that leaves the checks and tests out")
    options = parser.parse_args(arguments)
    if not options.version and not options.dry_run:
        parser.error("say which version: the tag of the present commit")
    if options.unchecked and not options.dry_run:
        parser.error("--unchecked is for rehearsals: a release is checked")
    version = options.version or versions(ROOT).manifest
    if refused := refusals(ROOT, version, is_rehearsal=options.dry_run):
        print("\n".join(f"error: {reason}" for reason in refused), file=sys.stderr)
        return 1
    if not options.unchecked:
        subprocess.run([ROOT / ".ci" / "run"], check=True)  # noqa: S603
    built = build(ROOT, DIST)
    if not options.dry_run:
        _publish(version, [path for path in built if path.name != NOTES])
    print("\n".join(f"{path.stat().st_size:10,} {path.relative_to(ROOT)}" for path in built))
    return 0


def _publish(version: str, assets: list[Path]) -> None:
    command = [
        "gh",
        "release",
        "create",
        version,
        "--verify-tag",
        "--title",
        version,
        "--notes-file",
        str(DIST / NOTES),
    ]
    kind = ["--prerelease"] if "b" in version else []
    subprocess.run([*command, *kind, *map(str, assets)], check=True)  # noqa: S603


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except subprocess.CalledProcessError as error:
        sys.exit(f"error: {error.cmd[0]} failed: nothing was published")
