"""What a device checks before it obeys (protocol.md, Down): in order, dropped and counted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from iiot_engine.errors import Refusal
from iiot_engine.values import Leaf
from iiot_engine.wire import canonical, codec
from iiot_engine.wire.frames import MAX_UINT32

from .keyring import Keyring

WIDTH: Final = 64
"""How far behind the highest `hseq` a message may come."""
MAX_CID: Final = 26


class Dropped(StrEnum):
    """Why a message from above was not obeyed."""

    RETAINED = "retained"
    FORM = "form"
    MAC = "mac"
    WRONG_ID = "wrong_id"
    WRONG_TYPE = "wrong_type"
    REPEATED = "repeated"
    """A command answered before: the answer goes out again."""
    OLD_NONCE = "old_nonce"
    SEEN = "seen"
    OVERTAKEN = "overtaken"
    """A command that needs memory, and that a later one of its kind has overtaken."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """Outcome of the checks: a payload to obey, or the reason why not."""

    payload: dict[str, Any]
    dropped: Dropped | None = None


class HseqWindow:
    """Down numbers of this boot that were accepted."""

    def __init__(self) -> None:
        self.high = 0
        self._seen = 0
        """Bit i is set when `high - i` was accepted."""

    def is_new(self, hseq: int) -> bool:
        """Whether this number was not accepted before and is at most 64 behind."""
        behind = self.high - hseq
        return behind < 0 or (behind <= WIDTH and not self._seen >> behind & 1)

    def move(self, hseq: int) -> None:
        """Take note of an accepted number."""
        ahead = hseq - self.high
        if ahead > 0:
            self._seen = (self._seen << min(ahead, WIDTH + 1) | 1) & (1 << WIDTH + 1) - 1
            self.high = hseq
        else:
            self._seen |= 1 << -ahead


class Gate:
    """The checks of one device in one boot."""

    def __init__(self, device_id: str, keyring: Keyring, nonce: str, answered: dict[str, list[str]]) -> None:
        self.window = HseqWindow()
        self.dropped: Counter[str] = Counter()
        self._id = device_id
        self._keyring = keyring
        self._nonce = nonce
        self._answered = answered
        """Ring of commands; its owner adds to it."""
        self._ordered = 0
        """`hseq` of the last command that needed memory."""

    def check(self, leaf: Leaf, message: bytes, *, retained: bool) -> Verdict:
        """Judge one message; the window moves when it is to be obeyed."""
        verdict = self._judge(leaf, message, retained=retained)
        if verdict.dropped is not None:
            self.dropped[verdict.dropped] += 1
        return verdict

    def follows(self, hseq: int) -> bool:
        """Whether a command that needs memory comes after the last such one; otherwise it counts as dropped."""
        if hseq < self._ordered:
            self.dropped[Dropped.OVERTAKEN] += 1
            return False
        self._ordered = hseq
        return True

    def _judge(self, leaf: Leaf, message: bytes, *, retained: bool) -> Verdict:
        if retained:
            return _drop(Dropped.RETAINED)
        try:
            envelope = codec.split(message)
        except Refusal as refusal:
            return _drop(str(refusal.code))
        if not self._keyring.is_from_hub(envelope.span, envelope.mac):
            return _drop(Dropped.MAC)
        try:
            payload = canonical.decode(envelope.span)
        except Refusal:
            return _drop(Dropped.FORM)
        if payload.get("id") != self._id:
            return _drop(Dropped.WRONG_ID)
        if payload.get("type") != leaf:
            return _drop(Dropped.WRONG_TYPE)
        return self._judge_order(payload)

    def _judge_order(self, payload: dict[str, Any]) -> Verdict:
        cid = payload.get("cid")
        if type(cid) is str and cid in self._answered:
            return Verdict(payload=payload, dropped=Dropped.REPEATED)
        if payload.get("nonce") != self._nonce:
            return Verdict(payload=payload, dropped=Dropped.OLD_NONCE)
        hseq = payload.get("hseq")
        if type(hseq) is not int or not 0 < hseq <= MAX_UINT32:
            return _drop(Dropped.FORM)
        if not self.window.is_new(hseq):
            return _drop(Dropped.SEEN)
        self.window.move(hseq)
        return Verdict(payload=payload)


def _drop(reason: Dropped | str) -> Verdict:
    known = reason if isinstance(reason, Dropped) else Dropped.FORM
    return Verdict(payload={}, dropped=known)
