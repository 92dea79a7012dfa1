"""Many inputs against one target: counted, timed, and brought back when one of them breaks something."""

import json
import resource
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from time import process_time
from typing import Any, Final

from .target import BrokenError, Target

CONFIRMATIONS: Final = 3
"""How often an input is played again before it counts as slow: other programs share the processor."""
MOST_TRIES: Final = 2_000
MOST_TRYING_S: Final = 20.0
MOST_EPISODE_S: Final = 60.0
"""Processor time after which an episode counts as one that never ends."""
"""Attempts at making one failing input smaller, and processor time for them."""


@dataclass(kw_only=True)
class Failure:
    """An episode that ended with an exception."""

    target: str
    seed: int
    index: int
    """Number of the input that broke it, in the campaign of this target and seed."""
    setup: dict[str, Any]
    items: list[Any]
    """The inputs of the episode up to that one, as JSON."""
    error: str

    def write(self, folder: Path) -> Path:
        """Keep it as a file, for `scripts/fuzz --replay`."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.target}-{self.seed}-{self.index}.json"
        path.write_text(json.dumps(vars(self), indent=1) + "\n", encoding="utf-8")
        return path


@dataclass(kw_only=True)
class Tally:
    """What became of the inputs of one target."""

    inputs: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    counted: Counter[str] = field(default_factory=Counter)
    """What the target itself counted."""
    cost_ns: int = 0
    slowest_ns: int = 0
    slowest_size: int = 0
    memory_kib: int = 0
    """Largest resident size of a process that worked on it."""
    failures: list[Failure] = field(default_factory=list)

    def count(self, code: str, cost_ns: int, size: int) -> None:
        """Count the outcome of one input."""
        self.codes[code] += 1
        self.cost_ns += cost_ns
        if cost_ns > self.slowest_ns:
            self.slowest_ns, self.slowest_size = cost_ns, size

    def add(self, other: Tally) -> None:
        """Count another one in."""
        self.inputs += other.inputs
        self.codes += other.codes
        self.counted += other.counted
        self.cost_ns += other.cost_ns
        if other.slowest_ns > self.slowest_ns:
            self.slowest_ns, self.slowest_size = other.slowest_ns, other.slowest_size
        self.memory_kib = max(self.memory_kib, other.memory_kib)
        self.failures += other.failures


class SlowError(BrokenError):
    """An input that takes more time than its size allows."""


@contextmanager
def watched() -> Iterator[None]:
    """End what never ends, by a `SlowError`."""

    def ring(*_: object) -> None:
        raise SlowError("it never ends")

    before = signal.signal(signal.SIGVTALRM, ring)
    signal.setitimer(signal.ITIMER_VIRTUAL, MOST_EPISODE_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def run_episode(target: Target[Any, Any], seed: int, number: int, most: int, tally: Tally) -> None:
    """Play one episode, at most `most` inputs of it."""
    random = Random(f"{seed}|{target.name}|{number}")
    setup = target.setup(random)
    subject, items = target.fresh(setup), []
    try:
        with watched():
            for _ in range(min(target.episode, most)):
                item = target.draw(subject, random)
                items.append(item)
                tally.inputs += 1
                code, cost_ns = target.feed(subject, item)
                if cost_ns > target.allowed_ns(item):
                    cost_ns = _quickest(target, setup, items)
                tally.count(code, cost_ns, target.size(item))
                _check_cost(target, item, cost_ns)
            target.end(subject)
            tally.counted += target.counted(subject)
    except Exception as err:  # noqa: BLE001 - whatever comes out that should not is what this looks for
        index = number * target.episode + max(0, len(items) - 1)
        dumped = [target.dump(item) for item in items]
        tally.failures.append(
            Failure(target=target.name, seed=seed, index=index, setup=setup, items=dumped, error=_told(err))
        )
    finally:
        target.close(subject)


def _check_cost(target: Target[Any, Any], item: Any, cost_ns: int) -> None:
    if cost_ns > target.allowed_ns(item):
        raise SlowError(f"{cost_ns / 1e6:.0f} ms for {target.size(item)} bytes")


def _quickest(target: Target[Any, Any], setup: dict[str, Any], items: list[Any]) -> int:
    """Cost of the last input: a pause of the machine is none of its doing."""
    return min(_cost_of_last(target, setup, items) for _ in range(CONFIRMATIONS))


def _cost_of_last(target: Target[Any, Any], setup: dict[str, Any], items: list[Any]) -> int:
    subject, cost_ns = target.fresh(setup), 0
    for item in items:
        _, cost_ns = target.feed(subject, item)
    return cost_ns


def _told(err: BaseException) -> str:
    frames = []
    at = err.__traceback__
    while at is not None:
        frames.append(f"{Path(at.tb_frame.f_code.co_filename).name}:{at.tb_lineno}")
        at = at.tb_next
    return f"{type(err).__name__}: {str(err)[:300]} ({' > '.join(frames[-4:])})"


def run_block(target: Target[Any, Any], seed: int, first: int, inputs: int) -> Tally:
    """Play so many inputs, from episode `first` on; failures are made smaller."""
    tally = Tally()
    number = first
    while tally.inputs < inputs:
        run_episode(target, seed, number, inputs - tally.inputs, tally)
        number += 1
    for failure in tally.failures[:3]:
        shrink(target, failure)
    tally.memory_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return tally


# --- making it smaller -----------------------------------------------------------------------


def replay(target: Target[Any, Any], setup: dict[str, Any], items: list[Any]) -> str | None:
    """Play an episode again; what it ends with, None when all is well."""
    subject = target.fresh(setup)
    try:
        with watched():
            for item in items:
                _, cost_ns = target.feed(subject, item)
                if cost_ns > target.allowed_ns(item):
                    _check_cost(target, item, _quickest(target, setup, items))
            target.end(subject)
    except Exception as err:  # noqa: BLE001 - see run_episode
        return _told(err)
    finally:
        target.close(subject)
    return None


def shrink(target: Target[Any, Any], failure: Failure) -> None:
    """Leave out inputs, then pieces of inputs, as long as the same kind of exception comes."""
    kind = failure.error.partition(":")[0]
    tries, end_s = MOST_TRIES, process_time() + MOST_TRYING_S
    items = [target.load(item) for item in failure.items]

    def fails(tried: list[Any]) -> bool:
        nonlocal tries
        tries -= 1
        told = replay(target, failure.setup, tried) if tries > 0 and process_time() < end_s else None
        return told is not None and told.partition(":")[0] == kind

    for at in reversed(range(len(items) - 1)):
        if fails(fewer := items[:at] + items[at + 1 :]):
            items = fewer
    for at in reversed(range(len(items))):
        items = _smallest(target, items, at, fails)
    told = replay(target, failure.setup, items)
    if told is not None:
        failure.items, failure.error = [target.dump(item) for item in items], told


def _smallest(target: Target[Any, Any], items: list[Any], at: int, fails: Any) -> list[Any]:
    went_on = True
    while went_on:
        went_on = False
        for smaller in target.smaller(items[at]):
            if fails(tried := [*items[:at], smaller, *items[at + 1 :]]):
                items, went_on = tried, True
                break
    return items
