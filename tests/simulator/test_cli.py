"""The program `iiot-sim`, against a real Mosquitto where it needs one."""

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from iiot_engine.links.broker import Broker, Station, Subscription
from iiot_engine.links.paho import PahoLink
from iiot_sim import cli
from iiot_sim.scenario import ScenarioError
from testbed.broker import Broker as Mosquitto
from testbed.ports import LOOPBACK, free_ports
from tests.simulator.world import FLEET_KEY, payload_of

SOON_S = 20.0


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    """A file with the fleet key of all tests."""
    file = tmp_path / "fleet.key"
    file.write_text(f"{FLEET_KEY.hex()}\n")
    return file


@pytest.fixture
async def mosquitto(tmp_path: Path) -> AsyncIterator[Mosquitto]:
    """A broker of its own."""
    broker = Mosquitto(tmp_path / "broker", free_ports(1)[0])
    await broker.start()
    yield broker
    await broker.stop()


class Run:
    """The simulator as a process."""

    def __init__(self, folder: Path, port: int, key_file: Path) -> None:
        self.status_file = folder / "status.json"
        self.state = folder / "state"
        self._options = ["--broker", f"{LOOPBACK}:{port}", "--fleet-key-file", str(key_file)]
        self._process: asyncio.subprocess.Process

    async def start(self, scenario: str, *options: str) -> Run:
        self.status_file.unlink(missing_ok=True)
        own = ["--state-dir", str(self.state), "--status-json", str(self.status_file)]
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "iiot_sim.cli", "run", scenario, *self._options, *own, *options),
        )
        return self

    async def end(self, number: int = signal.SIGTERM) -> int:
        self._process.send_signal(number)
        return await self._process.wait()

    def status(self) -> dict[str, Any]:
        return json.loads(self.status_file.read_text()) if self.status_file.exists() else {}

    async def online(self, count: int) -> dict[str, Any]:
        async with asyncio.timeout(SOON_S):
            while self.status().get("total", {}).get("online") != count:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.1)
        return self.status()


def test_the_scenarios_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines] == [["intruder", "0"], ["outage", "6"], ["plant-40", "40"]]


def test_a_dry_run_prints_messages_and_leaves_no_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["run", "plant-40", "--dry-run", "--duration", "0.5", "--devices", "3"]) == 0
    lines = [line.split(" ", 1) for line in capsys.readouterr().out.splitlines()]
    assert {topic.split("/")[0] for topic, _ in lines} == {"iiot"}
    assert sum(topic.endswith("/heartbeat") for topic, _ in lines) == 3
    assert all(payload_of(message.encode())["id"] in topic for topic, message in lines)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["plant-40"], "a fleet key is needed"),
        (["nowhere"], "there is no scenario nowhere"),
        (["plant-40", "--fleet-key-file", "/nowhere"], "No such file"),
        (["plant-40", "--dry-run", "--prefix", "a/#"], "invalid_prefix"),
        (["plant-40", "--fleet-key-file", "KEY", "--broker", "here"], "here is not HOST:PORT"),
    ],
)
def test_a_mistake_is_one_line(
    arguments: list[str], words: str, key_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(key_file) if argument == "KEY" else argument for argument in arguments]
    assert cli.main(["run", *arguments]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_a_fleet_connects_leaves_cleanly_and_counts_its_boots(
    tmp_path: Path, mosquitto: Mosquitto, key_file: Path, version: str
) -> None:
    run = await Run(tmp_path, mosquitto.port, key_file).start("plant-40", "--quiet", "--mqtt", version)
    first = await run.online(40)
    assert await run.end() == 0
    assert {one["boot"] for one in first["devices"].values()} == {1}
    assert run.status()["total"]["online"] == 0
    assert {"sent", "acked", "waiting", "state", "boot"} <= set(next(iter(first["devices"].values())))
    await run.start("plant-40", "--quiet", "--mqtt", version)
    again = await run.online(40)
    assert {one["boot"] for one in again["devices"].values()} == {2}
    assert await run.end() == 0


async def test_rows_survive_a_kill_and_are_sent_again(tmp_path: Path, mosquitto: Mosquitto, key_file: Path) -> None:
    heard: list[dict[str, Any]] = []
    station = Station(
        client_id="listener",
        received=lambda _topic, message, _retain: heard.append(payload_of(message)),
        subscriptions=(Subscription(topic_filter="iiot/+/data", qos=1),),
    )
    link = PahoLink(Broker(host=LOOPBACK, port=mosquitto.port), station)
    link.open()
    run = await Run(tmp_path, mosquitto.port, key_file).start("outage", "--quiet", "--record", "--speed", "5")
    await run.online(6)
    await asyncio.sleep(1.5)
    await run.end(signal.SIGKILL)
    produced = list((run.state / "produced").glob("*.jsonl"))
    made = [(file.stem, 1, json.loads(line)["index"]) for file in produced for line in file.open()]
    first = {row for row in made if row[2] == 1}
    heard.clear()
    await run.start("outage", "--quiet", "--record", "--speed", "5")
    async with asyncio.timeout(SOON_S):
        while not first <= late_rows(heard):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.1)
    assert (await run.online(6))["total"]["waiting"] > len(made)
    assert await run.end() == 0
    await link.close()
    assert len(first) == 6
    assert len(made) > 20


def late_rows(payloads: list[dict[str, Any]]) -> set[tuple[str, int, int]]:
    """Identity of every row that was sent again."""
    return {
        (payload["id"], payload["n"][0], payload["n"][1] + at)
        for payload in payloads
        if payload.get("late")
        for at in range(len(payload.get("rows", [0])))
    }


async def test_devices_come_back_when_the_broker_does(tmp_path: Path, mosquitto: Mosquitto, key_file: Path) -> None:
    run = await Run(tmp_path, mosquitto.port, key_file).start("outage", "--quiet")
    await run.online(6)
    await mosquitto.stop()
    await run.online(0)
    waiting = run.status()["total"]["waiting"]
    await asyncio.sleep(1)
    await mosquitto.start()
    assert (await run.online(6))["total"]["waiting"] > waiting
    assert await run.end() == 0


def options(mosquitto: Mosquitto, key_file: Path, scenario: str, *more: str) -> argparse.Namespace:
    broker = ["--broker", f"{LOOPBACK}:{mosquitto.port}", "--fleet-key-file", str(key_file)]
    return cli._parser().parse_args(["run", scenario, *broker, *more])


async def test_a_run_of_fixed_length_records_every_row_and_shows_a_table(
    tmp_path: Path, mosquitto: Mosquitto, key_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["--duration", "3", "--record", "--state-dir", str(tmp_path), "--speed", "2", "--devices", "3"]
    report = tmp_path / "report.json"
    assert await cli._run(options(mosquitto, key_file, "outage", *more, "--status-json", str(report))) == 0
    assert capsys.readouterr().out.startswith("outage: 0 of 3 online")
    for device_id, facts in json.loads(report.read_text())["devices"].items():
        lines = (tmp_path / "produced" / f"{device_id}.jsonl").read_text().splitlines()
        rows = [json.loads(line) for line in lines]
        assert [row["index"] for row in rows] == list(range(1, facts["made"] + 1))
        assert all(abs(row["unix_ns"] - row["s"] * 10**9 - row["ns"]) < 10**9 for row in rows)


async def test_the_intruder_stops_when_its_time_is_up(
    tmp_path: Path, mosquitto: Mosquitto, key_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await cli._run(options(mosquitto, key_file, "intruder", "--duration", "0.2")) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1


async def test_the_intruder_tells_what_it_sent(
    tmp_path: Path, mosquitto: Mosquitto, key_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "intruder"
    folder.mkdir()
    plant = await Run(tmp_path, mosquitto.port, key_file).start("plant-40", "--quiet", "--speed", "5")
    await plant.online(40)
    report = folder / "report.json"
    assert await cli._run(options(mosquitto, key_file, "intruder", "--speed", "5", "--status-json", str(report))) == 0
    table = capsys.readouterr().out
    attacks = json.loads(report.read_text())["attacks"]
    assert await plant.end() == 0
    assert attacks["forged"] == {"sent": 20, "expected": {"bad_mac": 20}}
    assert attacks["crossed"] == {"sent": 10, "expected": {"bad_mac": 10}}
    assert len(attacks) == 11
    assert table.splitlines()[0].split() == ["attack", "sent", "refused", "as"]
    assert len(table.splitlines()) == 12


async def test_an_intruder_alone_finds_nobody(
    mosquitto: Mosquitto, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iiot_sim.intruder.WAIT_S", 0.5)
    with pytest.raises(ScenarioError, match="nobody speaks below iiot"):
        await cli._run(options(mosquitto, key_file, "intruder", "--quiet"))
