"""Automations in the pages are automations."""

import re
from pathlib import Path

import pytest
import yaml
from homeassistant.components.automation import config as automation
from homeassistant.core import HomeAssistant
from homeassistant.helpers import config_validation as cv

from .pages import ROOT

BLOCKS = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/how-to/automations.md").read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.partition("\n")[0])
async def test_an_example_is_what_home_assistant_takes(block: str, tmp_path: Path):
    hass = HomeAssistant(str(tmp_path))
    config = yaml.safe_load(block)
    try:
        if "triggers" in config:
            automation.PLATFORM_SCHEMA(config)
        else:
            cv.CONDITION_SCHEMA(config)
    finally:
        await hass.async_stop(force=True)
