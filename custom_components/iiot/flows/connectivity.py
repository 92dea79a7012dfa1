"""Check connectivity: a person sees whether a message of a device reaches the hub, and why not."""

import asyncio
from base64 import b64decode
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

import probatio
from homeassistant.config_entries import ConfigFlowResult, OptionsFlow
from homeassistant.helpers import selector

from ..bridge.broker import broker_of
from ..bridge.enrolment import listed, plain, running_hub
from ..bridge.hub import Hub, now
from ..bridge.listening import LISTEN_S, Caught, Listening
from ..bridge.mapping import clean_name
from ..bridge.probe import Probe
from ..bridge.words import async_words
from ..const import CONF_DEVICE_ID
from ..engine.errors import DeviceIdError, Refusal
from ..engine.values import NS_PER_S, Leaf
from ..engine.wire import topics
from .forms import choice

CONF_LISTEN_FOR: Final = "listen_for"
MOST_VALUES: Final = 12
MOST_TEXT: Final = 200


class Aim(StrEnum):
    """What a person waits for."""

    TEST_MESSAGE = "test_message"
    ONE_DEVICE = "one_device"
    ANY_DEVICE = "any_device"


class ConnectivitySteps(OptionsFlow):
    """Listen for one message, then say what came. Nothing listens any more once the dialog is closed."""

    _aim: Aim = Aim.TEST_MESSAGE
    _device_id: str | None = None
    _probe: Probe | None = None
    _invitation: Mapping[str, str]
    """What the person is told while the hub listens."""
    _listening: Listening
    _waiting: asyncio.Task[None]
    _caught: Caught
    _refusal: Refusal

    async def async_step_check_connectivity(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask what to listen for."""
        hub = self._hub()
        errors: dict[str, str] = {}
        if user_input is not None:
            self._aim = Aim(user_input[CONF_LISTEN_FOR])
            self._device_id = user_input.get(CONF_DEVICE_ID, "").strip() if self._aim is Aim.ONE_DEVICE else None
            errors = self._check_id()
            if not errors:
                return await self.async_step_listen_again()
        known = [
            selector.SelectOptionDict(value=str(found.unique_id), label=f"{found.title} ({found.unique_id})")
            for found in self.config_entry.subentries.values()
            if topics.is_device_id(str(found.unique_id))
        ]
        waiting = [
            selector.SelectOptionDict(value=found.id, label=f"{clean_name(found.name, found.id)} ({found.id})")
            for found in reversed(hub.plant.inbox.entries())
        ]
        device_ids = selector.SelectSelector(
            {"options": known + waiting, "custom_value": True, "mode": selector.SelectSelectorMode.DROPDOWN}
        )
        schema = probatio.Schema(
            {
                probatio.Required(CONF_LISTEN_FOR, default=self._aim.value): choice(list(Aim), CONF_LISTEN_FOR),
                probatio.Optional(CONF_DEVICE_ID): device_ids,
            }
        )
        return self.async_show_form(
            step_id="check_connectivity",
            data_schema=self.add_suggested_values_to_schema(schema, user_input),
            errors=errors,
            description_placeholders={
                "site": plain(self.config_entry.title),
                "prefix": plain(hub.plant.settings.prefix),
                "seconds": f"{LISTEN_S:.0f}",
            },
        )

    async def async_step_listen_again(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Begin to listen, with a test message of its own each time."""
        del user_input
        hub = self._hub()
        self._probe = Probe(hub.plant.settings, now()) if self._aim is Aim.TEST_MESSAGE else None
        self._invitation = await self._invite(hub)
        self._listening = Listening(hub, probe=self._probe, device_id=self._device_id)
        self._waiting = self.config_entry.async_create_background_task(
            self.hass, self._listening.async_wait(), "iiot check connectivity"
        )
        return await self.async_step_listen()

    async def async_step_listen(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Wait; Home Assistant comes back by itself when something came or time is over."""
        del user_input
        if not self._waiting.done():
            return self.async_show_progress(
                step_id="listen",
                progress_action=self._aim.value,
                description_placeholders=self._invitation,
                progress_task=self._waiting,
            )
        found = self._listening
        if found.heard is not None:
            self._caught = found.heard
            return self.async_show_progress_done(next_step_id="heard")
        if found.refused is not None:
            self._caught, self._refusal = found.refused
            return self.async_show_progress_done(next_step_id="refused")
        return self.async_show_progress_done(next_step_id="silent")

    async def async_step_heard(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Say what came."""
        del user_input
        values = listed(_values(self._caught), MOST_VALUES)
        return self._outcome("heard", {**await self._facts(self._caught), "values": values})

    async def async_step_refused(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Say why a message was refused, and what to do."""
        del user_input
        words = await async_words(self.hass, "refusal")
        return self._outcome(
            "refused",
            {
                **await self._facts(self._caught),
                "code": self._refusal.code.value,
                "detail": plain(self._refusal.detail),
                "reason": words.get(self._refusal.code.value, ""),
            },
        )

    async def async_step_silent(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Nothing came: say what did, and where to look."""
        del user_input
        hub, found = self._hub(), self._listening
        words = await async_words(self.hass, "silence")
        wanted = self._probe.id if self._probe else self._device_id
        lines = []
        if not hub.link.is_connected:
            lines.append(words.get("broker_away", ""))
        if found.elsewhere:
            lines.append(words.get("elsewhere", "") + "\n" + listed(found.elsewhere))
        elif found.others:
            lines.append(words.get("others_heard", "") + f" {found.others}")
        elif hub.link.is_connected:
            lines.append(words.get("nothing_at_all", ""))
        return self._outcome(
            "silent",
            {
                "sender": plain(wanted) if wanted else words.get("any_device", ""),
                "prefix": plain(hub.plant.settings.prefix),
                "device_id": plain(wanted) if wanted else "…",
                "seen": "\n\n".join(lines),
            },
        )

    def _hub(self) -> Hub:
        return running_hub(self.hass, self.config_entry.entry_id)[1]

    def _outcome(self, step_id: str, words: dict[str, str]) -> ConfigFlowResult:
        return self.async_show_menu(
            step_id=step_id, menu_options=["listen_again", "check_connectivity"], description_placeholders=words
        )

    def _check_id(self) -> dict[str, str]:
        if self._device_id is None:
            return {}
        if not self._device_id:
            return {CONF_DEVICE_ID: "device_id_missing"}
        try:
            topics.check_device_id(self._device_id)
        except DeviceIdError as err:
            return {CONF_DEVICE_ID: err.code}
        return {}

    async def _invite(self, hub: Hub) -> dict[str, str]:
        told = {"seconds": f"{LISTEN_S:.0f}", "prefix": plain(hub.plant.settings.prefix)}
        if self._probe is None:
            return {**told, "device_id": self._device_id or ""}
        broker = broker_of(self.hass, self.config_entry.data)
        words = await async_words(self.hass, "command_line")
        hints = [words.get("login", "")] if broker.has_login else []
        hints += [words.get("authority", "")] if broker.tls and not broker.is_publicly_trusted else []
        return {**told, "command": self._probe.command(broker), "hints": " ".join(hints)}

    async def _facts(self, caught: Caught) -> dict[str, str]:
        messages = await async_words(self.hass, "message")
        titles = {found.unique_id: found.title for found in self.config_entry.subentries.values()}
        name = titles.get(caught.device_id)
        return {
            "sender": plain(f"{name} ({caught.device_id})" if name else caught.device_id),
            "message": messages.get(caught.leaf.value, ""),
            "age": await self._age(caught.age_s),
        }

    async def _age(self, age_s: float | None) -> str:
        words = await async_words(self.hass, "age")
        if age_s is None:
            return words.get("no_clock", "")
        kind = "behind" if age_s > self._hub().plant.settings.delay_limit_s else "ahead" if age_s < -1 else ""
        return f"{max(age_s, 0):,.1f} s" if not kind else f"{abs(age_s):,.1f} s. {words.get(kind, '')}"


def _values(caught: Caught) -> list[str]:
    """What the message says, a line each, as it was sent."""
    payload = caught.payload
    match caught.leaf:
        case Leaf.DATA:
            facts = _readings(payload)
        case Leaf.MANIFEST:
            facts = {channel["key"]: channel["name"] for channel in payload["channels"]}
        case Leaf.HEARTBEAT:
            facts = {name: payload[name] for name in ("name", "model", "fw")}
        case leaf:
            facts = {name: payload[name] for name in _TOLD[leaf] if name in payload}
    return [f"{name}: {_short(value)}" for name, value in facts.items()]


_TOLD: Final[Mapping[Leaf, tuple[str, ...]]] = {
    Leaf.STATUS: ("state",),
    Leaf.ALARM: ("code", "state", "text"),
    Leaf.LOG: ("level", "msg"),
    Leaf.ACK: ("cid", "status"),
}


def _readings(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Give the newest values of a data message by channel."""
    if "wave" in payload:
        wave = payload["wave"]
        samples = len(wave["v"]) if "v" in wave else len(b64decode(wave["i16"])) // 2
        return {wave["ch"]: f"{samples:,} x {wave['dt_ns'] / NS_PER_S:g} s"}
    if "rows" in payload:
        return dict(zip(payload["cols"], payload["rows"][-1][2:], strict=True))
    return {**payload.get("r", {}), **payload.get("e", {})}


def _short(value: Any) -> str:
    text = "-" if value is None else str(value)
    return text if len(text) <= MOST_TEXT else f"{text[:MOST_TEXT]}…"
