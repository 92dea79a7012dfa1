"""Whatever comes is taken or refused: a short campaign, the same inputs every time. `scripts/fuzz` plays a million."""

import json
import re
from pathlib import Path
from random import Random

import pytest

from . import campaign, registry
from .campaign import Tally, replay, run_block, run_episode
from .target import ACCEPTED, BytesTarget, Verdict, ensure

INPUTS = {"envelope": 4_000, "door": 3_000, "inbox": 900, "state": 400, "scenario": 400, "sqlite": 60, "power_cut": 60}
TARGETS = registry.targets()


@pytest.mark.parametrize("name", TARGETS)
def test_whatever_comes_is_taken_or_refused_and_nothing_else_happens(name: str) -> None:
    tally = run_block(TARGETS[name], seed=1, first=0, inputs=INPUTS.get(name, 1_500))
    assert not tally.failures, "\n".join(f"input {each.index}: {each.error}" for each in tally.failures)
    assert tally.codes[ACCEPTED], "nothing was taken, so nothing was tried"


def test_the_page_names_every_target_and_the_last_run_played_it() -> None:
    page = (Path(__file__).parents[2] / "docs" / "develop" / "fuzzing.md").read_text(encoding="utf-8")
    what_reads, _, last_run = page.partition("### The last run")
    names = {*TARGETS, *registry.WITH_HASS}
    rows = re.findall(r"^\| (`.*?) \|", what_reads, re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == names
    assert set(re.findall(r"^\| `(\w+)` \|", last_run, re.MULTILINE)) == names


# --- the machine itself ----------------------------------------------------------------------


class Fragile(BytesTarget[list[bytes]]):
    """Breaks when a `!` comes after a `?` was there before."""

    name = "fragile"
    share = 1
    episode = 40

    def fresh(self, setup: dict[str, object]) -> list[bytes]:
        return []

    def draw(self, subject: list[bytes], random: Random) -> bytes:
        return bytes(random.choices(b"abcdef?!", k=12))

    def feed(self, subject: list[bytes], item: bytes) -> Verdict:
        ensure(not (b"!" in item and any(b"?" in before for before in subject)), "it broke")
        subject.append(item)
        return Verdict(ACCEPTED, 0)


def test_a_failing_input_is_found_made_small_and_played_again(tmp_path: Path) -> None:
    target = Fragile()
    tally = run_block(target, seed=3, first=0, inputs=400)
    failure = tally.failures[0]
    assert [target.load(item) for item in failure.items] == [b"?", b"!"]
    kept = json.loads(failure.write(tmp_path).read_text())
    told = replay(target, kept["setup"], [target.load(item) for item in kept["items"]])
    assert told is not None
    assert told.startswith("BrokenError: it broke")


def test_the_same_seed_brings_the_same_inputs() -> None:
    def played(seed: int) -> list[object]:
        tally = Tally()
        run_episode(Fragile(), seed, 2, 40, tally)
        return [failure.items for failure in tally.failures]

    assert played(3) == played(3) != played(4)


class Sleepy(Fragile):
    """Takes longer than an input of its size may."""

    def feed(self, subject: list[bytes], item: bytes) -> Verdict:
        return Verdict(ACCEPTED, self.allowed_ns(item) + 1)


def test_an_input_that_takes_too_long_each_time_is_a_failure() -> None:
    tally = Tally()
    run_episode(Sleepy(), 1, 0, 5, tally)
    assert "SlowError" in tally.failures[0].error


class Endless(Fragile):
    """Never comes back."""

    def feed(self, subject: list[bytes], item: bytes) -> Verdict:
        while True:
            subject.append(item)
            subject.clear()


def test_an_input_that_never_ends_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign, "MOST_EPISODE_S", 0.2)
    tally = Tally()
    run_episode(Endless(), 1, 0, 5, tally)
    assert "it never ends" in tally.failures[0].error
