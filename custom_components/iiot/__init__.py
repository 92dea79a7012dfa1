"""IIoT: signed devices over MQTT become entities, and nothing without a key gets in."""

import shutil
from typing import Final

from homeassistant.components import mqtt
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ConfigEntryError, ConfigEntryNotReady
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.device_registry import DeviceEntry
from homeassistant.helpers.typing import ConfigType

from . import panel
from .bridge import discovery
from .bridge.devices import Devices
from .bridge.notices import withdraw_notices
from .bridge.points import Points
from .compose import async_build, folder_of
from .const import DOMAIN
from .engine.errors import KeyFileError, StoreError, StoreVersionError
from .runtime import IiotConfigEntry, Runtime

CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)

PLATFORMS: Final = [
    Platform.BINARY_SENSOR,
    Platform.DEVICE_TRACKER,
    Platform.EVENT,
    Platform.SENSOR,
]


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Set up what all hubs share."""
    del hass, config
    return True


async def async_setup_entry(hass: HomeAssistant, entry: IiotConfigEntry) -> bool:
    """Set a hub up."""
    if not await mqtt.async_wait_for_mqtt_client(hass):
        raise ConfigEntryNotReady(translation_domain=DOMAIN, translation_key="mqtt_not_ready")
    try:
        hub = await async_build(hass, entry)
    except KeyFileError as err:
        raise _broken("key_file", err) from err
    except StoreVersionError as err:
        raise _broken("newer_store", err) from err
    except StoreError as err:
        raise _broken("journal", err) from err
    points = Points(hub)
    entry.runtime_data = Runtime(hub=hub, points=points)
    entry.async_on_unload(discovery.watch_ignored(hub))
    devices = Devices(hub, points)
    entry.async_on_unload(devices.start())
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    entry.async_on_unload(points.start())
    await hub.async_start()
    entry.async_on_unload(await panel.async_show(hass, entry))
    return True


async def async_unload_entry(hass: HomeAssistant, entry: IiotConfigEntry) -> bool:
    """Stop a hub; nothing of it keeps running."""
    if not await hass.config_entries.async_unload_platforms(entry, PLATFORMS):
        return False
    discovery.withdraw_all(entry.runtime_data.hub)
    withdraw_notices(hass, entry.entry_id)
    await entry.runtime_data.hub.async_stop()
    return True


async def async_remove_entry(hass: HomeAssistant, entry: IiotConfigEntry) -> None:
    """Remove a hub's files: keys and journal, and what a person made of its dashboard."""
    await panel.async_forget(hass, entry.entry_id)
    folder = folder_of(hass, entry.entry_id)
    await hass.async_add_executor_job(shutil.rmtree, folder, True)


async def async_remove_config_entry_device(hass: HomeAssistant, entry: IiotConfigEntry, device: DeviceEntry) -> bool:
    """Let people remove devices that no subentry stands for; the others go with their subentry."""
    del hass
    return device.config_subentry_id not in entry.subentries


def _broken(key: str, err: StoreError) -> ConfigEntryError:
    return ConfigEntryError(
        translation_domain=DOMAIN,
        translation_key=key,
        translation_placeholders={"reason": err.reason, "path": str(err.facts.get("path", ""))},
    )
