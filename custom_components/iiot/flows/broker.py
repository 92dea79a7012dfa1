"""The steps in which a hub gets a connection of its own to a broker: tried before it is saved."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Final
from uuid import uuid4

import probatio
from homeassistant.config_entries import SOURCE_USER, ConfigEntry, ConfigFlow, ConfigFlowResult
from homeassistant.data_entry_flow import AbortFlow, section
from homeassistant.helpers import selector

from ..bridge.access import Access, AccessError, folder_of, keep_client, kept_client, remember_client
from ..bridge.own_link import client_id_of
from ..const import CONF_BROKER, CONF_PREFIX
from ..engine.links import control
from ..engine.links.faults import Fault
from ..engine.links.tls import PemError, certificate_of, check_authority, client_pem, key_of
from ..engine.links.trial import attempt
from ..engine.values import Leaf
from ..engine.wire import topics
from .forms import LONG_TEXT, TEXT, number

CONF_HOST: Final = "host"
CONF_PORT: Final = "port"
CONF_USER: Final = "user"
CONF_PASSWORD: Final = "password"  # noqa: S105 - a field's name
CONF_ENCRYPTION: Final = "encryption"
CONF_TLS: Final = "tls"
CONF_AUTHORITY: Final = "authority"
CONF_CERTIFICATE: Final = "certificate"
CONF_CLIENT_KEY: Final = "client_key"
CONF_TRANSPORT: Final = "transport"
CONF_WEB_SOCKETS: Final = "web_sockets"
CONF_PATH: Final = "path"
CONF_KEEP_ALIVE: Final = "keep_alive"
CONF_LOGINS: Final = "logins"

PORT: Final = 8883
PATH: Final = "/mqtt"
_NOBODY: Final = "check-broker"
"""A device that does not exist: what is sent to it on trial reaches nobody."""

_SECRET: Final = selector.TextSelector({"type": selector.TextSelectorType.PASSWORD, "autocomplete": "off"})
_FORM: Final = probatio.Schema(
    {
        probatio.Required(CONF_HOST): TEXT,
        probatio.Required(CONF_PORT, default=PORT): number(1, 65_535, 1),
        probatio.Optional(CONF_USER): TEXT,
        probatio.Optional(CONF_PASSWORD): _SECRET,
        probatio.Required(CONF_ENCRYPTION): section(
            probatio.Schema(
                {
                    probatio.Required(CONF_TLS, default=True): selector.BooleanSelector(),
                    probatio.Optional(CONF_AUTHORITY): LONG_TEXT,
                    probatio.Optional(CONF_CERTIFICATE): LONG_TEXT,
                    probatio.Optional(CONF_CLIENT_KEY): LONG_TEXT,
                }
            )
        ),
        probatio.Required(CONF_LOGINS, default=False): selector.BooleanSelector(),
        probatio.Required(CONF_TRANSPORT): section(
            probatio.Schema(
                {
                    probatio.Required(CONF_WEB_SOCKETS, default=False): selector.BooleanSelector(),
                    probatio.Required(CONF_PATH, default=PATH): TEXT,
                    probatio.Required(CONF_KEEP_ALIVE, default=60): number(10, 1_200, 1, "s"),
                }
            ),
            {"collapsed": True},
        ),
    }
)


class BrokerSteps(ConfigFlow):
    """The form of a connection; what follows is the flow's own."""

    access: Access | None = None
    """The connection that was tried."""
    client: str | None = None
    """Its client certificate with the key."""

    @abstractmethod
    async def async_broker_given(self) -> ConfigFlowResult:
        """Go on with a connection that works."""

    async def async_step_reauth(self, entry_data: Mapping[str, Any]) -> ConfigFlowResult:
        """The broker does not let the hub in any more: ask how it does."""
        del entry_data
        return await self.async_step_own_broker()

    async def async_step_own_broker(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask where the broker is and how it lets the hub in; try it."""
        present, client = await self._present()
        errors: dict[str, str] = {}
        if user_input is not None:
            try:
                self.access, self.client = _read(user_input, present, client)
            except PemError as err:
                errors["base"] = err.pem.value
            else:
                entry = self.changed_entry
                errors = await self.async_try(self.access, None if entry is None else entry.data[CONF_PREFIX])
            if not errors:
                return await self.async_broker_given()
        shown = user_input or _shown(present, client)
        return self.async_show_form(
            step_id="own_broker", data_schema=self.add_suggested_values_to_schema(_FORM, shown), errors=errors
        )

    async def async_try(self, access: Access, prefix: str | None) -> dict[str, str]:
        """Connect as the person wrote; with a prefix, listen and send below it, too. Says what is wrong."""
        try:
            broker = await self.hass.async_add_executor_job(access.broker, self.client)
        except PemError as err:
            return {"base": err.pem.value}
        entry = self.changed_entry
        # Not the hub's own name: its connection would end, and what the broker keeps for it would come here.
        client_id = f"{client_id_of(uuid4().hex if entry is None else entry.entry_id, '')}-try"
        if prefix is None:
            fault = await attempt(broker, client_id)
        else:
            nobody = topics.topic_of(prefix, _NOBODY, Leaf.POLL)
            fault = await attempt(broker, client_id, filters=topics.subscriptions(prefix), topic=nobody)
        if fault is None and access.logins:
            fault = await control.attempt(broker, client_id)
        if fault is Fault.LOGIN and access.user is None:
            return {"base": "broker_login_missing"}
        return {} if fault is None else {"base": f"broker_{fault}"}

    async def async_keep_client(self, entry_id: str) -> None:
        """Write the client certificate for a hub that exists."""
        try:
            await self.hass.async_add_executor_job(keep_client, folder_of(self.hass, entry_id), self.client)
        except AccessError as err:
            raise AbortFlow("key_not_saved") from err

    def remember_client(self, unique_id: str) -> None:
        """Keep the client certificate for a hub that is about to exist."""
        if self.client is not None:
            remember_client(self.hass, unique_id, self.client)

    @property
    def changed_entry(self) -> ConfigEntry | None:
        """The hub that is changed; None: it does not exist yet."""
        if self.source == SOURCE_USER:
            return None
        return self.hass.config_entries.async_get_known_entry(self.context["entry_id"])

    async def _present(self) -> tuple[Access | None, str | None]:
        entry = self.changed_entry
        if entry is None or CONF_BROKER not in entry.data:
            return None, None
        access = Access.read(entry.data[CONF_BROKER])
        if not access.has_certificate:
            return access, None
        return access, await self.hass.async_add_executor_job(kept_client, folder_of(self.hass, entry.entry_id))


def _read(form: dict[str, Any], present: Access | None, client: str | None) -> tuple[Access, str | None]:
    """Give what was written; a secret that was left empty stays what it was. Raises `PemError`."""
    encryption, transport = form[CONF_ENCRYPTION], form[CONF_TRANSPORT]
    user = _text(form, CONF_USER)
    password = form.get(CONF_PASSWORD) or (present.password if present is not None and present.user == user else None)
    certificate, key = _text(encryption, CONF_CERTIFICATE), _text(encryption, CONF_CLIENT_KEY)
    if key is None and client is not None and certificate is not None:
        key = key_of(client)
    authority = _text(encryption, CONF_AUTHORITY)
    tls = encryption[CONF_TLS]
    pem = client_pem(certificate or "", key or "") if tls and (certificate or key) else None
    access = Access(
        host=form[CONF_HOST].strip(),
        port=int(form[CONF_PORT]),
        user=user,
        password=password if user is not None else None,
        tls=tls,
        authority=check_authority(authority) if tls and authority else None,
        has_certificate=pem is not None,
        path=transport[CONF_PATH].strip() if transport[CONF_WEB_SOCKETS] else None,
        keep_alive=int(transport[CONF_KEEP_ALIVE]),
        logins=form[CONF_LOGINS],
    )
    return access, pem


def _text(form: dict[str, Any], name: str) -> str | None:
    return form.get(name, "").strip() or None


def _shown(access: Access | None, client: str | None) -> dict[str, Any]:
    """Fill the form with what is, but for the secrets."""
    if access is None:
        return {}
    encryption: dict[str, Any] = {CONF_TLS: access.tls, CONF_AUTHORITY: access.authority}
    if client is not None:
        encryption[CONF_CERTIFICATE] = certificate_of(client)
    return {
        CONF_HOST: access.host,
        CONF_PORT: access.port,
        CONF_USER: access.user,
        CONF_ENCRYPTION: encryption,
        CONF_LOGINS: access.logins,
        CONF_TRANSPORT: {
            CONF_WEB_SOCKETS: access.path is not None,
            CONF_PATH: access.path or PATH,
            CONF_KEEP_ALIVE: access.keep_alive,
        },
    }
