"""Writes the blocks of the pages that come from the code: `python -m tests.docs.generate`."""

import sys

from . import actions, command_line, entities, facts, members, options, registry, repairs, stories, tables, workings
from .pages import pages, refreshed


def blocks() -> dict[str, str]:
    """Every generated block by name."""
    return {
        "codes": facts.codes(),
        "limits": facts.limits(),
        "intake": facts.intake(),
        "liveness table": facts.liveness_table(),
        "liveness diagram": facts.liveness_diagram(),
        "members header": members.table(members.HEADER),
        "members channel": members.table(members.CHANNEL),
        "members actuator": members.table(members.ACTUATOR),
        **{f"members {leaf}": members.table(rows) for leaf, rows in members.BY_LEAF.items()},
        **{f"message {name}": told.block() for name, told in stories.tell_all().items()},
        **workings.blocks(),
        **actions.blocks(),
        **options.blocks(),
        **entities.blocks(),
        **repairs.blocks(),
        **tables.blocks(),
        **command_line.blocks(),
    }


def main() -> int:
    """Refresh every page; gives back 1 when one had to be changed and `--check` was asked for."""
    made = blocks()
    changed = []
    if registry.is_stale():
        changed.append(registry.PAGE.name)
        if "--check" not in sys.argv:
            registry.PAGE.write_text(registry.text(), encoding="utf-8")
    for page in pages():
        text = page.read_text(encoding="utf-8")
        fresh = refreshed(text, made)
        if fresh != text:
            changed.append(page.name)
            if "--check" not in sys.argv:
                page.write_text(fresh, encoding="utf-8")
    sys.stdout.writelines(f"{name}\n" for name in changed)
    return 1 if changed and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
