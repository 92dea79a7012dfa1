"""A repository that holds the tree as it lies here, in one commit."""

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
WHO = {f"GIT_{role}_{what}": "somebody" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
WHEN = {f"GIT_{role}_DATE": "2026-11-30T12:00:00+00:00" for role in ("AUTHOR", "COMMITTER")}


def git(folder: Path, *arguments: str) -> str:
    """Run git as somebody who has no settings."""
    environment = os.environ | WHO | WHEN | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    return subprocess.run(
        ["git", *arguments], cwd=folder, env=environment, check=True, capture_output=True, text=True
    ).stdout


def repository(folder: Path) -> Path:
    """Copy what git knows of the tree, and what is new in it, and commit it."""
    folder.mkdir()
    for name in git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard").splitlines():
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name, follow_symlinks=False)
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit(folder)
    return folder


def commit(folder: Path) -> None:
    """Commit whatever has changed."""
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "as it lies here")
