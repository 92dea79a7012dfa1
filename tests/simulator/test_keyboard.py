"""Keys of a real terminal: devices come and go while the plant runs, and the terminal is left as it was."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from iiot_sim.keyboard import Keyboard, is_ours
from tests.simulator.world import FLEET_KEY

SOON_S = 20.0
SCENARIO = """
title = "keys"
[[devices]]
name = "Office"
interval_s = 1
sample_s = 1
channels.t.signal = { shape = "sine" }
"""


IN_FRONT = """
import fcntl, os, signal, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGINT, signal.SIG_DFL)  # who runs the tests in the background may ignore it
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


async def soon(is_so: Callable[[], object]) -> None:
    async with asyncio.timeout(SOON_S):
        while not is_so():  # noqa: ASYNC110 - what a terminal does is not announced
            await asyncio.sleep(0.01)


class Terminal:
    """A terminal of its own with a process in its foreground."""

    def __init__(self, *command: str) -> None:
        self.shown = b""
        self._master, slave = os.openpty()
        os.set_blocking(self._master, False)
        self.modes_before = self.modes()
        self.process = subprocess.Popen(
            [sys.executable, "-c", IN_FRONT, *command],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)

    def modes(self) -> list[Any]:
        return termios.tcgetattr(self._master)[:4]

    def press(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def listen(self) -> None:
        try:
            self.shown += os.read(self._master, 65536)
        except OSError:
            return  # nothing new, or the process has ended

    async def until(self, is_so: Callable[[], object], what: str) -> None:
        try:
            async with asyncio.timeout(SOON_S):
                while not is_so():
                    self.listen()
                    await asyncio.sleep(0.05)
        except TimeoutError:
            pytest.fail(f"{what}; the terminal showed {self.shown[-2000:]!r}")

    async def exit_code(self) -> int:
        await self.until(lambda: self.process.poll() is not None, "it does not end")
        return self.process.returncode

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._master)


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Terminal]:
    """One device that looks for a broker where none is."""
    (tmp_path / "keys.toml").write_text(SCENARIO)
    (tmp_path / "fleet.key").write_text(FLEET_KEY.hex())
    options = ["--broker", "127.0.0.1:9", "--fleet-key-file", str(tmp_path / "fleet.key"), "--forget"]
    status = ["--status-json", str(tmp_path / "status.json")]
    terminal = Terminal("-m", "iiot_sim.cli", "run", str(tmp_path / "keys.toml"), *options, *status)
    yield terminal
    terminal.close()


def names(folder: Path) -> list[str]:
    file = folder / "status.json"
    devices = json.loads(file.read_text())["devices"].values() if file.exists() else []
    return [one["name"] for one in devices]


def is_cooked(terminal: Terminal) -> bool:
    return bool(terminal.modes()[3] & termios.ICANON)


async def test_plus_adds_a_device_and_minus_takes_it(plant: Terminal, tmp_path: Path) -> None:
    await plant.until(lambda: names(tmp_path) == ["Office"] and not is_cooked(plant), "one device")
    plant.press("+x+")
    await plant.until(lambda: names(tmp_path) == ["Office", "Office (2)", "Office (3)"], "three devices")
    plant.press("-")
    await plant.until(lambda: names(tmp_path) == ["Office", "Office (2)"], "two devices")
    await plant.until(lambda: b"nobody listens at the broker's address" in plant.shown, "says why nobody is online")
    plant.press("q")
    assert await plant.exit_code() == 0
    assert plant.modes() == plant.modes_before


async def test_ctrl_c_ends_in_order_and_gives_the_terminal_back(plant: Terminal) -> None:
    await plant.until(lambda: not is_cooked(plant), "listens")
    plant.press("\x03")
    assert await plant.exit_code() == 0
    assert plant.modes() == plant.modes_before


async def test_a_plant_under_nohup_outlives_a_hang_up(tmp_path: Path) -> None:
    (tmp_path / "keys.toml").write_text(SCENARIO)
    (tmp_path / "fleet.key").write_text(FLEET_KEY.hex())
    options = ["--broker", "127.0.0.1:9", "--fleet-key-file", str(tmp_path / "fleet.key"), "--forget"]
    status = ["--status-json", str(tmp_path / "status.json")]
    ignoring = "import runpy, signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)"
    program = f"{ignoring}; runpy.run_module('iiot_sim.cli', run_name='__main__')"
    terminal = Terminal("-c", program, "run", str(tmp_path / "keys.toml"), *options, *status)
    await terminal.until(lambda: names(tmp_path) == ["Office"] and not is_cooked(terminal), "one device")
    terminal.process.send_signal(signal.SIGHUP)
    terminal.press("+")
    await terminal.until(lambda: names(tmp_path) == ["Office", "Office (2)"], "it goes on")
    terminal.press("q")
    assert await terminal.exit_code() == 0
    terminal.close()


RAISING = """
import asyncio, sys
from iiot_sim.keyboard import Keyboard
async def main():
    with Keyboard(sys.stdin, print) as keyboard:
        assert keyboard.is_listening
        print("listens", flush=True)
        await asyncio.sleep(0.2)
        raise RuntimeError("something broke")
asyncio.run(main())
"""


async def test_an_exception_gives_the_terminal_back() -> None:
    terminal = Terminal("-c", RAISING)
    await terminal.until(lambda: b"listens" in terminal.shown and not is_cooked(terminal), "listens")
    assert await terminal.exit_code() == 1
    assert terminal.modes() == terminal.modes_before
    terminal.close()


async def test_without_a_terminal_it_does_not_listen(tmp_path: Path) -> None:
    with (tmp_path / "keys").open("w+") as file, Keyboard(file, print) as keyboard:
        assert not keyboard.is_listening
    assert not is_ours(file)


async def test_keys_arrive_one_by_one_until_the_terminal_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "tcgetpgrp", lambda _: os.getpgrp())
    master, slave = os.openpty()
    pressed: list[str] = []
    with os.fdopen(slave) as stream, Keyboard(stream, pressed.append) as keyboard:
        os.write(master, b"+-")
        await soon(lambda: pressed == ["+", "-"])
        os.close(master)
        await soon(lambda: not keyboard.is_listening)


async def test_a_terminal_of_somebody_else_is_left_alone() -> None:
    master, slave = os.openpty()
    with os.fdopen(slave) as stream:
        assert stream.isatty()
        with Keyboard(stream, print) as keyboard:
            assert not keyboard.is_listening
    os.close(master)
