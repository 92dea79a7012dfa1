"""The command line of `iiotctl`: its commands and their options."""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any, Final

from iiot_engine.errors import Code

UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
URL: Final = "IIOTCTL_URL"
TOKEN: Final = "IIOTCTL_TOKEN"  # noqa: S105 - the name of a variable
PASSWORD: Final = "IIOTCTL_PASSWORD"  # noqa: S105 - the name of a variable


def parser() -> argparse.ArgumentParser:
    """Build the parser; wrong usage ends with exit code 2."""
    top = argparse.ArgumentParser(
        prog="iiotctl",
        allow_abbrev=False,
        description="Lists, watches and commands devices, through Home Assistant or straight at the broker.",
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _looking(commands)
    _asking(commands)
    _registry(commands)
    _making(commands)
    _explaining(commands)
    return top


def _looking(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    looking = _add(commands, "list", "print every device with its state and values")
    looking.add_argument("device", nargs="*", metavar="DEVICE", help="id or name; all when none is named")
    _ways(looking)
    watching = _add(commands, "watch", "show devices live; a table in a terminal, else a line for each change")
    watching.add_argument("device", nargs="*", metavar="DEVICE", help="id or name; all when none is named")
    watching.add_argument("--duration", type=seconds, metavar="TIME", help="leave after so long")
    _ways(watching)


def _asking(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    sleep = _ask(commands, "sleep", "send devices to sleep")
    sleep.add_argument(
        "--for", type=seconds, required=True, dest="for_s", metavar="TIME", help="how long: 90s, 10m, 8h"
    )
    _ask(commands, "awake", "keep devices awake, or wake those that listen while they sleep")
    interval = _ask(commands, "set-interval", "have devices read every so often")
    interval.add_argument("--every", type=seconds, required=True, metavar="TIME", help="time between two readings")
    interval.add_argument("--channel", metavar="KEY", help="only this channel")
    rate = _ask(commands, "set-rate", "have devices sample so fast")
    rate.add_argument("--hz", type=positive, required=True, metavar="HZ", help="samples in a second")
    rate.add_argument("--channel", metavar="KEY", help="only this channel")
    poll = _add(commands, "poll", "have devices read and answer now")
    _to_devices(poll, may_wait=False)
    poll.add_argument(
        "--channel", action="append", default=[], metavar="KEY", help="only this channel; may be repeated"
    )
    command = _add(commands, "command", "send any command and print the device's answer")
    command.add_argument("name", metavar="NAME", help="as in the device's manifest: set, press, identify, restart, …")
    command.add_argument(
        "--args", type=arguments, default={}, metavar="JSON", help='its arguments: {"key":"fan","value":true}'
    )
    _to_devices(command)


def _registry(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    words = "bring the registry file of a site out of Home Assistant, or into it"
    parts = _add(commands, "registry", words).add_subparsers(dest="part", required=True, metavar="PART")
    export = _add(parts, "export", "write the registry file of a site")
    export.add_argument("file", metavar="FILE", help="written over if it is there; - prints it")
    brought = _add(parts, "import", "bring a registry file in as a whole, or not at all when a line is wrong")
    brought.add_argument("file", metavar="FILE", help="the file; - reads what is piped in")
    brought.add_argument("--dry-run", action="store_true", help="only say what would change")
    for name, part in (("registry export", export), ("registry import", brought)):
        part.set_defaults(command=name, broker=None)
        part.add_argument("--site", metavar="NAME", help="which site, where there are several: its name or entry id")
        _through_home_assistant(part.add_argument_group("through Home Assistant"))
        _trust(part)
        _machine(part)


def _making(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    provision = _add(commands, "provision", "draw a key for a device and print its provisioning text")
    provision.add_argument("device", metavar="DEVICE", help="device id: 1 to 64 of A-Z a-z 0-9 _ -")
    provision.add_argument("--kid", type=int, default=1, metavar="N", help="number of the key")
    provision.add_argument("--boot", type=int, default=0, metavar="N", help="boot number that the device starts above")
    _speaking(provision)
    provision.add_argument("--qr", action="store_true", help="draw it as a QR code, not as text")
    provision.add_argument(
        "--out", type=Path, metavar="FILE", help="write the text, or the QR code as SVG, to a new file, mode 0600"
    )
    _machine(provision)
    sheet = _add(commands, "sheet", "make a page of QR codes to print, one for each device of a list")
    sheet.add_argument("file", metavar="FILE", help="comma-separated, one device a line; - reads what is piped in")
    sheet.add_argument("--out", type=Path, required=True, metavar="FILE", help="the page: a new HTML file, mode 0600")
    sheet.add_argument(
        "--list", type=Path, metavar="FILE", help="write the list with its keys for the hub to a new file, mode 0600"
    )
    sheet.add_argument("--title", default="Devices", metavar="TEXT", help="stands above the codes")
    _speaking(sheet, is_for_many=True)
    _machine(sheet)


def _speaking(command: argparse.ArgumentParser, *, is_for_many: bool = False) -> None:
    bench = None if is_for_many else "127.0.0.1:1883"
    command.add_argument(
        "--broker", default=bench, required=is_for_many, metavar="HOST[:PORT]", help="the device's broker"
    )
    command.add_argument("--tls", action="store_true", help="the device speaks TLS")
    command.add_argument("--prefix", default="iiot", help="topic prefix")
    command.add_argument("--fleet-key-file", type=Path, metavar="FILE", help="derive keys instead of drawing them")


def _explaining(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    explain = _add(commands, "explain", "say in words why captured messages are accepted or refused; uses no network")
    explain.add_argument(
        "file", nargs="?", metavar="FILE", help="lines of topic, blank, message; - reads what is piped in"
    )
    explain.add_argument("--code", choices=[str(code) for code in Code], help="explain a code instead")
    explain.add_argument("--retained", action="store_true", help="the messages carried the retain flag")
    explain.add_argument("--prefix", default="iiot", help="topic prefix")
    _keys(explain)
    _machine(explain)


def _add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, words: str
) -> argparse.ArgumentParser:
    return commands.add_parser(name, allow_abbrev=False, help=words, description=f"{words[0].upper()}{words[1:]}.")


def _ask(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, words: str
) -> argparse.ArgumentParser:
    command = _add(commands, name, words)
    _to_devices(command)
    return command


def _to_devices(command: argparse.ArgumentParser, *, may_wait: bool = True) -> None:
    command.add_argument("device", nargs="*", metavar="DEVICE", help="id or name")
    command.add_argument("--all", action="store_true", help="every device, instead of naming them")
    command.add_argument(
        "--lifetime", type=seconds, default=30.0, metavar="TIME", help="the command is void after so long"
    )
    command.set_defaults(wait=False)
    if may_wait:
        command.add_argument(
            "--wait", action="store_true", help="devices that sleep get it when they wake up; with --url only"
        )
    _ways(command)


def _ways(command: argparse.ArgumentParser) -> None:
    _through_home_assistant(command.add_argument_group("through Home Assistant"))
    broker = command.add_argument_group("straight to the broker")
    broker.add_argument("--broker", metavar="HOST[:PORT]", help="its address; the port is 1883, with TLS 8883")
    _keys(broker)
    broker.add_argument("--prefix", default="iiot", help="topic prefix")
    broker.add_argument("--user", metavar="NAME", help="log in to the broker")
    broker.add_argument("--password-file", type=Path, metavar="FILE", help=f"its password; else {PASSWORD} holds it")
    broker.add_argument("--tls", action="store_true", help="speak TLS, and check the broker's certificate")
    broker.add_argument("--take-over", action="store_true", help="command although a hub is live")
    broker.add_argument(
        "--listen", type=seconds, default=3.0, metavar="TIME", help="how long to listen for a hub first"
    )
    broker.add_argument(
        "--within", type=seconds, default=15.0, metavar="TIME", help="how long devices may take to be heard"
    )
    both = command.add_argument_group("both ways")
    _trust(both)
    _machine(both)


def _through_home_assistant(command: argparse._ActionsContainer) -> None:
    command.add_argument("--url", metavar="URL", help=f"its address, as http://HOST:8123; else {URL} holds it")
    command.add_argument(
        "--token-file", type=Path, metavar="FILE", help=f"a long-lived access token; else {TOKEN} holds it"
    )


def _trust(command: argparse._ActionsContainer) -> None:
    command.add_argument("--ca", type=Path, metavar="FILE", help="TLS that trusts only this authority, in PEM form")


def _keys(command: argparse._ActionsContainer) -> None:
    command.add_argument(
        "--key-file", type=Path, metavar="FILE", help="a device's key: 64 digits, or its provisioning text"
    )
    command.add_argument("--fleet-key-file", type=Path, metavar="FILE", help="the fleet key: 64 hexadecimal digits")


def _machine(command: argparse._ActionsContainer) -> None:
    command.add_argument("--json", action="store_true", help="print JSON, for programs")


def seconds(text: str) -> float:
    """Read a time: a number of seconds, or one with s, m, h or d behind it."""
    unit = UNITS.get(text[-1:], None)
    return positive(text if unit is None else text[:-1]) * (unit or 1.0)


def positive(text: str) -> float:
    """Read a number above 0."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number above 0; a time may end in s, m, h or d")
    return number


def arguments(text: str) -> dict[str, Any]:
    """Read a JSON object."""
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise argparse.ArgumentTypeError(f'{text} is not a JSON object, such as {{"key":"fan","value":true}}')
    return found
