"""Keys of a terminal, as they are pressed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import termios
import tty
from collections.abc import Callable
from typing import Any, Self, TextIO


class Keyboard:
    """Listens while entered; leaves the terminal as it was, however it is left.

    Ctrl-C stays what it is. Without a terminal, or in the background, it does not listen.
    """

    def __init__(self, stream: TextIO, pressed: Callable[[str], None]) -> None:
        self.is_listening = False
        self._stream = stream
        self._pressed = pressed
        self._before: list[Any] = []

    def __enter__(self) -> Self:
        if is_ours(self._stream):
            descriptor = self._stream.fileno()
            self._before = termios.tcgetattr(descriptor)
            tty.setcbreak(descriptor)
            asyncio.get_running_loop().add_reader(descriptor, self._read)
            self.is_listening = True
        return self

    def __exit__(self, *_: object) -> None:
        if self._before:
            self._stop()
            with contextlib.suppress(termios.error):  # the terminal is gone
                termios.tcsetattr(self._stream.fileno(), termios.TCSADRAIN, self._before)

    def _read(self) -> None:
        try:
            keys = os.read(self._stream.fileno(), 64).decode("utf-8", "replace")
        except OSError:
            keys = ""
        if not keys:  # the terminal is gone
            self._stop()
        for key in keys:
            self._pressed(key)

    def _stop(self) -> None:
        if self.is_listening:
            asyncio.get_running_loop().remove_reader(self._stream.fileno())
            self.is_listening = False


def is_ours(stream: TextIO) -> bool:
    """Whether a stream is a terminal that this process may change: the one that it runs in the foreground of."""
    try:
        return stream.isatty() and os.tcgetpgrp(stream.fileno()) == os.getpgrp()
    except OSError, ValueError:
        return False
