"""Bytes for plants on the bench, where nothing is left to chance."""

from collections.abc import Callable


def counting_entropy() -> Callable[[int], bytes]:
    """Bytes that differ at each call and are the same in each run."""
    calls = iter(range(1, 1 << 62))

    def draw(size: int) -> bytes:
        return (next(calls) * 0x9E37_79B9 % (1 << 8 * size)).to_bytes(size)

    return draw
