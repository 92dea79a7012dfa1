"""Tables of the simulator and of the journal, read from the programs."""

import sqlite3
from pathlib import Path
from tempfile import TemporaryDirectory

from iiot_engine.stores.sqlite_intake import SqliteIntake
from iiot_sim import cli, faults, scenario, signals
from iiot_sim.attacks import WAYS


def blocks() -> dict[str, str]:
    """Blocks by name."""
    return {
        "simulator options": _options(),
        "simulator scenarios": _scenarios(),
        "simulator words": _words(),
        "journal tables": _journal(),
    }


def _options() -> str:
    run = cli._parser()._subparsers._group_actions[0].choices["run"]  # type: ignore[union-attr]
    lines = ["| option | default | meaning |", "|---|---|---|"]
    for action in run._actions:
        if action.dest in ("help", "scenario"):
            continue
        value = f" {action.metavar or action.dest.upper()}" if action.nargs != 0 and not action.choices else ""
        if action.choices:
            value = f" {' or '.join(action.choices)}"
        default = "-" if action.default in (None, False) else f"`{action.default}`"
        lines.append(f"| `{action.option_strings[0]}{value}` | {default} | {action.help or '-'} |")
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
        f"| `signal.shape` | {listed(signals.SHAPES)} |",
        f"| `faults.kind` | {listed(faults.FAULT_KINDS)} |",
        f"| `attacks.kind` | {listed(WAYS)} |",
        f"| members of a device | {listed([*scenario._PLAIN, *scenario._BUILT, *scenario._TABLE])} |",
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
