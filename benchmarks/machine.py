"""Where a figure was measured."""

import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any


def describe() -> dict[str, Any]:
    """Return date, processor and versions."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "load_before": load(),
        "python": platform.python_version(),
        "homeassistant": _version("homeassistant"),
        "mosquitto": _mosquitto(),
    }


def load() -> float:
    """How many processes wanted to run during the last minute."""
    return round(os.getloadavg()[0], 2)


def _cpu() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor()
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return found[1].strip() if found else platform.machine()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _mosquitto() -> str:
    try:
        said = subprocess.run(["mosquitto", "-h"], capture_output=True, text=True, check=False).stdout  # noqa: S607 - from the path, as the testbed does
    except OSError:
        return ""
    found = re.search(r"version (\S+)", said)
    return found[1] if found else ""
