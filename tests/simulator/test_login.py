"""The simulator at a broker that asks who calls, and proves who it is."""

import asyncio
import hashlib
from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from iiot_sim import cli
from iiot_sim.run import Run
from iiot_sim.scenario import load
from testbed.broker import Broker as Mosquitto
from testbed.ports import LOOPBACK, free_ports
from tests.certificate import write_certificate
from tests.simulator.world import FLEET_KEY

SOON_S = 20.0
PASSWORD = "a pass phrase"


class Guarded(Mosquitto):
    """Takes one user, over TLS only."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "broker", free_ports(1)[0])
        self.certificate, self._key = write_certificate(folder)
        self._users = folder / "users"
        salt = bytes(12)
        hashed = hashlib.pbkdf2_hmac("sha512", PASSWORD.encode(), salt, 101)
        self._users.write_text(f"plant:$7$101${b64encode(salt).decode()}${b64encode(hashed).decode()}\n")

    def _settings(self) -> str:
        own = f"certfile {self.certificate}\nkeyfile {self._key}\npassword_file {self._users}\n"
        return super()._settings().replace("allow_anonymous true", "allow_anonymous false") + own


@pytest.fixture
async def mosquitto(tmp_path: Path) -> AsyncIterator[Guarded]:
    """A broker of its own."""
    broker = Guarded(tmp_path)
    await broker.start()
    yield broker
    await broker.stop()


def a_run(folder: Path, port: int, *more: str) -> Run:
    key, password = folder / "fleet.key", folder / "password"
    key.write_text(FLEET_KEY.hex())
    password.write_text(f"{PASSWORD}\n")
    facts = ["--broker", f"{LOOPBACK}:{port}", "--fleet-key-file", str(key), "--forget", "--quiet", "--devices", "3"]
    options = cli._parser().parse_args(["run", "outage", *facts, *more])
    return Run(load(options.scenario, seed=options.seed, devices=options.devices), options)


async def comes_to(run: Run, *, online: int = 0, trouble: str = "") -> None:
    """Wait until so many are online, or the reason against it is told; then let them leave."""

    def is_so() -> bool:
        count = sum(one.device.is_connected for one in run.fleet.carried)
        return trouble in str(run._content(0)["said"]) if trouble else count == online

    living = asyncio.create_task(run.live())
    async with asyncio.timeout(SOON_S):
        while not is_so():  # noqa: ASYNC110 - a program that shows, and does not announce
            await asyncio.sleep(0.05)
    run._keys.put_nowait("q")
    await living


async def test_devices_log_in_over_tls_with_a_password_from_a_file(tmp_path: Path, mosquitto: Guarded) -> None:
    login = ["--user", "plant", "--password-file", str(tmp_path / "password")]
    await comes_to(a_run(tmp_path, mosquitto.port, "--ca", str(mosquitto.certificate), *login), online=3)


async def test_devices_log_in_with_a_password_from_the_environment(
    tmp_path: Path, mosquitto: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IIOT_SIM_PASSWORD", PASSWORD)
    run = a_run(tmp_path, mosquitto.port, "--ca", str(mosquitto.certificate), "--user", "plant")
    await comes_to(run, online=3)


async def test_a_broker_that_refuses_the_login_is_told(tmp_path: Path, mosquitto: Guarded) -> None:
    run = a_run(tmp_path, mosquitto.port, "--ca", str(mosquitto.certificate), "--user", "nobody")
    await comes_to(run, trouble="no connection: the broker refuses: Not authorized")


async def test_a_broker_whose_certificate_nobody_vouches_for_is_told(tmp_path: Path, mosquitto: Guarded) -> None:
    run = a_run(tmp_path, mosquitto.port, "--tls")
    await comes_to(run, trouble="no connection: the broker's certificate is not trusted (self-signed certificate)")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--password-file", "fleet.key"], "a password needs a user: --user NAME"),
        (["--user", "plant", "--password-file", "missing"], "No such file or directory: 'missing'"),
        (["--own-logins", "--user", "plant"], "--own-logins is for devices with a connection each, and without --user"),
        (
            ["--own-logins", "--connections", "2"],
            "--own-logins is for devices with a connection each, and without --user",
        ),
        (["--ca", "missing"], "No such file or directory: 'missing'"),
        (["--ca", "fleet.key"], "fleet.key holds no certificate in PEM form"),
    ],
)
def test_a_login_that_cannot_be_is_one_line(
    more: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("fleet.key").write_text(FLEET_KEY.hex())
    assert cli.main(["run", "outage", "--fleet-key-file", "fleet.key", *more]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(words)
