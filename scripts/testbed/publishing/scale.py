"""The quality scale: one honest answer a rule, and each `done` with its proof."""

import re
from collections.abc import Iterator
from typing import Any, Final

from .tree import Tree

RULES: Final = {
    "bronze": [
        "action-setup",
        "appropriate-polling",
        "brands",
        "common-modules",
        "config-flow",
        "config-flow-test-coverage",
        "dependency-transparency",
        "docs-actions",
        "docs-conditions",
        "docs-high-level-description",
        "docs-installation-instructions",
        "docs-removal-instructions",
        "docs-triggers",
        "entity-event-setup",
        "entity-unique-id",
        "has-entity-name",
        "runtime-data",
        "test-before-configure",
        "test-before-setup",
        "unique-config-entry",
    ],
    "silver": [
        "action-exceptions",
        "config-entry-unloading",
        "docs-configuration-parameters",
        "docs-installation-parameters",
        "entity-unavailable",
        "integration-owner",
        "log-when-unavailable",
        "parallel-updates",
        "reauthentication-flow",
        "test-coverage",
    ],
    "gold": [
        "devices",
        "diagnostics",
        "discovery",
        "discovery-update-info",
        "docs-data-update",
        "docs-examples",
        "docs-known-limitations",
        "docs-supported-devices",
        "docs-supported-functions",
        "docs-troubleshooting",
        "docs-use-cases",
        "dynamic-devices",
        "entity-category",
        "entity-device-class",
        "entity-disabled-by-default",
        "entity-translations",
        "exception-translations",
        "icon-translations",
        "reconfiguration-flow",
        "repair-issues",
        "stale-devices",
    ],
    "platinum": ["async-dependency", "inject-websession", "strict-typing"],
}
"""Tier → its rules."""

PROOF: Final = re.compile(r"(?:[\w.-]+/)*[\w.-]+\.(?:py|md|yaml|json|toml|yml|png)\b|\bscripts/[a-z]+\b")
LEAST: Final = 12
"""Characters of a reason that says something."""


def scale(tree: Tree) -> Iterator[str]:
    """Every rule is answered; what is done names files that prove it, what is not has its reason."""
    answers = tree.yaml(tree.integration / "quality_scale.yaml")["rules"]
    known = [rule for rules in RULES.values() for rule in rules]
    for rule in known:
        if rule not in answers:
            yield f"quality_scale.yaml: {rule} is missing"
    for rule, answer in answers.items():
        faults = ["no rule of the scale"] if rule not in known else _faults(tree, answer)
        yield from (f"quality_scale.yaml: {rule}: {fault}" for fault in faults)


def _faults(tree: Tree, answer: Any) -> Iterator[str]:
    if not isinstance(answer, dict) or answer.keys() != {"status", "comment"}:
        yield "says its status and a comment, nothing else"
        return
    status, comment = answer["status"], str(answer["comment"])
    if status not in {"done", "exempt", "todo"}:
        yield f"the status '{status}' does not exist"
    if len(comment) < LEAST:
        yield "the comment says nothing"
    proofs = PROOF.findall(comment)
    if status == "done" and not proofs:
        yield "is done, and names no proof"
    yield from (f"{proof} is not there" for proof in proofs if not (tree.root / proof).exists())
