"""The hub's clock, as a port: the engine never asks the system itself."""

from typing import Protocol

from .values import Now


class Clock(Protocol):
    """Gives the time of the hub."""

    def now(self) -> Now:
        """Both clocks, read together."""
        ...
