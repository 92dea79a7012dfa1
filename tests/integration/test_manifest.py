"""The integration is described as Home Assistant and its community store demand."""

import json
import struct
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from awesomeversion import AwesomeVersion, AwesomeVersionStrategy

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "custom_components" / "iiot"
MANIFEST = json.loads((FOLDER / "manifest.json").read_text("utf-8"))
KNOWN_KEYS = {
    "after_dependencies",
    "codeowners",
    "config_flow",
    "dependencies",
    "documentation",
    "domain",
    "integration_type",
    "iot_class",
    "issue_tracker",
    "loggers",
    "name",
    "quality_scale",
    "requirements",
    "version",
}
STORE_KEYS = {"codeowners", "documentation", "domain", "issue_tracker", "name", "version"}
STATES = {"done", "exempt", "todo"}


def size_of(path: Path) -> tuple[int, int]:
    header = path.read_bytes()[:24]
    assert header.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", header[16:24])
    return width, height


def test_the_manifest_is_in_order() -> None:
    keys = list(MANIFEST)
    assert keys[:2] == ["domain", "name"]
    assert keys[2:] == sorted(keys[2:])


def test_the_manifest_says_what_is_asked_and_nothing_else() -> None:
    assert set(MANIFEST) <= KNOWN_KEYS
    assert set(MANIFEST) >= STORE_KEYS | {"iot_class", "integration_type", "config_flow"}
    assert MANIFEST["domain"] == FOLDER.name
    assert MANIFEST["iot_class"] == "local_push"
    assert "mqtt" in MANIFEST["dependencies"]
    assert all(owner.startswith("@") for owner in MANIFEST["codeowners"])


def test_nothing_has_to_be_downloaded() -> None:
    assert MANIFEST["requirements"] == []


def test_several_sites_may_stand_side_by_side() -> None:
    assert "single_config_entry" not in MANIFEST


@pytest.mark.parametrize("key", ["documentation", "issue_tracker"])
def test_a_link_is_a_safe_one_of_our_own(key: str) -> None:
    parts = urlsplit(MANIFEST[key])
    assert parts.scheme == "https"
    assert parts.hostname
    assert "home-assistant.io" not in parts.hostname


def test_the_version_can_be_compared() -> None:
    version = AwesomeVersion(MANIFEST["version"], ensure_strategy=AwesomeVersionStrategy.SEMVER)
    assert f'version = "{version}"' in (ROOT / "pyproject.toml").read_text("utf-8")


@pytest.mark.parametrize(("name", "side"), [("icon.png", 256), ("icon@2x.png", 512)])
def test_an_icon_is_a_square_of_its_size(name: str, side: int) -> None:
    assert size_of(FOLDER / "brand" / name) == (side, side)


@pytest.mark.parametrize("prefix", ["", "dark_"])
def test_a_logo_is_wider_than_high_and_has_a_double(prefix: str) -> None:
    width, height = size_of(FOLDER / "brand" / f"{prefix}logo.png")
    assert width > height
    assert 128 <= height <= 256
    double_width, double_height = size_of(FOLDER / "brand" / f"{prefix}logo@2x.png")
    assert double_height == 2 * height
    assert abs(double_width - 2 * width) <= 4


def test_the_store_file_has_only_what_the_store_knows() -> None:
    told = json.loads((ROOT / "hacs.json").read_text("utf-8"))
    known = {"name", "content_in_root", "country", "filename", "hacs", "hide_default_branch", "homeassistant"}
    assert set(told) <= known | {"persistent_directory", "zip_release"}
    assert told["name"]
    assert AwesomeVersion(told["homeassistant"]).valid


def test_every_rule_of_the_quality_scale_has_an_answer() -> None:
    rules = yaml.safe_load((FOLDER / "quality_scale.yaml").read_text("utf-8"))["rules"]
    assert len(rules) == 54
    for name, answer in rules.items():
        status = answer if isinstance(answer, str) else answer["status"]
        assert status in STATES, name
        if status != "done":
            assert isinstance(answer, dict), name
            assert answer["comment"], name
