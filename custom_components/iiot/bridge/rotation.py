"""Key steps of devices: written down before a device is told, and again when the device has proved them."""

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from homeassistant.core import callback
from homeassistant.exceptions import HomeAssistantError

from ..const import CONF_FINGERPRINT, CONF_KID, DOMAIN
from ..engine.actuation.command import Actor
from ..engine.actuation.roles import Role
from ..engine.actuation.wish import Wish
from ..engine.errors import StoreError
from ..engine.plant.rotation import REKEY, args_of
from .enrolment import key_turn
from .stations import subentry_of

if TYPE_CHECKING:
    from .hub import Hub

_LOGGER = logging.getLogger(__name__)

NEXT_KEYS_WITHIN_S: Final = 10.0
"""How long a form waits for devices that are there."""


async def async_with_step(hub: Hub, device_id: str, wish: Wish) -> Wish:
    """Give the wish for a key step its arguments; the next key is on the disk when this returns.

    Raises a `RequestError` of the plant, and `HomeAssistantError` when the key could not be kept.
    """
    async with key_turn(hub.hass):
        step, key = hub.plant.propose_step(device_id, wish)
        ring = hub.plant.members[device_id].device.keys
        kid, present = before = ring.current
        try:
            is_kept = await hub.hass.async_add_executor_job(
                hub.keys.put_ring, device_id, {kid: present, step.kid: key}, (step.kid, step.salt)
            )
        except StoreError as err:
            raise HomeAssistantError(translation_domain=DOMAIN, translation_key="key_not_saved") from err
        member = hub.plant.members.get(device_id)
        if not is_kept or member is None or member.device.keys is not ring or ring.current != before:
            raise HomeAssistantError(translation_domain=DOMAIN, translation_key="key_changed")
        hub.plant.begin_step(device_id, step, key)
    return replace(wish, args=args_of(step))


async def async_next_keys(hub: Hub, device_ids: Iterable[str]) -> None:
    """Let devices take their next key; those that are away, or slow, do so when they are back."""
    wish = Wish(name=REKEY, args={}, actor=Actor(None, None, "hub"), waits=True)
    asked = [asyncio.ensure_future(hub.actors.async_ask(device_id, wish, Role.ENGINEER)) for device_id in device_ids]
    if asked:
        _, slow = await asyncio.wait(asked, timeout=NEXT_KEYS_WITHIN_S)
        for one in slow:
            one.cancel()
        await asyncio.gather(*asked, return_exceptions=True)


@callback
def keys_changed(hub: Hub, device_id: str) -> None:
    """Write down that a device has proved its next key, or that the one before is void."""
    hub.entry.async_create_task(hub.hass, _async_keep(hub, device_id), f"iiot keys {device_id}")


async def _async_keep(hub: Hub, device_id: str) -> None:
    async with key_turn(hub.hass):
        member = hub.plant.members.get(device_id)
        if member is None:
            return
        ring = member.device.keys
        try:
            is_kept = await hub.hass.async_add_executor_job(hub.keys.put_ring, device_id, ring.all, ring.step)
        except StoreError as err:
            # What is on the disk is enough to find the key again: both keys, or the one from which its steps lead on.
            _LOGGER.error("%s: the keys of %s cannot be kept: %s", hub.entry.title, device_id, err.reason)  # noqa: TRY400 - the reason says it all
            is_kept = True
        if is_kept:
            _show(hub, device_id, ring.current[0], ring.fingerprint)


def _show(hub: Hub, device_id: str, kid: int, fingerprint: str) -> None:
    """Let the subentry name the key that counts."""
    subentry = subentry_of(hub.entry, device_id)
    if subentry is not None:
        data = {**subentry.data, CONF_KID: kid, CONF_FINGERPRINT: fingerprint}
        hub.hass.config_entries.async_update_subentry(hub.entry, subentry, data=data)
