"""Channels of a bare device as rows of a form, and back."""

import re
from collections.abc import Iterable
from typing import Any, Final

from homeassistant.components.binary_sensor.const import BinarySensorDeviceClass
from homeassistant.components.sensor import SensorDeviceClass, SensorStateClass
from homeassistant.helpers import selector

from ..engine import records
from ..engine.devices.bare import BareChannel
from ..engine.devices.guesses import propose
from ..engine.errors import RecordError

_CHANNEL: Final = re.compile(r"topics\[\d+\]\.channels\[(\d+)\]")
KINDS: Final = ["float", "int", "bool", "text", "json"]
_TEXT: Final = selector.TextSelector()
_NUMBER: Final = selector.NumberSelector({"mode": selector.NumberSelectorMode.BOX, "step": "any"})


def _words(words: Iterable[str]) -> selector.SelectSelector:
    return selector.SelectSelector(
        {"options": sorted(set(words)), "custom_value": True, "mode": selector.SelectSelectorMode.DROPDOWN}
    )


ROWS: Final = selector.ObjectSelector(
    {
        "multiple": True,
        "label_field": "name",
        "description_field": "path",
        "translation_key": "bare_channel",
        "fields": {
            "path": {"required": True, "selector": _TEXT},
            "name": {"selector": _TEXT},
            "kind": {
                "selector": selector.SelectSelector({"options": KINDS, "translation_key": "bare_kind"}),
            },
            "unit": {"selector": _TEXT},
            "device_class": {"selector": _words([*SensorDeviceClass, *BinarySensorDeviceClass])},
            "state_class": {"selector": _words(SensorStateClass)},
            "minimum": {"selector": _NUMBER},
            "maximum": {"selector": _NUMBER},
            "key": {"selector": _TEXT},
            "stored_as": {"selector": _TEXT},
            "tags": {"selector": _TEXT},
        },
    }
)


def rows_of(channels: Iterable[BareChannel]) -> list[dict[str, Any]]:
    """Write channels as rows; tags as a text."""
    rows = []
    for channel in channels:
        row: dict[str, Any] = {"kind": channel.kind, **records.write(channel)}
        if channel.tags:
            row["tags"] = ", ".join(f"{name}={value}" for name, value in channel.tags.items())
        rows.append(row)
    return rows


def channels_of(rows: Iterable[dict[str, Any]], taken: Iterable[str]) -> tuple[BareChannel, ...]:
    """Read rows; `taken` are the keys of the device's other topics. Raises `RecordError` whose path names the row."""
    found: list[BareChannel] = []
    keys = set(taken)
    for number, row in enumerate(rows, start=1):
        channel = records.read(BareChannel, _record_of(row, number, keys), f"{number}")
        keys.add(channel.key)
        found.append(channel)
    return tuple(found)


def row_of(path: str) -> str:
    """Name the row of a channel of which `path` speaks: 1 for the first."""
    found = _CHANNEL.match(path)
    return path if found is None else f"{int(found[1]) + 1}{path[found.end() :]}"


def _record_of(row: dict[str, Any], number: int, taken: set[str]) -> dict[str, Any]:
    """Leave out what is empty; a row without a key gets one that is made of its path."""
    record = {name: _stripped(value) for name, value in row.items() if _stripped(value) not in ("", None)}
    if "tags" in record:
        record["tags"] = _tags(record["tags"], number)
    if "key" not in record and isinstance(record.get("path"), str):
        record["key"] = propose(record["path"], None, taken).key
    return record


def _stripped(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value


def _tags(text: Any, number: int) -> dict[str, str]:
    found = {}
    for part in str(text).split(","):
        name, is_pair, value = part.partition("=")
        if not is_pair:
            raise RecordError(f"{number}.tags", "must be pairs such as line=2, side=left")
        found[name.strip()] = value.strip()
    return found
