"""IIoT: signed devices over MQTT become entities, and nothing without a key gets in."""

import shutil
from contextlib import suppress
from pathlib import Path
from typing import Final

from homeassistant.components import mqtt
from homeassistant.config_entries import SOURCE_IGNORE
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ConfigEntryError, ConfigEntryNotReady
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.device_registry import DeviceEntry
from homeassistant.helpers.entity_platform import async_get_platforms
from homeassistant.helpers.typing import ConfigType

from . import panel
from .api import async_setup_api
from .bridge import discovery
from .bridge.access import AccessError, folder_of
from .bridge.devices import Devices
from .bridge.notices import NEWER_ENTRY, show_notice, withdraw_notices
from .bridge.points import Points
from .bridge.policies import check_readable
from .compose import async_build
from .const import CONF_BROKER, DOMAIN, ENTRY_MINOR_VERSION, ENTRY_VERSION
from .engine.effects import Notice
from .engine.errors import KeyFileError, StoreError, StoreVersionError
from .runtime import IiotConfigEntry, Runtime
from .services import async_setup_services

CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)

PLATFORMS: Final = [
    Platform.BINARY_SENSOR,
    Platform.BUTTON,
    Platform.DEVICE_TRACKER,
    Platform.EVENT,
    Platform.NUMBER,
    Platform.SELECT,
    Platform.SENSOR,
    Platform.SWITCH,
    Platform.TEXT,
    Platform.VALVE,
]


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Set up what all hubs share, and say which entries Home Assistant will refuse for being of a newer release."""
    del config
    async_setup_services(hass)
    async_setup_api(hass)
    for entry in hass.config_entries.async_entries(DOMAIN, include_ignore=False):
        if entry.version > ENTRY_VERSION:
            show_notice(hass, entry, Notice(NEWER_ENTRY, None, True, {**_versions(entry)}))
    return True


async def async_migrate_entry(hass: HomeAssistant, entry: IiotConfigEntry) -> bool:
    """Refuse an entry of a newer minor version in words; there is no older form than this release's yet.

    Home Assistant refuses a newer major version itself, without asking.
    """
    del hass
    if entry.minor_version > ENTRY_MINOR_VERSION:
        raise ConfigEntryError(
            translation_domain=DOMAIN,
            translation_key="newer_entry",
            translation_placeholders={"site": entry.title, **_versions(entry)},
        )
    return True


async def async_setup_entry(hass: HomeAssistant, entry: IiotConfigEntry) -> bool:
    """Set a hub up."""
    if CONF_BROKER not in entry.data and not await mqtt.async_wait_for_mqtt_client(hass):
        raise ConfigEntryNotReady(translation_domain=DOMAIN, translation_key="mqtt_not_ready")
    check_readable(entry)
    folder = folder_of(hass, entry.entry_id)
    try:
        hub = await async_build(hass, entry)
    except StoreVersionError as err:
        raise _broken("newer_store", err, folder) from err
    except KeyFileError as err:
        raise _broken("key_file", err, folder) from err
    except AccessError as err:
        raise _broken("client_certificate", err, folder) from err
    except StoreError as err:
        raise _broken("journal", err, folder) from err
    entry.runtime_data = Runtime(hub=hub, points=Points(hub))
    try:
        await _async_begin(hass, entry)
    except BaseException:  # whatever it was, a start that ends half way leaves nothing running, and no file open
        await _async_end(hass, entry)
        raise
    return True


async def _async_begin(hass: HomeAssistant, entry: IiotConfigEntry) -> None:
    hub, points = entry.runtime_data.hub, entry.runtime_data.points
    entry.async_on_unload(discovery.watch_ignored(hub))
    devices = Devices(hub, points)
    entry.async_on_unload(devices.start())
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    points.start()
    await hub.async_start()
    entry.async_on_unload(await panel.async_show(hass, entry))


async def async_unload_entry(hass: HomeAssistant, entry: IiotConfigEntry) -> bool:
    """Stop a hub; nothing of it keeps running."""
    return await _async_end(hass, entry)


async def _async_end(hass: HomeAssistant, entry: IiotConfigEntry) -> bool:
    """Stop whatever runs of a hub; what makes entities before the entities, lest one comes after."""
    hub = entry.runtime_data.hub
    entry.runtime_data.points.stop()
    await hub.async_stop()
    discovery.withdraw_all(hub)
    if entry.disabled_by is not None:
        withdraw_notices(hass, entry.entry_id)
    # A start may have ended before some of the platforms were there.
    there = {platform.domain for platform in async_get_platforms(hass, DOMAIN) if platform.config_entry is entry}
    return await hass.config_entries.async_unload_platforms(entry, [name for name in PLATFORMS if name in there])


async def async_remove_entry(hass: HomeAssistant, entry: IiotConfigEntry) -> None:
    """Remove what is left of a hub: keys and journal, what a person made of its dashboard, what they ignored."""
    withdraw_notices(hass, entry.entry_id)
    await panel.async_forget(hass, entry.entry_id)
    await hass.async_add_executor_job(_remove_files, folder_of(hass, entry.entry_id))
    for other in hass.config_entries.async_entries(DOMAIN):
        if other.source == SOURCE_IGNORE and str(other.unique_id).startswith(f"{entry.entry_id}:"):
            await hass.config_entries.async_remove(other.entry_id)


async def async_remove_config_entry_device(hass: HomeAssistant, entry: IiotConfigEntry, device: DeviceEntry) -> bool:
    """Let people delete a device on its page: its subentry goes, and all with it. The hub's own goes with the hub."""
    subentry_id = device.config_subentry_id
    if subentry_id is None:
        return False
    if subentry_id in entry.subentries:
        hass.config_entries.async_remove_subentry(entry, subentry_id)
    return True


def _remove_files(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):  # other hubs have theirs beside it
        folder.parent.rmdir()


def _broken(key: str, err: StoreError, folder: Path) -> ConfigEntryError:
    facts = {name: str(fact) for name, fact in err.facts.items()}
    return ConfigEntryError(
        translation_domain=DOMAIN,
        translation_key=key,
        translation_placeholders={"path": str(folder), **facts, "reason": err.reason},
    )


def _versions(entry: IiotConfigEntry) -> dict[str, str]:
    return {
        "version": f"{entry.version}.{entry.minor_version}",
        "known": f"{ENTRY_VERSION}.{ENTRY_MINOR_VERSION}",
    }
