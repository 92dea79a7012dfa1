"""Tables of the simulator and of the journal, read from the programs."""

import argparse
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from iiot_engine.stores.sqlite_intake import SqliteIntake
from iiot_engine.values import Kind
from iiot_sim import cli, description, faults, rules, scenario, signals, waves
from iiot_sim.attacks import WAYS


def blocks() -> dict[str, str]:
    """Blocks by name."""
    return {
        "simulator options": _options("run", "scenario"),
        "simulator random": _options("random", "count", beside="run"),
        "simulator scenarios": _scenarios(),
        "simulator device": _members(description.DEVICE),
        "simulator flood": _members(description.FLOOD),
        "simulator boot": _members(description.BOOT),
        "simulator channel": _members(rules.CHANNEL),
        "simulator actuator": _members(rules.ACTUATOR),
        "simulator shapes": _shapes(),
        "simulator words": _words(),
        "journal tables": _journal(),
    }


def _options(action: str, *left_out: str, beside: str | None = None) -> str:
    """Options of an action; those of `beside` are not repeated."""
    known = set() if beside is None else {one.dest for one in _actions(beside)}
    lines = ["| option | default | meaning |", "|---|---|---|"]
    for one in _actions(action):
        if one.dest in ("help", *left_out) or one.dest in known:
            continue
        value = f" {one.metavar or one.dest.upper()}" if one.nargs != 0 and not one.choices else ""
        if one.choices:
            value = f" {' or '.join(one.choices)}"
        default = "-" if one.default in (None, False) else f"`{one.default}`"
        lines.append(f"| `{one.option_strings[0]}{value}` | {default} | {one.help or '-'} |")
    return "\n".join(lines)


def _actions(action: str) -> list[argparse.Action]:
    return cli._parser()._subparsers._group_actions[0].choices[action]._actions  # type: ignore[union-attr,index,call-overload,no-any-return]


def _members(table: Mapping[str, rules.Rule]) -> str:
    lines = ["| member | what it is |", "|---|---|"]
    lines += [f"| `{name}` | {rule.words} |" for name, rule in table.items()]
    return "\n".join(lines)


def _shapes() -> str:
    lines = ["| shape | for kinds | parameters |", "|---|---|---|"]
    for name, shape in signals.SHAPES.items():
        kinds = "all" if len(shape.kinds) == len(Kind) else " ".join(f"`{kind}`" for kind in shape.kinds)
        lines.append(f"| `{name}` | {kinds} | {' '.join(f'`{one}`' for one in shape.parameters)} |")
    return "\n".join(lines)


def _scenarios() -> str:
    lines = ["| name | devices | attacks | what it is |", "|---|---|---|---|"]
    for name in scenario.built_in():
        plan = scenario.load(name)
        lines.append(f"| `{name}` | {len(plan.profiles)} | {len(plan.attacks)} | {plan.title} |")
    return "\n".join(lines)


def _words() -> str:
    def listed(words: object) -> str:
        return " ".join(f"`{word}`" for word in sorted(words))  # type: ignore[call-overload]

    lines = ["| where | words |", "|---|---|"]
    lines += [
        f"| `signal.what` of a `feature` | {listed(waves.FEATURES)} |",
        f"| `faults.kind` | {listed(faults.FAULT_KINDS)} |",
        f"| `attacks.kind` | {listed(WAYS)} |",
        f"| `[timing]` | {listed(scenario.TIMING)} |",
    ]
    return "\n".join(lines)


def _journal() -> str:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "intake.sqlite"
        SqliteIntake(path).close()
        database = sqlite3.connect(path)
        names = [
            row[0] for row in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY rowid")
        ]
        lines = ["| table | columns |", "|---|---|"]
        for name in names:
            if name.startswith("sqlite_"):
                continue
            columns = ", ".join(f"`{row[1]}`" for row in database.execute(f"PRAGMA table_info({name})"))
            lines.append(f"| `{name}` | {columns} |")
        database.close()
    return "\n".join(lines)
