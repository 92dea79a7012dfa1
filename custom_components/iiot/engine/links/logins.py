"""Logins of devices at a broker: what it is to be told, so that they are those of the registry.

Mosquitto's plugin for dynamic security takes commands as JSON (mosquitto-dynamic-security(8) names their members). A
login is the device's id, with the device's client id, and a role of its own with exactly the topics of the device.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from ..values import DOWN_QOS, UP_LEAVES
from ..wire.topics import topic_of

type Command = dict[str, Any]
"""One command to the broker, as JSON."""

NOT_OURS: Final = "the broker has a login of this name that the hub did not make"
_NO_ROLE: Final = "deleteRole"
"""It fails when there is none, and that is well."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Login:
    """What a device needs at the broker."""

    device_id: str
    password: str = field(repr=False)
    mark: str
    """Names the key that the password is made of, and says nothing of it."""
    is_enabled: bool = True


class Found(NamedTuple):
    """A login that the broker has."""

    owner: str
    mark: str
    roles: frozenset[str]
    is_enabled: bool


class Refused(NamedTuple):
    """What the broker did not do."""

    device_id: str
    reason: str
    """In the broker's words."""


def owner_of(prefix: str) -> str:
    """Name that the logins of one site bear, so that those which people made are left alone."""
    return f"IIoT {prefix}"


def role_of(prefix: str, device_id: str) -> str:
    """Name of a device's role."""
    return f"{prefix}/{device_id}"


def found_in(clients: Iterable[Mapping[str, Any]]) -> dict[str, Found]:
    """Read the logins in an answer to `listClients`; raises `KeyError`, `TypeError` for what is none."""
    return {
        client["username"]: Found(
            owner=client.get("textname", ""),
            mark=client.get("textdescription", ""),
            roles=frozenset(role["rolename"] for role in client.get("roles", ())),
            is_enabled=not client.get("disabled", False),
        )
        for client in clients
    }


def strangers(prefix: str, wanted: Iterable[Login], found: Mapping[str, Found]) -> list[Refused]:
    """Devices whose name somebody else's login bears."""
    return [
        Refused(login.device_id, NOT_OURS)
        for login in wanted
        if login.device_id in found and found[login.device_id].owner != owner_of(prefix)
    ]


def steps(
    prefix: str, wanted: Iterable[Login], registered: Collection[str], found: Mapping[str, Found]
) -> list[list[Command]]:
    """Give the commands that are missing, those of one device together.

    A login of this site whose device is not `registered` goes; one of a device that is, and not `wanted`, stays.
    """
    changes = [_steps(prefix, login, found.get(login.device_id)) for login in wanted]
    changes += [
        [{"command": "deleteClient", "username": name}, {"command": _NO_ROLE, "rolename": role_of(prefix, name)}]
        for name, login in found.items()
        if login.owner == owner_of(prefix) and name not in registered
    ]
    return [commands for commands in changes if commands]


def refusals(commands: Iterable[Command], answers: Iterable[Mapping[str, Any]]) -> list[Refused]:
    """Tell which of the commands the broker did not do."""
    return [
        Refused(str(command.get("username", command.get("rolename", ""))), str(answer["error"]))
        for command, answer in zip(commands, answers, strict=False)
        if "error" in answer and command["command"] != _NO_ROLE
    ]


def _steps(prefix: str, login: Login, found: Found | None) -> list[Command]:
    name, role = login.device_id, role_of(prefix, login.device_id)
    if found is not None and found.owner != owner_of(prefix):
        return []
    commands: list[Command] = []
    secret = {"username": name, "password": login.password, "textdescription": login.mark}
    if found is None or role not in found.roles:
        commands += [{"command": _NO_ROLE, "rolename": role}, _role(prefix, name)]
    if found is None:
        facts = {"clientid": name, "textname": owner_of(prefix), "roles": [{"rolename": role}]}
        commands.append({"command": "createClient", **secret, **facts})
    elif found.mark != login.mark:
        commands.append({"command": "modifyClient", **secret})
    if found is not None and role not in found.roles:
        commands.append({"command": "addClientRole", "username": name, "rolename": role})
    if login.is_enabled != (found is None or found.is_enabled):
        commands.append({"command": "enableClient" if login.is_enabled else "disableClient", "username": name})
    return commands


def _role(prefix: str, device_id: str) -> Command:
    says = [topic_of(prefix, device_id, leaf) for leaf in UP_LEAVES]
    hears = [topic_of(prefix, device_id, leaf) for leaf in DOWN_QOS]
    rules = [("publishClientSend", topic) for topic in says]
    rules += [(kind, topic) for topic in hears for kind in ("subscribeLiteral", "publishClientReceive")]
    acls = [{"acltype": kind, "topic": topic, "priority": 0, "allow": True} for kind, topic in rules]
    return {"command": "createRole", "rolename": role_of(prefix, device_id), "textname": owner_of(prefix), "acls": acls}
