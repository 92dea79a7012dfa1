"""Readings of one device on their way: made, numbered, kept, sent live, sent again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any, Final

from iiot_engine.values import NS_PER_MS, Leaf

from .clock import DeviceClock, Moment
from .profile import Form, Profile, Timing
from .resend import Resender
from .row import Reading, Row, fit_together, moment_body, rows_body
from .shelf import Shelf
from .signer import Out, Signer
from .state import Start, Store

type Record = Callable[[Row, Moment], None]
"""Told of every row as it is made."""

LIVE_QOS: Final = 0
AGAIN_QOS: Final = 1


class Readings:
    """Store-and-forward of one device in one boot.

    Without `confirm` rows are neither numbered on the wire nor kept: what cannot leave is lost.
    """

    def __init__(
        self,
        profile: Profile,
        start: Start,
        store: Store,
        clock: DeviceClock,
        signer: Signer,
        random: Random,
        record: Record,
    ) -> None:
        self.shelf = Shelf(start.boot, start.rows, limit=profile.keep_rows)
        self.resender = Resender(_timing(profile), self.shelf, random, message_rows=profile.message_rows)
        self.made = 0
        """Rows made in this boot."""
        self.answered = 0
        """Rows signed for since the start, of any boot."""
        self.given_up = 0
        self.is_loss_untold = False
        """Rows were given up or squeezed out, and no heartbeat has said so."""
        self._profile = profile
        self._store = store
        self._clock = clock
        self._signer = signer
        self._record = record
        self._batch: list[Row] = []

    def take(self, reading: Reading, moment: Moment, *, is_connected: bool, bye: bool = False) -> list[Out]:
        """Turn a reading into a row, and into a message when one is due."""
        row = self._keep(reading, moment)
        if self._profile.form != Form.ROWS:
            return self._live(row, moment, bye=bye) if is_connected else []
        self._batch.append(row)
        kept = self.shelf.kept(row)
        if kept is not None:
            kept.is_pending = True
        return self.flush(moment, is_connected=is_connected, bye=bye) if self._is_full or bye else []

    def take_alone(self, reading: Reading, moment: Moment, *, is_connected: bool, lasted_ms: int = 0) -> list[Out]:
        """Turn a reading that waits for no batch into a row, and into a message while connected.

        A waveform that lasted so long has the time of its first sample.
        """
        began = Moment(moment.up_ms - lasted_ms, moment.wall_ns - lasted_ms * NS_PER_MS)
        row = self._keep(reading, began)
        return self._live(row, moment, bye=False) if is_connected else []

    def answer(self, reading: Reading, pid: str, moment: Moment) -> list[Out]:
        """Turn the reading that a poll asked for into a row and its answer."""
        return self._live(self._keep(reading, moment, poll=pid), moment, bye=False)

    def flush(self, moment: Moment, *, is_connected: bool, bye: bool = False) -> list[Out]:
        """Send the batch as it is; without a connection its rows wait to be sent again."""
        runs: list[list[Row]] = []
        for row in self._batch:
            kept = self.shelf.kept(row)
            if kept is not None:
                kept.is_pending = False
                kept.sent_ms = moment.up_ms if is_connected else None
            if runs and fit_together(runs[-1], row):
                runs[-1].append(row)
            else:
                runs.append([row])
        self._batch = []
        if not is_connected:
            return []
        numbered = self._profile.confirms
        bodies = [rows_body(rows, numbered=numbered, late=False) for rows in runs]
        if bye and bodies:
            bodies[-1]["bye"] = True
        return [self._signer.sign(Leaf.DATA, body, moment, LIVE_QOS) for body in bodies]

    def send_again(self, moment: Moment) -> list[Out]:
        """Give the messages of rows that are due again; call while connected, after live rows."""
        out = []
        for rows in self.resender.take_due(moment.up_ms):
            body = rows_body(rows, numbered=True, late=True)
            out.append(self._signer.sign(Leaf.DATA, body, moment, AGAIN_QOS))
        return out

    def give_up_stuck(self, moment: Moment) -> None:
        """Give a row up that will never be answered, if there is one."""
        row = self.resender.take_given_up(moment.up_ms)
        if row is not None:
            self.shelf.give_up(row)
            self._store.free([row])
            self.given_up += 1
            self.is_loss_untold = True

    def receipt(self, upto: list[tuple[int, int]], moment: Moment) -> int:
        """Free what a `stored` answers, boot by boot; how many rows that were."""
        freed = [row for boot, index in upto for row in self.shelf.answer(boot, index)]
        self._store.free(freed)
        self.answered += len(freed)
        self.resender.receipt_came(moment.up_ms, len(freed))
        return len(freed)

    def connected(self, moment: Moment) -> None:
        """Begin to send again what is unanswered, a little later."""
        self.shelf.forget_sendings()
        self.resender.connected(moment.up_ms)

    def facts(self) -> dict[str, Any]:
        """Members of the heartbeat that speak of rows; a loss counts as told."""
        self.is_loss_untold = False
        if not self._profile.confirms:
            return {"held": [self.shelf.boot, 1]}  # its rows have no numbers
        facts: dict[str, Any] = {"held": list(self.shelf.held), "buffered": len(self.shelf)}
        if self.shelf.drops:
            facts["drop"] = [list(drop) for drop in self.shelf.drops]
        return facts

    @property
    def _is_full(self) -> bool:
        return len(self._batch) >= self._profile.batch

    def _keep(self, reading: Reading, moment: Moment, poll: str | None = None) -> Row:
        s, ns = self._clock.stamp(moment)
        shelf = self.shelf
        row = Row(boot=shelf.boot, index=shelf.next_index, s=s, ns=ns, reading=reading, poll=poll)
        if self._profile.confirms:
            self._store.keep(row)
            squeezed_out = shelf.keep(row)
            if squeezed_out:
                self._store.free(squeezed_out)
                self.is_loss_untold = True
        else:
            shelf.next_index += 1
        self.made += 1
        self._record(row, moment)
        return row

    def _live(self, row: Row, moment: Moment, *, bye: bool) -> list[Out]:
        kept = self.shelf.kept(row)
        if kept is not None:
            kept.sent_ms = moment.up_ms
        body = moment_body(row, numbered=self._profile.confirms)
        if bye:
            body["bye"] = True
        return [self._signer.sign(Leaf.DATA, body, moment, LIVE_QOS)]


def _timing(profile: Profile) -> Timing:
    """Durations of a device; one that sleeps sends again while it listens, not half a minute later."""
    timing = profile.timing
    if not profile.sleep_s:
        return timing
    return replace(timing, resend_start_s=min(timing.resend_start_s, timing.listen_s / 2))
