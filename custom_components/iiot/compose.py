"""Composition root: the one place that builds store, keys, plant and hub."""

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from homeassistant.core import HomeAssistant

from .bridge.access import Access, folder_of, forget_client, keep_client, remembered_client
from .bridge.enrolment import policy_of
from .bridge.fleet_keys import DATA_PENDING_KEYS
from .bridge.hass_link import HassLink
from .bridge.hub import Hub, now
from .bridge.own_link import OwnLink
from .bridge.removal import KEEP_REMOVED_S
from .bridge.templates import TEMPLATES_ID, templates_of
from .const import (
    CONF_BROKER,
    CONF_DELAY_LIMIT,
    CONF_DISCOVERY,
    CONF_LATE_FACTOR,
    CONF_LISTEN_ONLY,
    CONF_LOST_FACTOR,
    CONF_POLLS_AT_ONCE,
    CONF_PREFIX,
    CONF_SKEW_LIMIT,
    CONF_STRICT,
)
from .engine.devices.keys import KeyStep
from .engine.links.broker import Broker
from .engine.plant import Plant
from .engine.stores.key_file import KeyFile
from .engine.stores.sqlite_intake import LAST_VALUES, SqliteIntake
from .engine.values import Discovery, Settings

if TYPE_CHECKING:
    from .bridge.link import HubLink
    from .runtime import IiotConfigEntry

FOLDER_MODE: Final = 0o700
"""Of the folder that holds keys and journal, and of the one that holds all sites."""
REPLAY_STEP: Final = 2_000
"""Journal rows read at a time after a start."""


def settings_of(entry: IiotConfigEntry) -> Settings:
    """Read the entry's facts and preferences."""
    plain, options = Settings(), entry.options
    return Settings(
        prefix=entry.data[CONF_PREFIX],
        discovery=Discovery(options.get(CONF_DISCOVERY, plain.discovery)),
        delay_limit_s=options.get(CONF_DELAY_LIMIT, plain.delay_limit_s),
        skew_limit_s=options.get(CONF_SKEW_LIMIT, plain.skew_limit_s),
        late_factor=options.get(CONF_LATE_FACTOR, plain.late_factor),
        lost_factor=options.get(CONF_LOST_FACTOR, plain.lost_factor),
        strict=options.get(CONF_STRICT, plain.strict),
        listen_only=options.get(CONF_LISTEN_ONLY, plain.listen_only),
        polls_at_once=round(options.get(CONF_POLLS_AT_ONCE, plain.polls_at_once)),
    )


async def async_build(hass: HomeAssistant, entry: IiotConfigEntry) -> Hub:
    """Build a hub from its files; raises `KeyFileError`, `AccessError`, `StoreVersionError`, `StoreError`."""
    folder = folder_of(hass, entry.entry_id)
    keys = KeyFile(folder / "keys.json")
    pending = hass.data.get(DATA_PENDING_KEYS, {})
    policies = {str(subentry.unique_id): policy_of(subentry) for subentry in entry.subentries.values()}
    templates = templates_of(entry.options)
    access = Access.read(entry.data[CONF_BROKER]) if CONF_BROKER in entry.data else None
    client = remembered_client(hass, str(entry.unique_id))

    def build() -> tuple[Plant, SqliteIntake, Broker | None]:
        _close_to_others(folder)
        if client is not None:
            keep_client(folder, client)
        if entry.unique_id in pending:
            keys.create(pending[entry.unique_id])
        else:
            keys.load()
        broker = None if access is None else access.broker_of_files(folder)
        store = SqliteIntake(folder / "intake.sqlite")
        try:
            plant = Plant(settings_of(entry), os.urandom, keys.fleet_key)
            plant.set_templates(templates, keys.device_keys(TEMPLATES_ID))
            steps = {found: KeyStep(*step) for found in policies if (step := keys.step_of(found)) is not None}
            plant.restore(store.load(), {found: keys.device_keys(found) for found in policies}, steps)
            plant.admission.expect({device_id: one.key for device_id, one in keys.expected.items()})
            for device_id, policy in policies.items():
                plant.set_policy(device_id, policy)
            _catch_up(plant, store)
            keys.retain({*policies, TEMPLATES_ID})  # not before all files are known to be of this release or older
            keys.purge(round(time.time()) - KEEP_REMOVED_S)
        except BaseException:
            store.close()
            raise
        return plant, store, broker

    plant, store, broker = await hass.async_add_executor_job(build)
    pending.pop(str(entry.unique_id), None)
    forget_client(hass, str(entry.unique_id))
    link: HubLink = HassLink(hass, entry, now)
    if access is not None and broker is not None:
        link = OwnLink(hass, entry, broker, now, keep_alive_s=access.keep_alive)
    logins = broker if access is not None and access.logins else None
    return Hub(hass, entry, plant, store, keys, link, logins=logins, began_anew=store.is_new and bool(policies))


def _close_to_others(folder: Path) -> None:
    """Make the hub's folder for this user alone, and close one that another release has left open."""
    for one in (folder.parent, folder):
        with suppress(OSError):  # a disk that knows no modes; what cannot be written is told by what writes it
            one.mkdir(mode=FOLDER_MODE, exist_ok=True)
            one.chmod(FOLDER_MODE)


def _catch_up(plant: Plant, store: SqliteIntake) -> None:
    """Bring the last values up to date from the journal."""
    position = store.cursor(LAST_VALUES)
    while entries := store.read_after(position, REPLAY_STEP):
        plant.replay(entries)
        position = entries[-1].position
