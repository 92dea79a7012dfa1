"""Devices join by themselves for a while; whoever opened the window sees how far each of them has come."""

import asyncio
from typing import Any, Final

import probatio
from homeassistant.config_entries import ConfigFlowResult
from homeassistant.core import callback
from homeassistant.data_entry_flow import AbortFlow
from homeassistant.util import dt as dt_util

from ..bridge.enrolment import plain
from ..bridge.hub import Hub
from ..bridge.joining import MAX_MINUTES, MIN_MINUTES, Joiner, JoinStep, counted
from ..bridge.words import async_words
from .forms import number
from .pages import HubPageSteps

MENU: Final = ["open_window", "watch_joining", "close_window", "serials", "expected_devices"]
CONF_MINUTES: Final = "minutes"
USUAL_MINUTES: Final = 10
MOST_ROWS: Final = 40
"""Devices in the table, those that need somebody first."""
FIRST_LOOKS: Final = 3
"""A browser is told of news only when its page shows the table already: the first news wait so many looks."""


class JoiningSteps(HubPageSteps):
    """The join window is opened, watched and closed."""

    _table: dict[str, str]
    _news: asyncio.Task[None] | None = None

    async def async_step_commissioning(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Say whether the window is open, and offer what there is to do."""
        del user_input
        hub = self.hub()
        return self.async_show_menu(
            step_id="commissioning",
            menu_options=MENU,
            description_placeholders={"window": await self._window(hub), "expected": str(len(hub.keys.expected))},
        )

    async def async_step_open_window(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for how long, and open the window."""
        hub = self.hub()
        if user_input is not None:
            hub.joining.open(int(user_input[CONF_MINUTES]), None)
            return await self.async_step_watch_joining()
        minutes = number(MIN_MINUTES, MAX_MINUTES, 1, "min")
        return self.async_show_form(
            step_id="open_window",
            data_schema=probatio.Schema({probatio.Required(CONF_MINUTES, default=USUAL_MINUTES): minutes}),
        )

    async def async_step_close_window(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Close the window."""
        self.hub().joining.close(None)
        return await self.async_step_commissioning(user_input)

    async def async_step_watch_joining(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show how far each device has come; Home Assistant comes back by itself when there is news."""
        del user_input
        hub = self._running()
        if hub is None or hub.joining.until is None:
            return self.async_show_progress_done(next_step_id="joining_over")
        if self._news is None or self._news.done():
            looks = FIRST_LOOKS if self._news is None else 1
            self._table = await self._shown(hub)
            self._news = self.config_entry.async_create_background_task(
                self.hass, _async_news(hub, looks), "iiot watch joining"
            )
        return self.async_show_progress(
            step_id="watch_joining",
            progress_action="joining",
            description_placeholders=self._table,
            progress_task=self._news,
        )

    async def async_step_joining_over(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """The window is closed: say how far everybody has come."""
        del user_input
        hub, self._news = self.hub(), None
        return self.async_show_menu(
            step_id="joining_over",
            menu_options=["joining_over", "commissioning"],
            description_placeholders=await self._shown(hub),
        )

    def _running(self) -> Hub | None:
        """Give the hub while it works; it may stop while somebody watches."""
        try:
            return self.hub()
        except AbortFlow:
            return None

    async def _window(self, hub: Hub) -> str:
        words, until = await async_words(self.hass, "join_window"), hub.joining.until
        if until is None:
            return words.get("closed", "")
        return f"{words.get('open', '')} {dt_util.as_local(until).strftime('%H:%M:%S')}"

    async def _shown(self, hub: Hub) -> dict[str, str]:
        words = await async_words(self.hass, "join_step")
        joiners = hub.joining.joiners()
        counts = ", ".join(f"{words.get(step, '')}: {count}" for step, count in counted(joiners).items())
        rows = [f"| {_who(joiner)} | {_how_far(joiner, words)} |" for joiner in joiners[:MOST_ROWS]]
        if len(joiners) > MOST_ROWS:
            rows.append(f"| … (+{len(joiners) - MOST_ROWS}) | |")
        head = f"| {words.get('device', '')} | {words.get('step', '')} |\n|:--|:--|"
        return {
            "window": await self._window(hub),
            "counts": counts or words.get("nobody", ""),
            "devices": "\n".join([head, *rows]) if rows else plain("-"),
        }


async def _async_news(hub: Hub, looks: int) -> None:
    """Return when a device has come further or the window is another, after so many looks at least."""
    changed = asyncio.Event()
    shown, until, left = hub.joining.joiners(), hub.joining.until, looks

    @callback
    def look() -> None:
        nonlocal left
        left -= 1
        if left <= 0 and (hub.joining.joiners() != shown or hub.joining.until != until):
            changed.set()

    release = hub.joining.watch(look)
    try:
        await changed.wait()
    finally:
        release()


def _who(joiner: Joiner) -> str:
    name = plain(joiner.name) if joiner.name == joiner.device_id else plain(f"{joiner.name} ({joiner.device_id})")
    return f"{name}, {plain(joiner.model)}" if joiner.model else name


def _how_far(joiner: Joiner, words: dict[str, str]) -> str:
    facts = [words.get(joiner.step, "")]
    if joiner.step is JoinStep.HEARD and not joiner.holds_key:
        facts.append(words.get("unknown_key", ""))
    if joiner.other_model:
        facts.append(f"{words.get('other_model', '')} {plain(joiner.other_model)}")
    return ": ".join(facts)
