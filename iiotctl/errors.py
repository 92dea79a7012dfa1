"""What ends the program before its work is done, with the exit code that says so."""

from __future__ import annotations

import errno
import socket
import ssl
from enum import IntEnum
from typing import ClassVar, Final


class Exit(IntEnum):
    """Exit codes."""

    DONE = 0
    REFUSED = 1
    """Refused or failed; the words are the device's or the hub's where they have any."""
    USAGE = 2
    UNREACHABLE = 3


class CtlError(Exception):
    """Root of them; the text is for people and says what to do."""

    exit: ClassVar[Exit] = Exit.REFUSED


class RefusedError(CtlError):
    """Somebody who was reached said no."""


class UsageError(CtlError):
    """The command line makes no sense."""

    exit = Exit.USAGE


class UnreachableError(CtlError):
    """Nobody answers: Home Assistant, the broker or the device."""

    exit = Exit.UNREACHABLE


def why_no_connection(trouble: OSError, where: str, option: str) -> UnreachableError:
    """Say why a connection to `where` cannot be made, and what to do; `option` names the address."""
    if isinstance(trouble, socket.gaierror):
        words = f"the host name is unknown: check {option}"
    elif isinstance(trouble, ssl.SSLCertVerificationError):
        why = getattr(trouble, "verify_message", trouble)
        words = f"the certificate is not trusted ({why}): check --ca, and the host of {option}"
    elif isinstance(trouble, ssl.SSLError):
        words = f"no TLS is spoken on this port: check {option}"
    elif isinstance(trouble, TimeoutError):
        words = f"no answer: check {option}, and firewalls on the way"
    else:
        words = WORDS.get(trouble.errno or 0, str(trouble))
    return UnreachableError(f"{where} is not reachable: {words}")


WORDS: Final = {
    errno.ECONNREFUSED: "nobody listens at this address; check that it is right and that the program there runs",
    errno.EHOSTUNREACH: "there is no way to this host; check the address and the network",
    errno.ENETUNREACH: "there is no way to this network; check the address and the network",
}
"""Error number → what it means here."""
