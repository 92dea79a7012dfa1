"""Topics: `<prefix>/<device id>/<leaf>`. Nothing here is ever taken from a payload."""

import re
from typing import Final

from ..errors import DeviceIdError, FilterError, PrefixError
from ..values import UP_LEAVES, Leaf

RESERVED_ID: Final = "hub"
MAX_PREFIX_BYTES: Final = 128
MAX_FILTER_BYTES: Final = 256
_DEVICE_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_UP: Final = {str(leaf): leaf for leaf in UP_LEAVES}


def is_device_id(text: str) -> bool:
    """Whether `text` may name a device."""
    return _DEVICE_ID.fullmatch(text) is not None and text != RESERVED_ID


def check_device_id(text: str) -> str:
    """Give `text` back, or raise `DeviceIdError`."""
    if not is_device_id(text):
        raise DeviceIdError
    return text


def check_prefix(text: str) -> str:
    """Give `text` back when it can stand in front of a device id, else raise `PrefixError`."""
    levels = text.split("/")
    wrong = (
        not all(levels)
        or any(ch in "+#" or not ch.isprintable() for ch in text)
        or text.startswith("$")
        or len(text.encode("utf-8", "replace")) > MAX_PREFIX_BYTES
    )
    if wrong:
        raise PrefixError
    return text


def topic_of(prefix: str, device_id: str, leaf: Leaf) -> str:
    """Build a topic."""
    return f"{prefix}/{device_id}/{leaf}"


def subscriptions(prefix: str) -> tuple[str, ...]:
    """Topic filters that carry everything devices send: one a leaf, so that no echo comes back."""
    return tuple(f"{prefix}/+/{leaf}" for leaf in UP_LEAVES)


def parse_up(prefix: str, topic: str) -> tuple[str, Leaf] | None:
    """Device id and leaf of an upward topic below `prefix`; None for every other topic."""
    head, _, rest = topic.partition(prefix + "/")
    if head or not rest:
        return None
    device_id, _, name = rest.partition("/")
    leaf = _UP.get(name)
    if leaf is None or not is_device_id(device_id):
        return None
    return device_id, leaf


def check_filter(text: str) -> str:
    """Give `text` back when it can be a topic filter of a bare device, else raise `FilterError`."""
    levels = text.split("/")
    wrong = (
        not all(levels)
        or any(not ch.isprintable() for ch in text)
        or any(("+" in level or "#" in level) and len(level) > 1 for level in levels)
        or "#" in levels[:-1]
        or text.startswith("$")
        or len(text.encode("utf-8", "replace")) > MAX_FILTER_BYTES
    )
    if wrong:
        raise FilterError
    return text


def has_wildcards(topic_filter: str) -> bool:
    """Whether more than one topic matches."""
    return "+" in topic_filter or "#" in topic_filter


def overlap(one: str, other: str) -> bool:
    """Whether a topic could match both filters. A topic is a filter that only it matches."""
    ours, theirs = one.split("/"), other.split("/")
    for mine, its in zip(ours, theirs, strict=False):
        if "#" in (mine, its):
            return True
        if mine != its and "+" not in (mine, its):
            return False
    longer, shorter = (ours, theirs) if len(ours) > len(theirs) else (theirs, ours)
    return longer[len(shorter) :] in ([], ["#"])
