"""The program `iiot-sim`, against a real Mosquitto where it needs one."""

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from iiot_engine.links.broker import Broker, Station, Subscription
from iiot_engine.links.paho import PahoLink
from iiot_sim import cli
from iiot_sim.run import Run
from iiot_sim.scenario import ScenarioError, load
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


class Process:
    """The simulator as a process."""

    def __init__(self, folder: Path, port: int, key_file: Path) -> None:
        self.status_file = folder / "status.json"
        self.state = folder / "state"
        self._options = ["--broker", f"{LOOPBACK}:{port}", "--fleet-key-file", str(key_file)]
        self._process: asyncio.subprocess.Process

    async def start(self, scenario: str, *options: str) -> Process:
        self.status_file.unlink(missing_ok=True)
        own = ["--starts", "400", "--state-dir", str(self.state), "--status-json", str(self.status_file)]
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
    assert [line.split()[:2] for line in lines] == [
        ["boot", "4"],
        ["clock-skew", "9"],
        ["flood", "10"],
        ["intruder", "0"],
        ["outage", "6"],
        ["plant-40", "40"],
        ["poll-push", "4"],
        ["vibration", "4"],
    ]


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
    run = await Process(tmp_path, mosquitto.port, key_file).start("plant-40", "--quiet", "--mqtt", version)
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
    run = await Process(tmp_path, mosquitto.port, key_file).start("outage", "--quiet", "--record", "--speed", "5")
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
    run = await Process(tmp_path, mosquitto.port, key_file).start("outage", "--quiet")
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


async def live(options: argparse.Namespace) -> None:
    await Run(load(options.scenario, seed=options.seed, devices=options.devices), options).live()


async def test_a_run_of_fixed_length_records_every_row_and_shows_a_table(
    tmp_path: Path, mosquitto: Mosquitto, key_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["--duration", "3", "--record", "--state-dir", str(tmp_path), "--speed", "2", "--devices", "3"]
    report = tmp_path / "report.json"
    await live(options(mosquitto, key_file, "outage", *more, "--status-json", str(report)))
    assert capsys.readouterr().out.startswith("outage: 0 of 3 online")
    for device_id, facts in json.loads(report.read_text())["devices"].items():
        lines = (tmp_path / "produced" / f"{device_id}.jsonl").read_text().splitlines()
        rows = [json.loads(line) for line in lines]
        assert [row["index"] for row in rows] == list(range(1, facts["made"] + 1))
        assert all(abs(row["unix_ns"] - row["s"] * 10**9 - row["ns"]) < 10**9 for row in rows)


async def test_the_intruder_stops_when_its_time_is_up(
    tmp_path: Path, mosquitto: Mosquitto, key_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await live(options(mosquitto, key_file, "intruder", "--duration", "0.2"))
    assert len(capsys.readouterr().out.splitlines()) == 1


async def test_the_intruder_tells_what_it_sent(
    tmp_path: Path, mosquitto: Mosquitto, key_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "intruder"
    folder.mkdir()
    plant = await Process(tmp_path, mosquitto.port, key_file).start("plant-40", "--quiet", "--speed", "5")
    await plant.online(40)
    report = folder / "report.json"
    await live(options(mosquitto, key_file, "intruder", "--speed", "5", "--status-json", str(report)))
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
        await live(options(mosquitto, key_file, "intruder", "--quiet"))


# --- keys, trouble, many on few connections ------------------------------------------------


def a_run(tmp_path: Path, name: str, *more: str) -> Run:
    """A run inside this process that writes its status to `tmp_path`."""
    file = tmp_path / "key"
    file.write_text(FLEET_KEY.hex())
    facts = ["--fleet-key-file", str(file), "--forget", "--status-json", str(tmp_path / "status.json"), "--quiet"]
    options = cli._parser().parse_args(["run", name, *facts, *more])
    return Run(load(options.scenario, seed=options.seed, devices=options.devices), options)


def said(tmp_path: Path) -> str:
    file = tmp_path / "status.json"
    return json.loads(file.read_text())["said"] if file.exists() else ""


async def until(is_so: Callable[[], object]) -> None:
    async with asyncio.timeout(SOON_S):
        while not is_so():  # noqa: ASYNC110 - a program that shows, and does not announce
            await asyncio.sleep(0.05)


async def test_a_fleet_on_few_connections_is_online_and_hears_its_hub(tmp_path: Path, mosquitto: Mosquitto) -> None:
    broker = f"{LOOPBACK}:{mosquitto.port}"
    run = a_run(tmp_path, "plant-40", "--broker", broker, "--connections", "4", "--starts", "400", "--devices", "120")
    living = asyncio.create_task(run.live())
    hub = PahoLink(Broker(host=LOOPBACK, port=mosquitto.port), Station(client_id="hub", received=lambda *_: None))
    hub.open()
    await until(lambda: sum(one.device.is_connected for one in run.fleet.carried) >= 119)
    assert run.fleet.connections == 4
    for one in run.fleet.carried:
        hub.send(f"iiot/{one.device.profile.id}/poll", b"{}", 1)
    awake = [one for one in run.fleet.carried if not one.device.nap.is_asleep]
    await until(lambda: all(one.device.gate.dropped["form"] for one in awake))
    run._keys.put_nowait("q")
    await living
    await hub.close()


async def test_boot_numbers_of_devices_that_forget_rise_from_run_to_run(tmp_path: Path) -> None:
    boots = [a_run(tmp_path, "outage").fleet.carried[0].device.boot for _ in range(2)]
    assert 1_700_000_000 < boots[0] <= boots[1]


async def test_the_reason_why_nobody_is_online_is_said(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    run = a_run(tmp_path, "outage", "--broker", f"{LOOPBACK}:{port}")
    living = asyncio.create_task(run.live())
    await until(lambda: "no connection: nobody listens at the broker's address" in said(tmp_path))
    run._keys.put_nowait("q")
    await living


async def test_keys_add_and_take_devices_and_say_so(tmp_path: Path, mosquitto: Mosquitto) -> None:
    run = a_run(tmp_path, "poll-push", "--broker", f"{LOOPBACK}:{mosquitto.port}")
    living = asyncio.create_task(run.live())
    run._keys.put_nowait("+")
    await until(lambda: said(tmp_path) == "added Scale, pushes (2)")
    for _ in range(6):
        run._keys.put_nowait("-")
    await until(lambda: said(tmp_path) == "nobody is left")
    run._keys.put_nowait("q")
    await living
    assert run.fleet.carried == []


async def test_a_device_that_cannot_be_added_is_told(
    tmp_path: Path, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = a_run(tmp_path, "outage", "--broker", f"{LOOPBACK}:{mosquitto.port}")
    living = asyncio.create_task(run.live())
    ports = tmp_path / "ports"
    ports.write_text("1 6")
    monkeypatch.setattr("iiot_sim.limits.PORT_RANGE", ports)
    run._keys.put_nowait("+")
    await until(lambda: said(tmp_path).startswith("7 connections to one broker need as many local ports"))
    monkeypatch.setattr("iiot_sim.run.MAX_DEVICES", 6)
    run._keys.put_nowait("+")
    await until(lambda: said(tmp_path) == "6 devices are the most")
    run._keys.put_nowait("q")
    await living


@pytest.mark.parametrize("option", [["--connections", "0"], ["--starts", "0"], ["--speed", "-1"]])
def test_an_option_that_cannot_be_is_refused(option: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["run", "outage", *option])
    assert "is not a" in capsys.readouterr().err
