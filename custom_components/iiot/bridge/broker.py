"""The broker as devices and people reach it, from what the hub's entry or Home Assistant's MQTT entry says."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from homeassistant.const import CONF_PORT, CONF_USERNAME
from homeassistant.core import HomeAssistant
from homeassistant.helpers.network import NoURLAvailableError, get_url

from ..const import CONF_BROKER
from .access import Access

_MQTT: Final = "mqtt"
_PORT: Final = {False: 1883, True: 8883}
"""Without and with TLS."""
_OWN_HOSTS: Final = ("localhost", "core-mosquitto")
"""Names under which only Home Assistant itself reaches its broker."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Broker:
    """Where to connect to. The login is the broker's matter, and not ours to hand out."""

    host: str
    port: int
    tls: bool
    is_publicly_trusted: bool
    """Its certificate comes from an authority that computers know."""
    has_login: bool
    """The hub logs in there."""
    keeps_logins: bool = False
    """The hub makes each device a login of its own."""


def broker_of(hass: HomeAssistant, data: Mapping[str, Any]) -> Broker:
    """Tell which broker a hub with these facts in its entry hears."""
    if CONF_BROKER in data:
        return _own(hass, Access.read(data[CONF_BROKER]))
    return _home_assistants(hass)


def _own(hass: HomeAssistant, access: Access) -> Broker:
    return Broker(
        host=_as_seen_from_outside(hass, access.host),
        port=access.port if access.path is None else _PORT[access.tls],
        tls=access.tls,
        is_publicly_trusted=access.authority is None,
        has_login=access.user is not None,
        keeps_logins=access.logins,
    )


def _home_assistants(hass: HomeAssistant) -> Broker:
    entries = hass.config_entries.async_entries(_MQTT, include_ignore=False, include_disabled=False)
    facts: Mapping[str, Any] = entries[0].data if entries else {}
    tls = "certificate" in facts
    is_plain_mqtt = facts.get("transport", "tcp") == "tcp"
    return Broker(
        host=_as_seen_from_outside(hass, str(facts.get("broker", ""))),
        port=facts.get(CONF_PORT, _PORT[tls]) if is_plain_mqtt else _PORT[tls],
        tls=tls,
        is_publicly_trusted=facts.get("certificate") == "auto",
        has_login=bool(facts.get(CONF_USERNAME)),
    )


def _as_seen_from_outside(hass: HomeAssistant, host: str) -> str:
    if host not in _OWN_HOSTS and not _is_loopback(host):
        return host
    try:
        return urlsplit(get_url(hass, allow_external=False, allow_cloud=False)).hostname or host
    except NoURLAvailableError:
        return host


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
