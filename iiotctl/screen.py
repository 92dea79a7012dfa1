"""The table that `watch` shows, and what its keys mean: keys and devices in, lines and orders out, no terminal."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from . import paper
from .fleet import Order, Seen
from .options import positive, seconds

HELP: Final = "arrows select, s sleep, w wake, i interval, r rate, / filter, q quit"
LEAVE: Final = "leave"
"""A key that no keyboard has: whatever is being typed, it ends the watching."""
LOST_FIRST: Final = {"lost": 0, "late": 1}
"""What needs a person stands on top."""
MOVES: Final = {"up": -1, "k": -1, "down": 1, "j": 1}
BACKSPACE: Final = ("\x7f", "\x08")
ENTER: Final = ("\r", "\n")
ESCAPE: Final = "\x1b"


class Question(NamedTuple):
    """What a key asks for before anything is done."""

    words: str
    order: Callable[[str], Order] | None
    """Makes the order of what was typed; None: it is the filter."""


QUESTIONS: Final = {
    "s": Question("sleep for (90s, 10m, 8h)", lambda text: Order(name="sleep", args={"for_s": seconds(text)})),
    "i": Question("read every (5s, 1m)", lambda text: Order(name="set_interval", args={"s": seconds(text)})),
    "r": Question("samples in a second (Hz)", lambda text: Order(name="set_rate", args={"hz": positive(text)})),
    "/": Question("filter by name, id or state", None),
}
"""Key → what it asks."""


class Asked(NamedTuple):
    """An order for the device that is selected."""

    device_id: str
    name: str
    """Of the device."""
    order: Order


class Screen:
    """What is on the screen besides the devices."""

    def __init__(self) -> None:
        self.said = HELP
        self.is_left = False
        self._filter = ""
        self._at: str | None = None
        """Id of the selected device."""
        self._question: Question | None = None
        self._typed = ""
        self._shown: list[Seen] = []
        self._room = 1
        """Devices that fit the screen."""

    def press(self, key: str) -> Asked | None:
        """Take one key; gives an order when it completes one."""
        if key == LEAVE:
            self.is_left = True
            return None
        if self._question is not None:
            return self._type(self._question, key)
        match key:
            case "q":
                self.is_left = True
            case _ if key in MOVES:
                self._move(MOVES[key])
            case "page up" | "page down":
                self._move(self._room if key == "page down" else -self._room)
            case "w":
                return self._ask(Order(name="awake"))
            case _ if key in QUESTIONS:
                self._question, self._typed = QUESTIONS[key], ""
            case _:
                self.said = HELP
        return None

    def _type(self, question: Question, key: str) -> Asked | None:
        if key in ENTER:
            self._question = None
            return self._complete(question)
        if key == ESCAPE:
            self._question, self.said = None, HELP
        elif key in BACKSPACE:
            self._typed = self._typed[:-1]
        elif len(key) == 1 and key.isprintable():
            self._typed += key
        return None

    def _complete(self, question: Question) -> Asked | None:
        if question.order is None:
            self._filter = self._typed.strip().casefold()
            return None
        try:
            return self._ask(question.order(self._typed.strip()))
        except argparse.ArgumentTypeError as err:
            self.said = str(err)
            return None

    def _ask(self, order: Order) -> Asked | None:
        if self._at is None:
            self.said = "there is no device to ask"
            return None
        name = next((one.name for one in self._shown if one.id == self._at), self._at)
        return Asked(self._at, name, order)

    def _move(self, by: int) -> None:
        ids = [one.id for one in self._shown]
        if ids:
            at = ids.index(self._at) + by if self._at in ids else 0
            self._at = ids[max(0, min(at, len(ids) - 1))]

    def lines(self, devices: Sequence[Seen], width: int, height: int) -> list[str]:
        """Give exactly what fits: a headline, the table around the selected device, and a line below."""
        self._shown = sorted(filter(self._fits, devices), key=_rank)
        ids = [one.id for one in self._shown]
        if self._at not in ids:
            self._at = ids[0] if ids else None
        heading, *rows = paper.table(self._shown)
        room = self._room = max(1, height - 3)
        first = max(0, min(ids.index(self._at) - room // 2, len(rows) - room)) if self._at is not None else 0
        marks = ["> " if one == self._at else "  " for one in ids]
        body = [mark + row for mark, row in zip(marks, rows, strict=True)][first : first + room]
        below = self.said if self._question is None else f"{self._question.words}: {self._typed}_"
        return [line[:width] for line in (headline(devices, self._filter), "  " + heading, *body, below)]

    def _fits(self, seen: Seen) -> bool:
        return any(self._filter in text.casefold() for text in (seen.name, seen.id, seen.state))


def headline(devices: Sequence[Seen], chosen: str = "") -> str:
    """Say how many devices are in which state."""
    counts: dict[str, int] = {}
    for one in devices:
        counts[one.state] = counts.get(one.state, 0) + 1
    told = ", ".join(f"{count} {state}" for state, count in sorted(counts.items())) or "nothing heard yet"
    count = "1 device" if len(devices) == 1 else f"{len(devices)} devices"
    return f"{count}: {told}" + (f"; those with '{chosen}'" if chosen else "")


def _rank(seen: Seen) -> tuple[int, str]:
    return LOST_FIRST.get(seen.state, 2), seen.name.casefold()
