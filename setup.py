"""Gives the folders that run without Home Assistant their top-level names.

A file, since the list of packages cannot be found by pyproject.toml alone when a folder and its package differ in name.
"""

import sys
from pathlib import Path

from setuptools import find_packages, setup

FOLDERS = {
    "iiot_ctl": "iiotctl",
    "iiot_engine": "custom_components/iiot/engine",
    "iiot_sim": "simulator",
}
if "editable_wheel" in sys.argv:  # for work on the tree itself; not for those who install it
    FOLDERS["testbed"] = "scripts/testbed"


def packages() -> list[str]:
    """Return every package and sub-package, by the name it is imported with."""
    return [
        name
        for top, folder in FOLDERS.items()
        if Path(folder, "__init__.py").exists()
        for name in (top, *(f"{top}.{inner}" for inner in find_packages(folder)))
    ]


setup(packages=packages(), package_dir=FOLDERS, package_data={"iiot_sim": ["*.toml", "scenarios/*.toml"]})
