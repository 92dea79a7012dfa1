"""What happens to devices, as events on Home Assistant's bus: the logbook shows them, automations may act on them."""

import asyncio
import time
from collections import deque
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from homeassistant.const import ATTR_DEVICE_ID, ATTR_ENTITY_ID, ATTR_NAME, Platform
from homeassistant.core import Context, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.util.ulid import ulid_at_time

from ..const import DOMAIN, EVENT_DEVICE
from ..engine.actuation.command import Actor, Command
from ..engine.actuation.wish import Wish
from ..engine.effects import CountersZeroed, Happened, Notice, Refused
from ..engine.errors import Fact
from ..engine.values import Happening
from .health import CONNECTION_KEY
from .mapping import clean_name
from .places import path_of, place_of
from .redaction import redacted
from .stations import device_identifier, hub_identifier, subentry_of

if TYPE_CHECKING:
    from homeassistant.config_entries import ConfigSubentry

    from .hub import Hub

ATTR_TRANSITION_ID: Final = "transition_id"
ATTR_KIND: Final = "kind"
ATTR_ENTRY_ID: Final = "config_entry_id"
ATTR_SITE: Final = "site"
ATTR_DEVICE: Final = "device"
ATTR_ASSET: Final = "asset"
ATTR_LEFT_OUT: Final = "left_out"
REFUSED: Final = "refused"
NOTICE: Final = "notice"
COMMAND: Final = "command"
WISH_REFUSED: Final = "wish_refused"
WISH_WAITS: Final = "wish_waits"
POLICY_CHANGED: Final = "policy_changed"
ASSET_CHANGED: Final = "asset_changed"
WAITS_FOR_ASSET: Final = "waits_for_asset"
ROLE_SET: Final = "role_set"
JOIN_OPENED: Final = "join_opened"
JOIN_CLOSED: Final = "join_closed"
SERIALS_IMPORTED: Final = "serials_imported"
KEY_SHOWN: Final = "key_shown"
TEMPLATE_SET: Final = "template_set"
COUNTERS_ZEROED: Final = "counters_zeroed"

MOST: Final = 60
SPAN_S: Final = 60.0
"""At most so many events of one hub in this time: each is written into Home Assistant's database."""


STEPS_WITHIN_S: Final = 0.25
"""How long steps of commands wait to be told at most, while somebody waits for a device's answer …"""
STEPS_AFTER_S: Final = 0.02
"""… and how long when nobody does any more: the answers leave first.

The recorder writes each event down in a thread that shares the interpreter with the event loop, so that the steps of
many commands at once would keep their own answers waiting.
"""
STEPS_AT_ONCE: Final = 50
"""So many are told before the event loop has another turn: of a thousand devices each may have two."""


class _Step(NamedTuple):
    """A step of a command that is to be told."""

    device_id: str
    facts: dict[str, Any]
    actor: Actor
    at_s: float
    """Unix time."""


class Events:
    """Fires the events of one hub. What is beyond the bound is left out, and the next event says how many."""

    def __init__(self, hub: Hub) -> None:
        self._hub: Final = hub
        self._since = -SPAN_S
        self._fired = 0
        self._left_out = 0
        self._steps: Final[deque[_Step]] = deque()
        self._teller: asyncio.Task[None] | None = None

    @callback
    def happened(self, effect: Happened) -> None:
        """Something in the life of a device. That it joined is always told: a person wanted it, or it holds a key."""
        tell = self._tell if effect.what is Happening.ENROLLED else self._fire
        tell(effect.what.value, effect.device_id, {})

    @callback
    def zeroed(self, effect: CountersZeroed) -> None:
        """A device's counters stand at 0 again. A person did it, so it is told whatever else is."""
        self._tell(COUNTERS_ZEROED, effect.device_id, {"figures": dict(effect.figures)})

    @callback
    def refused(self, effect: Refused) -> None:
        """A message was refused: the first of its kind in a minute."""
        facts: dict[str, Fact] = {"code": effect.code.value, "detail": effect.detail, "count": effect.count}
        self._fire(REFUSED, effect.device_id, facts)

    @callback
    def noticed(self, notice: Notice) -> None:
        """Something that a person should know began, or is over."""
        facts: dict[str, Any] = {"notice": notice.kind, "active": notice.active, "facts": notice.facts}
        self._fire(NOTICE, notice.device_id or "", facts)

    @callback
    def commanded(self, command: Command) -> None:
        """A command went on. Each step is told: people and automations of this site make them, no device does.

        They are told together, in their order and with their own times.
        """
        facts: dict[str, Any] = {
            "command_id": command.cid,
            "command": command.name,
            "args": command.args,
            "step": command.step.value,
            "source": command.actor.source,
        }
        if command.reason:
            facts["reason"] = command.reason
        if not command.answered:
            facts["answered"] = False
        self._steps.append(_Step(command.device_id, facts, command.actor, time.time()))
        if self._teller is None or self._teller.done():
            tell = self._async_tell_steps()
            self._teller = self._hub.entry.async_create_task(self._hub.hass, tell, "iiot steps", eager_start=False)

    @callback
    def tell_steps(self, most: int | None = None) -> None:
        """Tell the steps that wait for it, or so many of them."""
        left = len(self._steps) if most is None else most
        while self._steps and left:  # whoever is told may be quick to let others happen, which are told after these
            step, left = self._steps.popleft(), left - 1
            self._put(COMMAND, step.device_id, step.facts, _context_of(step.actor), step.at_s)

    async def _async_tell_steps(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(STEPS_WITHIN_S):
                await self._hub.actors.idle.wait()
        await asyncio.sleep(STEPS_AFTER_S)
        while self._steps:
            self.tell_steps(STEPS_AT_ONCE)
            await asyncio.sleep(0)

    @callback
    def wish_refused(self, device_id: str, wish: Wish, code: str, reason: str) -> None:
        """An interlock or a role stood in the way of a wish."""
        facts = {**_wish_facts(wish), "code": code, "reason": reason}
        self._fire(WISH_REFUSED, device_id, facts, _context_of(wish.actor))

    @callback
    def wish_waits(self, device_id: str, wish: Wish, seconds: float) -> None:
        """A person asked for what takes two."""
        self._fire(WISH_WAITS, device_id, {**_wish_facts(wish), "seconds": seconds}, _context_of(wish.actor))

    @callback
    def policy_changed(self, device_id: str, sections: list[str], context: Context | None) -> None:
        """A person decided something about a device."""
        self._tell(POLICY_CHANGED, device_id, {"sections": ", ".join(sections)}, context)

    @callback
    def moved(self, device_id: str, before: str) -> None:
        """A device stands elsewhere: the event says where, as each one does."""
        self._tell(ASSET_CHANGED, device_id, {"before": before})

    @callback
    def waits_for_asset(self, device_id: str) -> None:
        """A device has joined, and sleeps until somebody says where it stands."""
        self._tell(WAITS_FOR_ASSET, device_id, {})

    @callback
    def role_set(self, device_id: str, facts: dict[str, Any], context: Context | None) -> None:
        """A person has another role somewhere."""
        self._tell(ROLE_SET, device_id, facts, context)

    @callback
    def decided(self, kind: str, facts: dict[str, Any], context: Context | None, device_id: str = "") -> None:
        """A person decided something about joining, of the whole site or of one device."""
        self._tell(kind, device_id, facts, context)

    def _fire(self, kind: str, device_id: str, facts: dict[str, Any], context: Context | None = None) -> None:
        if not self._has_room():
            self._left_out += 1
            return
        self._tell(kind, device_id, facts, context)

    def _tell(self, kind: str, device_id: str, facts: dict[str, Any], context: Context | None = None) -> None:
        self.tell_steps()  # what happened before
        self._put(kind, device_id, facts, context, time.time())

    def _put(self, kind: str, device_id: str, facts: dict[str, Any], context: Context | None, at_s: float) -> None:
        entry = self._hub.entry
        subentry = subentry_of(entry, device_id) if device_id else None
        name = (subentry.title if subentry else device_id) or entry.title
        told: dict[str, Any] = _clean({ATTR_KIND: kind, ATTR_SITE: entry.title, ATTR_NAME: name, **facts})
        told |= {ATTR_TRANSITION_ID: ulid_at_time(at_s), ATTR_ENTRY_ID: entry.entry_id, **self._links(subentry)}
        if device_id:
            told[ATTR_DEVICE] = device_id
        if subentry is not None:
            told[ATTR_ASSET] = _clean(path_of(self._hub, place_of(self._hub, subentry)))
        if self._left_out:
            told[ATTR_LEFT_OUT], self._left_out = self._left_out, 0
        self._hub.hass.bus.async_fire(EVENT_DEVICE, told, context=context, time_fired=at_s)

    def _has_room(self) -> bool:
        now = self._hub.hass.loop.time()
        if now - self._since >= SPAN_S:
            self._since, self._fired = now, 0
        self._fired += 1
        return self._fired <= MOST

    def _links(self, subentry: ConfigSubentry | None) -> dict[str, str]:
        """Where a line of the logbook leads: the device's page and its connection, or the page of the hub."""
        hass, entry_id = self._hub.hass, self._hub.entry.entry_id
        pages = [hub_identifier(entry_id)]
        found: dict[str, str] = {}
        if subentry is not None:
            pages.insert(0, device_identifier(entry_id, subentry.subentry_id))
            registry = er.async_get(hass)
            unique_id = f"{subentry.subentry_id}_{CONNECTION_KEY}"
            entity = registry.async_get(registry.async_get_entity_id(Platform.SENSOR, DOMAIN, unique_id) or "")
            if entity is not None and entity.disabled_by is None:
                found[ATTR_ENTITY_ID] = entity.entity_id
        devices = dr.async_get(hass)
        page = next(filter(None, (devices.async_get_device_by_identifier(one, entry_id) for one in pages)), None)
        return found if page is None else found | {ATTR_DEVICE_ID: page.id}


def _wish_facts(wish: Wish) -> dict[str, Any]:
    return {"command": wish.name, "args": wish.args, "source": wish.actor.source}


def _context_of(actor: Actor) -> Context:
    return Context(user_id=actor.user_id, id=actor.context_id)


def _clean(fact: Any) -> Any:
    """No secret, no line breaks, nothing invisible, nothing long."""
    if isinstance(fact, dict):
        return {_clean(name): _clean(found) for name, found in fact.items()}
    if isinstance(fact, list | tuple):
        return [_clean(found) for found in fact]
    return _clean_text(fact) if isinstance(fact, str) else fact


@lru_cache(maxsize=512)
def _clean_text(text: str) -> str:
    """Most texts of events are names, and come again with the next one."""
    return clean_name(redacted(text), "")
