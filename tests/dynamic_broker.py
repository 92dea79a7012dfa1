"""A real Mosquitto that keeps its logins by its plugin for dynamic security."""

import base64
import hashlib
import json
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import pytest

from testbed.broker import Broker
from testbed.ports import free_ports

HUB: Final = ("hub", "of the plant")
"""User and password."""
CONTROL: Final = "$CONTROL/dynamic-security/#"
HEARD: Final = ("heartbeat", "manifest", "data", "status", "alarm", "log", "ack")
TOLD: Final = ("poll", "stored", "command")
WRITTEN_S: Final = 1.0
_PLUGIN: Final = "mosquitto_dynamic_security.so"
_PLACES: Final = (Path(__file__).parents[1] / ".cache/mosquitto/usr/lib", Path("/usr/lib"), Path("/opt/homebrew/lib"))
_ITERATIONS: Final = 101


def plugin() -> Path:
    """Where the plugin is; skips the test on a machine whose Mosquitto comes without it."""
    found = (file for place in _PLACES for file in place.rglob(_PLUGIN))
    if (first := next(found, None)) is None:
        pytest.skip("this Mosquitto has no plugin for dynamic security")
    return first


class DynamicBroker(Broker):
    """It lets the hub in, and whomever the hub tells it to; `admin` False: the hub may not tell it."""

    def __init__(self, folder: Path, *, admin: bool = True, persistence: bool = False) -> None:
        super().__init__(folder, free_ports(1)[0], persistence=persistence)
        self._plugin: Final = plugin()
        self._file: Final = folder / "dynamic-security.json"
        folder.mkdir(parents=True)
        roles = ["hub", "admin"] if admin else ["hub"]
        self._write(clients=[_client(*HUB, roles)])

    def logins(self) -> dict[str, dict[str, Any]]:
        """What the broker keeps, by user."""
        return {client["username"]: client for client in self._read()["clients"]}

    def roles(self) -> set[str]:
        """Names of the roles that the broker keeps."""
        return {role["rolename"] for role in self._read()["roles"]}

    def rename(self, user: str, *, owner: str) -> None:
        """Let a login belong to somebody else; only while the broker does not run."""
        kept = self._read()
        next(client for client in kept["clients"] if client["username"] == user)["textname"] = owner
        self._file.write_text(json.dumps(kept), encoding="utf-8")

    def _read(self) -> dict[str, Any]:
        deadline = time.monotonic() + WRITTEN_S
        while True:
            try:
                found: dict[str, Any] = json.loads(self._file.read_text(encoding="utf-8"))
            except ValueError:  # the broker is just writing it
                if time.monotonic() > deadline:
                    raise
            else:
                return found

    def _write(self, clients: list[dict[str, Any]]) -> None:
        rules = [("subscribePattern", f"iiot/+/{leaf}") for leaf in HEARD]
        rules += [("publishClientSend", f"iiot/+/{leaf}") for leaf in TOLD]
        steering = [(kind, CONTROL) for kind in ("publishClientSend", "publishClientReceive", "subscribePattern")]
        content = {
            "defaultACLAccess": {
                "publishClientSend": False,
                "publishClientReceive": True,
                "subscribe": False,
                "unsubscribe": True,
            },
            "clients": clients,
            "roles": [_role("hub", rules), _role("admin", steering)],
        }
        self._file.touch(mode=0o600)
        self._file.write_text(json.dumps(content), encoding="utf-8")

    def _settings(self) -> str:
        found = super()._settings().replace("allow_anonymous true", "allow_anonymous false")
        return f"{found}plugin {self._plugin}\nplugin_opt_config_file {self._file}\n"


def _role(name: str, rules: Iterable[tuple[str, str]]) -> dict[str, Any]:
    return {"rolename": name, "acls": [{"acltype": kind, "topic": topic, "allow": True} for kind, topic in rules]}


def _client(user: str, password: str, roles: list[str]) -> dict[str, Any]:
    """Write a login as the plugin keeps it: PBKDF2 with SHA-512."""
    salt = os.urandom(12)
    found = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ITERATIONS)
    return {
        "username": user,
        "salt": base64.b64encode(salt).decode(),
        "iterations": _ITERATIONS,
        "password": base64.b64encode(found).decode(),
        "roles": [{"rolename": role} for role in roles],
    }
