"""How people want the channels of a device to be called and read. Journal, gates and values know nothing of it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Final

from ..errors import RecordError
from ..records import Bounds, Matching
from .manifest import Channel, Manifest

MAX_PRECISION: Final = 6
_NAME: Final = Matching(r"\S(?:[^\x00-\x1f\x7f]{0,62}\S)?", "must be one line of 1 to 64 characters")
_UNIT: Final = Matching(r"\S(?:[^\x00-\x1f\x7f]{0,22}\S)?", "must be one line of 1 to 24 characters")


@dataclass(frozen=True, kw_only=True, slots=True)
class Display:
    """How one channel is shown. None: as the device says."""

    name: Annotated[str | None, _NAME] = None
    unit: Annotated[str | None, _UNIT] = None
    """Of a channel to which the device itself gives none: nothing is converted."""
    precision: Annotated[int | None, Bounds(0, MAX_PRECISION)] = None
    """Digits behind the point."""


def displayed(channel: Channel, display: Display | None) -> Channel:
    """Give a channel as people want it shown. A unit that the device names holds: it knows what it measures."""
    if display is None:
        return channel
    return replace(
        channel,
        name=display.name or channel.name,
        unit=channel.unit or display.unit,
        precision=channel.precision if display.precision is None else display.precision,
    )


def check_display(displays: Mapping[str, Display], manifest: Manifest) -> None:
    """Raise `RecordError` for a unit that is another than the device names."""
    for key, display in displays.items():
        channel = manifest.channels.get(key)
        own = None if channel is None else channel.unit
        if own and display.unit not in (None, own):
            raise RecordError(
                f"display.{key}.unit",
                f"is another than the device's own, {own}: choose the unit to be shown in the settings of the entity",
            )
