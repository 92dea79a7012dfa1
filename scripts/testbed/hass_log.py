"""What the log of Home Assistant says about the integration."""

import logging
import re
from collections.abc import Container, Iterable

# 2026-10-11 12:00:00.123 WARNING (MainThread) [homeassistant.loader] text
RECORD = re.compile(r"^\S+ \S+ (?P<level>DEBUG|INFO|WARNING|ERROR|CRITICAL) \((?P<thread>[^)]*)\) \[(?P<name>[^]]*)\] ")
# The integration by its module, its domain, or the place to which its faults are reported; not a folder that happens to
# be called so.
ABOUT_US = re.compile(r"custom_components[./]iiot\b|\biiot\b(?![/\w-])|/iiot/issues\b")
# What Home Assistant says of something that is on its way out; also when it cannot tell who uses it.
NOTICE = re.compile(r"[Dd]eprecated|will stop working|will be removed in|Detected (code that|that custom integration)")
ERRORS = ("ERROR", "CRITICAL")
LEVELS = ("WARNING", *ERRORS)
# They ask for ffmpeg and libturbojpeg.
OPTIONAL = ("haffmpeg.core", "homeassistant.components.camera.img_util")
# Every custom integration gets the first from the loader; the second is the word of a debugged loop on a slow machine.
EXPECTED = (
    "We found a custom integration iiot which has not been tested by Home Assistant",
    "asyncio: Executing <",
)
# Home Assistant says it from 0.4 s up, and counts the time during which others had the processor, too.
SLOW_STATE = re.compile(r"Updating state for .* took (?P<seconds>\d+\.\d+) seconds\.")
SLOW_STATE_S = 5.0


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
        and not _is_expected(record)
    ]


def errors(log: str) -> list[str]:
    """Return all errors of a log, whoever logged them; without those of optional libraries that are not there."""
    return [
        record
        for record in records(log)
        if (match := RECORD.match(record)) is not None and match["level"] in ERRORS and match["name"] not in OPTIONAL
    ]


def complaints(records: Iterable[logging.LogRecord]) -> list[str]:
    """Return what others than the integration log about it from warnings up, and every notice of deprecation.

    That a hub does not start, in the words that the integration found for it, is no complaint.
    """
    found = []
    for record in records:
        text = record.getMessage()
        is_outcome = record.name == "homeassistant.config_entries" and not _is_unforeseen(record)
        is_of_us = ABOUT_US.search(text) is not None and ABOUT_US.search(record.name) is None and not is_outcome
        if record.levelno >= logging.WARNING and (is_of_us or NOTICE.search(text)):
            found.append(f"{record.name}: {text}")
    return [text for text in found if not _is_expected(text)]


def _is_expected(text: str) -> bool:
    slow = SLOW_STATE.search(text)
    return any(known in text for known in EXPECTED) or (slow is not None and float(slow["seconds"]) < SLOW_STATE_S)


def _is_unforeseen(record: logging.LogRecord) -> bool:
    """Whether an exception was logged that is none of Home Assistant's own, which are raised on purpose."""
    error = record.exc_info[1] if record.exc_info else None
    return error is not None and "HomeAssistantError" not in {kind.__name__ for kind in type(error).__mro__}
