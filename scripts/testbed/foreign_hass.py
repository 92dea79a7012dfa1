"""A pytest plugin: lets the locked test plugin run under another Home Assistant than the one it was made for.

To be loaded with `-p`, hence before all others.
"""

from importlib import import_module
from typing import Final

MOVED: Final = {
    "_clear_logger_overwrites": ("homeassistant.components.logger", "homeassistant.components.logger.helpers"),
}
"""Name → the module in which the plugin looks for it, and the one in which newer releases keep it."""

# First of all: from 2026.11 it stands in for httpx, which other plugins import.
import_module("homeassistant")

for _name, (_old, _new) in MOVED.items():
    setattr(import_module(_old), _name, getattr(import_module(_new), _name))
