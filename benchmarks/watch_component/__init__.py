"""When states were written, how many entities have one, and how long commands took.

Runs inside the benchmark's Home Assistant as a custom component. Its times are CLOCK_MONOTONIC, which all processes of
a machine share.
"""

import asyncio
import time
from typing import Any, Final

from homeassistant.const import EVENT_STATE_CHANGED, STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import Event, HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.typing import ConfigType

DOMAIN: Final = "iiot_bench_watch"
CONFIG_SCHEMA: Final = cv.empty_config_schema(DOMAIN)


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Offer `watch`, `seen` and `live`."""
    del config
    seen: list[tuple[str, str, int]] = []
    watched: list[str] = []

    @callback
    def changed(event: Event[Any]) -> None:
        at_ns, state = time.monotonic_ns(), event.data["new_state"]
        if watched and state is not None and state.entity_id.startswith(watched[0]):
            seen.append((state.entity_id, state.state, at_ns))

    @callback
    def watch(call: ServiceCall) -> None:
        """Note states of the entities whose id begins with `prefix` from now on."""
        seen.clear()
        watched[:] = [call.data["prefix"]]

    @callback
    def tell(call: ServiceCall) -> ServiceResponse:
        """Give [entity id, state, nanoseconds] of each state since `watch`."""
        del call
        return {"seen": [list(one) for one in seen]}

    @callback
    def live(call: ServiceCall) -> ServiceResponse:
        """Count the sensors whose id begins with `prefix` and has `part` in it, and those of them with a value."""
        prefix, part = call.data["prefix"], call.data["part"]
        found = [
            state
            for state in hass.states.async_all("sensor")
            if state.entity_id.startswith(prefix) and part in state.entity_id
        ]
        dead = sum(state.state in (STATE_UNKNOWN, STATE_UNAVAILABLE) for state in found)
        return {"there": len(found), "live": len(found) - dead}

    hass.bus.async_listen(EVENT_STATE_CHANGED, changed)
    _offer_commands(hass)
    hass.services.async_register(DOMAIN, "watch", watch)
    hass.services.async_register(DOMAIN, "seen", tell, supports_response=SupportsResponse.ONLY)
    hass.services.async_register(DOMAIN, "live", live, supports_response=SupportsResponse.ONLY)
    return True


def _offer_commands(hass: HomeAssistant) -> None:
    """Offer `ask` and `steps`."""
    closed: dict[str, Any] = {}
    """Command → step → how many came to it."""
    last_ns = 0

    @callback
    def commanded(event: Event[Any]) -> None:
        nonlocal last_ns
        if event.data["kind"] == "command":
            steps = closed.setdefault(event.data["command"], {})
            steps[event.data["step"]] = steps.get(event.data["step"], 0) + 1
            told_late_ns = time.time_ns() - round(event.time_fired_timestamp * 1e9)
            last_ns = time.monotonic_ns() - told_late_ns

    @callback
    def steps(call: ServiceCall) -> ServiceResponse:
        """Count the steps that commands came to, and tell when the last one did, in ns."""
        del call
        return {"steps": closed, "last_ns": last_ns}

    async def ask(call: ServiceCall) -> ServiceResponse:
        """Ask every device for `identify` by an action of its own, all at once; gives ms and outcome of each."""

        async def one(device_id: str) -> list[Any]:
            begin_ns = time.monotonic_ns()
            wish = {"device_id": [device_id], "command": "identify"}
            told: Any = await hass.services.async_call("iiot", "command", wish, blocking=True, return_response=True)
            took_ms = (time.monotonic_ns() - begin_ns) / 1e6
            return [took_ms, *(found["status"] for found in told["devices"].values())]

        return {"took": await asyncio.gather(*(one(device_id) for device_id in call.data["device_ids"]))}

    hass.bus.async_listen("iiot_device", commanded)
    hass.services.async_register(DOMAIN, "steps", steps, supports_response=SupportsResponse.ONLY)
    hass.services.async_register(DOMAIN, "ask", ask, supports_response=SupportsResponse.ONLY)
