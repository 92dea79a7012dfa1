"""Few messages are taken in one by one, a flood in handfuls; in their order, and each at its own time."""

from collections.abc import Callable
from typing import Any

import pytest
from homeassistant.core import HomeAssistant

from custom_components.iiot.bridge.inflow import AT_ONCE, GATHER_S, MOST, Inflow
from custom_components.iiot.engine.values import NS_PER_S, Now

from .field import FieldDevice, state
from .joining import add_hub, expected_lingering_timers, hass_config_dir  # noqa: F401  # fixtures

MOMENT_NS = 1000


class Line:
    """Messages that come down a line, a clock that is turned by hand, and what was taken in of them."""

    def __init__(self) -> None:
        self.ns = NS_PER_S
        self.timers: list[Callable[[], None]] = []
        self.sent: list[tuple[str, int]] = []
        self.taken: list[tuple[str, int]] = []
        self.bad: set[str] = set()
        self.inflow = Inflow(self, lambda: Now(self.ns, self.ns), self._take)  # type: ignore[arg-type]

    def call_later(self, delay_s: float, action: Callable[[], None]) -> Line:
        assert delay_s == GATHER_S
        assert self.timers == [], "one timer for all"
        self.timers.append(action)
        return self

    def cancel(self) -> None:
        self.timers.clear()

    def send(self, count: int) -> None:
        """Messages come as fast as a line can carry them."""
        for _ in range(count):
            self.ns += MOMENT_NS
            self.sent.append((f"m{len(self.sent)}", self.ns))
            self.inflow.receive(self.sent[-1][0], b"", False)

    def wait(self, for_s: float = GATHER_S) -> None:
        """Nothing comes for a while."""
        self.ns += int(for_s * NS_PER_S)
        for action in list(self.timers):
            action()

    def _take(self, topic: str, message: bytes, at: Now, retained: bool) -> None:
        assert not message
        assert not retained
        self.taken.append((topic, at.steady_ns))
        if topic in self.bad:
            raise ValueError(topic)


@pytest.fixture
def line() -> Line:
    return Line()


def test_a_message_waits_for_nothing(line: Line) -> None:
    line.send(1)
    assert line.taken == line.sent


def test_two_thousand_a_second_wait_for_nothing(line: Line) -> None:
    for _ in range(50):
        line.send(AT_ONCE)
        assert line.taken == line.sent
        line.wait()
    assert line.timers == []


def test_a_flood_waits_for_the_end_of_its_span(line: Line) -> None:
    line.send(AT_ONCE + 200)
    assert line.taken == line.sent[:AT_ONCE]
    line.wait()
    assert line.taken == line.sent


def test_a_flood_that_lasts_is_gathered_from_its_next_message_on(line: Line) -> None:
    line.send(AT_ONCE + 200)
    line.wait()
    before = len(line.taken)
    line.send(200)
    assert len(line.taken) == before
    line.wait()
    assert line.taken == line.sent


def test_after_a_flood_a_message_waits_for_nothing_again(line: Line) -> None:
    line.send(AT_ONCE + 200)
    line.wait()
    line.wait()
    line.send(1)
    assert line.taken == line.sent


def test_a_flood_that_ebbs_is_not_gathered_any_more(line: Line) -> None:
    line.send(AT_ONCE + 5)
    line.wait()
    line.send(5)
    assert line.taken == line.sent


def test_no_more_wait_than_there_is_room_for(line: Line) -> None:
    line.send(AT_ONCE + MOST)
    assert line.taken == line.sent
    assert line.timers == []


def test_one_message_that_fails_does_not_take_others_with_it(line: Line, caplog: pytest.LogCaptureFixture) -> None:
    line.bad.add(f"m{AT_ONCE + 1}")
    line.send(AT_ONCE + 3)
    line.wait()
    assert line.taken == line.sent
    assert f"A message on m{AT_ONCE + 1} could not be taken in" in caplog.text


@pytest.mark.usefixtures("mqtt_mock")
async def test_a_hub_that_stops_takes_in_what_waits(hass: HomeAssistant) -> None:
    entry = await add_hub(hass, state_interval=0)
    device = FieldDevice(hass)
    station = await device.join(entry)
    hub: Any = entry.runtime_data.hub
    before = hub.plant.accepted
    for number in range(10 * AT_ONCE):
        device.rows += 1
        device.fire("data", {"r": {"temperature": number / 10}, "n": [3, device.rows]})
    await hass.config_entries.async_unload(entry.entry_id)
    assert hub.plant.accepted == before + 10 * AT_ONCE
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert float(state(hass, "sensor", station, "temperature").state) == (10 * AT_ONCE - 1) / 10
