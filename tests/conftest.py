"""What all tests stand on.

Home Assistant finds the integration only when `custom_components` was imported from this tree before `hass` exists.
"""

from typing import TYPE_CHECKING

import hypothesis
import pytest

import custom_components  # noqa: F401
from testbed import hass_log

if TYPE_CHECKING:
    from collections.abc import Iterator

# A busy machine is no defect: no example is timed. Every run tries others; a failing one prints what reproduces it.
hypothesis.settings.register_profile("plant", deadline=None, print_blob=True)
hypothesis.settings.load_profile("plant")


@pytest.fixture(autouse=True)
def _integration_is_found(request: pytest.FixtureRequest) -> None:
    """Let Home Assistant load the integration; a recorder, where a test has one, must come first."""
    if "hass" not in request.fixturenames:
        return
    if "recorder_mock" in request.fixturenames:
        request.getfixturevalue("recorder_mock")
    request.getfixturevalue("enable_custom_integrations")


@pytest.fixture
def expected_lingering_timers(request: pytest.FixtureRequest) -> bool:
    """Tolerate the timer that the mocked MQTT client of Home Assistant leaves behind, and no other."""
    return "mqtt_mock" in request.fixturenames or "mqtt_mock_entry" in request.fixturenames


@pytest.fixture(autouse=True)
def _nothing_to_complain_about(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail a test in which Home Assistant complains about the integration, or about anything that is on its way out."""
    yield
    found = hass_log.complaints(record for when in ("setup", "call") for record in caplog.get_records(when))
    assert not found, "\n".join(found)
