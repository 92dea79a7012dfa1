"""The pictures of the pages in docs/, chosen from those that the browser tests keep (`scripts/screenshots`)."""

import argparse
import sys
from pathlib import Path

from PIL import Image

from .errors import TestbedError

FOLDER = Path(__file__).parents[2] / "docs" / "images"
MOST_BYTES = 200_000
# A page of Home Assistant has few colours: a palette keeps it sharp and makes it a third of the size.
COLOURS = 256
CHOSEN = {
    "dashboard-desktop-light": "dashboard",
    "dashboard-phone-dark": "dashboard-phone",
    "area-desktop-dark": "area",
    "discovered": "discovered",
    "approve": "approve",
    "device": "device",
    "by-hand": "add-a-device",
    "repair": "repair",
    "check-connectivity-device": "check-connectivity",
}
"""Name of the test's picture → name in docs/images."""


def write(taken: Path, folder: Path = FOLDER) -> dict[str, int]:
    """Write the chosen pictures; gives back their sizes in bytes. None may be missing, or too large for a page."""
    folder.mkdir(parents=True, exist_ok=True)
    sizes: dict[str, int] = {}
    for source, name in CHOSEN.items():
        file = taken / f"{source}.png"
        if not file.exists():
            message = f"{file} is missing: its test did not run"
            raise TestbedError(message)
        target = folder / f"{name}.png"
        with Image.open(file) as picture:
            picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(target, optimize=True)
        sizes[target.name] = target.stat().st_size
    large = [name for name, size in sizes.items() if size > MOST_BYTES]
    if large:
        message = f"larger than {MOST_BYTES:,} bytes: {', '.join(large)}"
        raise TestbedError(message)
    return sizes


def main() -> int:
    """Read the command line, write, and return the exit code."""
    parser = argparse.ArgumentParser(prog="scripts/screenshots", description=__doc__)
    parser.add_argument("taken", type=Path, help="folder of the pictures that the browser tests kept")
    try:
        sizes = write(parser.parse_args().taken)
    except TestbedError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for name, size in sizes.items():
        print(f"{name:22} {size:7,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
