"""What people may register of a bare device: topics that are free, keys that are there, channels that differ."""

from collections.abc import Collection, Iterable, Iterator
from typing import Final

from ..errors import FilterError, RecordError
from ..wire.topics import check_filter, overlap
from .bare import BareTopic
from .bare_commands import BareCommands
from .manifest_rules import MAX_CHANNELS

FLAWS: Final = {
    "invalid_topic": "must be a topic or a topic filter, without an empty level",
    "topic_of_protocol": "lies below the prefix of the site, where devices of the protocol speak",
    "topic_taken": "overlaps with a topic that is registered already",
}
"""What keeps a topic from being registered → in plain words."""


def topic_flaw(topic: str, prefix: str, taken: Iterable[str]) -> str | None:
    """Say what keeps a topic or filter from being registered; `taken` are those that are."""
    try:
        check_filter(topic)
    except FilterError as err:
        return err.code
    if overlap(topic, f"{prefix}/#"):
        return "topic_of_protocol"
    return "topic_taken" if any(overlap(topic, one) for one in taken) else None


def check_topics(topics: Collection[BareTopic], prefix: str, kids: Collection[int], taken: Iterable[str]) -> None:
    """Raise `RecordError` when these cannot be the topics of a device.

    `kids` are the numbers of its keys, `taken` the topics of other devices.
    """
    if not topics:
        raise RecordError("topics", "must be at least one: where the device speaks")
    held = [*taken]
    for at, topic in enumerate(topics):
        flaw = topic_flaw(topic.topic, prefix, held)
        if flaw is not None:
            raise RecordError(f"topics[{at}].topic", FLAWS[flaw])
        if topic.kid not in kids:
            raise RecordError(f"topics[{at}].kid", _no_key(kids))
        held.append(topic.topic)
    check_channels(topics)


def check_commands(commands: BareCommands | None, prefix: str, kids: Collection[int], taken: Iterable[str]) -> None:
    """Raise `RecordError` when a device cannot be told anything like this.

    `kids` are the numbers of its keys, `taken` the topics of this device and of others.
    """
    if commands is None:
        return
    held = [*taken]
    for name, topic in (("topic", commands.topic), ("ack", commands.ack)):
        flaw = None if topic is None else topic_flaw(topic, prefix, held)
        if flaw is not None:
            raise RecordError(f"commands.{name}", FLAWS[flaw])
    if commands.kid not in kids:
        raise RecordError("commands.kid", _no_key(kids))


def check_channels(topics: Iterable[BareTopic]) -> None:
    """Raise `RecordError` when two channels of a device are one, or there are too many."""
    keys = set[str]()
    for at, topic in enumerate(topics):
        found = set[str]()
        for path, key in _keys_of(topic, f"topics[{at}]"):
            if key in keys:
                raise RecordError(path, "is the key of another channel")
            keys.add(key)
            if len(keys) > MAX_CHANNELS:
                raise RecordError(
                    path.removesuffix(".key"), f"is too many: a device has at most {MAX_CHANNELS} channels"
                )
        for number, channel in enumerate(topic.channels):
            if channel.path in found:
                raise RecordError(f"topics[{at}].channels[{number}].path", "is the path of another channel")
            found.add(channel.path)


def _keys_of(topic: BareTopic, path: str) -> Iterator[tuple[str, str]]:
    if topic.alarm is not None:
        yield f"{path}.alarm", topic.alarm
    for number, channel in enumerate(topic.channels):
        yield f"{path}.channels[{number}].key", channel.key


def _no_key(kids: Collection[int]) -> str:
    known = ", ".join(map(str, sorted(kids))) or "none"
    return f"is the number of no key that the device has; it has: {known}"
