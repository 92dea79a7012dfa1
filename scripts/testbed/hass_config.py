"""The folder of a Home Assistant that knows its broker: onboarded but for its first user, or as it comes."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from .ports import LOOPBACK

INTEGRATION = Path(__file__).parents[2] / "custom_components" / "iiot"
# Of the web server's settings, in the oldest supported Home Assistant; newer ones migrate them.
HTTP_VERSION = (2, 2)

HOME = """\
homeassistant:
  name: {name}
  latitude: 52.0
  longitude: 5.1
  elevation: 1
  unit_system: metric
  time_zone: UTC
  country: NL
  currency: EUR
"""

CONFIGURATION = """\
frontend:
config:
history:
logbook:
logger:
  default: info
  logs:
    homeassistant.components.http.access: warning
    homeassistant.helpers.entity_registry: warning
map:
person:
system_health:
"""


def prepare(folder: Path, *, port: int, broker_port: int, name: str | None) -> None:
    """Write what Home Assistant reads before it starts; what a former run left is kept, the ports are renewed.

    Without a name it waits for the person who sets it up.
    """
    storage = folder / ".storage"
    storage.mkdir(parents=True, exist_ok=True)
    configuration = folder / "configuration.yaml"
    if not configuration.exists():
        home = "" if name is None else HOME.format(name=json.dumps(name))
        configuration.write_text(home + CONFIGURATION, encoding="utf-8")
    if name is not None and not (storage / "onboarding").exists():
        # The step of the first user is left to REST: it makes the credentials. The others would reach for the internet.
        _write(storage, "onboarding", (4, 1), {"done": ["analytics", "core_config", "integration"]})
    _link_integration(folder)
    _write(storage, "http", HTTP_VERSION, _http(port))
    _write_broker(storage, broker_port)


def read(folder: Path, key: str) -> dict[str, Any]:
    """Return the data that Home Assistant has stored under a key, as of its last save."""
    data: dict[str, Any] = json.loads((folder / ".storage" / key).read_text(encoding="utf-8"))["data"]
    return data


def _link_integration(folder: Path) -> None:
    components = folder / "custom_components"
    components.mkdir(exist_ok=True)
    link = components / INTEGRATION.name
    if link.is_dir() and not link.is_symlink():
        return  # somebody has installed it
    link.unlink(missing_ok=True)
    link.symlink_to(INTEGRATION, target_is_directory=True)


def _http(port: int) -> dict[str, Any]:
    """Return the settings of the web server: every member is needed, or Home Assistant starts in recovery mode."""
    return {
        "stable": {
            "server_host": [LOOPBACK],
            "server_port": port,
            "cors_allowed_origins": ["https://cast.home-assistant.io"],
            "login_attempts_threshold": -1,
            "ip_ban_enabled": False,
            "ssl_profile": "modern",
            "use_x_frame_options": True,
            "created_at": _now(),
            "error": None,
            "error_message": None,
        },
        "pending": None,
        "yaml_migration_done": True,
    }


def _write_broker(storage: Path, port: int) -> None:
    """Point the entry of Home Assistant's own MQTT integration to the broker, and make it when it is missing."""
    entries: list[dict[str, Any]] = []
    if (storage / "core.config_entries").exists():
        entries = read(storage.parent, "core.config_entries")["entries"]
    settings = {"broker": LOOPBACK, "port": port, "protocol": "5", "transport": "tcp"}
    known = next((entry for entry in entries if entry["domain"] == "mqtt"), None)
    if known is None:
        entries.append(_mqtt_entry(settings))
    else:
        known["data"] |= settings
    _write(storage, "core.config_entries", (1, 5), {"entries": entries})


def _mqtt_entry(settings: dict[str, Any]) -> dict[str, Any]:
    return {
        "created_at": _now(),
        "data": settings,
        "disabled_by": None,
        "discovery_keys": {},
        "domain": "mqtt",
        "entry_id": uuid4().hex,
        "minor_version": 1,
        "modified_at": _now(),
        "options": {},
        "pref_disable_new_entities": False,
        "pref_disable_polling": False,
        "source": "user",
        "subentries": [],
        "title": LOOPBACK,
        "unique_id": None,
        "version": 2,
    }


def _write(storage: Path, key: str, version_of_it: tuple[int, int], data: dict[str, Any]) -> None:
    major, minor = version_of_it
    text = json.dumps({"version": major, "minor_version": minor, "key": key, "data": data}, indent=2)
    file = storage / key
    file.write_text(text, encoding="utf-8")
    file.chmod(0o600)


def _now() -> str:
    return datetime.now(UTC).isoformat()
