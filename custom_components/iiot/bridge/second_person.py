"""A movement that takes two persons: all are told of the first one's wish until the second confirms or time is over."""

from typing import TYPE_CHECKING, Final

from homeassistant.components import persistent_notification
from homeassistant.core import CALLBACK_TYPE, callback
from homeassistant.helpers.event import async_call_later

from ..const import DOMAIN
from .enrolment import plain
from .words import async_words

if TYPE_CHECKING:
    from datetime import datetime

    from ..engine.actuation.wish import Wish
    from .hub import Hub


class SecondPerson:
    """Shows a notification for each wish of one hub that waits for its second person."""

    def __init__(self, hub: Hub) -> None:
        self._hub: Final = hub
        self._waiting: Final[dict[str, CALLBACK_TYPE]] = {}
        """Notification → ends its time."""

    @callback
    def ask(self, device_id: str, device: str, control: str, wish: Wish, seconds: float) -> None:
        """Tell everybody that a person has asked, and that another one is needed."""
        shown = self._id(device_id, str(wish.args["key"]))
        self._end(shown)

        @callback
        def over(_: datetime) -> None:
            self._end(shown)

        self._waiting[shown] = async_call_later(self._hub.hass, seconds, over)
        facts = {
            "device": plain(device),
            "control": plain(control),
            "seconds": f"{seconds:g}",
        }
        self._hub.entry.async_create_task(self._hub.hass, self._async_show(shown, wish, facts), "iiot second person")

    @callback
    def settled(self, device_id: str, wish: Wish) -> None:
        """The wish went through, or the actuator was moved otherwise."""
        self._end(self._id(device_id, str(wish.args.get("key"))))

    @callback
    def stop(self) -> None:
        """The hub stops: nobody can confirm any more."""
        for shown in list(self._waiting):
            self._end(shown)

    async def _async_show(self, shown: str, wish: Wish, facts: dict[str, str]) -> None:
        hass = self._hub.hass
        user = await hass.auth.async_get_user(wish.actor.user_id or "")
        words = await async_words(hass, "second_person")
        text = words.get("set" if "value" in wish.args else "press", "")
        value = wish.args.get("value")
        facts["value"] = plain(words.get("on" if value else "off", "") if isinstance(value, bool) else str(value))
        facts["person"] = plain((user.name if user is not None else None) or "?")
        if shown in self._waiting:
            persistent_notification.async_create(hass, text.format(**facts), words.get("title"), notification_id=shown)

    def _end(self, shown: str) -> None:
        cancel = self._waiting.pop(shown, None)
        if cancel is not None:
            cancel()
            persistent_notification.async_dismiss(self._hub.hass, shown)

    def _id(self, device_id: str, key: str) -> str:
        return f"{DOMAIN}_{self._hub.entry.entry_id}_{device_id}_{key}"
