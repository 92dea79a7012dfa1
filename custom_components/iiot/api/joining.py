"""Joining: the window is opened and closed, the list of those that are going to join is checked and brought in."""

from typing import Any, Final

import probatio
from homeassistant.components.websocket_api import async_register_command
from homeassistant.components.websocket_api.connection import ActiveConnection
from homeassistant.components.websocket_api.decorators import async_response, websocket_command
from homeassistant.components.websocket_api.messages import event_message
from homeassistant.const import ATTR_CONFIG_ENTRY_ID
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import config_validation as cv

from ..bridge import serials
from ..bridge.hub import Hub
from ..bridge.joining import MAX_MINUTES, MIN_MINUTES, counted
from ..bridge.marked_yaml import Flaw, FlawsError
from ..bridge.serials import ListPlan
from ..const import DOMAIN
from ..engine.actuation.roles import Role
from ..engine.errors import StoreError
from .handling import Message, hub_of, refuse
from .registry import ATTR_DRY_RUN, ATTR_REGISTRY, first_flaws, flaw_shape
from .shapes import JoiningShape, SerialsShape

ATTR_MINUTES: Final = "minutes"
ATTR_SERIALS: Final = "serials"
ATTR_REPLACE: Final = "replace"
WS_SUBSCRIBE: Final = "iiot/join/subscribe"

_SITE: Final = {probatio.Required(ATTR_CONFIG_ENTRY_ID): cv.string}
_OPEN: Final = probatio.Schema(
    _SITE
    | {
        probatio.Optional(ATTR_MINUTES, default=10): probatio.All(
            probatio.Coerce(int), probatio.Range(min=MIN_MINUTES, max=MAX_MINUTES)
        )
    }
)
_IMPORT: Final = probatio.Schema(
    _SITE
    | {
        probatio.Required(ATTR_SERIALS): cv.string,
        probatio.Optional(ATTR_REGISTRY, default=""): cv.string,
        probatio.Optional(ATTR_REPLACE, default=False): cv.boolean,
        probatio.Optional(ATTR_DRY_RUN, default=True): cv.boolean,
    }
)


@callback
def register(hass: HomeAssistant) -> None:
    """Register commands and actions of this noun."""
    async_register_command(hass, ws_subscribe)

    async def open_join_window(call: ServiceCall) -> ServiceResponse:
        hub = await _async_site(hass, call)
        hub.joining.open(call.data[ATTR_MINUTES], call.context)
        return _told(hub, call)

    async def close_join_window(call: ServiceCall) -> ServiceResponse:
        hub = await _async_site(hass, call)
        hub.joining.close(call.context)
        return _told(hub, call)

    async def import_serials(call: ServiceCall) -> ServiceResponse:
        hub = await _async_site(hass, call)
        plan, flaws = serials.NO_PLAN, list[Flaw]()
        try:
            plan = await _async_import(hub, call)
        except FlawsError as err:
            if not call.return_response:
                raise ServiceValidationError(
                    translation_domain=DOMAIN,
                    translation_key="serials_flawed",
                    translation_placeholders=first_flaws(err),
                ) from err
            flaws = err.flaws
        told: dict[str, Any] = {**_plan_shape(plan, flaws, is_dry=call.data[ATTR_DRY_RUN])}
        return told if call.return_response else None

    for name, handler, schema in (
        ("open_join_window", open_join_window, _OPEN),
        ("close_join_window", close_join_window, probatio.Schema(_SITE)),
        ("import_serials", import_serials, _IMPORT),
    ):
        hass.services.async_register(DOMAIN, name, handler, schema=schema, supports_response=SupportsResponse.OPTIONAL)


@websocket_command({probatio.Required("type"): WS_SUBSCRIBE, probatio.Required(ATTR_CONFIG_ENTRY_ID): str})
@async_response
async def ws_subscribe(hass: HomeAssistant, connection: ActiveConnection, msg: Message) -> None:
    """Tell now, and whenever it changes, whether the window is open and how far each device has come."""
    try:
        hub = hub_of(hass, msg[ATTR_CONFIG_ENTRY_ID])
        await hub.roles.async_permit(connection.user.id, hub.roles.site, Role.VIEWER)
    except HomeAssistantError as err:
        refuse(connection, msg, err)
        return
    told: list[JoiningShape] = []

    @callback
    def look() -> None:
        shape = shape_of(hub)
        if told != [shape]:
            told[:] = [shape]
            connection.send_message(event_message(msg["id"], shape))

    connection.subscriptions[msg["id"]] = hub.joining.watch(look)
    connection.send_result(msg["id"])
    look()


def shape_of(hub: Hub) -> JoiningShape:
    """Say whether the window is open, and how far each device has come."""
    joiners, until = hub.joining.joiners(), hub.joining.until
    return {
        "until": None if until is None else until.isoformat(),
        "steps": {step.value: count for step, count in counted(joiners).items()},
        "devices": [
            {
                "id": joiner.device_id,
                "name": joiner.name,
                "model": joiner.model,
                "step": joiner.step.value,
                "listed": joiner.is_listed,
                "holds_key": joiner.holds_key,
                "other_model": joiner.other_model,
            }
            for joiner in joiners
        ],
    }


async def _async_site(hass: HomeAssistant, call: ServiceCall) -> Hub:
    hub = hub_of(hass, call.data[ATTR_CONFIG_ENTRY_ID])
    await hub.roles.async_permit(call.context.user_id, hub.roles.site, Role.ENGINEER)
    return hub


def _told(hub: Hub, call: ServiceCall) -> ServiceResponse:
    until = hub.joining.until
    told: dict[str, Any] = {"open": until is not None, "until": None if until is None else until.isoformat()}
    return told if call.return_response else None


async def _async_import(hub: Hub, call: ServiceCall) -> ListPlan:
    """Check, and bring in what was checked; raises `FlawsError`."""
    text, registry = call.data[ATTR_SERIALS], call.data[ATTR_REGISTRY]
    found = await hub.hass.async_add_executor_job(serials.read_list, text, registry)
    plan = serials.plan_list(hub, found, instead=call.data[ATTR_REPLACE])
    if not call.data[ATTR_DRY_RUN]:
        try:
            await serials.async_expect(hub, plan, call.context)
        except StoreError as err:
            raise HomeAssistantError(translation_domain=DOMAIN, translation_key="key_not_saved") from err
    return plan


def _plan_shape(plan: ListPlan, flaws: list[Flaw], *, is_dry: bool) -> SerialsShape:
    return {
        "dry_run": is_dry,
        "errors": [flaw_shape(flaw) for flaw in flaws],
        "added": plan.added,
        "changed": plan.changed,
        "unchanged": plan.unchanged,
        "joined": plan.joined,
        "dropped": plan.dropped,
    }
