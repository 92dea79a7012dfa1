"""What `watch` shows, and what its keys do: on a real pseudo-terminal, with devices at a real broker."""

import asyncio
import json
import os
import pty
import signal
import termios
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from iiot_ctl.direct import Direct, Manner
from iiot_ctl.fleet import Order, Seen, Value
from iiot_ctl.keyring import Keyring
from iiot_ctl.screen import HELP, Asked, Screen
from iiot_ctl.watch import watch
from iiot_engine.links.broker import Broker
from testbed.ports import LOOPBACK
from tests.iiotctl.field import Field, a_field
from tests.simulator.world import FLEET_KEY

SOON_S = 20.0
FLEET = [
    Seen(id="a", name="Pump", state="live", lag_s=0.5, values=(Value(key="t", name="T", value="21", unit="°C"),)),
    Seen(id="b", name="Press", state="lost", pending="set: sent"),
    Seen(id="c", name="Basin", state="asleep"),
]


def typed(screen: Screen, keys: str) -> Asked | None:
    asked = None
    for key in keys:
        asked = screen.press(key)
    return asked


def test_what_needs_a_person_stands_on_top_and_is_selected() -> None:
    lines = Screen().lines(FLEET, 120, 24)
    assert lines[0] == "3 devices: 1 asleep, 1 live, 1 lost"
    assert lines[1].split() == ["name", "id", "state", "lag", "pending", "values"]
    assert [line[:9].strip() for line in lines[2:5]] == ["> Press", "Basin", "Pump"]
    assert "set: sent" in lines[2]
    assert "T 21 °C" in lines[4]
    assert lines[-1] == HELP


def test_a_long_fleet_scrolls_with_the_selection_and_fits_the_screen() -> None:
    fleet = [Seen(id=f"d{number:03}", name=f"Device {number:03}", state="live") for number in range(100)]
    screen = Screen()
    assert len(screen.lines(fleet, 40, 10)) == 10
    for _ in range(120):
        screen.press("down")
    lines = screen.lines(fleet, 40, 10)
    assert lines[-2].startswith("> Device 099")
    assert max(map(len, lines)) <= 40
    screen.press("up")
    assert any(line.startswith("> Device 098") for line in screen.lines(fleet, 40, 10))
    screen.press("page up")
    assert any(line.startswith("> Device 091") for line in screen.lines(fleet, 40, 10)), "seven fit"
    screen.press("page down")
    assert any(line.startswith("> Device 098") for line in screen.lines(fleet, 40, 10))


@pytest.mark.parametrize(
    ("keys", "order"),
    [
        ("s10m\r", Order(name="sleep", args={"for_s": 600.0})),
        ("w", Order(name="awake")),
        ("i5x\x7fs\n", Order(name="set_interval", args={"s": 5.0})),
        ("r2.5\r", Order(name="set_rate", args={"hz": 2.5})),
    ],
)
def test_keys_ask_the_selected_device(keys: str, order: Order) -> None:
    screen = Screen()
    screen.lines(FLEET, 120, 24)
    assert typed(screen, keys) == Asked("b", "Press", order)


def test_what_is_typed_is_shown_judged_and_can_be_given_up() -> None:
    screen = Screen()
    screen.lines(FLEET, 120, 24)
    assert typed(screen, "s1") is None
    assert screen.lines(FLEET, 120, 24)[-1] == "sleep for (90s, 10m, 8h): 1_"
    assert typed(screen, "\x1bq") is None
    assert screen.is_left
    assert typed(screen, "isoon\r") is None
    assert "'soon' is not a number above 0" in screen.lines(FLEET, 120, 24)[-1]
    assert screen.press("?") is None
    assert screen.said == HELP


def test_a_filter_holds_for_name_id_and_state() -> None:
    screen = Screen()
    screen.lines(FLEET, 120, 24)
    typed(screen, "/ASLEEP\r")
    lines = screen.lines(FLEET, 120, 24)
    assert lines[0].endswith("those with 'asleep'")
    assert [line[:8].strip() for line in lines[2:-1]] == ["> Basin"]
    typed(screen, "/nothing\r")
    assert len(screen.lines(FLEET, 120, 24)) == 3
    assert screen.press("w") is None
    assert screen.said == "there is no device to ask"
    screen.press("down")


# --- at a broker -----------------------------------------------------------------------------


@pytest.fixture
async def field(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Field]:
    """Three devices."""
    async with a_field(tmp_path, capsys, monkeypatch) as field:
        yield field


class Terminal:
    """A pseudo-terminal, and the person before it."""

    def __init__(self, stack: ExitStack) -> None:
        self.hands, source = pty.openpty()
        self.eyes, sink = pty.openpty()
        reads = stack.enter_context(os.fdopen(source, encoding="utf-8"))
        self.streams = (reads, stack.enter_context(os.fdopen(sink, "w", encoding="utf-8")))
        os.set_blocking(self.eyes, False)
        self.shown = ""

    def press(self, keys: str) -> None:
        os.write(self.hands, keys.encode())

    async def until(self, text: str) -> None:
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + SOON_S
        while text not in self.shown:
            assert loop.time() < deadline_s, self.shown[-2000:]
            try:
                self.shown += os.read(self.eyes, 65536).decode("utf-8", "replace")
            except BlockingIOError:
                await asyncio.sleep(0.05)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    """A pseudo-terminal."""
    with ExitStack() as stack:
        yield Terminal(stack)


def way(field: Field) -> Direct:
    broker = Broker(host=LOOPBACK, port=field.mosquitto.port)
    return Direct(broker, Keyring(fleet_key=FLEET_KEY), Manner(listen_s=0.3), field.folder / "notes")


async def test_a_person_watches_a_plant_and_asks_a_device(field: Field, terminal: Terminal) -> None:
    before = termios.tcgetattr(terminal.streams[0].fileno())
    async with way(field) as direct:
        watching = asyncio.create_task(watch(direct, ["Ventilation"], terminal.streams, duration_s=60, json=False))
        await terminal.until("1 device: 1 live")
        terminal.press("r")
        await terminal.until("samples in a second (Hz): _")
        terminal.press("2\r")
        await terminal.until("Ventilation: set_rate under way")
        await terminal.until("set_rate: Ventilation: done")
        terminal.press("\x1b[Bs")
        await terminal.until("sleep for")
        terminal.press("1h\r")
        await terminal.until("unsupported")
        terminal.press("q")
        await watching
    await terminal.until("\x1b[?1049l")
    assert termios.tcgetattr(terminal.streams[0].fileno()) == before


async def test_what_the_broker_way_cannot_do_is_said_below_the_table(field: Field, terminal: Terminal) -> None:
    broker = Broker(host=LOOPBACK, port=field.mosquitto.port)
    async with Direct(broker, Keyring(), Manner(), field.folder / "notes") as direct:
        watching = asyncio.create_task(watch(direct, [], terminal.streams, duration_s=60, json=False))
        await terminal.until("> ")
        terminal.press("w")
        await terminal.until("a key is needed")
        terminal.press("q")
        await watching


async def test_without_a_terminal_each_change_is_a_line(field: Field) -> None:
    code, text = await field.ctl("watch", "Ventilation", "--duration", "4s")
    assert code == 0
    assert any(line.startswith("Ventilation (") and "live" in line and "speed 40" in line for line in text.splitlines())
    code, text = await field.ctl("watch", "--duration", "4s", "--json")
    told = [json.loads(line) for line in text.splitlines()]
    assert {"Ventilation", "Scale"} <= {one["name"] for one in told}


async def test_a_key_that_is_held_down_comes_as_often_as_it_is_pressed(field: Field, terminal: Terminal) -> None:
    both = ["Scale", "Ventilation"]
    async with way(field) as direct:
        watching = asyncio.create_task(watch(direct, both, terminal.streams, duration_s=60, json=False))
        await terminal.until("2 devices: 2 live")
        terminal.press("\x1b[B\x1b[B")
        await terminal.until("> Ventilation")
        terminal.press("\x1b[5~\x1b[Z")
        await terminal.until("> Scale")
        terminal.press("/vent\r")
        await terminal.until("those with 'vent'")
        terminal.press("q")
        await watching


async def test_a_signal_to_end_leaves_the_terminal_as_it_was(field: Field, terminal: Terminal) -> None:
    before = termios.tcgetattr(terminal.streams[0].fileno())
    async with way(field) as direct:
        watching = asyncio.create_task(watch(direct, [], terminal.streams, duration_s=60, json=False))
        await terminal.until("devices:")
        terminal.press("s")
        await terminal.until("sleep for")
        os.kill(os.getpid(), signal.SIGTERM)
        await watching
    await terminal.until("\x1b[?1049l")
    assert termios.tcgetattr(terminal.streams[0].fileno()) == before


async def test_a_keyboard_that_goes_away_ends_it(field: Field, terminal: Terminal) -> None:
    async with way(field) as direct:
        watching = asyncio.create_task(watch(direct, [], terminal.streams, duration_s=30, json=False))
        await terminal.until("devices:")
        os.close(terminal.hands)
        await watching
    await terminal.until("\x1b[?1049l")
