"""What runs on GitHub is what runs here: workflows call scripts, with no more rights than they need."""

import re
from collections.abc import Iterator
from typing import Any, Final

from .tree import Tree

WORKFLOWS: Final = ("validate.yml", "test.yml", "release.yml")
SCRIPT: Final = re.compile(r"(?:\.ci|scripts)/[a-z]+")
PINNED: Final = re.compile(r"[\w./-]+@(?:v\d+\.\d+\.\d+|[0-9a-f]{40})")
WRITERS: Final = {"release.yml": {"contents": "write"}}
"""Workflow → what one of its jobs may do beyond reading."""


def workflows(tree: Tree) -> Iterator[str]:
    """Each workflow that is needed is there, and each that is there is in order."""
    folder = tree.root / ".github" / "workflows"
    there = {path.name: path for path in sorted(folder.glob("*.y*ml"))}
    for name in WORKFLOWS:
        if name not in there:
            yield f".github/workflows/{name}: is missing"
    for name, path in there.items():
        yield from (f".github/workflows/{name}: {fault}" for fault in _faults(tree, name, tree.yaml(path)))


def _faults(tree: Tree, name: str, workflow: dict[Any, Any]) -> Iterator[str]:
    if not (workflow.get("on") or workflow.get(True)):  # YAML reads a bare `on` as true
        yield "nothing starts it"
    if workflow.get("permissions") != {"contents": "read"}:
        yield "the permissions of all jobs are contents: read"
    for job_name, job in workflow.get("jobs", {}).items():
        if "timeout-minutes" not in job:
            yield f"{job_name}: has no limit of time"
        if job.get("permissions", {}) not in ({}, WRITERS.get(name, {})):
            yield f"{job_name}: may do more than it needs"
        for step in job.get("steps", ()):
            yield from (f"{job_name}: {fault}" for fault in _step_faults(tree, step))


def _step_faults(tree: Tree, step: dict[str, Any]) -> Iterator[str]:
    if "uses" in step and not PINNED.fullmatch(step["uses"]):
        yield f"{step['uses']} is not pinned to a full version"
    if "checkout@" in step.get("uses", "") and step.get("with", {}).get("persist-credentials") is not False:
        yield "the checkout leaves its token behind"
    for line in filter(None, map(str.strip, step.get("run", "").splitlines())):
        script = SCRIPT.match(line)
        if script is None:
            yield f"'{line}' is no script of ours"
        elif not (tree.root / script[0]).is_file():
            yield f"{script[0]} is not there"
        if "${{" in line:
            yield f"'{line}' has an expression in a command: hand it over in the environment"
