"""A real Mosquitto that guards its door: encryption, logins, access rules, web sockets."""

import base64
import hashlib
import os
from pathlib import Path
from typing import Final

from testbed.broker import Broker
from testbed.ports import LOOPBACK, free_ports

from .authority import Authority, Papers

HUB: Final = ("hub", "of the plant")
"""User and password."""
RULES: Final = """\
user hub
topic read iiot/+/heartbeat
topic read iiot/+/data
topic read iiot/+/manifest
topic read iiot/+/status
topic read iiot/+/alarm
topic read iiot/+/log
topic read iiot/+/ack
topic write iiot/+/poll
topic write iiot/+/stored
topic write iiot/+/command

user mute
topic read iiot/#

pattern write iiot/%u/heartbeat
pattern write iiot/%u/data
pattern write iiot/%u/manifest
pattern read iiot/%u/poll
pattern read iiot/%u/stored
pattern read iiot/%u/command
"""
"""The hub hears what devices say and speaks to them; each device, whose user is its id, has its own topics only."""


class GuardedBroker(Broker):
    """One broker with what a plant asks of it."""

    def __init__(
        self,
        folder: Path,
        *,
        papers: Papers | None = None,
        clients: Authority | None = None,
        logins: bool = False,
        web_sockets: bool = False,
        lines: tuple[str, ...] = (),
    ) -> None:
        super().__init__(folder, free_ports(1)[0])
        self._papers: Final = papers
        self._clients: Final = clients
        self._logins: Final = logins
        self._web_sockets: Final = web_sockets
        self._lines: Final = lines

    def _settings(self) -> str:
        found = super()._settings()
        if self._logins:
            found = found.replace("allow_anonymous true", "allow_anonymous false")
            found += f"password_file {self._password_file()}\nacl_file {self._written('rules', RULES)}\n"
        if self._papers is not None:
            found += f"certfile {self._written('broker.crt', self._papers.certificate)}\n"
            found += f"keyfile {self._written('broker.key', self._papers.key)}\n"
        if self._clients is not None:
            found += f"cafile {self._written('clients.crt', self._clients.pem)}\nrequire_certificate true\n"
        if self._web_sockets:
            listener = f"listener {self.port} {LOOPBACK}\n"
            found = found.replace(listener, f"{listener}protocol websockets\n")
            # Without a second one, Mosquitto 2.0 takes it for having none.
            found += f"listener {free_ports(1)[0]} {LOOPBACK}\n"
        return found + "".join(f"{line}\n" for line in self._lines)

    def _password_file(self) -> Path:
        known = (HUB, ("mute", "x"), ("press-07", "press"), ("bench-0001", "bench"))
        return self._written("passwords", "".join(f"{user}:{_hashed(password)}\n" for user, password in known))

    def _written(self, name: str, text: str) -> Path:
        file = self._folder / name
        if not file.exists():
            file.touch(mode=0o600)
            file.write_text(text, encoding="ascii")
        return file


def _hashed(password: str) -> str:
    """Hash a password as Mosquitto 2 keeps it: PBKDF2 with SHA-512, 101 rounds."""
    salt = os.urandom(12)
    found = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, 101)
    return f"$7$101${base64.b64encode(salt).decode()}${base64.b64encode(found).decode()}"
