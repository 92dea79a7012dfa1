"""What is fuzzed: something that meets inputs, and says what came of each."""

import json
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from time import thread_time_ns
from typing import Any, ClassVar, Final, NamedTuple

ACCEPTED: Final = "accepted"
VECTORS: Final = Path(__file__).parents[1] / "vectors"


class BrokenError(AssertionError):
    """A promise that an input broke."""


class Verdict(NamedTuple):
    """What came of one input."""

    code: str
    """`accepted`, or the code of the refusal."""
    cost_ns: int
    """Processor time that the product took, alone."""


def timed[T](call: Callable[[], T]) -> tuple[T, int]:
    """What `call` gives back, and the processor time that it took."""
    start = thread_time_ns()
    found = call()
    return found, thread_time_ns() - start


def ensure(condition: object, what: str) -> None:
    """Raise `BrokenError` unless `condition` holds."""
    if not condition:
        raise BrokenError(what)


class Target[S, I](ABC):
    """Something that reads foreign bytes. A subject meets `episode` inputs one after the other, then a fresh one does.

    All that is random comes from the generator handed in, so that seed and number of an episode bring it back.
    """

    name: ClassVar[str]
    share: ClassVar[int]
    """Its part of a campaign, as a weight."""
    episode: ClassVar[int] = 1
    block: ClassVar[int] = 3_000
    """Inputs that a process plays before it reports."""
    base_ns: ClassVar[int] = 20_000_000
    """Processor time that the smallest input may take, on a slow machine."""
    byte_ns: ClassVar[int] = 4_000
    """What each byte may add."""

    def setup(self, random: Random) -> dict[str, Any]:
        """Choose under which circumstances the episode happens, as JSON."""
        del random
        return {}

    @abstractmethod
    def fresh(self, setup: dict[str, Any]) -> S:
        """Make what the inputs meet."""

    @abstractmethod
    def draw(self, subject: S, random: Random) -> I:
        """Make an input up, with everything in it that is needed to play it again."""

    @abstractmethod
    def feed(self, subject: S, item: I) -> Verdict:
        """Let the subject meet the input; raises `BrokenError`, or whatever the product should never have raised."""

    def end(self, subject: S) -> None:  # noqa: B027 - most have nothing to say at the end
        """Ask for the last promises: the episode is over."""

    def counted(self, subject: S) -> Counter[str]:
        """What else was counted over the episode."""
        del subject
        return Counter()

    def close(self, subject: S) -> None:  # noqa: B027 - most hold nothing
        """Let go of what the subject holds, however the episode ended."""

    def allowed_ns(self, item: I) -> int:
        """Processor time that an input may take."""
        return self.base_ns + self.byte_ns * self.size(item)

    @abstractmethod
    def size(self, item: I) -> int:
        """Bytes of the input."""

    @abstractmethod
    def smaller(self, item: I) -> Iterator[I]:
        """Simpler inputs that may do the same, the boldest first."""

    @abstractmethod
    def dump(self, item: I) -> Any:
        """The input as JSON."""

    @abstractmethod
    def load(self, kept: Any) -> I:
        """The input that `dump` described."""


class BytesTarget[S](Target[S, bytes]):
    """A target whose input is one piece of bytes."""

    def size(self, item: bytes) -> int:
        return len(item)

    def smaller(self, item: bytes) -> Iterator[bytes]:
        return shorter(item)

    def dump(self, item: bytes) -> str:
        return item.hex()

    def load(self, kept: str) -> bytes:
        return bytes.fromhex(kept)


def shorter(data: bytes) -> Iterator[bytes]:
    """`data` without a piece, ever smaller pieces."""
    step = len(data) // 2
    while step:
        for at in range(0, len(data), step):
            yield data[:at] + data[at + step :]
        step //= 2


def vectors(name: str) -> list[dict[str, Any]]:
    """Golden messages of one file."""
    found: list[dict[str, Any]] = json.loads((VECTORS / name).read_text(encoding="utf-8"))
    return found


def golden(name: str) -> list[bytes]:
    """Messages of one file of vectors, as bytes."""
    return [
        bytes.fromhex(entry["message_hex"]) if "message_hex" in entry else entry["message"].encode()
        for entry in vectors(name)
    ]
