"""Where a broker is."""

from __future__ import annotations

from typing import Final

from .errors import UsageError

PORT: Final = 1883
TLS_PORT: Final = 8883


def address(text: str, *, tls: bool) -> tuple[str, int]:
    """Read HOST or HOST:PORT; raises `UsageError`."""
    host, colon, port = text.rpartition(":")
    if not colon:
        return text, TLS_PORT if tls else PORT
    if not host or not port.isdigit() or not 0 < int(port) < 1 << 16:
        raise UsageError(f"{text} is not HOST or HOST:PORT")
    return host, int(port)
