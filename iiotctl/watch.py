"""`iiotctl watch`: a full-screen table with keys in a terminal, a line for each change elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
import termios
import tty
from collections.abc import Callable, Iterator, Sequence
from typing import Final, TextIO

from . import paper
from .errors import CtlError
from .fleet import Seen, Way, chosen
from .screen import LEAVE, Asked, Screen

LOOK_S: Final = 1.0
ENDS: Final = (signal.SIGHUP, signal.SIGTERM)
ENTER_SCREEN: Final = "\x1b[?1049h\x1b[?25l"
LEAVE_SCREEN: Final = "\x1b[?25h\x1b[?1049l"
HOME: Final = "\x1b[H"
LINE_END: Final = "\x1b[K\r\n"
BELOW: Final = "\x1b[J"
ARROWS: Final = {
    "\x1b[A": "up",
    "\x1b[B": "down",
    "\x1bOA": "up",
    "\x1bOB": "down",
    "\x1b[5~": "page up",
    "\x1b[6~": "page down",
}
KEYS: Final = re.compile(r"\x1b[\[O][0-9;]*[~A-Za-z]|.", re.DOTALL)
"""What one key sends; several come at once when it is held down, or when the line is slow."""


async def watch(
    way: Way, names: Sequence[str], streams: tuple[TextIO, TextIO], *, duration_s: float | None, json: bool
) -> None:
    """Show devices until the duration is over, or until the person leaves."""
    source, sink = streams
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(duration_s):
            if sink.isatty() and not json:
                await Table(way, names, source, sink).live()
            else:
                await _lines(way, names, sink, json=json)


async def _lines(way: Way, names: Sequence[str], sink: TextIO, *, json: bool) -> None:
    """Print a device when its state, its command or its values have changed."""
    before: dict[str, tuple[object, ...]] = {}
    while True:
        for seen in _named(await way.devices(), names):
            facts = (seen.state, seen.pending, seen.values)
            if before.get(seen.id) != facts:
                before[seen.id] = facts
                sink.write((paper.as_json(seen) if json else _line(seen)) + "\n")
        sink.flush()
        await asyncio.sleep(LOOK_S)


def _line(seen: Seen) -> str:
    told = [seen.state, f"lag {paper.lag(seen.lag_s)}", seen.pending, *map(str, seen.values)]
    return f"{seen.name} ({seen.id}): {'; '.join(filter(None, told))}"


def _named(devices: Sequence[Seen], names: Sequence[str]) -> list[Seen]:
    """Those that are named; one that was not heard yet may come."""
    heard = [name for name in names if any(name in (one.id, one.name) for one in devices)]
    return chosen(devices, heard) if heard or not names else []


class Table:
    """The full screen: drawn each second and after each key; orders run beside it."""

    def __init__(self, way: Way, names: Sequence[str], source: TextIO, sink: TextIO) -> None:
        self._way = way
        self._names = names
        self._source = source
        self._sink = sink
        self._screen = Screen()
        self._keys: asyncio.Queue[str] = asyncio.Queue()
        self._orders: set[asyncio.Task[None]] = set()

    async def live(self) -> None:
        """Show until the person leaves; the terminal is left as it was."""
        self._sink.write(ENTER_SCREEN)
        try:
            with keys_of(self._source, self._keys.put_nowait), ended_in_order(self._keys.put_nowait):
                while not self._screen.is_left:
                    self._draw(_named(await self._way.devices(), self._names))
                    await self._obey()
        finally:
            for order in self._orders:
                order.cancel()
            self._sink.write(LEAVE_SCREEN)
            self._sink.flush()

    def _draw(self, devices: Sequence[Seen]) -> None:
        width, height = shutil.get_terminal_size()
        self._sink.write(HOME + LINE_END.join(self._screen.lines(devices, width, height)) + BELOW)
        self._sink.flush()

    async def _obey(self) -> None:
        """Take the keys that come within the time between two looks."""
        try:
            async with asyncio.timeout(LOOK_S):
                asked = self._screen.press(await self._keys.get())
        except TimeoutError:
            return
        if asked is not None:
            self._screen.said = f"{asked.name}: {asked.order.name} under way"
            order = asyncio.create_task(self._order(asked))
            self._orders.add(order)
            order.add_done_callback(self._orders.discard)

    async def _order(self, asked: Asked) -> None:
        try:
            found = await self._way.order(asked.order, [asked.device_id])
            self._screen.said = "; ".join(f"{asked.order.name}: {line}" for line in paper.outcomes(found))
        except CtlError as err:
            self._screen.said = f"{asked.order.name}: {err}"


@contextlib.contextmanager
def keys_of(source: TextIO, pressed: Callable[[str], None]) -> Iterator[None]:
    """Hand on each key as it is pressed; nothing is read where there is no terminal of ours."""
    if not _is_ours(source):
        yield
        return
    descriptor, loop = source.fileno(), asyncio.get_running_loop()
    before = termios.tcgetattr(descriptor)

    def read() -> None:
        try:
            text = os.read(descriptor, 64).decode("utf-8", "replace")
        except OSError:
            text = ""
        if not text:  # the terminal is gone
            loop.remove_reader(descriptor)
            pressed(LEAVE)
        for key in KEYS.findall(text):
            pressed(ARROWS.get(key, key))

    tty.setcbreak(descriptor)
    loop.add_reader(descriptor, read)
    try:
        yield
    finally:
        loop.remove_reader(descriptor)
        with contextlib.suppress(termios.error):
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


@contextlib.contextmanager
def ended_in_order(pressed: Callable[[str], None]) -> Iterator[None]:
    """Take a signal to end as the key that leaves, so that the terminal is left as it was."""
    loop = asyncio.get_running_loop()
    for number in ENDS:
        loop.add_signal_handler(number, pressed, LEAVE)
    try:
        yield
    finally:
        for number in ENDS:
            loop.remove_signal_handler(number)


def _is_ours(source: TextIO) -> bool:
    """Whether it is a terminal, and this process is not in its background."""
    if not source.isatty():
        return False
    try:
        return os.tcgetpgrp(source.fileno()) == os.getpgrp()
    except OSError:  # it is nobody's terminal, so nobody else reads it
        return True
