"""Histories for `scripts/fuzz`: a story is an input of `models`, a command one of `commands`."""

from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import Any, Final

from tests.fuzz.target import ACCEPTED, Target, Verdict, timed

from .history import History, Story, story
from .people import Asked, draw_asked


class ModelsTarget(Target[None, Story]):
    """Devices and hub against each other: every law holds in every history."""

    name = "models"
    share = 1
    block = 30
    base_ns = 120_000_000_000

    def fresh(self, setup: dict[str, Any]) -> None:
        return None

    def draw(self, subject: None, random: Random) -> Story:
        return story(random)

    def feed(self, subject: None, item: Story) -> Verdict:
        _, cost = timed(History(item).play)
        return Verdict(ACCEPTED, cost)

    def size(self, item: Story) -> int:
        return item.steps

    def smaller(self, item: Story) -> Iterator[Story]:
        """The same seed with fewer faults, fewer devices, less time; each may be another history altogether."""
        for fault in sorted(item.faults):
            yield item._replace(faults=item.faults - {fault})
        if item.devices > 1 and "twins" not in item.faults:
            yield item._replace(devices=item.devices - 1)
        if item.steps > 10:
            yield item._replace(steps=item.steps * 3 // 4)

    def dump(self, item: Story) -> Any:
        return dumped(item)

    def load(self, kept: Any) -> Story:
        return loaded(kept)


class CommandsTarget(Target[History, Asked]):
    """People ask for one thing after the other while everything goes wrong; the machines count their movements."""

    name = "commands"
    share = 1
    episode = 40
    block = 400
    base_ns = 20_000_000_000

    def setup(self, random: Random) -> dict[str, Any]:
        told = story(random)
        faults = told.faults - {"twins"}
        return dumped(told._replace(faults=faults, asks=0.0, devices=min(told.devices, 2)))

    def fresh(self, setup: dict[str, Any]) -> History:
        history = History(loaded(setup))
        history.join()
        return history

    def draw(self, subject: History, random: Random) -> Asked:
        return draw_asked(random, len(subject.devices), hasty=subject.story.hasty)

    def feed(self, subject: History, item: Asked) -> Verdict:
        (cid, cost) = timed(lambda: _ask(subject, item))
        return Verdict(ACCEPTED if cid else "refused", cost)

    def end(self, subject: History) -> None:
        subject.end()

    def counted(self, subject: History) -> Counter[str]:
        return subject.judge.commands.counts

    def close(self, subject: History) -> None:
        subject.disk.close()

    def size(self, item: Asked) -> int:
        return item.pause

    def smaller(self, item: Asked) -> Iterator[Asked]:
        """The same without its trimmings; each may make another history altogether."""
        if item.is_cancelled:
            yield item._replace(is_cancelled=False)
        if item.pause > 1:
            yield item._replace(pause=1)

    def dump(self, item: Asked) -> Any:
        return item._asdict()

    def load(self, kept: Any) -> Asked:
        return Asked(**kept)


def _ask(history: History, asked: Asked) -> str | None:
    while history.hub.plant is None:
        history.step()
    cid = history.ask(asked)
    for _ in range(asked.pause):
        history.step()
    return cid


def dumped(told: Story) -> dict[str, Any]:
    """A story as JSON."""
    return {**told._asdict(), "faults": sorted(told.faults)}


def loaded(kept: dict[str, Any]) -> Story:
    """The story that `dumped` described."""
    return Story(**{**kept, "faults": frozenset(kept["faults"])})


TARGETS: Final = (ModelsTarget(), CommandsTarget())
