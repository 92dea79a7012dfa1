"""Tables of `iiotctl`, read from its parser."""

import argparse

from iiot_ctl import options, paper
from iiot_ctl.errors import Exit

ONLINE = "list"
WAYS = ("through Home Assistant", "straight to the broker", "both ways")
EXITS = {
    Exit.DONE: "done; messages accepted",
    Exit.REFUSED: "refused or failed: the words are those of the device, of the hub or of Home Assistant",
    Exit.USAGE: "the command line, or a file that it names, makes no sense",
    Exit.UNREACHABLE: "not reachable: Home Assistant, the broker or every device that was asked",
}


def blocks() -> dict[str, str]:
    """Blocks by name."""
    parsers = _parsers()
    return {
        "iiotctl commands": _commands(),
        "iiotctl own options": _own(parsers),
        **{f"iiotctl {way.split()[-1].lower()}": _group(parsers[ONLINE], way) for way in WAYS},
        "iiotctl exit codes": _table("code", "meaning", ((str(code.value), words) for code, words in EXITS.items())),
        "iiotctl outcomes": _table("status", "meaning", ((f"`{one}`", words) for one, words in paper.WORDS.items())),
    }


def _action() -> argparse._SubParsersAction[argparse.ArgumentParser]:
    return options.parser()._subparsers._group_actions[0]  # type: ignore[union-attr,return-value]


def _parsers() -> dict[str, argparse.ArgumentParser]:
    """Parsers by what is typed, those of a command's parts in its place."""
    found = {}
    for name, parser in _action().choices.items():
        parts = _parts(parser)
        found |= {name: parser} if parts is None else {f"{name} {part}": one for part, one in parts.choices.items()}
    return found


def _parts(parser: argparse.ArgumentParser) -> argparse._SubParsersAction[argparse.ArgumentParser] | None:
    actions = parser._positionals._group_actions
    return next((one for one in actions if isinstance(one, argparse._SubParsersAction)), None)


def _commands() -> str:
    rows = []
    for name, parser in _parsers().items():
        named = [_positional(one) for one in parser._positionals._group_actions if one.dest != "help"]
        words = (parser.description or "").removesuffix(".")
        rows.append((f"`{' '.join([name, *named])}`", f"{words[0].lower()}{words[1:]}"))
    return _table("command", "what it does", rows)


def _positional(action: argparse.Action) -> str:
    return (
        f"[{action.metavar}…]"
        if action.nargs == "*"
        else f"[{action.metavar}]"
        if action.nargs
        else str(action.metavar)
    )


def _own(parsers: dict[str, argparse.ArgumentParser]) -> str:
    rows = []
    for name, parser in parsers.items():
        mine = [one for one in parser._optionals._group_actions if one.dest not in ("help", "json")]
        rows += [(f"`{name}`", *_option(one)) for one in mine]
    lines = ["| command | option | default | meaning |", "|---|---|---|---|"]
    return "\n".join(lines + [f"| {' | '.join(row)} |" for row in rows])


def _group(parser: argparse.ArgumentParser, title: str) -> str:
    (group,) = (one for one in parser._action_groups if one.title == title)
    lines = ["| option | default | meaning |", "|---|---|---|"]
    return "\n".join(lines + [f"| {' | '.join(_option(one))} |" for one in group._group_actions])


def _option(action: argparse.Action) -> tuple[str, str, str]:
    value = "" if action.nargs == 0 else f" {action.metavar or action.dest.upper()}"
    if action.choices:
        value = " CODE"
    default = "-" if action.default in (None, False, [], {}) else f"`{action.default}`"
    return f"`{action.option_strings[0]}{value}`", default, action.help or "-"


def _table(left: str, right: str, rows: object) -> str:
    lines = [f"| {left} | {right} |", "|---|---|"]
    return "\n".join(lines + [f"| {one} | {words} |" for one, words in rows])  # type: ignore[attr-defined]
