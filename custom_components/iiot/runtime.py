"""What a loaded hub has at hand."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from homeassistant.config_entries import ConfigEntry

if TYPE_CHECKING:
    from .bridge.hub import Hub
    from .bridge.points import Points

type IiotConfigEntry = ConfigEntry[Runtime]


@dataclass(frozen=True, kw_only=True, slots=True)
class Runtime:
    """`entry.runtime_data`."""

    hub: Hub
    """The plant at work: messages, commits, requests."""
    points: Points
    """The entities that show it."""
