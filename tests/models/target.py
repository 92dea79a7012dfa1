"""Histories for `scripts/fuzz --target models`: a story is an input."""

from collections.abc import Iterator
from random import Random
from typing import Any

from tests.fuzz.target import ACCEPTED, Target, Verdict, timed

from .history import History, Story, story


class ModelsTarget(Target[None, Story]):
    """Devices and hub against each other: every law holds in every history."""

    name = "models"
    share = 1
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
        return {**item._asdict(), "faults": sorted(item.faults)}

    def load(self, kept: Any) -> Story:
        return Story(**{**kept, "faults": frozenset(kept["faults"])})
