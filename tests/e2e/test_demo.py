"""The main job, as `scripts/demo --check` runs it."""

import pytest

from testbed import demo


async def test_forty_signed_sensors_appear_with_live_values(capsys: pytest.CaptureFixture[str]) -> None:
    await demo.check()
    assert "All 40 devices have live values." in capsys.readouterr().out
