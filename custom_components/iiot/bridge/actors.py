"""Commands of people and automations: asked for, waited for, told step by step."""

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from homeassistant.core import Context, callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError

from ..const import DOMAIN
from ..engine.actuation.command import Actor, Command, Step
from ..engine.actuation.interlocks import Bar, InterlockError
from ..engine.actuation.ledger import QueueFullError
from ..engine.actuation.roles import Level, Node, Role
from ..engine.actuation.wish import Wish
from ..engine.errors import RequestError
from ..engine.plant.orders import AwayError, MutedError, RevokedError
from ..engine.plant.polls import NotThereError, PollQueueError
from ..engine.plant.rotation import REKEY
from ..engine.values import Scalar
from .enrolment import policy_of
from .policies import write_policy
from .rotation import async_with_step
from .second_person import SecondPerson
from .stations import subentry_of

if TYPE_CHECKING:
    from .hub import Hub

CONTROL: Final = "entity"
"""Source of a wish that came by a control, which has rights of Home Assistant's own."""
PRESS: Final = "press"
SET: Final = "set"
_NOT_NOW: Final = (AwayError, NotThereError, MutedError, QueueFullError, PollQueueError, RevokedError)
"""Refusals that have to do with the device's present state, not with what was asked."""


class Actors:
    """Takes wishes in, and lets those who wait know how they ended."""

    def __init__(self, hub: Hub) -> None:
        self._hub: Final = hub
        self._waiting: Final[dict[str, asyncio.Future[None]]] = {}
        """Command → who waits for its end."""
        self.idle: Final = asyncio.Event()
        """Set while nobody waits."""
        self.idle.set()
        self._second: Final = SecondPerson(hub)

    async def async_move(self, device_id: str, key: str, value: Scalar | None, context: Context | None) -> Command:
        """Set an actuator, or press it (`value` None), and wait for the device's answer; raises in words."""
        args = {"key": key} if value is None else {"key": key, "value": value}
        wish = Wish(name=PRESS if value is None else SET, args=args, actor=actor_of(context, CONTROL))
        command = await self.async_ask(device_id, wish, Role.OPERATOR)
        self.raise_unless_done(command)
        return command

    async def async_set_trial(self, subentry_id: str, context: Context | None, *, trial: bool) -> None:
        """Begin or end the maintenance mode of a device, for an engineer; raises in words for anybody else."""
        await self._async_permit_care(subentry_id, context)
        subentry = self._hub.entry.subentries.get(subentry_id)
        if subentry is not None:
            write_policy(self._hub, subentry, replace(policy_of(subentry), trial=trial), context)

    async def async_zero_counters(self, subentry_id: str, context: Context | None) -> None:
        """Set a device's counters to zero, for an engineer; raises in words for anybody else."""
        await self._async_permit_care(subentry_id, context)
        subentry = self._hub.entry.subentries.get(subentry_id)
        if subentry is not None and subentry.unique_id in self._hub.plant.members:
            self._hub.zero_counters(subentry.unique_id)

    async def async_ask(self, device_id: str, wish: Wish, need: Role) -> Command:
        """Ask for something that takes a role, and wait until it is closed; at once for a device that is not awake."""
        await self._async_permit(device_id, wish, need)
        if wish.name == REKEY:
            wish = await self._async_with_step(device_id, wish)
        command = self.ask(device_id, wish)
        if command.is_open and (command.step is not Step.REQUESTED or self._hub.is_awake(device_id)):
            closed = self._waiting[command.cid] = self._hub.hass.loop.create_future()
            self.idle.clear()
            try:
                await closed
            finally:
                self._waiting.pop(command.cid, None)
                if not self._waiting:
                    self.idle.set()
        return command

    async def _async_with_step(self, device_id: str, wish: Wish) -> Wish:
        """A key step has arguments that the hub alone chooses, and keeps before anybody hears of them."""
        try:
            return await async_with_step(self._hub, device_id, wish)
        except RequestError as err:
            raise self.in_words(device_id, err) from err

    @callback
    def ask(self, device_id: str, wish: Wish) -> Command:
        """Ask for something, as whoever may; raises in words what stands in its way."""
        try:
            command = self._hub.command(device_id, wish)
        except InterlockError as err:
            words = self.in_words(device_id, err)
            self._barred(device_id, wish, err, words)
            raise words from err
        except RequestError as err:
            raise self.in_words(device_id, err) from err
        self._second.settled(device_id, wish)
        return command

    @callback
    def changed(self, cid: str, command: Command | None) -> None:
        """A command went on; None: it is not remembered any more."""
        closed = self._waiting.get(cid)
        if closed is not None and not closed.done() and (command is None or not command.is_open):
            closed.set_result(None)

    @callback
    def stop(self) -> None:
        """The hub stops: nobody waits any longer. What is open goes on after the next start."""
        self._second.stop()
        self._hub.effects.events.tell_steps()
        interrupted = HomeAssistantError(translation_domain=DOMAIN, translation_key="command_interrupted")
        for closed in [found for found in self._waiting.values() if not found.done()]:
            closed.set_exception(interrupted)

    def raise_unless_done(self, command: Command) -> None:
        """Say in words how it ended, unless it was done, was sent to a device that cannot answer, or still waits."""
        if command.step not in (Step.DONE, Step.REQUESTED) and not command.ended_unanswered:
            raise self.end_in_words(command)

    def end_in_words(self, command: Command) -> HomeAssistantError:
        """Say in words how it ended."""
        return HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key=f"command_{command.step}",
            translation_placeholders={"device": self._name(command.device_id), "reason": command.reason or "-"},
        )

    async def _async_permit_care(self, subentry_id: str, context: Context | None) -> None:
        """A control of Home Assistant's own that changes what an engineer may change."""
        node = Node(level=Level.DEVICE, id=subentry_id)
        user_id = context.user_id if context else None
        await self._hub.roles.async_permit(user_id, node, Role.ENGINEER, is_control=True)

    async def _async_permit(self, device_id: str, wish: Wish, need: Role) -> None:
        roles, actor = self._hub.roles, wish.actor
        try:
            await roles.async_permit(actor.user_id, roles.device(device_id), need, is_control=actor.source == CONTROL)
        except ServiceValidationError as err:
            self._hub.effects.events.wish_refused(device_id, wish, str(err.translation_key), str(err))
            raise

    def _barred(self, device_id: str, wish: Wish, err: InterlockError, words: HomeAssistantError) -> None:
        """Tell everybody: of a wish that an interlock has refused, and of one that waits for a second person."""
        if err.bar is not Bar.SECOND_PERSON:
            self._hub.effects.events.wish_refused(device_id, wish, err.code, str(words))
            return
        seconds = float(err.facts["seconds"] or 0)
        self._hub.effects.events.wish_waits(device_id, wish, seconds)
        self._second.ask(device_id, self._name(device_id), str(err.facts["name"]), wish, seconds)

    def in_words(self, device_id: str, err: RequestError) -> HomeAssistantError:
        """Say in words why something cannot be asked of a device."""
        kind = HomeAssistantError if isinstance(err, _NOT_NOW) else ServiceValidationError
        facts = {name: f"{fact:.10g}" if isinstance(fact, float) else str(fact) for name, fact in err.facts.items()}
        return kind(
            translation_domain=DOMAIN,
            translation_key=err.code,
            translation_placeholders={**facts, "device": self._name(device_id)},
        )

    def _name(self, device_id: str) -> str:
        found = subentry_of(self._hub.entry, device_id)
        return device_id if found is None else found.title


def actor_of(context: Context | None, source: str) -> Actor:
    """Who stands behind a context."""
    return Actor(context.user_id if context else None, context.id if context else None, source)
