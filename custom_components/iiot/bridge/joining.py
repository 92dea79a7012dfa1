"""Devices that join by themselves: the window that a person opens for them, and how far each of them has come."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from homeassistant.core import CALLBACK_TYPE, Context, callback
from homeassistant.helpers.event import async_track_point_in_utc_time, async_track_time_interval
from homeassistant.util import dt as dt_util

from ..const import CONF_JOIN_UNTIL, SUBENTRY_DEVICE
from ..engine import records
from ..engine.devices.inbox import REMOVED, Trust
from ..engine.plant.registry import Listed
from ..engine.values import NS_PER_S
from . import discovery
from .events import JOIN_CLOSED, JOIN_OPENED
from .mapping import clean_name

if TYPE_CHECKING:
    from homeassistant.config_entries import ConfigSubentry

    from ..engine.devices.inbox import Waiting
    from ..engine.plant import Member
    from ..engine.stores.key_file import Expected
    from .hub import Hub

MIN_MINUTES: Final = 1
MAX_MINUTES: Final = 120
LOOK_EVERY: Final = timedelta(seconds=1)
"""How often somebody who watches is told what is new."""


class JoinStep(StrEnum):
    """How far a device has come, in the order of a form that shows them."""

    HEARD = "heard"
    """It called; nothing proves yet that it holds a key, or that its message is no old one."""
    KEY_VERIFIED = "key_verified"
    APPROVED = "approved"
    DESCRIBED = "described"
    """It has said what it measures."""
    FIRST_DATA = "first_data"
    EXPECTED = "expected"
    """It is on the list, and was not heard yet."""


class Joiner(NamedTuple):
    """One device on its way into the site."""

    device_id: str
    name: str
    model: str
    step: JoinStep
    is_listed: bool
    """It joins by itself whether the window is open or not."""
    holds_key: bool
    """A key of this site has signed its message, be it an old one."""
    other_model: str
    """Of what model it was said to be, when it is of another; else empty."""


class Joining:
    """The join window of one hub. Its end is kept, so that it survives a restart."""

    def __init__(self, hub: Hub) -> None:
        self._hub: Final = hub
        self.until: datetime | None = None
        """When the window closes; None: it is closed."""
        self._closing: CALLBACK_TYPE | None = None
        self._looking: CALLBACK_TYPE | None = None
        self._listeners: Final[list[Callable[[], None]]] = []
        self._watchers: Final[list[Callable[[], None]]] = []
        self._before: set[str] = set()
        """Devices that were there when the window was opened, or when the hub started."""

    @callback
    def start(self) -> None:
        """Go on with a window that was open before a restart; one whose end has passed meanwhile is closed."""
        self._before = set(self._registered())
        until_s = self._hub.entry.options.get(CONF_JOIN_UNTIL)
        if until_s is None:
            return
        until = datetime.fromtimestamp(until_s, UTC)
        if until <= dt_util.utcnow():
            self.close(None)
        else:
            self._stand_open(until)

    @callback
    def stop(self) -> None:
        """End every timer; the window is still open for the next start."""
        self._wait_no_more()
        if self._looking is not None:
            self._looking()
            self._looking = None

    @callback
    def open(self, minutes: int, context: Context | None) -> datetime:
        """Let devices join by themselves for so long from now on; gives the end."""
        if self.until is None:
            self._before = set(self._registered())
        until = (dt_util.utcnow() + timedelta(minutes=minutes)).replace(microsecond=0)
        self._keep(round(until.timestamp()))
        self._stand_open(until)
        self._hub.effects.events.decided(JOIN_OPENED, {"until": until.isoformat(), "minutes": minutes}, context)
        return until

    @callback
    def close(self, context: Context | None) -> bool:
        """Let nobody join by itself any more but who is listed; whether the window was open."""
        was_open = CONF_JOIN_UNTIL in self._hub.entry.options
        self._wait_no_more()
        self.until, self._hub.plant.admission.open_until_ns = None, 0
        if was_open:
            self._keep(None)
            self._hub.effects.events.decided(JOIN_CLOSED, {}, context)
            self._tell()
        return was_open

    @callback
    def listen(self, listener: Callable[[], None]) -> CALLBACK_TYPE:
        """Call `listener` when the window opens or closes; call what comes back to end it."""
        return self._hub.effects.listen(self._listeners, listener)

    @callback
    def watch(self, watcher: Callable[[], None]) -> CALLBACK_TYPE:
        """Call `watcher` every second; call what comes back to end it."""
        release = self._hub.effects.listen(self._watchers, watcher)
        if self._looking is None:
            self._looking = async_track_time_interval(self._hub.hass, self._look, LOOK_EVERY)

        @callback
        def end() -> None:
            release()
            if not self._watchers and self._looking is not None:
                self._looking()
                self._looking = None

        return end

    def joiners(self) -> list[Joiner]:
        """Everybody who is expected, waits, or has joined since the window was opened; the one to look at first."""
        hub, expected = self._hub, self._hub.keys.expected
        found = {
            device_id: _joiner(device_id, JoinStep.EXPECTED, one.record.get("name", ""))._replace(is_listed=True)
            for device_id, one in expected.items()
        }
        ignored = discovery.ignored(hub)
        for entry in hub.plant.inbox.entries():
            if entry.reason != REMOVED and entry.id not in ignored:
                found[entry.id] = _waiting(entry, expected.get(entry.id))
        for device_id, subentry in self._registered().items():
            if device_id not in self._before:
                found[device_id] = _joined(device_id, subentry, hub.plant.members.get(device_id))
        order = list(JoinStep)
        return sorted(found.values(), key=lambda joiner: (order.index(joiner.step), joiner.device_id))

    def listed(self, device_id: str) -> Listed:
        """What the list says of a device; nothing of one that is not on it."""
        expected = self._hub.keys.expected.get(device_id)
        return Listed() if expected is None else records.read(Listed, expected.record)

    def is_as_listed(self, waiting: Waiting) -> bool:
        """Whether a device that calls is of the model that the list says."""
        return not _other_model(waiting, self._hub.keys.expected.get(waiting.id))

    # --- the window ----------------------------------------------------------------------

    def _stand_open(self, until: datetime) -> None:
        self._wait_no_more()
        self.until = until
        self._hub.plant.admission.open_until_ns = round(until.timestamp()) * NS_PER_S
        self._closing = async_track_point_in_utc_time(self._hub.hass, self._is_over, until)
        self._tell()

    @callback
    def _is_over(self, _: datetime) -> None:
        self.close(None)

    def _wait_no_more(self) -> None:
        if self._closing is not None:
            self._closing()
            self._closing = None

    def _keep(self, until_s: int | None) -> None:
        entry = self._hub.entry
        others = {name: option for name, option in entry.options.items() if name != CONF_JOIN_UNTIL}
        kept = {} if until_s is None else {CONF_JOIN_UNTIL: until_s}
        self._hub.hass.config_entries.async_update_entry(entry, options=others | kept)

    def _tell(self) -> None:
        for listener in list(self._listeners):
            listener()

    @callback
    def _look(self, _: datetime) -> None:
        for watcher in list(self._watchers):
            watcher()

    # --- who comes -----------------------------------------------------------------------

    def _registered(self) -> dict[str, ConfigSubentry]:
        subentries = self._hub.entry.subentries.values()
        return {str(found.unique_id): found for found in subentries if found.subentry_type == SUBENTRY_DEVICE}


def counted(joiners: list[Joiner]) -> dict[JoinStep, int]:
    """How many stand at each step."""
    found = Counter(joiner.step for joiner in joiners)
    return {step: found[step] for step in JoinStep if found[step]}


def _waiting(entry: Waiting, listed: Expected | None) -> Joiner:
    step = JoinStep.KEY_VERIFIED if entry.trust is Trust.VERIFIED else JoinStep.HEARD
    said = "" if listed is None else listed.record.get("name", "")
    return _joiner(entry.id, step, said or entry.name, entry.model)._replace(
        is_listed=listed is not None,
        holds_key=entry.key is not None,
        other_model="" if entry.key is None else _other_model(entry, listed),
    )


def _other_model(entry: Waiting, listed: Expected | None) -> str:
    """Give the model that the list says of a device which says that it is of another; empty: they agree."""
    model = None if listed is None else listed.record.get("model")
    return "" if model in (None, entry.model) else str(model)


def _joined(device_id: str, subentry: ConfigSubentry, member: Member | None) -> Joiner:
    beat = member.device.heartbeat if member else None
    if member is not None and (member.board.values or member.board.waves):
        step = JoinStep.FIRST_DATA
    elif member is not None and member.device.manifest is not None:
        step = JoinStep.DESCRIBED
    else:
        step = JoinStep.APPROVED
    joiner = _joiner(device_id, step, subentry.title, beat.model if beat else "")
    return joiner._replace(holds_key=True)


def _joiner(device_id: str, step: JoinStep, name: str, model: str = "") -> Joiner:
    return Joiner(
        device_id=device_id,
        name=clean_name(name, device_id),
        model=clean_name(model, ""),
        step=step,
        is_listed=False,
        holds_key=False,
        other_model="",
    )
