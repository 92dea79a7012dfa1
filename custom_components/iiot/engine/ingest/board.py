"""The newest value of every channel of one device: what entities show.

Fed by live data in the order of device time; late and older readings never come here.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from ..devices.manifest import Channel, Manifest
from ..errors import Refusal
from ..values import Kind, Quality, Scalar, Shown, whole
from ..wire.data import LOC, Data
from ..wire.heartbeat import read_position
from .calculated import Calculated, Formula, formulas_of
from .checks import Checks, Reason, Trace, band_of, is_outside, is_within, judge
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

    __slots__ = (
        "_bands",
        "_channels",
        "_checks",
        "_formulas",
        "_gates",
        "_traces",
        "_written",
        "position",
        "position_ns",
        "reasons",
        "unjudged",
        "values",
        "waves",
    )

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
        self.reasons: dict[str, str] = {}
        """Channel → why its value is not good: a word of `Reason`, or `COMM` or `VALUE` of a read that failed."""
        self._checks: Mapping[str, Checks] = {}
        self._bands: dict[str, float] = {}
        self._traces: dict[str, Trace] = {}
        self._written: dict[str, Formula] = {}
        """Calculated channels that people wrote …"""
        self._formulas: dict[str, Formula] = {}
        """… and those whose key the device does not use itself."""

    def learn(self, manifest: Manifest) -> list[str]:
        """Judge by this manifest from now on; give back the channels that changed by it."""
        before = self._channels
        self._channels = manifest.channels
        self._gates = {key: gate_of(channel) for key, channel in manifest.channels.items()}
        self.waves &= manifest.channels.keys()
        changed = [
            key
            for key in self.values
            if not _means_the_same(before.get(key), manifest.channels.get(key))
            and (key not in self._formulas or key in manifest.channels)
        ]
        for key in changed:
            self._drop(key)
        for key in [key for key in self.unjudged if key in self._gates]:
            raw, word, time_ns = self.unjudged.pop(key)
            if self._put(key, raw, word, time_ns, time_ns, changed) is None:
                self.unjudged[key] = (raw, word, time_ns)
        self._arrange(changed)
        return changed

    def obey(self, checks: Mapping[str, Checks], calculated: Mapping[str, Calculated]) -> list[str]:
        """Judge and calculate as people want from now on; give back the channels that changed by it."""
        self._checks = checks
        self._written = formulas_of(calculated)
        changed: list[str] = []
        self._arrange(changed)
        for key in checks.keys() & self.values.keys():
            shown = self.values[key]
            if shown.value is not None and is_outside(checks[key], shown.value):
                self._show(key, Shown(None, Quality.BAD, shown.time_ns), Reason.RANGE, changed)
        self.calculate(changed)
        return changed

    @property
    def calculated(self) -> list[Channel]:
        """Every calculated channel."""
        return [formula.channel for formula in self._formulas.values()]

    def calculate(self, changed: list[str]) -> None:
        """Work out what rests on the channels in `changed`, and add to it what changes by that."""
        if self._formulas:
            fresh = frozenset(changed)
            for key, formula in self._formulas.items():
                if not fresh.isdisjoint(formula.expression.names):
                    self._settle(key, *formula.work_out(self.values), changed)

    def judge(self, key: str, raw: Any) -> Scalar | None:
        """Give the value that a raw one stands for; None when it cannot be used."""
        gate = self._gates.get(key)
        judged = gate(raw) if gate is not None else None
        value = None if judged is None else judged[0]
        checks = self._checks.get(key)
        return None if value is None or (checks is not None and is_outside(checks, value)) else value

    def fail(self, keys: Iterable[str], word: str, since_ns: int, changed: list[str]) -> None:
        """These channels were asked for, and nothing came: unknown, unless a reading came since by itself.

        The time of what is shown stays, so that an answer that comes too late is shown all the same.
        """
        for key in keys:
            held = self.values.get(key)
            if key in self._gates and (held is None or held.time_ns < since_ns):
                self._show(key, Shown(None, Quality.BAD, 0 if held is None else held.time_ns), word, changed)
        self.calculate(changed)

    def reject(self, keys: Iterable[str], word: str, since_ns: int, changed: list[str]) -> None:
        """What came for these channels when they were asked for cannot be used: unknown for this reason.

        One that has a reason already keeps it; a good reading that came since by itself stays.
        """
        for key in keys:
            held = self.values.get(key)
            if key not in self._gates or (held is not None and held.value is None and key in self.reasons):
                continue
            if held is None or held.value is None or held.time_ns < since_ns:
                self._show(key, Shown(None, Quality.BAD, 0 if held is None else held.time_ns), word, changed)
        self.calculate(changed)

    def show_moment(
        self, data: Data, moment: dict[str, Any], time_ns: int, received_ns: int, changed: list[str]
    ) -> int:
        """Show the readings of one moment; gives back how many fit the manifest.

        Adds to `changed` each channel whose value or quality is new. What is shown stays when it is newer, unless it
        is newer than now: then the hub's clock was ahead when it came.
        """
        fitting = 0
        gates, values, words = self._gates, self.values, data.quality
        is_checked = bool(self._checks or self.reasons)
        for key, raw in moment.items():
            if is_checked:
                fitting += self._put(key, raw, words.get(key), time_ns, received_ns, changed) is not None
                continue
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
        for key, word in data.failed.items():
            fitting += self._put(key, None, None, time_ns, received_ns, changed, word) is not None
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
        failure: str | None = None,
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
        return self._settle(key, value, quality, time_ns, changed, failure)

    def _settle(
        self,
        key: str,
        value: Scalar | None,
        quality: Quality,
        time_ns: int,
        changed: list[str],
        reason: str | None = None,
    ) -> Shown:
        """Let a value pass the gates that people set, and show it."""
        checks = self._checks.get(key)
        if checks is not None:
            verdict = judge(checks, self._traces.get(key), value, quality, time_ns)
            value, quality, reason = verdict.value, verdict.quality, verdict.reason or reason
            if verdict.trace is not None:
                self._traces[key] = verdict.trace
            held = self.values.get(key)
            if held is not None and held.quality is quality and is_within(self._bands[key], held.value, value):
                value = held.value
        return self._show(key, Shown(value, quality, time_ns), reason, changed)

    def _show(self, key: str, shown: Shown, reason: str | None, changed: list[str]) -> Shown:
        held = self.values.get(key)
        self.values[key] = shown
        is_new = held is None or held.value != shown.value or held.quality != shown.quality
        if is_new or self.reasons.get(key) != reason:
            changed.append(key)
        if reason is None:
            self.reasons.pop(key, None)
        else:
            self.reasons[key] = str(reason)
        return shown

    def _arrange(self, changed: list[str]) -> None:
        """Fit checks and calculated channels to the manifest, and work all of them out."""
        before = self._formulas
        self._formulas = {key: row for key, row in self._written.items() if key not in self._channels}
        for key in before.keys() - self._formulas.keys() - self._channels.keys():
            self._drop(key)
        known = self._channels | {key: formula.channel for key, formula in self._formulas.items()}
        self._bands = {key: band_of(checks, known.get(key)) for key, checks in self._checks.items()}
        for key, formula in self._formulas.items():
            self._settle(key, *formula.work_out(self.values), changed)

    def _drop(self, key: str) -> None:
        self.values.pop(key, None)
        self.reasons.pop(key, None)
        self._traces.pop(key, None)

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
