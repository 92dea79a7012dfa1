"""Actions: what people and automations ask of devices, with each device's own answer."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final, NamedTuple

import probatio
from homeassistant.const import ATTR_CONFIG_ENTRY_ID
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import config_validation as cv

from .bridge.actors import actor_of
from .bridge.targets import TARGET_FIELDS, Target, devices_of
from .const import DOMAIN
from .engine.actuation.command import Command, Step
from .engine.actuation.roles import Role
from .engine.actuation.wish import Wish
from .engine.values import NS_PER_S

ATTR_ARGS: Final = "args"
ATTR_CHANNEL: Final = "channel"
ATTR_CHANNELS: Final = "channels"
ATTR_COMMAND: Final = "command"
ATTR_DURATION: Final = "duration"
ATTR_LIFETIME: Final = "lifetime"
ATTR_RATE: Final = "rate"
ATTR_WAIT: Final = "wait_for_device"


def _period(value: Any) -> timedelta:
    """Read a time; Home Assistant's own reader lets one overflow that no calendar holds."""
    try:
        period: timedelta = cv.time_period(value)
    except OverflowError as err:
        message = f"the time must be at most {timedelta.max.days} days"
        raise probatio.Invalid(message) from err
    return period


_SECONDS: Final = probatio.All(_period, cv.positive_timedelta, lambda period: period.total_seconds())
_WHICH: Final = {probatio.Optional(ATTR_CHANNEL): cv.string}
_COMMON: Final = {
    **TARGET_FIELDS,
    probatio.Optional(ATTR_WAIT, default=False): cv.boolean,
    probatio.Optional(ATTR_LIFETIME, default={"seconds": 30}): probatio.All(_SECONDS, probatio.Range(min=1, max=3600)),
}

POLL: Final = "poll"
ELSEWHERE: Final = {"rekey": "command_rekey", "forget": "command_forget", "ota": "command_ota"}
"""Command that is one step of something larger → the words that say how that is done."""

type Fields = Mapping[str, Any]


class Action(NamedTuple):
    """One action: its fields, and the command that they make."""

    fields: dict[Any, Any]
    command: Callable[[Fields], str]
    args: Callable[[Fields], dict[str, Any]]
    need: Role = Role.ENGINEER
    """The role that it takes."""


def _plain(name: str, need: Role = Role.ENGINEER) -> Action:
    return Action({}, lambda _: name, lambda _: {}, need)


ACTIONS: Final[dict[str, Action]] = {
    "command": Action(
        {
            probatio.Required(ATTR_COMMAND): probatio.All(cv.string, probatio.Length(min=1)),
            probatio.Optional(ATTR_ARGS, default=dict): dict,
        },
        lambda fields: _named(fields[ATTR_COMMAND]),
        lambda fields: dict(fields[ATTR_ARGS]),
    ),
    "sleep": Action(
        {probatio.Required(ATTR_DURATION): _SECONDS},
        lambda _: "sleep",
        lambda fields: {"for_s": fields[ATTR_DURATION]},
        Role.OPERATOR,
    ),
    "awake": _plain("awake", Role.OPERATOR),
    "describe": _plain("describe"),
    "restart": _plain("restart"),
    "rekey": _plain("rekey"),
    "identify": Action(
        {probatio.Optional(ATTR_DURATION, default={"seconds": 10}): _SECONDS},
        lambda _: "identify",
        lambda fields: {"s": fields[ATTR_DURATION]},
        Role.OPERATOR,
    ),
    "set_sample_interval": Action(
        {probatio.Required(ATTR_DURATION): _SECONDS, **_WHICH},
        lambda _: "set_interval",
        lambda fields: {"s": fields[ATTR_DURATION], **_channel(fields)},
    ),
    "set_sample_rate": Action(
        {probatio.Required(ATTR_RATE): probatio.All(probatio.Coerce(float), probatio.Range(min=0.001)), **_WHICH},
        lambda _: "set_rate",
        lambda fields: {"hz": fields[ATTR_RATE], **_channel(fields)},
    ),
}
"""Name → what it does. All take targets, a site, how long the command is good for, and whether to wait for devices."""


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    """Register every action, once for all hubs."""
    for name, action in ACTIONS.items():
        hass.services.async_register(
            DOMAIN,
            name,
            _handler(hass, action),
            schema=probatio.Schema({**_COMMON, **action.fields}),
            supports_response=SupportsResponse.OPTIONAL,
        )
    hass.services.async_register(
        DOMAIN,
        POLL,
        _poll_handler(hass),
        schema=probatio.Schema(
            {
                **TARGET_FIELDS,
                probatio.Optional(ATTR_CHANNELS, default=list): probatio.All(cv.ensure_list, [cv.string]),
            }
        ),
        supports_response=SupportsResponse.OPTIONAL,
    )


def _poll_handler(hass: HomeAssistant) -> Callable[[ServiceCall], Any]:
    async def handle(call: ServiceCall) -> ServiceResponse:
        targets = devices_of(hass, call.data, call.data.get(ATTR_CONFIG_ENTRY_ID))
        channels, user_id = call.data[ATTR_CHANNELS], call.context.user_id
        results = await asyncio.gather(*(_async_poll(target, channels, user_id) for target in targets))
        if call.return_response:
            return {"devices": dict(results)}
        _raise_for_failures(results)
        return None

    return handle


async def _async_poll(target: Target, channels: list[str], user_id: str | None) -> tuple[str, dict[str, Any]]:
    """Ask one device for readings; gives its registry id and what came."""
    facts: dict[str, Any] = {"name": target.name, "id": target.device_id}
    try:
        answer = await target.hub.questions.async_ask(target.device_id, channels, user_id)
    except HomeAssistantError as err:
        return target.registry_id, {**facts, "status": "refused", "reason": str(err)}
    facts |= {"status": "failed" if answer.failed else str(Step.DONE), "values": answer.values}
    if answer.failed:
        facts["failed"] = answer.failed
        facts["reason"] = ", ".join(f"{key} {word}" for key, word in answer.failed.items())
    return target.registry_id, facts


def _handler(hass: HomeAssistant, action: Action) -> Callable[[ServiceCall], Any]:
    async def handle(call: ServiceCall) -> ServiceResponse:
        targets = devices_of(hass, call.data, call.data.get(ATTR_CONFIG_ENTRY_ID))
        wish = Wish(
            name=action.command(call.data),
            args=action.args(call.data),
            actor=actor_of(call.context, "service"),
            waits=call.data[ATTR_WAIT],
            life_ns=round(call.data[ATTR_LIFETIME] * NS_PER_S),
        )
        results = await asyncio.gather(*(_async_ask(target, wish, action.need) for target in targets))
        if call.return_response:
            return {"devices": dict(results)}
        _raise_for_failures(results)
        return None

    return handle


async def _async_ask(target: Target, wish: Wish, need: Role) -> tuple[str, dict[str, Any]]:
    """Ask one device; gives its registry id and what became of it."""
    facts: dict[str, Any] = {"name": target.name, "id": target.device_id}
    try:
        command = await target.hub.actors.async_ask(target.device_id, wish, need)
    except HomeAssistantError as err:
        return target.registry_id, {**facts, "status": "refused", "reason": str(err)}
    return target.registry_id, facts | _outcome(target, command)


def _outcome(target: Target, command: Command) -> dict[str, Any]:
    found: dict[str, Any] = {"status": str(command.step), "command_id": command.cid}
    if command.reason:
        found["reason"] = command.reason
    elif command.ended_unanswered:
        found["reason"] = str(target.hub.actors.end_in_words(command))
    if command.result is not None:
        found["result"] = command.result
    return found


def _raise_for_failures(results: list[tuple[str, dict[str, Any]]]) -> None:
    """Say who did not do it; a device that sleeps or cannot answer, and was told to, is no failure."""
    fine = (str(Step.DONE), str(Step.REQUESTED), str(Step.SENT))
    failed = [facts for _, facts in results if facts["status"] not in fine]
    if failed:
        raise HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key="devices_failed",
            translation_placeholders={
                "count": str(len(failed)),
                "total": str(len(results)),
                "devices": "; ".join(f"{facts['name']}: {facts.get('reason') or facts['status']}" for facts in failed),
            },
        )


def _named(command: str) -> str:
    """Give the name of a command that may be sent by itself; raises in words for another."""
    if command in ELSEWHERE:
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key=ELSEWHERE[command])
    return command


def _channel(fields: Fields) -> dict[str, str]:
    return {"ch": fields[ATTR_CHANNEL]} if ATTR_CHANNEL in fields else {}
