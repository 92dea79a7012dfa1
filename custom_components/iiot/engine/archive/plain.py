"""What comes without the protocol's frames: bare topics, and states of adopted entities."""

from contextlib import suppress
from typing import Any, Final

from ..devices.adopted import channels_of, value_of
from ..devices.bare import BareTopic, is_raised, manifest_of
from ..devices.manifest import Channel
from ..errors import Code, Refusal
from ..history.quality import Standing
from ..history.rows import Column, Rows
from ..ports import JournalRow
from ..values import TimeFlag
from ..wire import bare, paths, topics
from .columns import column_of, origin_of
from .dossier import Described
from .unfold import Unfolded

_NOTHING: Final = Unfolded(None, [])


def unfold_bare(described: Described, row: JournalRow) -> Unfolded:
    """Read a message of a bare topic; raises `Refusal` when it fits no topic or channel of now."""
    topic = _topic(described, row.topic)
    stamped = bare.read(bare.opened(row.message).span)
    time_ns = row.received_ns if row.flags & TimeFlag.UNCERTAIN_TIME else stamped.time_ns
    if topic.alarm is not None:
        return _moment({topic.alarm: is_raised(stamped.values)}, manifest_of([topic], {}).channels, time_ns, row)
    if not topic.channels:
        return Unfolded(None, [row.topic])
    tree = paths.tree((channel.path, channel.leaf) for channel in topic.channels)
    picked = paths.pick(tree, stamped.values)
    found = _moment(picked.values, manifest_of([topic], picked.members).channels, time_ns, row)
    return Unfolded(found.rows, [*found.misfits, *picked.unnamed])


def unfold_adopted(described: Described, row: JournalRow) -> Unfolded:
    """Read the state of an entity; one that is adopted no more is left out."""
    entity = next((entity for entity in described.entities if entity.entity_id == row.topic), None)
    if entity is None:
        return _NOTHING
    time_ns, note = bare.read(row.message)
    value = value_of(entity, str(note.get("state")))
    return _moment({entity.key: value}, channels_of([entity]), time_ns, row)


def unfold_silence(row: JournalRow) -> Unfolded:
    """Read the hub's own note that channels were asked for and nothing came."""
    time_ns, note = bare.read(row.message)
    asked = note.get("e")
    columns = {key: Column([None], [int(Standing.COMM)]) for key in asked} if isinstance(asked, dict) else {}
    return Unfolded(_row(columns, time_ns, row), [])


def _topic(described: Described, topic: str) -> BareTopic:
    with suppress(StopIteration):
        return next(one for one in described.topics if topics.overlap(one.topic, topic))
    raise Refusal(Code.WRONG_TOPIC, "nobody has this topic any more")


def _moment(values: dict[str, Any], channels: dict[str, Channel], time_ns: int, row: JournalRow) -> Unfolded:
    columns: dict[str, Column] = {}
    misfits: list[str] = []
    for key, value in values.items():
        column = column_of(channels.get(key), [value], None)
        if column is None:
            misfits.append(key)
        else:
            columns[key] = column
    return Unfolded(_row(columns, time_ns, row), misfits)


def _row(columns: dict[str, Column], time_ns: int, row: JournalRow) -> Rows | None:
    return Rows([time_ns], origin_of(row, [time_ns], row.boot, [0]), columns) if columns else None
