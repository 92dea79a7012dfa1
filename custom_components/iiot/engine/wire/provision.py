"""The provisioning text: what a device has to be told before it speaks, also as a QR code (protocol.md, Keys)."""

from dataclasses import dataclass, field

from ..errors import KeyFormError, Refusal
from . import canonical, signing
from .frames import MAX_UINT32
from .topics import is_device_id


@dataclass(frozen=True, kw_only=True, slots=True)
class Credential:
    """Whose key it is, and under which number the device names it."""

    device_id: str
    kid: int
    key: bytes = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """What people compare."""
        return signing.fingerprint(self.key)


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where the device speaks. A login that the hub does not keep is the broker's matter, and in no text of ours."""

    prefix: str
    host: str
    port: int
    tls: bool
    has_own_login: bool = False
    """The hub makes the device a login of its own."""


def qr_text(credential: Credential, place: Place, boot: int = 0) -> str:
    """Write the provisioning text, canonical JSON; the device starts with a boot number above `boot`. A secret."""
    told = {
        "id": credential.device_id,
        "kid": credential.kid,
        "key": credential.key.hex(),
        "boot": boot,
        "prefix": place.prefix,
        "broker": {"host": place.host, "port": place.port, "tls": place.tls} | _login(credential, place),
    }
    return canonical.encode(told).decode()


def read_qr_text(text: str) -> Credential:
    """Read whose key a provisioning text carries; raises `KeyFormError`. The rest of it is the device's business."""
    try:
        told = canonical.decode(text.strip().encode())
    except (Refusal, UnicodeEncodeError) as err:
        raise KeyFormError from err
    device_id, kid, key = told.get("id"), told.get("kid"), told.get("key")
    if type(device_id) is not str or not is_device_id(device_id) or type(kid) is not int or type(key) is not str:
        raise KeyFormError
    if not 1 <= kid <= MAX_UINT32:
        raise KeyFormError
    return Credential(device_id=device_id, kid=kid, key=signing.parse_key(key))


def _login(credential: Credential, place: Place) -> dict[str, str]:
    if not place.has_own_login:
        return {}
    device_id = credential.device_id
    return {"user": device_id, "password": signing.derive_broker_password(credential.key, device_id, credential.kid)}
