"""The newest value of every channel of one device: what entities show.

Fed by live data in the order of device time; late and older readings never come here.
"""

from typing import Any, Final

from ..devices.manifest import Channel, Manifest
from ..errors import Refusal
from ..values import Kind, Quality, Scalar, Shown, whole
from ..wire.data import LOC, Data
from ..wire.heartbeat import read_position
from .gates import GOOD, MAX_TEXT, Gate, gate_of

MAX_UNJUDGED: Final = 256
"""Values of unknown channels that wait for the next manifest, newest of each channel."""

MAX_KEY: Final = 64
_SCALARS: Final = (float, int, bool, str, type(None))

_TYPES: Final[dict[Kind, tuple[type, ...]]] = {
    Kind.FLOAT: (float, int),
    Kind.INT: (int, float),
    Kind.BOOL: (bool,),
    Kind.TEXT: (str,),
    Kind.ENUM: (str,),
}

type Raw = tuple[Any, str | None, int]
"""Raw value, its quality word, time."""


class Board:
    """Values by channel key, and the gates that they pass."""

    __slots__ = ("_channels", "_gates", "position", "position_ns", "unjudged", "values", "waves")

    def __init__(self) -> None:
        self.values: dict[str, Shown] = {}
        self.position: tuple[float, ...] | None = None
        self.position_ns = 0
        """When it was there, hub time."""
        self.waves: set[str] = set()
        """Channels that only ever came as waveforms: they have no value to show."""
        self.unjudged: dict[str, Raw] = {}
        self._channels: dict[str, Channel] = {}
        self._gates: dict[str, Gate] = {}

    def learn(self, manifest: Manifest) -> list[str]:
        """Judge by this manifest from now on; give back the channels that changed by it."""
        before = self._channels
        self._channels = manifest.channels
        self._gates = {key: gate_of(channel) for key, channel in manifest.channels.items()}
        self.waves &= manifest.channels.keys()
        changed = [key for key in self.values if not _means_the_same(before.get(key), manifest.channels.get(key))]
        for key in changed:
            del self.values[key]
        for key in [key for key in self.unjudged if key in self._gates]:
            raw, word, time_ns = self.unjudged.pop(key)
            if self._put(key, raw, word, time_ns, time_ns, changed) is None:
                self.unjudged[key] = (raw, word, time_ns)
        return changed

    def show_moment(
        self, data: Data, moment: dict[str, Any], time_ns: int, received_ns: int, changed: list[str]
    ) -> int:
        """Show the readings of one moment; gives back how many fit the manifest.

        Adds to `changed` each channel whose value or quality is new. What is shown stays when it is newer, unless it
        is newer than now: then the hub's clock was ahead when it came.
        """
        fitting = 0
        gates, values, words = self._gates, self.values, data.quality
        for key, raw in moment.items():
            gate = gates.get(key)
            judged = gate(raw) if gate is not None else None
            if judged is None:
                self._set_aside(key, raw, words.get(key), time_ns)
                continue
            fitting += 1
            value, quality = judged
            if words:
                value, quality = _by_word(words.get(key), value, quality)
            held = values.get(key)
            if held is not None:
                if time_ns < held.time_ns <= received_ns:
                    continue
                if held.value == value and held.quality == quality and type(held.value) is type(value):
                    values[key] = Shown(value, quality, time_ns)
                    continue
            values[key] = Shown(value, quality, time_ns)
            changed.append(key)
        if data.failed:
            fitting += sum(self._put(key, None, None, time_ns, received_ns, changed) is not None for key in data.failed)
        if data.loc is not None:
            self._move(data.loc, time_ns, received_ns)
            fitting += 1
        return fitting

    def show_rows(self, data: Data, times: list[int], received_ns: int, changed: list[str]) -> int:
        """Show the newest value of each column; `times` are the rows' placed times.

        A column that is empty in the newest row belongs to a slower channel: its newest value counts. One that is
        empty in every row has no value.
        """
        fitting = 0
        newest = sorted(range(len(times)), key=times.__getitem__, reverse=True)
        for at, key in enumerate(data.cols, start=2):
            row = next((row for row in newest if data.rows[row][at] is not None), newest[0])
            raw = data.rows[row][at]
            if key == LOC:
                fitting += self._follow(raw, times[row], received_ns)
            else:
                word = data.quality.get(key)
                fitting += self._put(key, raw, word, times[row], received_ns, changed) is not None
        return fitting

    def note_wave(self, channel: str) -> bool:
        """A waveform came; whether its channel turns out by it to be one without values."""
        if channel not in self._gates or channel in self.values or channel in self.waves:
            return False
        self.waves.add(channel)
        return True

    def note_values(self, changed: list[str]) -> bool:
        """Values came; whether one of them belongs to a channel that had only come as waveforms before."""
        found = {key for key in self.waves.intersection(changed) if self.values[key].value is not None}
        self.waves -= found
        return bool(found)

    def fitting(self, data: Data) -> int:
        """How many columns of a message fit the manifest, showing none of them."""
        if data.wave is not None:
            return int(data.wave.channel in self._gates)
        if data.moment is not None:
            pairs = list(data.moment.items())
            extra = sum(key in self._gates for key in data.failed) + (data.loc is not None)
        else:
            pairs = [(key, data.rows[0][at]) for at, key in enumerate(data.cols, start=2)]
            extra = int(LOC in data.cols)
        return extra + sum(gate(raw) is not None for key, raw in pairs if (gate := self._gates.get(key)))

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what `state` gave, of channels that the manifest still names as they were."""
        for key, (value, quality, time_ns) in state["values"].items():
            channel = self._channels.get(key)
            if channel is not None and _is_value_of(channel, value):
                self.values[key] = Shown(value, Quality(quality), whole(time_ns))
        self.waves = {key for key in state["waves"] if key in self._channels}
        position, at_ns = state["position"]
        self.position_ns = whole(at_ns)
        self.position = None if position is None else read_position(position)

    def state(self) -> dict[str, Any]:
        """Everything shown, as JSON; the argument of `restore`."""
        values = {key: list(shown) for key, shown in self.values.items()}
        return {"values": values, "position": [self.position, self.position_ns], "waves": sorted(self.waves)}

    def _put(
        self,
        key: str,
        raw: Any,
        word: str | None,
        time_ns: int,
        received_ns: int,
        changed: list[str],
    ) -> Shown | None:
        gate = self._gates.get(key)
        judged = gate(raw) if gate is not None else None
        if judged is None:
            self._set_aside(key, raw, word, time_ns)
            return None
        held = self.values.get(key)
        if held is not None and time_ns < held.time_ns <= received_ns:
            return held
        value, quality = _by_word(word, *judged)
        shown = self.values[key] = Shown(value, quality, time_ns)
        if held is None or held.value != value or held.quality != quality:
            changed.append(key)
        return shown

    def _follow(self, raw: Any, time_ns: int, received_ns: int) -> int:
        try:
            position = read_position(raw)
        except Refusal:
            return 0
        self._move(position, time_ns, received_ns)
        return 1

    def _move(self, position: tuple[float, ...], time_ns: int, received_ns: int) -> None:
        if time_ns < self.position_ns <= received_ns:
            return
        self.position_ns = time_ns
        if position != self.position:
            self.position = position

    def _set_aside(self, key: str, raw: Any, word: str | None, time_ns: int) -> None:
        if len(key) > MAX_KEY or type(raw) not in _SCALARS or (type(raw) is str and len(raw) > MAX_TEXT):
            return  # fits no manifest that may come
        if key in self.unjudged or len(self.unjudged) < MAX_UNJUDGED:
            self.unjudged[key] = (raw, word, time_ns)


def _means_the_same(before: Channel | None, after: Channel | None) -> bool:
    """Whether a value shown before can still stand: what it is made of and may be has not changed."""
    if before is None or after is None:
        return False
    return (before.kind, before.options, before.scale, before.offset, before.unit) == (
        after.kind,
        after.options,
        after.scale,
        after.offset,
        after.unit,
    )


def _is_value_of(channel: Channel, value: Scalar | None) -> bool:
    if channel.kind is Kind.ENUM and value not in channel.options:
        return value is None
    return value is None or type(value) in _TYPES[channel.kind]


def _by_word(word: str | None, value: Scalar | None, quality: Quality) -> tuple[Scalar | None, Quality]:
    if word is None:
        return value, quality
    if word == "bad":
        return None, Quality.BAD
    return value, Quality.UNCERTAIN if quality is GOOD else quality
