"""The schema that is published is the one that the hub reads by."""

import json
import re

import yaml

from iiot_engine import records
from iiot_engine.plant.registry import RegistryFile

from . import registry
from .pages import ROOT


def test_the_published_schema_is_the_one_of_the_records():
    """Run `python -m tests.docs.generate` when this fails, and read what it changed."""
    assert not registry.is_stale()


def test_the_example_uses_fields_that_the_schema_has():
    page = (ROOT / "docs/how-to/registry-file.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml registry\n(.*?)```", page, re.DOTALL)
    file = records.read(RegistryFile, yaml.safe_load(example))
    schema = json.loads(registry.PAGE.read_text(encoding="utf-8"))
    device = schema["properties"]["devices"]["additionalProperties"]["properties"]
    assert records.write(file)["devices"]["press-07"].keys() <= device.keys()
    assert not any("key" in name and name != "title" for name in device)
