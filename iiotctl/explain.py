"""Says in words why captured messages are accepted or refused, without a broker and without a hub."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import orjson

from iiot_engine.errors import Code, Refusal
from iiot_engine.values import NS_PER_S
from iiot_engine.wire import signing
from iiot_engine.wire.data import Data, Wave
from iiot_engine.wire.frames import Ack, DeviceAlarm, LogLine, Status
from iiot_engine.wire.heartbeat import Heartbeat

from .errors import UsageError
from .judge import Judge, Message
from .keyring import Keyring

MOST_VALUES: Final = 8
"""Values of a message that are printed."""


class Meaning(NamedTuple):
    """What a code means to a person in the plant."""

    what: str
    do: str


MEANINGS: Final[dict[Code, Meaning]] = {
    Code.RETAINED: Meaning(
        "The broker kept it and gave it out again, so nobody can tell how old it is.",
        "Switch the retain flag off in the device, and clear what the broker keeps on this topic.",
    ),
    Code.TOO_LARGE: Meaning("It is longer than 65,535 bytes.", "Let the device send fewer rows in one message."),
    Code.MALFORMED: Meaning(
        "It is not written as the protocol says.",
        "Mend what is named above in the device's program, or find out what changes messages on the way.",
    ),
    Code.UNKNOWN_DEVICE: Meaning(
        "The hub has no such device, or the topic is not one that a device speaks on.",
        "Approve or add the device; compare its topic prefix with the hub's.",
    ),
    Code.REVOKED: Meaning("The device was shut out.", "Give it a new key if it is to speak again."),
    Code.BAD_MAC: Meaning(
        "The signature was not made with this key over these bytes: another key, or somebody changed the message.",
        "Compare the key's fingerprint on both sides; sign exactly the bytes that are sent.",
    ),
    Code.UNKNOWN_KEY: Meaning(
        "The device uses a key with a number that was never agreed on.", "Give device and hub the same key."
    ),
    Code.NEWER_VERSION: Meaning(
        "The device speaks a newer version of the protocol.", "Update the integration, or this program."
    ),
    Code.WRONG_TOPIC: Meaning(
        "It says that it is from another device, or of another kind, than its topic says.",
        "Let the device publish on its own topics only.",
    ),
    Code.DUPLICATE: Meaning("It was accepted before.", "Nothing: MQTT delivers some messages twice."),
    Code.REPLAYED: Meaning(
        "It is older than what was accepted: an old message played back, or a device that forgot its boot number.",
        "Keep the boot number over restarts; give a device that lost its memory a new key.",
    ),
    Code.WRONG_SHAPE: Meaning(
        "Nothing in it is what the device said that it measures.",
        "Let the device send the manifest that fits its values, or mend the names of its channels.",
    ),
    Code.DELAYED: Meaning(
        "It came later than this hub accepts; only with the option 'Refuse delayed messages'.",
        "Find out what holds messages back: the network, the broker, or a device that sleeps.",
    ),
    Code.BUSY: Meaning("The hub could not keep it just then.", "Nothing: the device sends it again. Look at the disk."),
}
"""Code → in words."""


class Captured(NamedTuple):
    """A message as somebody wrote it down."""

    topic: str
    message: bytes
    retained: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """One message explained."""

    topic: str
    code: Code | None
    """None: accepted."""
    lines: tuple[str, ...]
    is_checked: bool = True
    """Of one that is accepted: its signature was checked, too; False: no key was given."""

    @property
    def outcome(self) -> str:
        """In a word or two."""
        if self.code is not None:
            return f"refused as {self.code}"
        return "accepted" if self.is_checked else "accepted, if its signature is right"

    def told(self) -> dict[str, Any]:
        """Give it for a machine."""
        return {
            "topic": self.topic,
            "accepted": self.code is None,
            "code": None if self.code is None else str(self.code),
            "words": list(self.lines),
            **({"signature_checked": self.is_checked} if self.code is None else {}),
        }


def captured(text: bytes) -> Iterator[Captured]:
    """Read what `mosquitto_sub -v` prints (topic, blank, message), or a JSON object with topic and message, a line."""
    for number, raw in enumerate(text.split(b"\n"), 1):
        line = raw.removesuffix(b"\r")
        if not line.strip():
            continue
        if line.startswith(b"{"):
            yield _described(line, number)
            continue
        topic, blank, message = line.partition(b" ")
        if not blank:
            raise UsageError(f"line {number}: a topic, a blank and the message are wanted")
        yield Captured(topic.decode("utf-8", "replace"), message)


def _described(line: bytes, number: int) -> Captured:
    try:
        told = orjson.loads(line)
        topic, message, retained = told["topic"], told["message"], told.get("retained", False)
    except (orjson.JSONDecodeError, KeyError) as err:
        raise UsageError(f'line {number}: {{"topic": …, "message": …}} is wanted, or topic, blank, message') from err
    if type(topic) is not str or type(message) is not str:
        raise UsageError(f"line {number}: topic and message are texts")
    return Captured(topic, message.encode(), bool(retained))


def explain(messages: Iterator[Captured], prefix: str, keys: Keyring) -> Iterator[Verdict]:
    """Judge messages in their order: what was accepted counts for those that follow."""
    judge = Judge(prefix, keys)
    for one in messages:
        try:
            message = judge.judge(one.topic, one.message, retained=one.retained)
        except Refusal as refusal:
            lines = (refusal.detail, *in_words(refusal.code))
            yield Verdict(topic=one.topic, code=refusal.code, lines=tuple(filter(None, lines)))
        else:
            is_checked = message.key is not None
            yield Verdict(topic=one.topic, code=None, lines=tuple(_accepted(message)), is_checked=is_checked)


def in_words(code: Code) -> tuple[str, str]:
    """Say what a code means, and what to do."""
    meaning = MEANINGS[code]
    return meaning.what, f"What to do: {meaning.do}"


def _accepted(message: Message) -> Iterator[str]:
    header = message.header
    if message.key is None:
        yield "Its form is right. Its signature was not checked: give --key-file or --fleet-key-file."
    else:
        yield f"Signed with key {header.kid}, fingerprint {signing.fingerprint(message.key)}."
    made = (
        "no clock"
        if not header.ts_ns
        else f"{datetime.fromtimestamp(header.ts_ns // NS_PER_S, UTC):%Y-%m-%d %H:%M:%S} UTC"
    )
    yield f"Message {header.seq} of boot {header.boot}, {header.up_ns / NS_PER_S:.1f} s after its start; made: {made}."
    yield from _content(message.said)
    yield "A hub also judges by its clock and by what it took before: it may call it late, delayed or a repetition."


def _content(said: Any) -> Iterator[str]:
    match said:
        case Heartbeat():
            state = "asleep" if said.asleep else "awake"
            yield f"Heartbeat of {said.name} ({said.model}, firmware {said.fw}): {state}, every {said.interval_s:g} s."
            yield f"Highest message from above that it obeyed: {said.hseq}; nonce {said.nonce}."
        case Data(moment=dict() as moment) if moment or said.failed:
            told = [f"{key} = {value}" for key, value in moment.items()]
            told += [f"{key} not read ({why})" for key, why in said.failed.items()]
            more = f" and {len(told) - MOST_VALUES} more" if len(told) > MOST_VALUES else ""
            yield "Reads " + ", ".join(told[:MOST_VALUES]) + more + "."
        case Data(wave=None):
            yield f"{said.rows_count} rows of {', '.join(said.cols[:MOST_VALUES]) or 'nothing'}."
        case Data(wave=Wave() as wave):
            yield f"A waveform of {wave.channel}: {wave.samples} samples."
        case Ack():
            yield f"Answer to command {said.cid}: {said.status}{f', {said.reason}' if said.reason else ''}."
        case Status():
            yield "It says that it is " + ("online." if said.online else "offline.")
        case LogLine():
            yield f"A line of its log, {said.level}: {said.msg}"
        case DeviceAlarm():
            yield f"Alarm {said.code} {'raised' if said.raised else 'cleared'}, {said.priority}."
        case _:
            yield f"It measures {_list(said.channels)} and obeys {_list(sorted(said.commands))}."


def _list(names: Iterable[str]) -> str:
    return ", ".join(names) or "nothing"
