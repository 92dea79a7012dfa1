"""A release of the present commit: refused in words, or built into a folder (`scripts/release`)."""

import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from .tree import DOMAIN

HEADING = re.compile(r"^## \[(?P<version>[^\]]+)\] - (?P<date>\S+)$", re.MULTILINE)
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
PENDING = "Unreleased"
"""Stands for the date of a version that has none yet."""
VERSION = re.compile(r"\d+\.\d+\.\d+(?:b\d+)?")
RELATIVE = re.compile(r"\]\((?![a-z]+:|#|/)")
"""Where a link to a file of the repository begins."""
LICENCE = "LICENSE"
ENGINE = f"custom_components/{DOMAIN}/engine"
COMMAND_LINE = ("LICENSE", "README.md", "pyproject.toml", "setup.py", "iiotctl", "simulator", ENGINE)
"""What the wheel of the command-line tools is made of."""
SUMS = "SHA256SUMS"
NOTES = "NOTES.md"


@dataclass(frozen=True, kw_only=True, slots=True)
class Versions:
    """What the tree says of its version, in each place; empty where it says nothing."""

    manifest: str
    pyproject: str
    changelog: str
    date: str
    """Of the newest heading of the changelog."""


def versions(root: Path) -> Versions:
    """Read the version in all its places."""
    manifest = json.loads((root / "custom_components" / DOMAIN / "manifest.json").read_text("utf-8"))
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    heading = HEADING.search((root / "CHANGELOG.md").read_text("utf-8"))
    return Versions(
        manifest=manifest.get("version", ""),
        pyproject=project.get("version", ""),
        changelog=heading["version"] if heading else "",
        date=heading["date"] if heading else "",
    )


def refusals(root: Path, version: str, *, is_rehearsal: bool) -> list[str]:
    """Return in words why the present commit is not this version; a rehearsal needs no tag and no date."""
    told, found = versions(root), []
    if not VERSION.fullmatch(version):
        found.append(f"'{version}' is no version: three numbers and nothing before them, such as 1.4.0 or 1.4.0b2")
    for place, text in (
        (f"custom_components/{DOMAIN}/manifest.json", told.manifest),
        ("pyproject.toml", told.pyproject),
        ("the newest heading of CHANGELOG.md", told.changelog),
    ):
        if text != version:
            found.append(f"{place} says '{text}', not '{version}': change it and commit")
    if not DATE.fullmatch(told.date) and not (is_rehearsal and told.date == PENDING):
        found.append(f"CHANGELOG.md dates the version '{told.date}': write the day, such as 2026-11-30, and commit")
    if changed := git(root, "status", "--porcelain").decode().splitlines():
        found.append(f"the tree differs from its commit in {', '.join(line[3:] for line in changed[:5])}: commit first")
    if not is_rehearsal and version not in git(root, "tag", "--points-at", "HEAD").decode().split():
        found.append(f"the commit has no tag '{version}'")
    return found


def build(root: Path, target: Path) -> list[Path]:
    """Build everything that a release holds from the present commit; the same commit gives the same bytes."""
    target.mkdir(parents=True, exist_ok=True)
    for old in target.iterdir():
        old.unlink()
    moment = int(git(root, "show", "--no-patch", "--format=%ct", "HEAD"))
    licence = files_of(root, LICENCE)
    _pack(target / f"{DOMAIN}.zip", files_of(root, f"custom_components/{DOMAIN}") | licence, moment)
    if (root / "firmware").is_dir():
        _pack(target / f"{DOMAIN}-firmware.zip", files_of(root, "firmware") | licence, moment)
    _build_wheel(root, target, moment)
    (target / ".gitignore").unlink(missing_ok=True)  # the builder's
    built = sorted(target.iterdir())
    sums = "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in built)
    (target / SUMS).write_text(sums, encoding="ascii")
    (target / NOTES).write_text(notes(root), encoding="utf-8")
    return [*built, target / SUMS, target / NOTES]


def notes(root: Path) -> str:
    """Return the newest section of the changelog, without its heading; its links lead to the files of the tag."""
    text = (root / "CHANGELOG.md").read_text("utf-8")
    heading = HEADING.search(text)
    if heading is None:
        return ""
    section = text[heading.end() :].partition("\n## ")[0].strip() + "\n"
    home = json.loads((root / "custom_components" / DOMAIN / "manifest.json").read_text("utf-8"))["documentation"]
    return RELATIVE.sub(f"]({home}/blob/{heading['version']}/", section)


def files_of(root: Path, path: str) -> dict[str, tuple[int, bytes]]:
    """Return the files of the commit below a folder, or one file: name → mode and bytes."""
    found = {}
    prefix = f"{path}/"
    with tarfile.open(fileobj=io.BytesIO(git(root, "archive", "--format=tar", "HEAD", path))) as archive:
        for member in archive:
            if (stream := archive.extractfile(member)) is not None:
                mode = 0o755 if member.mode & 0o100 else 0o644
                found[member.name.removeprefix(prefix)] = (mode, stream.read())
    return found


def git(root: Path, *arguments: str) -> bytes:
    """Run git in a tree and return what it prints; raises CalledProcessError."""
    return subprocess.run(["git", *arguments], cwd=root, check=True, stdout=subprocess.PIPE).stdout  # noqa: S603, S607


def _pack(target: Path, files: dict[str, tuple[int, bytes]], moment: int) -> None:
    year, month, day, hour, minute, second = time.gmtime(moment)[:6]
    with ZipFile(target, "w") as archive:
        for name, (mode, content) in sorted(files.items()):
            info = ZipInfo(name, (year, month, day, hour, minute, second))
            info.create_system = 3  # Unix, whose modes these are
            info.external_attr = mode << 16
            archive.writestr(info, content, ZIP_DEFLATED, 9)


def _build_wheel(root: Path, target: Path, moment: int) -> None:
    """Build from a copy that holds nothing else, so that nothing else gets in."""
    with TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(git(root, "archive", "--format=tar", "HEAD", *COMMAND_LINE))) as archive:
            archive.extractall(folder, filter="data")
        command = ["uv", "build", "--quiet", "--wheel", "--python", sys.executable, "--out-dir", str(target), folder]
        subprocess.run(command, check=True, env=os.environ | {"SOURCE_DATE_EPOCH": str(moment)})  # noqa: S603
