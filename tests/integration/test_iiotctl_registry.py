"""`iiotctl registry`: the file of a site brought out, changed and brought in again, as from a shell."""

from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from iiot_ctl import cli

from .joining import add_hub
from .people import policy_in
from .plant_floor import Machine

type Shell = Callable[..., Any]
LOCK = {"interlocks": {"fan": {"minimum_on_s": 60}}}


@pytest.fixture
async def shell(
    hass: HomeAssistant,
    entry: ConfigEntry,
    hass_client: ClientSessionGenerator,
    hass_access_token: str,
    tmp_path: Path,
) -> Shell:
    """A shell with a token: gives exit code, and what was printed."""
    for name in ("websocket_api", "auth", "config"):
        assert await async_setup_component(hass, name, {})
    url = str((await hass_client()).make_url("/"))
    token = tmp_path / "token"
    token.write_text(hass_access_token)

    async def run(*arguments: str) -> tuple[int, str, str]:
        whole = ["registry", *arguments, "--url", url, "--token-file", str(token)]
        with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err:
            code = await hass.async_add_executor_job(cli.main, whole)
        return code, out.getvalue(), err.getvalue()

    return run


async def test_what_was_brought_out_is_changed_and_brought_in(
    shell: Shell, entry: ConfigEntry, machine: Machine, tmp_path: Path
) -> None:
    file = tmp_path / "hall.yaml"
    assert (await shell("export", str(file)))[:2] == (0, f"written to {file}\n")
    assert (await shell("import", str(file)))[:2] == (0, "everything is as the file says\n")
    raw = yaml.safe_load(file.read_text())
    raw["devices"]["press-07"] |= {"policy": LOCK, "description": "At the gate"}
    file.write_text(yaml.safe_dump(raw))
    code, out, _ = await shell("import", str(file), "--dry-run")
    assert (code, out.splitlines()) == (
        0,
        [
            "Press-07 (press-07): description: nothing → At the gate",
            'Press-07 (press-07): policy.interlocks: nothing → {"fan":{"minimum_on_s":60.0}}',
            "1 device would change",
        ],
    )
    assert policy_in(entry, machine) == {}
    code, out, _ = await shell("import", str(file))
    assert (code, out.splitlines()[-1]) == (0, "1 device changed")
    assert policy_in(entry, machine)["interlocks"]["fan"]["minimum_on_s"] == 60
    printed = yaml.safe_load((await shell("export", "-"))[1])
    assert printed["devices"]["press-07"]["description"] == "At the gate"
    assert (await shell("import", str(file)))[:2] == (0, "everything is as the file says\n")


async def test_every_error_has_its_line_and_nothing_is_changed(
    shell: Shell, entry: ConfigEntry, machine: Machine, tmp_path: Path
) -> None:
    file = tmp_path / "hall.yaml"
    file.write_text("version: 1\ndevices:\n  press-07:\n    description: new\n  press-99: {}\n")
    code, out, err = await shell("import", str(file))
    assert (code, out) == (1, "")
    line, last = err.splitlines()
    assert line.startswith(f"{file}:5: devices.press-99 is no device of this site")
    assert last == "iiotctl: nothing was changed"
    assert entry.subentries[machine.subentry_id].data["description"] == ""
    file.write_text("version: [\n")
    code, _, err = await shell("import", str(file))
    assert (code, err.startswith(f"{file}:")) == (1, True)
    code, out, _ = await shell("import", str(file), "--json")
    assert (code, orjson.loads(out)["devices"], orjson.loads(out)["errors"][0]["line"]) == (1, {}, 2)
    file.write_bytes(b"\xff")
    assert (await shell("import", str(file)))[0] == 2
    assert (await shell("export", str(tmp_path / "nowhere" / "f")))[0] == 2


async def test_of_several_sites_one_is_named(hass: HomeAssistant, shell: Shell, entry: ConfigEntry) -> None:
    code, _, err = await shell("export", "-", "--site", "Hall 9")
    assert (code, err) == (1, "iiotctl: there is no site Hall 9; there are: Hall 3\n")
    other = await add_hub(hass, prefix="other", title="Yard")
    assert "name one by --site; there are: Hall 3, Yard" in (await shell("export", "-"))[2]
    assert (await shell("export", "-", "--site", "Yard"))[0] == 0
    twin = await add_hub(hass, prefix="twin", title="Yard")
    assert "several sites are called Yard" in (await shell("export", "-", "--site", "Yard"))[2]
    assert (await shell("export", "-", "--site", twin.entry_id))[0] == 0
    for one in (entry, other, twin):
        assert await hass.config_entries.async_remove(one.entry_id)
    assert "no site of this integration" in (await shell("export", "-"))[2]
