"""A release is what the tag says, the same bytes every time, and nothing else."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import pytest

from testbed.publishing.release import NOTES, SUMS, build, notes, refusals, versions
from testbed.publishing.releasing import main

from .commit import ROOT, commit, git, repository

VERSION = versions(ROOT).manifest
PENDING = f"## [{VERSION}] - {versions(ROOT).date}"
DATED = f"## [{VERSION}] - 2026-11-30"


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return repository(tmp_path_factory.mktemp("release") / "tree")


@pytest.fixture
def tree(pristine: Path, tmp_path: Path) -> Path:
    git(tmp_path, "clone", "--quiet", "--local", str(pristine), "tree")
    return tmp_path / "tree"


@pytest.fixture(scope="module")
def dist(pristine: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    build(pristine, folder)
    return folder


def replace(tree: Path, file: str, old: str, new: str) -> None:
    text = (tree / file).read_text("utf-8")
    assert old in text
    (tree / file).write_text(text.replace(old, new, 1), "utf-8")


def dated_and_tagged(tree: Path) -> None:
    replace(tree, "CHANGELOG.md", PENDING, DATED)
    commit(tree)
    git(tree, "tag", VERSION)


def test_this_tree_is_ready_to_be_rehearsed(tree: Path) -> None:
    assert refusals(tree, VERSION, is_rehearsal=True) == []


def test_a_dated_and_tagged_commit_is_a_release(tree: Path) -> None:
    dated_and_tagged(tree)
    assert refusals(tree, VERSION, is_rehearsal=False) == []


def other_manifest(tree: Path) -> None:
    replace(tree, "custom_components/iiot/manifest.json", VERSION, "9.9.9")
    commit(tree)


def other_project(tree: Path) -> None:
    replace(tree, "pyproject.toml", f'version = "{VERSION}"', 'version = "9.9.9"')
    commit(tree)


def other_changelog(tree: Path) -> None:
    replace(tree, "CHANGELOG.md", PENDING, "## [9.9.9] - 2026-11-30")
    commit(tree)


def no_changelog(tree: Path) -> None:
    replace(tree, "CHANGELOG.md", PENDING, "## Soon")
    commit(tree)


def undated(tree: Path) -> None:
    replace(tree, "CHANGELOG.md", PENDING, f"## [{VERSION}] - soon")
    commit(tree)


def dirty(tree: Path) -> None:
    replace(tree, "README.md", "# IIoT", "# My IIoT")


def new_file(tree: Path) -> None:
    (tree / "custom_components" / "iiot" / "secret.py").write_text("")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (other_manifest, "manifest.json says '9.9.9', not"),
        (other_project, "pyproject.toml says '9.9.9', not"),
        (other_changelog, "the newest heading of CHANGELOG.md says '9.9.9', not"),
        (no_changelog, "the newest heading of CHANGELOG.md says '', not"),
        (undated, "CHANGELOG.md dates the version 'soon': write the day"),
        (dirty, "the tree differs from its commit in README.md: commit first"),
        (new_file, "the tree differs from its commit in custom_components/iiot/secret.py"),
    ],
)
def test_what_is_not_the_version_is_refused_in_words(tree: Path, change: Callable[[Path], None], reason: str) -> None:
    change(tree)
    assert any(reason in told for told in refusals(tree, VERSION, is_rehearsal=True))


@pytest.mark.parametrize("version", [f"v{VERSION}", "1.0", "1.0.0-rc1", ""])
def test_a_tag_that_is_no_version_is_refused(tree: Path, version: str) -> None:
    assert "is no version" in refusals(tree, version, is_rehearsal=True)[0]


def test_a_release_has_its_day_and_its_tag(tree: Path) -> None:
    told = refusals(tree, VERSION, is_rehearsal=False)
    assert any("write the day" in reason for reason in told) is ("Unreleased" in PENDING)
    assert any(f"no tag '{VERSION}'" in reason for reason in told)


@pytest.mark.parametrize("arguments", [[], [VERSION, "--unchecked"]])
def test_a_release_is_named_and_checked(arguments: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)


def test_a_refused_release_builds_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--dry-run", "--unchecked", "9.9.9"]) == 1
    assert "manifest.json says" in capsys.readouterr().err


def test_the_same_commit_gives_the_same_bytes(pristine: Path, dist: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--local", str(pristine), "elsewhere")
    build(tmp_path / "elsewhere", tmp_path / "dist")
    assert {path.name: path.read_bytes() for path in dist.iterdir()} == {
        path.name: path.read_bytes() for path in (tmp_path / "dist").iterdir()
    }


def test_the_sums_are_those_of_everything_that_is_installed(dist: Path) -> None:
    lines = (dist / SUMS).read_text("ascii").splitlines()
    told = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    assert told.keys() == {path.name for path in dist.iterdir()} - {SUMS, NOTES}
    for name, digest in told.items():
        assert hashlib.sha256((dist / name).read_bytes()).hexdigest() == digest
    assert subprocess.run(["sha256sum", "--check", "--quiet", SUMS], cwd=dist, check=False).returncode == 0


def test_the_zip_is_the_folder_that_home_assistant_loads(dist: Path) -> None:
    with ZipFile(dist / "iiot.zip") as archive:
        names = set(archive.namelist())
        folder = ROOT / "custom_components" / "iiot"
        tracked = git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard", str(folder)).splitlines()
        there = {name for name in tracked if (ROOT / name).exists()}
        assert names == {name.removeprefix("custom_components/iiot/") for name in there} | {"LICENSE"}
        for name in names - {"LICENSE"}:
            assert archive.read(name) == (folder / name).read_bytes()
        assert not any(part in {"__pycache__", "tests"} for name in names for part in Path(name).parts)
        assert archive.testzip() is None


def test_the_firmware_is_released_when_there_is_one(tree: Path, tmp_path: Path) -> None:
    (tree / "firmware").mkdir(exist_ok=True)
    (tree / "firmware" / "main.py").write_text("print('here')\n")
    commit(tree)
    built = {path.name: path for path in build(tree, tmp_path / "dist")}
    with ZipFile(built["iiot-firmware.zip"]) as archive:
        assert {"main.py", "LICENSE"} <= set(archive.namelist())
    assert "iiot-firmware.zip" in built[SUMS].read_text("ascii")


def test_the_notes_are_the_section_of_the_changelog(tree: Path, dist: Path) -> None:
    assert (dist / NOTES).read_text("utf-8") == notes(tree)
    replace(tree, "CHANGELOG.md", PENDING, f"## [9.9.9] - 2026-12-01\n\n- Do more.\n\n{DATED}")
    assert notes(tree) == "- Do more.\n"


def test_links_of_the_notes_lead_to_the_files_of_the_tag(tree: Path) -> None:
    said = "[here](docs/a.md#b) and [there](https://example.org/c)"
    replace(tree, "CHANGELOG.md", PENDING, f"## [9.9.9] - 2026-12-01\n\n- Read {said}.\n\n{DATED}")
    home = "https://github.com/iiot-for-home-assistant/iiot/blob/9.9.9"
    assert notes(tree) == f"- Read [here]({home}/docs/a.md#b) and [there](https://example.org/c).\n"


def test_the_wheel_holds_the_command_line_tools_and_nothing_else(dist: Path) -> None:
    (wheel,) = dist.glob("*.whl")
    with ZipFile(wheel) as archive:
        names = archive.namelist()
        info = f"iiot_for_home_assistant-{VERSION}.dist-info"
        assert {name.split("/")[0] for name in names} == {"iiot_ctl", "iiot_engine", "iiot_sim", info}
        assert any(name.startswith(info) and name.endswith("LICENSE") for name in names)
        assert sum(name.startswith("iiot_sim/scenarios/") for name in names) == len(
            list((ROOT / "simulator" / "scenarios").glob("*.toml"))
        )


def test_the_wheel_runs_where_nothing_else_is(dist: Path, tmp_path: Path) -> None:
    (wheel,) = dist.glob("*.whl")
    bare = tmp_path / "bare"
    python = bare / "bin" / "python"
    base = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
    subprocess.run(["uv", "venv", "--quiet", "--python", base, str(bare)], check=True)
    subprocess.run(["uv", "pip", "install", "--quiet", "--python", str(python), str(wheel)], check=True)

    def run(*command: str) -> str:
        return subprocess.run(
            command, cwd=tmp_path, env={"PATH": ""}, check=True, capture_output=True, text=True
        ).stdout

    assert "usage: iiot-sim" in run(str(bare / "bin" / "iiot-sim"), "--help")
    assert "plant-40" in run(str(bare / "bin" / "iiot-sim"), "list")
    assert '"id":"press-07"' in run(str(bare / "bin" / "iiotctl"), "provision", "press-07")
    looked = (
        "import importlib.util as u, iiot_engine.plant; print([u.find_spec(n) for n in ('homeassistant', 'testbed')])"
    )
    assert run(str(python), "-c", looked).strip() == "[None, None]"
