"""One hub at work: the plant between the broker, the store and the clock."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.core import CALLBACK_TYPE, Event, HomeAssistant, State, callback
from homeassistant.helpers.event import async_track_time_interval

from ..const import CONF_REVOKED, CONF_STANDS_BACK
from ..engine.effects import Commit, Effect, Happened, PollEnded, Publish
from ..engine.errors import Refusal, StoreError
from ..engine.ports import Batch, Extent, Trimmed
from ..engine.values import NS_PER_S, Happening, Now
from . import discovery
from .actors import Actors
from .adopted import Adopted
from .assets import Assets
from .effects import Effects, Verdict
from .enrolment import key_turn, policy_of
from .joining import Joining
from .logins import Logins
from .notices import standing_notices
from .questions import Questions
from .roles import Roles
from .states import States

if TYPE_CHECKING:
    from datetime import datetime

    from homeassistant.config_entries import ConfigSubentry

    from ..engine.actuation.command import Command
    from ..engine.actuation.wish import Wish
    from ..engine.links.broker import Broker
    from ..engine.plant import Plant
    from ..engine.stores.key_file import KeyFile
    from ..engine.stores.sqlite_intake import SqliteIntake
    from ..runtime import IiotConfigEntry
    from .link import HubLink

_LOGGER = logging.getLogger(__name__)

TICK_S: Final = 0.1
"""A commit is due at most 100 ms after a message that matters, and may start a tick later."""
TRIM_EVERY: Final = timedelta(minutes=1)
KEEP_NS: Final = 7 * 24 * 3600 * NS_PER_S
"""The journal keeps seven days …"""
KEEP_BYTES: Final = 1024**3
"""… or one gigabyte, whichever is reached first."""


# A steady clock that also counts while the machine sleeps, where the system has one: devices do not sleep with it.
_steady_ns: Final = partial(time.clock_gettime_ns, getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def now() -> Now:
    """Look at both clocks."""
    return Now(wall_ns=time.time_ns(), steady_ns=_steady_ns())


class Hub:
    """Runs a plant inside Home Assistant. Everything but the store happens in the event loop."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: IiotConfigEntry,
        plant: Plant,
        store: SqliteIntake,
        keys: KeyFile,
        link: HubLink,
        *,
        logins: Broker | None = None,
        began_anew: bool = False,
    ) -> None:
        self.hass: Final = hass
        self.entry: Final = entry
        self.plant: Final = plant
        self.keys: Final = keys
        self.link: Final = link
        self.is_running = False
        self.began_anew: Final = began_anew
        """There were devices and no journal: what they sent before could count again."""
        self.effects: Final = Effects(self)
        self._is_open = True
        self._store: Final = store
        self._store_turn: Final = asyncio.Lock()
        self.actors: Final = Actors(self)
        self.roles: Final = Roles(self)
        self.questions: Final = Questions(self)
        self.assets: Final = Assets(self)
        self.joining: Final = Joining(self)
        self._states: Final = States(hass, plant)
        self._adopted: Final = Adopted(self)
        self._logins: Final = Logins(self, logins)
        self._commit: asyncio.Task[None] | None = None
        self._ticking: asyncio.TimerHandle | None = None
        self._releases: list[CALLBACK_TYPE] = []
        self._troubles: Final[set[str]] = set()
        """What keeps the journal from being written, as far as it was said."""

    async def async_start(self) -> None:
        """Begin to listen; returns when the subscriptions are made."""
        self.is_running = True
        self.plant.set_connected(self.link.is_connected, now())
        self.plant.recall(standing_notices(self.hass, self.entry, self.plant.members))
        self._releases.append(self.assets.start())
        self._perform(self.plant.start(now()))
        if self.began_anew:
            self.effects.journal_began_anew()
        self._releases.append(async_track_time_interval(self.hass, self._trim, TRIM_EVERY))
        # Home Assistant does not unload entries when it stops; what was accepted must be durable all the same.
        stop = self.hass.bus.async_listen_once(EVENT_HOMEASSISTANT_STOP, self._stopping)
        self.entry.async_on_unload(stop)
        await self.link.async_start(self.plant.settings.prefix, self._take, self._connection_changed)
        await self.link.async_follow(self.plant.filters)
        self.joining.start()
        self._releases.append(self._adopted.stop)
        self._follow_registry()
        self._tick()

    async def async_stop(self) -> None:
        """Stop listening, make everything durable, close the store, even of a hub that did not start. Idempotent."""
        if not self._is_open:
            return
        self.link.drain()
        self.actors.stop()
        self.questions.stop()
        self.joining.stop()
        self._states.stop()
        self.is_running = self._is_open = False
        while self._releases:
            self._releases.pop()()
        if self._ticking is not None:
            self._ticking.cancel()
        await self._logins.async_stop()
        await self.link.async_stop()
        if self._commit is not None:
            await asyncio.wait([self._commit])
        for effect in self.plant.flush(now()):
            if isinstance(effect, Commit):
                await self._async_write(effect.batch)
        async with self._store_turn:
            await self.hass.async_add_executor_job(self._store.close)

    # --- requests ------------------------------------------------------------------------

    async def async_adopt(self, subentry: ConfigSubentry) -> None:
        """Register the device of a subentry, under the key that was written for it."""
        device_id = str(subentry.unique_id)
        member = self.plant.members.get(device_id)
        if member is None:
            self._perform(self.plant.adopt(device_id, self.keys.device_keys(device_id), now()))
            discovery.withdraw(self, device_id)
            return
        await self._async_forget_keys(subentry)
        keys = self.keys.device_keys(device_id)
        if not member.device.keys.is_current_in(keys):
            self._perform(self.plant.rekey(device_id, keys, now()))

    async def _async_forget_keys(self, subentry: ConfigSubentry) -> None:
        """Forget the keys of topics that a bare device has no more. One that is just being added is none of them."""
        async with key_turn(self.hass):
            device_id, kids = str(subentry.unique_id), policy_of(subentry).kids
            if not kids or kids.issuperset(self.keys.device_keys(device_id)):
                return
            try:
                await self.hass.async_add_executor_job(self.keys.retain_keys, device_id, kids)
            except StoreError as err:
                _LOGGER.error("%s: old keys of %s stay on disk: %s", self.entry.title, device_id, err.reason)  # noqa: TRY400 - the reason says it all

    @callback
    def drop(self, device_id: str) -> None:
        """Take a device out of the plant."""
        self._perform(self.plant.remove(device_id, now()))
        self._follow_registry()

    @callback
    def set_policy(self, subentry: ConfigSubentry) -> None:
        """Obey what people decided about the device of a subentry."""
        device_id, policy = str(subentry.unique_id), policy_of(subentry)
        effects = self.plant.set_policy(device_id, policy)
        effects += self.plant.set_standing_back(device_id, CONF_STANDS_BACK in subentry.data, now())
        effects += self.plant.set_revoked(device_id, subentry.data.get(CONF_REVOKED) is not None, now())
        if self.is_running:  # before, it is what people know already
            self._perform(effects)
        self._states.follow(policy)
        self._follow_registry()

    @callback
    def set_disabled(self, device_id: str, disabled: bool) -> None:  # noqa: FBT001
        """Ask a device for nothing any more, or again."""
        effects = self.plant.set_disabled(device_id, disabled, now())
        if self.is_running:  # before, it is what people know already
            self._perform(effects)

    @callback
    def tell(self, device_id: str, what: Happening) -> None:
        """Let people know what happened to a device."""
        self._perform([Happened(device_id, what)])

    @callback
    def take_state(self, device_id: str, state: State) -> None:
        """Take in what an adopted entity says."""
        changed_ns = round(state.last_updated_timestamp * NS_PER_S)
        self._perform(self.plant.take_state(device_id, state.entity_id, state.state, changed_ns, now()))

    @callback
    def zero_counters(self, device_id: str) -> None:
        """Set a device's counters to zero."""
        self._perform(self.plant.zero_counters(device_id, now()))

    @callback
    def poll(self, device_id: str, channels: Sequence[str]) -> asyncio.Future[PollEnded]:
        """Ask a device for readings; raises a `RequestError`."""
        pid, effects = self.plant.poll(device_id, channels, now())
        answer = self.questions.expect(device_id, pid)
        self._perform(effects)
        return answer

    @callback
    def command(self, device_id: str, wish: Wish) -> Command:
        """Ask a device for something; raises a `RequestError`."""
        cid, effects = self.plant.command(device_id, wish, now())
        self._perform(effects)
        command = self.plant.command_of(device_id, cid)
        if command is None:
            raise AssertionError
        return command

    def is_awake(self, device_id: str) -> bool:
        """Whether the device would hear a message now."""
        return self.plant.is_awake(device_id, now())

    @callback
    def settle(self, device_id: str, kind: str) -> None:
        """A person decided about a notice of the plant: this hub goes on with the device."""
        self._perform(self.plant.settle(device_id, kind, now()))

    @callback
    def ask(self, device_id: str) -> None:
        """Ask a device at once how it is, and what it measures if that is not known."""
        self.plant.ask(device_id, now())

    def message_fits_key(self, device_id: str, key: bytes) -> bool | None:
        """Whether `key` made a waiting device's last heartbeat; None when it has not called."""
        return self.plant.fits_key(device_id, key)

    async def async_journal(self) -> Extent | StoreError:
        """How far the journal reaches, or why that cannot be said."""
        async with self._store_turn:
            try:
                return await self.hass.async_add_executor_job(self._store.extent)
            except StoreError as err:
                return err

    @property
    def troubles(self) -> list[str]:
        """What keeps the journal from being written now."""
        return sorted(self._troubles)

    # --- listeners -----------------------------------------------------------------------

    def on_values(self, listener: Callable[[str, list[str]], None]) -> CALLBACK_TYPE:
        """Call `listener(device_id, channels)` when values changed."""
        return self.effects.listen(self.effects.values, listener)

    def on_health(self, listener: Callable[[str], None]) -> CALLBACK_TYPE:
        """Call `listener(device_id)` when health or connection changed."""
        return self.effects.listen(self.effects.health, listener)

    def on_manifest(self, listener: Callable[[str], None]) -> CALLBACK_TYPE:
        """Call `listener(device_id)` when a manifest changed."""
        return self.effects.listen(self.effects.manifests, listener)

    def on_log(self, listener: Callable[[str, str, str, str], None]) -> CALLBACK_TYPE:
        """Call `listener(device_id, level, logger, msg)` for each line of a device's log."""
        return self.effects.listen(self.effects.logs, listener)

    def on_inbox(self, listener: Callable[[str], None]) -> CALLBACK_TYPE:
        """Call `listener(device_id)` when a device waits for a person."""
        return self.effects.listen(self.effects.inbox, listener)

    def on_verdict(self, listener: Callable[[Verdict], None]) -> CALLBACK_TYPE:
        """Call `listener` for each message that comes, whatever became of it."""
        return self.effects.listen(self.effects.verdicts, listener)

    def on_command(self, listener: Callable[[str, str], None]) -> CALLBACK_TYPE:
        """Call `listener(device_id, cid)` when a command went on."""
        return self.effects.listen(self.effects.commands, listener)

    # --- the loop ------------------------------------------------------------------------

    @callback
    def _take(self, topic: str, message: bytes, at: Now, retained: bool) -> None:  # noqa: FBT001
        refusals: list[Refusal] | None = [] if self.effects.verdicts else None
        effects = self.plant.on_message(topic, message, at, retained=retained, refusals=refusals)
        if effects:
            self._perform(effects)
        if refusals is not None:
            verdict = Verdict(topic, message, at, retained, refusals[0] if refusals else None)
            for listener in list(self.effects.verdicts):
                listener(verdict)

    @callback
    def _connection_changed(self, connected: bool) -> None:  # noqa: FBT001
        self.link.drain()
        self.plant.set_connected(connected, now())

    @callback
    def _follow_registry(self) -> None:
        """Listen to the topics and entities that people registered, and to no others; let their devices in."""
        if self.is_running:
            self._adopted.follow()
            self._logins.follow()
            follow = self.link.async_follow(self.plant.filters)
            self.entry.async_create_task(self.hass, follow, "iiot bare topics")

    async def _stopping(self, _: Event) -> None:
        await self.async_stop()

    @callback
    def _tick(self) -> None:
        if not self.is_running:
            return
        self._ticking = self.hass.loop.call_later(TICK_S, self._tick)
        self.link.drain()
        effects = self.plant.tick(now())
        if effects:
            self._perform(effects)

    @callback
    def _perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Publish():
                    self.link.send(effect)
                case Commit(batch):
                    self._commit = self.hass.async_create_background_task(
                        self._async_commit(batch), f"iiot commit {batch.number}"
                    )
                case _:
                    self._perform_safely(effect)

    def _perform_safely(self, effect: Effect) -> None:
        try:
            self.effects.perform(effect)
        except Exception:  # one entity that cannot be shown must not keep a commit or a receipt behind it from leaving
            _LOGGER.exception("%s: %s could not be performed", self.entry.title, type(effect).__name__)

    async def _async_commit(self, batch: Batch) -> None:
        error = await self._async_write(batch)
        if error is None:
            effects = self.plant.committed(batch, now())
        else:
            effects = self.plant.not_committed(batch, error.reason, now())
        if self.is_running:
            self._perform(effects)

    async def _async_write(self, batch: Batch) -> StoreError | None:
        async with self._store_turn:
            try:
                await self.hass.async_add_executor_job(self._store.commit, batch)
            except StoreError as err:
                self._log_once(err)
                return err
            except Exception as err:  # whatever it was, the batch must come back: without it nothing is committed again
                _LOGGER.exception("%s: the journal failed", self.entry.title)
                return StoreError(f"the journal failed: {err}")
        if self._troubles:
            self._troubles.clear()
            _LOGGER.info("%s: the journal can be written again", self.entry.title)
        return None

    async def _trim(self, _: datetime) -> None:
        more = True
        while more and self.is_running:
            async with self._store_turn:
                try:
                    done = await self.hass.async_add_executor_job(self._trim_step)
                except StoreError as err:
                    self._log_once(err)
                    return
            more = done.more
            self.effects.journal_trimmed(done)

    def _log_once(self, err: StoreError) -> None:
        """Say each trouble once until it is over: a log that grows does not help a disk that is full."""
        if err.reason not in self._troubles:
            self._troubles.add(err.reason)
            _LOGGER.error("%s: %s", self.entry.title, err.reason)

    def _trim_step(self) -> Trimmed:
        return self._store.trim(before_ns=time.time_ns() - KEEP_NS, max_bytes=KEEP_BYTES)
