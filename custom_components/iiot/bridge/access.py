"""How a hub gets to a broker of its own: what stands in its entry, and the one secret that lies in a file."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from homeassistant.core import HomeAssistant, callback
from homeassistant.util.hass_dict import HassKey

from ..const import DOMAIN
from ..engine.errors import StoreError
from ..engine.links.broker import Broker
from ..engine.links.tls import context_of, write_secret

CLIENT_FILE: Final = "client.pem"
"""In the hub's folder: the client certificate and its key."""

_DATA_PENDING: Final[HassKey[dict[str, str]]] = HassKey(f"{DOMAIN}_pending_clients")


class AccessError(StoreError):
    """The client certificate cannot be read or written."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Access:
    """Where a broker is and how it lets the hub in; `entry.data["broker"]`, member by member."""

    host: str
    port: int
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False
    authority: str | None = None
    """Certificates of the authorities that sign for the broker, PEM; None: those that the system trusts."""
    has_certificate: bool = False
    """The hub shows a certificate of its own, from `CLIENT_FILE`."""
    path: str | None = None
    """Of the broker's web sockets; None: bare TCP."""
    keep_alive: int = 60
    """Seconds of silence after which the connection is checked."""
    logins: bool = False
    """The hub keeps the logins of its devices there."""

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Self:
        """Read what `written` wrote."""
        return cls(**data)

    def written(self) -> dict[str, Any]:
        """Give what an entry keeps."""
        return asdict(self)

    def broker(self, client: str | None) -> Broker:
        """Build what a connection needs; reads files. `client` as `tls.client_pem` gives it. Raises `PemError`."""
        return Broker(
            host=self.host,
            port=self.port,
            user=self.user,
            password=self.password,
            tls=context_of(self.authority, client) if self.tls else None,
            path=self.path,
        )

    def broker_of_files(self, folder: Path) -> Broker:
        """Build the same from a hub's folder; raises `AccessError`."""
        try:
            return self.broker((folder / CLIENT_FILE).read_text("ascii") if self.has_certificate else None)
        except (OSError, ValueError) as err:
            raise AccessError("the certificates cannot be read", path=str(folder)) from err


def folder_of(hass: HomeAssistant, entry_id: str) -> Path:
    """Folder of one hub's files."""
    return Path(hass.config.path(DOMAIN, entry_id))


@callback
def remember_client(hass: HomeAssistant, unique_id: str, client: str) -> None:
    """Keep a client certificate until the entry with this unique id is set up for the first time."""
    hass.data.setdefault(_DATA_PENDING, {})[unique_id] = client


@callback
def remembered_client(hass: HomeAssistant, unique_id: str) -> str | None:
    """Give what is kept."""
    return hass.data.get(_DATA_PENDING, {}).get(unique_id)


@callback
def forget_client(hass: HomeAssistant, unique_id: str) -> None:
    """The entry is set up, and has it in its file."""
    hass.data.get(_DATA_PENDING, {}).pop(unique_id, None)


def kept_client(folder: Path) -> str | None:
    """Read the client certificate; None when there is none that can be read."""
    try:
        return (folder / CLIENT_FILE).read_text("ascii")
    except OSError, ValueError:
        return None


def keep_client(folder: Path, client: str | None) -> None:
    """Write the client certificate, or take it away; raises `AccessError`."""
    file = folder / CLIENT_FILE
    try:
        if client is None:
            file.unlink(missing_ok=True)
        else:
            write_secret(file, client)
    except OSError as err:
        raise AccessError("the client certificate cannot be written", path=str(file)) from err
