"""Only what concerns the integration counts as its problem."""

import logging

import pytest
from homeassistant.exceptions import HomeAssistantError

from testbed.hass_log import complaints, errors, problems, records

LOADER = "We found a custom integration iiot which has not been tested by Home Assistant."
FRAME = "Detected that custom integration 'iiot' uses something old"
LOG = f"""\
2026-10-11 12:00:00.123 WARNING (SyncWorker_0) [homeassistant.loader] {LOADER}
2026-10-11 12:00:00.124 INFO (MainThread) [custom_components.iiot] ready
2026-10-11 12:00:00.125 ERROR (MainThread) [haffmpeg.core] FFmpeg fails
Traceback (most recent call last):
  File "/home/somebody/iiot/.venv/lib/python3.14/site-packages/haffmpeg/core.py", line 130, in open
2026-10-11 12:00:00.126 WARNING (MainThread) [homeassistant.helpers.frame] {FRAME}
2026-10-11 12:00:00.127 ERROR (MainThread) [homeassistant] Error doing job
Traceback (most recent call last):
  File "/config/custom_components/iiot/bridge/mqtt.py", line 3, in receive
"""


def test_a_traceback_belongs_to_its_record() -> None:
    assert [record.count("\n") for record in records(LOG)] == [0, 0, 2, 0, 2]


def test_warnings_and_errors_by_or_about_the_integration_are_problems() -> None:
    first, second = problems(LOG)
    assert "uses something old" in first
    assert "Error doing job" in second


def test_errors_are_everybodys_but_those_of_optional_libraries() -> None:
    (error,) = errors(LOG)
    assert "Error doing job" in error


def test_a_fault_that_is_to_be_reported_to_us_is_a_problem() -> None:
    fault = (
        "Entity sensor.press counts down; create a bug report at https://github.com/iiot-for-home-assistant/iiot/issues"
    )
    assert problems(f"2026-10-11 12:00:00.123 WARNING (MainThread) [homeassistant.components.sensor] {fault}")


@pytest.mark.parametrize(("took_s", "is_one"), [(0.5, False), (4.999, False), (5.0, True), (30.0, True)])
def test_a_state_that_takes_long_is_a_problem_and_one_that_waits_for_a_busy_machine_is_none(
    took_s: float, *, is_one: bool
) -> None:
    name = "homeassistant.helpers.entity"
    text = (
        "Updating state for sensor.press (<class 'custom_components.iiot.sensor.ChannelSensor'>) "
        f"took {took_s:.3f} seconds. Please create a bug report"
    )
    assert bool(problems(f"2026-10-11 12:00:00.123 WARNING (MainThread) [{name}] {text}")) is is_one
    record = logging.LogRecord(name, logging.WARNING, __file__, 1, text, None, None)
    assert bool(complaints([record])) is is_one


@pytest.mark.parametrize(
    ("name", "level", "text", "is_one"),
    [
        ("homeassistant.helpers.frame", logging.WARNING, "Detected that custom integration 'iiot' uses it", True),
        ("homeassistant.const", logging.WARNING, "The deprecated constant OLD was used from iiot. Use NEW", True),
        ("homeassistant.helpers.frame", logging.WARNING, "Detected code that calls it. Please report", True),
        ("homeassistant.core", logging.WARNING, "It will stop working in Home Assistant 2027.3", True),
        ("homeassistant.components.sensor", logging.WARNING, "Platform iiot does not generate unique IDs", True),
        ("homeassistant.components.sensor", logging.INFO, "Setting up iiot.sensor", False),
        ("homeassistant.loader", logging.WARNING, LOADER, False),
        ("custom_components.iiot.bridge.notices", logging.WARNING, "iiot: the device is lost", False),
        ("homeassistant.config_entries", logging.ERROR, "Error setting up entry Hall 3 for iiot: its keys", False),
        ("homeassistant.components.mqtt", logging.WARNING, "Disconnected from the broker", False),
    ],
)
def test_home_assistant_complains_about_us(name: str, level: int, text: str, is_one: bool) -> None:
    record = logging.LogRecord(name, level, __file__, 1, text, None, None)
    assert bool(complaints([record])) is is_one


@pytest.mark.parametrize(("error", "is_one"), [(KeyError("fleet_key"), True), (HomeAssistantError("no keys"), False)])
def test_a_start_that_fails_by_accident_is_a_complaint(error: Exception, is_one: bool) -> None:
    text, raised = "Error setting up entry Hall 3 for iiot", (type(error), error, None)
    record = logging.LogRecord("homeassistant.config_entries", logging.ERROR, __file__, 1, text, None, raised)
    assert bool(complaints([record])) is is_one
