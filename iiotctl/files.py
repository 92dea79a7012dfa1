"""Files that the command line names."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from .errors import UsageError

PIPED: Final = "-"
"""Stands for what is piped in or out."""
SECRET: Final = 0o600


def read(file: Path) -> str:
    """Read a text; raises `UsageError`."""
    try:
        return file.read_text(encoding="utf-8")
    except OSError as err:
        raise UsageError(f"{file} cannot be read: {err.strerror}") from err
    except UnicodeDecodeError as err:
        raise UsageError(f"{file} is no text in UTF-8") from err


def read_or_piped(name: str) -> bytes:
    """Read a file, or what is piped in; raises `UsageError`."""
    try:
        return sys.stdin.buffer.read() if name == PIPED else Path(name).read_bytes()
    except OSError as err:
        raise UsageError(f"{name} cannot be read: {err.strerror}") from err


def text_or_piped(name: str) -> str:
    """Read a text from a file, or what is piped in; raises `UsageError`."""
    try:
        return read_or_piped(name).decode("utf-8-sig")
    except UnicodeDecodeError as err:
        raise UsageError(f"{name} is no text in UTF-8") from err


def write(file: Path, text: str) -> None:
    """Write a text, over what is there; raises `UsageError`."""
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as err:
        raise UsageError(f"{file} cannot be written: {err.strerror}") from err


def write_secrets(texts: Mapping[Path, str]) -> None:
    """Write all of them, or none; raises `UsageError`."""
    written: list[Path] = []
    try:
        for file, text in texts.items():
            write_secret(file, text)
            written.append(file)
    except UsageError:
        for file in written:
            file.unlink()
        raise


def write_secret(file: Path, text: str) -> None:
    """Write a text that holds keys to a new file, for its owner only; raises `UsageError`."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, SECRET)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as stream:
            stream.write(text)
    except OSError as err:
        raise UsageError(f"{file} cannot be written: {err.strerror}") from err
