"""What Home Assistant complains about fails the test in which it does."""

from pathlib import Path

import pytest
from homeassistant.core import HomeAssistant
from homeassistant.helpers import frame
from homeassistant.helpers.deprecation import deprecated_function
from homeassistant.loader import async_get_integration

from custom_components.iiot.const import DOMAIN
from testbed.hass_log import complaints

pytest_plugins = ("pytester",)

TEST = """
import logging

def test_that_passes_but_for_the_log():
    logging.getLogger("homeassistant").warning("Detected that custom integration 'iiot' uses something old")
"""


async def test_a_use_that_home_assistant_reports_is_noticed(
    hass: HomeAssistant, caplog: pytest.LogCaptureFixture
) -> None:
    await async_get_integration(hass, DOMAIN)
    frame.report_usage("reads a clock that goes", integration_domain=DOMAIN, breaks_in_ha_version="2027.3")
    (found,) = complaints(caplog.records)
    assert "reads a clock that goes" in found
    caplog.clear()


async def test_a_deprecated_function_is_noticed(hass: HomeAssistant, caplog: pytest.LogCaptureFixture) -> None:
    @deprecated_function("a newer one", breaks_in_ha_version="2027.3")
    def old() -> None: ...

    old()
    (found,) = complaints(caplog.records)
    assert "a newer one" in found
    caplog.clear()


def test_a_test_fails_by_a_complaint_alone(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    pytester.makeconftest("from tests.conftest import _nothing_to_complain_about")
    pytester.makepyfile(TEST)
    outcome = pytester.runpytest_subprocess("-p", "no:homeassistant", f"--rootdir={pytester.path}", "-p", "no:xdist")
    outcome.assert_outcomes(passed=1, errors=1)
    outcome.stdout.fnmatch_lines(["*uses something old*"])
