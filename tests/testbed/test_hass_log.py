"""Only what concerns the integration counts as its problem."""

from testbed.hass_log import errors, problems, records

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
