"""What the log of Home Assistant says about the integration."""

import re
from collections.abc import Container

# 2026-10-11 12:00:00.123 WARNING (MainThread) [homeassistant.loader] text
RECORD = re.compile(r"^\S+ \S+ (?P<level>DEBUG|INFO|WARNING|ERROR|CRITICAL) \((?P<thread>[^)]*)\) \[(?P<name>[^]]*)\] ")
# The integration by its module, or by its domain; not a folder that happens to be called so.
ABOUT_US = re.compile(r"custom_components[./]iiot\b|\biiot\b(?![/\w-])")
ERRORS = ("ERROR", "CRITICAL")
LEVELS = ("WARNING", *ERRORS)
# They ask for ffmpeg and libturbojpeg.
OPTIONAL = ("haffmpeg.core", "homeassistant.components.camera.img_util")
# Every custom integration gets this one from the loader.
EXPECTED = ("We found a custom integration iiot which has not been tested by Home Assistant",)


def records(log: str) -> list[str]:
    """Return the records of a log, each with the lines of its traceback."""
    found: list[str] = []
    for line in log.splitlines():
        if RECORD.match(line) or not found:
            found.append(line)
        else:
            found[-1] += f"\n{line}"
    return found


def problems(log: str, levels: Container[str] = LEVELS) -> list[str]:
    """Return the warnings and errors that the integration logged, or that others logged about it."""
    return [
        record
        for record in records(log)
        if (match := RECORD.match(record)) is not None
        and match["level"] in levels
        and ABOUT_US.search(record)
        and not any(text in record for text in EXPECTED)
    ]


def errors(log: str) -> list[str]:
    """Return all errors of a log, whoever logged them; without those of optional libraries that are not there."""
    return [
        record
        for record in records(log)
        if (match := RECORD.match(record)) is not None and match["level"] in ERRORS and match["name"] not in OPTIONAL
    ]
