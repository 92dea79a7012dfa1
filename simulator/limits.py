"""What the machine allows: open files and local ports, raised where that is possible, told in words where it is not."""

from __future__ import annotations

import contextlib
import errno
import resource
import socket
import ssl
from pathlib import Path
from typing import Final

from iiot_engine.errors import EngineError

OTHER_FILES: Final = 64
"""Descriptors for all but the connections; a connection takes one."""
PORT_RANGE: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")


class LimitError(EngineError):
    """The machine does not allow so many connections; the text says how many, and what to do."""


def make_room(connections: int) -> None:
    """Allow as many open files as the connections need; raises `LimitError`."""
    needed = connections + OTHER_FILES
    allowed = _raise_open_files(needed)
    if allowed < needed:
        raise LimitError(
            f"{connections:,} connections need {needed:,} open files, and this process may have {allowed:,}:"
            f" enough for {max(0, allowed - OTHER_FILES):,} devices. Allow more in the shell that starts iiot-sim,"
            f' as root: "ulimit -n {needed}"; in a systemd unit: "LimitNOFILE={needed}"; for a user, in'
            f' /etc/security/limits.conf: "<user> - nofile {needed}".'
            " Or let devices share connections: --connections 20"
        )
    ports = local_ports()
    if ports is not None and ports < connections:
        raise LimitError(
            f"{connections:,} connections to one broker need as many local ports, and this machine has {ports:,}."
            ' Widen the range as root: sysctl net.ipv4.ip_local_port_range="10240 65535".'
            " Or let devices share connections: --connections 20"
        )


def local_ports() -> int | None:
    """Local ports that a connection can be given; None where the system does not tell."""
    try:
        low, high = map(int, PORT_RANGE.read_text(encoding="ascii").split())
    except OSError, ValueError:
        return None
    return high - low + 1


def in_words(trouble: OSError) -> str:
    """Say why a connection cannot be made, and what to do."""
    if isinstance(trouble, socket.gaierror):
        return "the broker's host name is unknown: check --broker"
    if isinstance(trouble, ssl.SSLCertVerificationError):
        return (
            f"the broker's certificate is not trusted ({trouble.verify_message}): check --ca, and the host of --broker"
        )
    if isinstance(trouble, ssl.SSLError):
        return "the broker does not speak TLS on this port: check --broker and --tls"
    if isinstance(trouble, TimeoutError):
        return "the broker does not answer: check --broker, and firewalls on the way"
    words = WORDS.get(trouble.errno or 0)
    return str(trouble) if words is None else words


WORDS: Final = {
    errno.ECONNREFUSED: "nobody listens at the broker's address: check --broker, and that the broker runs",
    errno.EHOSTUNREACH: "there is no way to the broker's host: check --broker and the network",
    errno.ENETUNREACH: "there is no way to the broker's network: check --broker and the network",
    errno.EADDRNOTAVAIL: (
        "no local port is left: others use them, or closed connections still hold them for a minute. Wait, widen"
        ' the range as root (sysctl net.ipv4.ip_local_port_range="10240 65535"), or use --connections'
    ),
    errno.EMFILE: 'too many open files: raise "ulimit -n", or let devices share connections by --connections',
    errno.ENFILE: "the whole machine has too many open files: raise sysctl fs.file-max, or use --connections",
}


def _raise_open_files(needed: int) -> int:
    """Raise the limit to the hard one, or beyond it for root; give back what is allowed now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return needed if soft == resource.RLIM_INFINITY else soft
    is_enough = hard == resource.RLIM_INFINITY or hard >= needed
    for limits in ((needed, hard) if is_enough else (needed, needed), (hard, hard)):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
            break
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
