"""Names that are written into entries, options and registries. Changing one needs a migration."""

from typing import Final

DOMAIN: Final = "iiot"

# Version of entries: an entry of a newer one is refused
ENTRY_VERSION: Final = 1
ENTRY_MINOR_VERSION: Final = 1

# Events on the bus
EVENT_DEVICE: Final = f"{DOMAIN}_device"

# Entry data: facts about the hub
CONF_PREFIX: Final = "prefix"
CONF_BROKER: Final = "broker"
"""A connection of the hub's own, as `bridge/access.py` writes it; without it the hub uses Home Assistant's."""
CONF_DASHBOARD: Final = "dashboard"
"""Address of the site's dashboard, since its first start."""

# Options hold preferences
CONF_DISCOVERY: Final = "discovery"
CONF_DELAY_LIMIT: Final = "delay_limit"
CONF_SKEW_LIMIT: Final = "skew_limit"
CONF_STATE_INTERVAL: Final = "state_interval"
CONF_LATE_FACTOR: Final = "late_factor"
CONF_LOST_FACTOR: Final = "lost_factor"
CONF_STRICT: Final = "strict"
CONF_LISTEN_ONLY: Final = "listen_only"
CONF_POLLS_AT_ONCE: Final = "polls_at_once"
CONF_SLEEP_UNASSIGNED: Final = "sleep_unassigned"
"""A device that joins sleeps until somebody says where it stands: `bridge/unassigned.py`."""
CONF_JOIN_UNTIL: Final = "join_until"
"""End of the join window, Unix seconds; only there while it is open."""
CONF_GRANTS: Final = "grants"
"""Who has which role where: `engine/actuation/roles.py`."""
CONF_TEMPLATES: Final = "templates"
"""Templates of topics, as `engine/devices/templates.py` has them; their keys are in the key file."""

# Flow fields that are not stored in the entry
CONF_FLEET_KEY: Final = "fleet_key"
CONF_KEY: Final = "key"
CONF_KEY_SOURCE: Final = "key_source"

# Subentries
SUBENTRY_DEVICE: Final = "device"
SUBENTRY_BARE: Final = "bare"
SUBENTRY_ADOPTED: Final = "adopted"
CONF_DEVICE_ID: Final = "device_id"
CONF_KID: Final = "kid"
CONF_FINGERPRINT: Final = "fingerprint"
CONF_AREA: Final = "area"
CONF_DESCRIPTION: Final = "description"
CONF_CHANNEL_DESCRIPTIONS: Final = "channel_descriptions"
CONF_REVOKED: Final = "revoked"
"""Why a person revoked the device; only there while it is revoked."""
CONF_STANDS_BACK: Final = "stands_back"
"""Another hub commands the device, this one only listens to it; only there while it is so."""
CONF_UNASSIGNED: Final = "unassigned"
"""The device has joined and sleeps until it is assigned; only there while it waits."""
CONF_REPLACED: Final = "replaced"
"""Channels that the hardware had whose place another has taken: their entities stay."""
CONF_POLICY: Final = "policy"
"""What people decided about the device: the sections of `engine/plant/policy.py`."""

DEFAULT_PREFIX: Final = "iiot"
DEFAULT_STATE_INTERVAL_S: Final = 1.0
