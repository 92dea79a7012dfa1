"""A browser window, and what a person sees in it: the text of all visible elements, shadow roots included."""

import asyncio
import json
import re
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from playwright.async_api import BrowserContext, ConsoleMessage, Error, Locator, Page, expect

WITHIN_MS: Final = 90_000
"""Longest wait for something to appear on a busy machine."""
LOOK_AGAIN_S: Final = 0.25
OURS: Final = re.compile(r"\biiot\b|iiot[_/-]")
BROKEN: Final = re.compile(
    r"\bcomponent\.\w+\.|\{\w+\}|\[object |\bundefined\b|\bNaN\b|^Entity not (?:found|available)|^Configuration error",
    re.MULTILINE,
)
"""Words that no person should read: a raw key, a placeholder that was not filled, a card without its entity."""
VALUELESS: Final = re.compile(r"^(?:Unknown|Unavailable|Unbekannt|Nicht verfügbar)$", re.MULTILINE)

_TEXT: Final = """() => {
  const lines = [];
  const walk = (node) => {
    if (node.nodeType === Node.TEXT_NODE) {
      const text = node.textContent.trim().replace(/\\s+/g, " ");
      if (text) lines.push(text);
    } else if (node.nodeType === Node.ELEMENT_NODE && !["STYLE", "SCRIPT"].includes(node.tagName)) {
      const shown = node.checkVisibility({ visibilityProperty: true, opacityProperty: true });
      if (!shown && getComputedStyle(node).display !== "contents") return;
      const assigned = node.tagName === "SLOT" ? node.assignedNodes() : [];
      for (const child of assigned.length ? assigned : (node.shadowRoot ?? node).childNodes) walk(child);
    }
  };
  walk(document.body);
  return lines.join("\\n");
}"""
_TOO_WIDE: Final = """() => {
  const wide = [];
  const walk = (element) => {
    const style = getComputedStyle(element);
    const scrolls = ["auto", "scroll"].includes(style.overflowX) && style.display !== "contents";
    if (scrolls && element.clientWidth >= innerWidth && element.scrollWidth > element.clientWidth + 1)
      wide.push(`${element.tagName.toLowerCase()}.${element.className}: ${element.scrollWidth}`);
    for (const child of [...(element.shadowRoot?.children ?? []), ...element.children]) walk(child);
  };
  walk(document.documentElement);
  if (document.documentElement.scrollWidth > innerWidth) wide.push(`page: ${document.documentElement.scrollWidth}`);
  return wide;
}"""
"""Elements as wide as the window that a person would have to push sideways."""


class Screen:
    """One window. What it shows is judged each time it is looked at, and a picture is kept."""

    def __init__(self, page: Page, pictures: Path) -> None:
        self.page = page
        self.complaints: list[str] = []
        """What the browser's console said about our files."""
        self._pictures = pictures
        page.set_default_timeout(WITHIN_MS)
        page.on("console", self._listen)
        page.on("pageerror", self._hear)

    @classmethod
    async def open(cls, context: BrowserContext, url: str, path: str, pictures: Path) -> Screen:
        """Open a page of Home Assistant in a new window."""
        screen = cls(await context.new_page(), pictures)
        await screen.page.goto(f"{url}{path}")
        return screen

    # --- what a person sees -----------------------------------------------------------------

    async def text(self) -> str:
        """Return all visible text, a line for each piece."""
        found: str = await self.page.evaluate(_TEXT)
        return found

    async def look(self, name: str, *, valueless: Collection[str] = ()) -> str:
        """Judge what the window shows, keep a picture of it, and return its text.

        `valueless` are the names of entities that may have no value; all others are waited for.
        """
        await self.page.wait_for_load_state("networkidle")
        await expect(self.page.locator("ha-spinner").locator("visible=true")).to_have_count(0, timeout=WITHIN_MS)
        with suppress(TimeoutError):  # told below, by name
            await self._until(lambda text: not set(_valueless(text)).difference(valueless))
        text = await self.text()
        await self.keep(name)
        assert not BROKEN.findall(text), f"{name} shows {BROKEN.findall(text)}:\n{text}"
        empty = set(_valueless(text)).difference(valueless)
        assert not empty, f"{name} shows no value of {empty}"
        assert not self.complaints
        return text

    async def keep(self, name: str) -> None:
        """Keep a picture of the window."""
        await self.page.screenshot(path=self._pictures / f"{name}.png", animations="disabled")

    async def fits(self) -> None:
        """Nothing has to be pushed sideways."""
        assert await self.page.evaluate(_TOO_WIDE) == []

    def shown(self, text: str | re.Pattern[str]) -> Locator:
        """Point at the first piece of visible text."""
        return self.page.get_by_text(text).locator("visible=true").first

    async def sees(self, *texts: str | re.Pattern[str]) -> None:
        """Wait until each text stands on the page."""
        for text in texts:
            await expect(self.shown(text)).to_be_visible(timeout=WITHIN_MS)

    async def value(self, name: str) -> str:
        """Return what stands below, or beside, the name of an entity."""
        return _value(await self.text(), name)

    async def sees_change(self, name: str) -> None:
        """Wait until an entity shows another value than now."""
        first = await self.value(name)
        assert re.match(r"-?\d", first), f"{name} is no number: {first}"
        await self._until(lambda text: _value(text, name) != first)

    # --- what a person does -----------------------------------------------------------------

    async def go(self, *names: str) -> None:
        """Press one link after the other."""
        for name in names:
            await self.page.get_by_role("link", name=name).locator("visible=true").first.click()

    async def open_integration_form(self) -> None:
        """Find the integration among all brands, as a person who adds a site does."""
        await self.press("Add integration")
        await self.page.get_by_placeholder("Search for a brand name").fill("industrial")
        await self.page.locator("dialog-add-integration").get_by_text("Industrial IoT").click()

    async def press_tab(self, name: str) -> None:
        """Press the tab of a view."""
        await self.page.get_by_role("tab", name=name).click()

    async def press(self, name: str | re.Pattern[str]) -> None:
        """Press the last button of that name: of those on the page, the one in the open dialog."""
        await self.page.get_by_role("button", name=name, exact=True).locator("visible=true").last.click()

    async def take(self, entry: str) -> None:
        """Press an entry of the menu in the open dialog."""
        await self.page.get_by_text(entry, exact=True).locator("visible=true").last.click()

    def field(self, label: str) -> Locator:
        """Point at the input with a label."""
        return self.page.locator("ha-selector, ha-input").filter(has_text=label).locator("input, textarea").first

    async def fill(self, label: str, text: str) -> None:
        """Write into a field."""
        await self.field(label).fill(text)
        await expect(self.field(label)).to_have_value(text)

    async def pick(self, label: str, text: str, *, offered: str | None = None) -> None:
        """Search in a picker and take what it offers: the same text, or what stands for it."""
        field = self.page.locator("ha-picker-field").filter(has_text=label)
        await field.click()
        box = self.page.locator("ha-picker-combo-box").locator("visible=true")
        await box.locator("input").fill(text)
        await box.get_by_text(offered or text, exact=True).last.click()
        await expect(box).to_have_count(0, timeout=WITHIN_MS)
        await expect(field).to_contain_text(text, timeout=WITHIN_MS)

    async def choose(self, option: str) -> None:
        """Press a radio button."""
        await self.page.get_by_role("radio", name=option).click()

    async def _until(self, is_reached: Callable[[str], bool]) -> None:
        async with asyncio.timeout(WITHIN_MS / 1000):
            while not is_reached(await self.text()):  # noqa: ASYNC110 - the page tells nobody
                await asyncio.sleep(LOOK_AGAIN_S)

    # --- the console --------------------------------------------------------------------------

    def _listen(self, message: ConsoleMessage) -> None:
        told = f"{message.text} ({message.location.get('url', '')})"
        if message.type == "error" and OURS.search(told):
            self.complaints.append(told)

    def _hear(self, error: Error) -> None:
        if OURS.search(f"{error.message} {error.stack}"):
            self.complaints.append(error.message)


def stored_login(grant: dict[str, Any], url: str) -> str:
    """Return a script that makes the browser find itself logged in."""
    tokens = grant | {
        "hassUrl": url,
        "clientId": f"{url}/",
        "expires": int((time.time() + grant["expires_in"]) * 1000),
    }
    return f"localStorage.setItem('hassTokens', {json.dumps(json.dumps(tokens))})"


def _value(text: str, name: str) -> str:
    lines = text.splitlines()
    return lines[lines.index(name) + 1]


def _valueless(text: str) -> list[str]:
    """Return the lines above those that say that there is no value."""
    lines = text.splitlines()
    return [lines[at - 1] for at, line in enumerate(lines) if at and VALUELESS.match(line)]
