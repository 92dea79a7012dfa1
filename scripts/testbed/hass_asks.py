"""Prints what the installed Home Assistant asks for, as overrides for uv: itself, its constraints, its components'.

A file that runs by itself, before anything but Home Assistant is installed.
"""

import json
import re
from importlib.metadata import version
from pathlib import Path

import homeassistant

NAME = re.compile(r"[A-Za-z0-9._-]+")


def name_of(requirement: str) -> str:
    """Return the name of the package that a line asks for, as it is compared; of a comment nothing."""
    found = NAME.match(requirement)
    return re.sub(r"[-_.]+", "-", found[0]).lower() if found else ""


def asks(home: Path, release: str) -> list[str]:
    """Return the lines: a component's word counts where the constraints are silent."""
    constraints = [line for line in (home / "package_constraints.txt").read_text("utf-8").splitlines() if name_of(line)]
    manifests = (json.loads(path.read_text("utf-8")) for path in (home / "components").glob("*/manifest.json"))
    components = {line for manifest in manifests for line in manifest.get("requirements", ())}
    spoken = {name_of(line) for line in constraints}
    return [
        f"homeassistant=={release}",
        *constraints,
        *sorted(line for line in components if name_of(line) not in spoken),
    ]


if __name__ == "__main__":
    print("\n".join(asks(Path(homeassistant.__file__).parent, version("homeassistant"))))
