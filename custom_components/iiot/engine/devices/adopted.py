"""Entities of Home Assistant that people took over as channels: nobody signed what they say."""

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from ..errors import RecordError
from ..records import Matching
from ..values import Kind
from ..wire.canonical import is_clean_text
from .bare import Key, Name, Word
from .manifest import Channel
from .manifest_rules import MAX_CHANNELS

type EntityId = Annotated[str, Matching(r"[a-z0-9_]+\.[a-z0-9_]+", "must be the id of an entity")]

ID_PREFIX: Final = "entities:"
"""Before the id of a device that is made of entities."""
BINARY: Final = "bool"
MAX_STATE: Final = 255
"""Characters of a state."""
UNREADABLE: Final = "\ufffd"
"""Stands where a state holds a character that no text of a message may hold."""
_TRUTH: Final = {"on": True, "off": False}


@dataclass(frozen=True, kw_only=True, slots=True)
class AdoptedEntity:
    """One entity that is a channel."""

    entity_id: EntityId
    key: Key
    name: Name = ""
    kind: Literal["float", "bool"] = "float"
    unit: Word | None = None
    device_class: Word | None = None


def channels_of(entities: Iterable[AdoptedEntity]) -> dict[str, Channel]:
    """Describe entities like the channels of any device."""
    return {
        entity.key: Channel(
            key=entity.key,
            name=entity.name or entity.key,
            kind=Kind(entity.kind),
            unit=entity.unit,
            device_class=entity.device_class,
            source=entity.entity_id,
        )
        for entity in entities
    }


def clean_state(state: str) -> str:
    """Make a state a text that can be kept and read again."""
    cut = state[:MAX_STATE]
    return cut if is_clean_text(cut) else "".join(ch if is_clean_text(ch) else UNREADABLE for ch in cut)


def check_entities(entities: Collection[AdoptedEntity]) -> None:
    """Raise `RecordError` when these cannot be the channels of one device."""
    if not 1 <= len(entities) <= MAX_CHANNELS:
        raise RecordError("entities", f"must be 1 to {MAX_CHANNELS} entities")
    ids, keys = set[str](), set[str]()
    for at, entity in enumerate(entities):
        if entity.entity_id in ids:
            raise RecordError(f"entities[{at}].entity_id", "is a channel of the device already")
        if entity.key in keys:
            raise RecordError(f"entities[{at}].key", "is the key of another channel")
        ids.add(entity.entity_id)
        keys.add(entity.key)


def value_of(entity: AdoptedEntity, state: str) -> float | bool | None:
    """Read a state; None for one that is no value, such as `unavailable`."""
    if entity.kind == BINARY:
        return _TRUTH.get(state)
    try:
        value = float(state)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
