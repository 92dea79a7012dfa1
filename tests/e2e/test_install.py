"""The zip of a release in an ordinary Home Assistant folder: unpacked as a person does, and set up in the page."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest_asyncio

from testbed.fleet import fleet
from testbed.plant import DOMAIN, Plant, add_hub, new_fleet_key
from testbed.publishing.release import build, versions
from tests.publishing.commit import commit, repository

from .house import House, allow_sockets, until

VERSION = "9.9.9"
DEVICES = 2


def zip_of_a_release(folder: Path) -> Path:
    """Build a release of this tree under a version that no other tree has."""
    tree = repository(folder / "tree")
    manifest = tree / "custom_components" / DOMAIN / "manifest.json"
    manifest.write_text(manifest.read_text("utf-8").replace(versions(tree).manifest, VERSION), "utf-8")
    commit(tree)
    return next(path for path in build(tree, folder / "dist") if path.name == f"{DOMAIN}.zip")


@pytest_asyncio.fixture(loop_scope="session")
async def installed(tmp_path: Path) -> AsyncIterator[House]:
    allow_sockets()
    installed = House(tmp_path, "An ordinary home")
    with ZipFile(zip_of_a_release(tmp_path)) as archive:
        archive.extractall(installed.hass.folder / "custom_components" / DOMAIN)
    try:
        await installed.broker.start()
        await installed.hass.start()
        yield installed
    finally:
        await installed.hass.stop()
        await installed.broker.stop()


async def test_a_site_runs_from_the_zip_of_a_release(installed: House, tmp_path: Path) -> None:
    key_file = tmp_path / "fleet.key"
    plant = Plant(tmp_path / "plant", broker_port=installed.broker.port, fleet_key_file=key_file)
    async with installed.api() as api:
        async with await api.websocket() as socket:
            manifest = await socket.call("manifest/get", integration=DOMAIN)
        assert (manifest["version"], manifest["is_built_in"]) == (VERSION, False)
        await add_hub(api, name="Hall 3", prefix=DOMAIN, fleet_key=new_fleet_key(key_file))
        await plant.start("outage", "--devices", str(DEVICES), "--seed", "7")
        try:

            async def live() -> list[Any]:
                return [row.name for row in await fleet(api) if row.is_live]

            await until(live, lambda names: len(names) == DEVICES, "live", within_s=60)
            assert installed.hass.problems() == []
        finally:
            await plant.stop()
    files = {path.name for path in (installed.hass.folder / "custom_components" / DOMAIN).iterdir()}
    assert "keys.json" not in files, "an update replaces this folder"
    assert (installed.hass.folder / DOMAIN).is_dir()
