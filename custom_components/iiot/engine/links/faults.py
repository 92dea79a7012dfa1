"""Why there is no connection to a broker, as a code that forms and logs put into words."""

from __future__ import annotations

import socket
import ssl
from enum import StrEnum
from typing import Final

from .broker import LinkForeignError, LinkPlainError, LinkRefusedError


class Fault(StrEnum):
    """What stands between the hub and its broker."""

    NAME = "name"
    """No address is known for the host's name."""
    REFUSED = "refused"
    """The machine is there, and nothing listens on the port."""
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    """No way leads to the machine."""
    LOGIN = "login"
    """The broker knows the user, or the password, not."""
    FORBIDDEN = "forbidden"
    """The broker lets nobody in who comes like this."""
    UNTRUSTED = "untrusted"
    """No authority that the hub trusts has signed the broker's certificate."""
    HOST_NAME = "host_name"
    """The certificate is for another host."""
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    CERTIFICATE_WANTED = "certificate_wanted"
    """The broker asks for a client certificate."""
    CERTIFICATE_REFUSED = "certificate_refused"
    """The broker does not take the client certificate that it got."""
    NO_TLS = "no_tls"
    """The port does not speak TLS."""
    FOREIGN = "foreign"
    """What answers there is no MQTT broker, or speaks TLS or web sockets."""
    VERSION = "version"
    """The broker does not speak MQTT 5."""
    GONE = "gone"
    """It stood, and ended."""
    LISTENING = "listening"
    """The login may not listen to devices."""
    SENDING = "sending"
    """The login may not send to devices."""
    LOGINS = "logins"
    """The broker does not let the hub keep the logins of devices."""
    OTHER = "other"
    """OpenSSL's own words tell it."""


_REFUSALS: Final = {
    "Bad user name or password": Fault.LOGIN,
    "Not authorized": Fault.LOGIN,
    "Unsupported protocol version": Fault.VERSION,
}
"""The broker's reason (MQTT 5.0, section 3.2.2.2) → what it means."""

_VERIFICATION: Final = {9: Fault.NOT_YET_VALID, 10: Fault.EXPIRED, 62: Fault.HOST_NAME, 64: Fault.HOST_NAME}
"""X509_V_ERR_… of OpenSSL, x509_vfy.h."""

_ALERTS: Final = {
    "CERTIFICATE_REQUIRED": Fault.CERTIFICATE_WANTED,
    "HANDSHAKE_FAILURE": Fault.CERTIFICATE_WANTED,
    "UNKNOWN_CA": Fault.CERTIFICATE_REFUSED,
    "BAD_CERTIFICATE": Fault.CERTIFICATE_REFUSED,
    "CERTIFICATE_EXPIRED": Fault.CERTIFICATE_REFUSED,
    "CERTIFICATE_REVOKED": Fault.CERTIFICATE_REFUSED,
    "CERTIFICATE_UNKNOWN": Fault.CERTIFICATE_REFUSED,
    "WRONG_VERSION_NUMBER": Fault.NO_TLS,
    "RECORD_LAYER_FAILURE": Fault.NO_TLS,
    "UNEXPECTED_EOF": Fault.NO_TLS,
    "EOF occurred": Fault.NO_TLS,
}
"""A word in what OpenSSL and Python say went wrong → what it means."""


def fault_of(trouble: OSError) -> Fault:
    """Tell what an attempt failed by."""
    match trouble:
        case LinkRefusedError(reason=reason):
            return _REFUSALS.get(reason, Fault.FORBIDDEN)
        case ssl.SSLCertVerificationError(verify_code=code):
            return _VERIFICATION.get(code, Fault.UNTRUSTED)
        case ssl.SSLError():
            return _fault_of_tls(trouble)
        case _:
            return next(fault for kind, fault in _KINDS if isinstance(trouble, kind))


_KINDS: Final[tuple[tuple[type[OSError], Fault], ...]] = (
    (LinkPlainError, Fault.NO_TLS),
    (LinkForeignError, Fault.FOREIGN),
    (socket.gaierror, Fault.NAME),
    (TimeoutError, Fault.TIMEOUT),
    (ConnectionRefusedError, Fault.REFUSED),
    (ConnectionError, Fault.FOREIGN),
    (OSError, Fault.UNREACHABLE),
)
"""Kind of error → what it means; the first that fits counts."""


def _fault_of_tls(trouble: ssl.SSLError) -> Fault:
    words = str(trouble)
    return next((fault for alert, fault in _ALERTS.items() if alert in words), Fault.OTHER)
