"""What the plant decided, performed: one `match`."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from homeassistant.core import CALLBACK_TYPE, callback

from ..engine.effects import (
    CommandChanged,
    ConnectionChanged,
    CountersZeroed,
    DeviceLogged,
    Effect,
    Enrol,
    Happened,
    HealthChanged,
    KeysChanged,
    ManifestChanged,
    Notice,
    Offer,
    PollEnded,
    Refused,
    TopicFound,
    ValuesChanged,
    Withdraw,
)
from ..engine.errors import Fact, Refusal
from ..engine.ports import Trimmed
from ..engine.values import Connection, Now
from . import discovery, rotation, templates
from .events import Events
from .notices import JOURNAL_BEGAN_ANEW, JOURNAL_OVERRUN, show_notice

if TYPE_CHECKING:
    from .hub import Hub

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one message."""

    topic: str
    message: bytes
    at: Now
    retained: bool
    refusal: Refusal | None
    """None: it counts."""


class Effects:
    """Carries effects to listeners, the log, repairs and discovery."""

    def __init__(self, hub: Hub) -> None:
        self._hub: Final = hub
        self.values: Final[list[Callable[[str, list[str]], None]]] = []
        self.commands: Final[list[Callable[[str, str], None]]] = []
        self.health: Final[list[Callable[[str], None]]] = []
        self.manifests: Final[list[Callable[[str], None]]] = []
        self.logs: Final[list[Callable[[str, str, str, str], None]]] = []
        self.inbox: Final[list[Callable[[str], None]]] = []
        self.verdicts: Final[list[Callable[[Verdict], None]]] = []
        self._lost: Final[set[str]] = set()
        self.events: Final = Events(hub)

    @staticmethod
    def listen[T](listeners: list[T], listener: T) -> CALLBACK_TYPE:
        """Add a listener; call what comes back to take it off."""
        listeners.append(listener)

        @callback
        def release() -> None:
            listeners.remove(listener)

        return release

    @callback
    def perform(self, effect: Effect) -> None:  # noqa: C901, PLR0912 - the one match over all effects
        """Do what one effect asks for. Publishing and committing are the hub's."""
        match effect:
            case ValuesChanged(device_id, channels):
                for on_values in self.values:
                    on_values(device_id, channels)
            case HealthChanged(device_id):
                self._tell(self.health, device_id)
            case ConnectionChanged(device_id):
                self._log_connection(device_id)
                self._tell(self.health, device_id)
            case ManifestChanged(device_id):
                self._tell(self.manifests, device_id)
            case KeysChanged(device_id):
                rotation.keys_changed(self._hub, device_id)
            case CommandChanged(device_id, cid):
                self._command_changed(device_id, cid)
            case PollEnded():
                self._hub.questions.ended(effect)
            case DeviceLogged(device_id, level, logger, msg):
                for on_log in self.logs:
                    on_log(device_id, level, logger, msg)
            case Happened():
                self.events.happened(effect)
            case CountersZeroed():
                self.events.zeroed(effect)
            case Refused():
                self._log_refusal(effect)
                self.events.refused(effect)
            case Offer(device_id):
                discovery.offer(self._hub, device_id)
                self._tell(self.inbox, device_id)
            case Withdraw(device_id):
                discovery.withdraw(self._hub, device_id)
            case Enrol(device_id):
                discovery.enrol(self._hub, device_id)
            case TopicFound():
                templates.add_topic(self._hub, effect)
            case Notice():
                self.show(effect)

    @callback
    def journal_began_anew(self) -> None:
        """Say that the memory of what was accepted is gone."""
        self.show(Notice(JOURNAL_BEGAN_ANEW, None, True, {}))

    @callback
    def journal_trimmed(self, done: Trimmed) -> None:
        """Say loudly when the journal's budget took rows that a reader had not seen."""
        lost = sum(done.lost.values())
        if lost:
            readers = ", ".join(sorted(done.lost))
            _LOGGER.error(
                "%s: the journal is full: %s rows are gone before %s read them; most of the room was taken by %s",
                self._hub.entry.title,
                lost,
                readers,
                done.noisiest,
            )
            facts: dict[str, Fact] = {"rows": lost, "readers": readers, "noisiest": done.noisiest}
            self.show(Notice(JOURNAL_OVERRUN, None, True, facts))

    def _command_changed(self, device_id: str, cid: str) -> None:
        for on_command in self.commands:
            on_command(device_id, cid)
        command = self._hub.plant.command_of(device_id, cid)
        self._hub.actors.changed(cid, command)
        if command is not None:
            self.events.commanded(command)

    @callback
    def show(self, notice: Notice) -> None:
        """Let people see a notice, or take it away."""
        show_notice(self._hub.hass, self._hub.entry, notice)
        self.events.noticed(notice)

    @staticmethod
    def _tell(listeners: list[Callable[[str], None]], device_id: str) -> None:
        for listener in listeners:
            listener(device_id)

    def _log_connection(self, device_id: str) -> None:
        member = self._hub.plant.members.get(device_id)
        if member is None:
            return
        if member.connection is Connection.LOST and device_id not in self._lost:
            self._lost.add(device_id)
            if member.device.liveness.heard_ns:
                _LOGGER.info("%s: device %s is lost", self._hub.entry.title, device_id)
        elif member.connection is Connection.LIVE and device_id in self._lost:
            self._lost.discard(device_id)
            _LOGGER.info("%s: device %s is live", self._hub.entry.title, device_id)

    def _log_refusal(self, refused: Refused) -> None:
        _LOGGER.warning(
            "%s: refused a message of %s: %s (%s; %s so far)",
            self._hub.entry.title,
            refused.device_id or "nobody we know",
            refused.detail,
            refused.code,
            refused.count,
        )
