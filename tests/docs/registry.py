"""The JSON Schema of the registry file, made of the records that read it."""

import json
from typing import Final

from iiot_engine import records
from iiot_engine.plant.registry import RegistryFile

from .pages import ROOT

PAGE: Final = ROOT / "docs/reference/registry.schema.json"
_HEAD: Final = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Registry file"}


def text() -> str:
    """The schema as it is published."""
    return json.dumps(_HEAD | records.schema(RegistryFile), indent=2, ensure_ascii=False) + "\n"


def is_stale() -> bool:
    """Whether another one is published."""
    return not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text()
