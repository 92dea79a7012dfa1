"""What all web socket commands share: their registration, and refusals in words."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import probatio
from homeassistant.components.websocket_api import async_register_command
from homeassistant.components.websocket_api.connection import ActiveConnection
from homeassistant.components.websocket_api.const import ERR_HOME_ASSISTANT_ERROR
from homeassistant.components.websocket_api.decorators import async_response, websocket_command
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError

from ..bridge.hub import Hub
from ..const import DOMAIN
from ..engine.errors import RecordError

type Message = dict[str, Any]
type Handler[ReplyT: Mapping[str, Any]] = Callable[[HomeAssistant, ActiveConnection, Message], Awaitable[ReplyT]]


def command[ReplyT: Mapping[str, Any]](
    name: str, fields: dict[Any, Any]
) -> Callable[[Handler[ReplyT]], Callable[[HomeAssistant], None]]:
    """Make a handler a command of that name; gives back what registers it."""

    def made(handler: Handler[ReplyT]) -> Callable[[HomeAssistant], None]:
        async def handle(hass: HomeAssistant, connection: ActiveConnection, msg: Message) -> None:
            try:
                reply = await handler(hass, connection, msg)
            except HomeAssistantError as err:
                refuse(connection, msg, err)
            else:
                connection.send_result(msg["id"], reply)

        described = websocket_command({probatio.Required("type"): name, **fields})
        ready = described(async_response(handle))
        return lambda hass: async_register_command(hass, ready)

    return made


@callback
def refuse(connection: ActiveConnection, msg: Message, err: HomeAssistantError) -> None:
    """Answer a command with a refusal in words."""
    connection.send_error(
        msg["id"],
        err.translation_key or ERR_HOME_ASSISTANT_ERROR,
        str(err),
        translation_key=err.translation_key,
        translation_domain=err.translation_domain,
        translation_placeholders=err.translation_placeholders,
    )


def hub_of(hass: HomeAssistant, entry_id: str) -> Hub:
    """Give the hub of a site that runs; raises in words."""
    entry = hass.config_entries.async_get_entry(entry_id)
    if entry is None or entry.domain != DOMAIN or entry.state is not ConfigEntryState.LOADED:
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="no_site")
    hub: Hub = entry.runtime_data.hub
    return hub


def in_words(err: RecordError) -> ServiceValidationError:
    """Say what makes no sense, and where."""
    return ServiceValidationError(
        translation_domain=DOMAIN,
        translation_key=err.code,
        translation_placeholders={"path": err.path, "reason": err.reason},
    )


def not_changed(failed: list[str], total: int) -> ServiceValidationError:
    """Say of which of several devices nothing was changed, and why; each as a person reads it."""
    facts = {"count": str(len(failed)), "total": str(total), "devices": "; ".join(failed)}
    return ServiceValidationError(
        translation_domain=DOMAIN, translation_key="policy_not_set", translation_placeholders=facts
    )
