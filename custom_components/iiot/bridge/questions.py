"""Questions of people for readings: who waits for which answer."""

import asyncio
from typing import TYPE_CHECKING, Final

from homeassistant.core import callback
from homeassistant.exceptions import HomeAssistantError

from ..const import DOMAIN
from ..engine.actuation.roles import Role
from ..engine.effects import PollEnded
from ..engine.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .hub import Hub


class Questions:
    """Asks devices for readings, and lets those who wait know what came."""

    def __init__(self, hub: Hub) -> None:
        self._hub: Final = hub
        self._waiting: Final[dict[tuple[str, str], asyncio.Future[PollEnded]]] = {}

    async def async_ask(self, device_id: str, channels: Sequence[str], user_id: str | None) -> PollEnded:
        """Ask for channels, none named: for all that wait to be asked; raises in words what stands in the way."""
        roles = self._hub.roles
        await roles.async_permit(user_id, roles.device(device_id), Role.OPERATOR)
        try:
            answer = self._hub.poll(device_id, channels)
        except RequestError as err:
            raise self._hub.actors.in_words(device_id, err) from err
        return await answer

    @callback
    def expect(self, device_id: str, pid: str) -> asyncio.Future[PollEnded]:
        """Give what is done when the question is over."""
        answer = self._waiting[device_id, pid] = self._hub.hass.loop.create_future()
        return answer

    @callback
    def ended(self, effect: PollEnded) -> None:
        """A question is over."""
        answer = self._waiting.pop((effect.device_id, effect.pid), None)
        if answer is not None and not answer.done():
            answer.set_result(effect)

    @callback
    def stop(self) -> None:
        """The hub stops: nobody waits any longer."""
        interrupted = HomeAssistantError(translation_domain=DOMAIN, translation_key="poll_interrupted")
        waiting = list(self._waiting.values())
        self._waiting.clear()
        for answer in waiting:
            if not answer.done():
                answer.set_exception(interrupted)
