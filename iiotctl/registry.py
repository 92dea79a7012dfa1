"""The registry file of a site: brought out of Home Assistant, and in again."""

from __future__ import annotations

from typing import Any, Final

from . import paper
from .errors import RefusedError
from .home_assistant import HomeAssistant

COMMANDS: Final = ("registry export", "registry import")
NOTHING: Final = "nothing"


async def exported(way: HomeAssistant, site: str | None) -> str:
    """Give the file of a site; raises `RefusedError`."""
    response = await way.act("export_registry", {"config_entry_id": await _entry_of(way, site)})
    return str(response["registry"])


async def imported(way: HomeAssistant, site: str | None, text: str, *, dry_run: bool) -> dict[str, Any]:
    """Bring a file in, or only compare it: gives `errors` and, for each device that changes, its `changes`."""
    fields = {"config_entry_id": await _entry_of(way, site), "registry": text, "dry_run": dry_run}
    return await way.act("import_registry", fields)


async def _entry_of(way: HomeAssistant, site: str | None) -> str:
    sites = await way.sites()
    found = [entry_id for entry_id, name in sites.items() if site in (None, name, entry_id)]
    if len(found) == 1:
        return found[0]
    if not sites:
        raise RefusedError("Home Assistant has no site of this integration, or it does not run")
    names = ", ".join(sorted(sites.values()))
    if site is None:
        raise RefusedError(f"there are several sites: name one by --site; there are: {names}")
    if found:
        raise RefusedError(f"several sites are called {site}: name it by its id, {', '.join(sorted(found))}")
    raise RefusedError(f"there is no site {site}; there are: {names}")


def flaws(file: str, told: dict[str, Any]) -> list[str]:
    """One line for everything that is wrong with the file, as compilers write it."""
    return [f"{file}:{flaw['line']}: {flaw['path']} {flaw['reason']}".replace(":  ", ": ") for flaw in told["errors"]]


def changes(told: dict[str, Any]) -> list[str]:
    """One line for each change, and how many devices it is."""
    devices = told["devices"]
    lines = [
        f"{facts['name']} ({device_id}): {one['path']}: {_shown(one['from'])} → {_shown(one['to'])}"
        for device_id, facts in devices.items()
        for one in facts["changes"]
    ]
    count = "1 device" if len(devices) == 1 else f"{len(devices)} devices"
    if not devices:
        return ["everything is as the file says"]
    return [*lines, f"{count} would change" if told["dry_run"] else f"{count} changed"]


def _shown(value: Any) -> str:
    if value is None or value in ({}, ""):
        return NOTHING
    return value if isinstance(value, str) else paper.as_json(value)
