"""The program `iiotctl`."""

from __future__ import annotations

import argparse
import asyncio
import os
import ssl
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from iiot_engine.errors import PrefixError
from iiot_engine.links.broker import Broker
from iiot_engine.wire.topics import check_prefix

from . import files, keyring, notes, paper, registry
from .address import address
from .direct import Direct, Manner
from .errors import CtlError, Exit, RefusedError, UsageError
from .fleet import Order, Outcome, chosen
from .home_assistant import HomeAssistant
from .offline import OFFLINE
from .options import PASSWORD, TOKEN, URL, parser
from .watch import watch

type Options = argparse.Namespace
type Door = HomeAssistant | Direct


def main(arguments: list[str] | None = None) -> int:
    """Run the program; gives back the exit code (0 done, 1 refused or failed, 2 usage, 3 not reachable)."""
    options = parser().parse_args(arguments)
    try:
        if options.command in OFFLINE:
            return OFFLINE[options.command](options)
        return asyncio.run(_online(options))
    except CtlError as err:
        _say(options, str(err), err.exit)
        return err.exit
    except BrokenPipeError:
        sys.stderr.close()  # whoever read the lines has gone; nobody is left to be told
        return Exit.DONE
    except KeyboardInterrupt:
        return Exit.DONE


def _say(options: Options, words: str, code: Exit) -> None:
    if options.json:
        sys.stdout.write(paper.as_json({"error": words, "exit": int(code)}) + "\n")
    else:
        sys.stderr.write(f"iiotctl: {words}\n")


async def _online(options: Options) -> int:
    async with door(options) as way:
        return await ONLINE.get(options.command, _order)(options, way)


# --- ways in ---------------------------------------------------------------------------------


def door(options: Options) -> Door:
    """Give the way in that the command line names; raises `UsageError`."""
    url = options.url or (os.environ.get(URL) if options.broker is None else None)
    if options.command in registry.COMMANDS and url is None:
        raise UsageError("name Home Assistant: --url with --token-file")
    if (url is None) == (options.broker is None):
        raise UsageError("name one way in: --url with --token-file, or --broker with --key-file")
    if url is not None:
        return HomeAssistant(url, _token(options), _tls(options))
    try:
        check_prefix(options.prefix)
    except PrefixError as err:
        raise UsageError(f"{options.prefix} is no topic prefix") from err
    manner = Manner(
        prefix=options.prefix, take_over=options.take_over, listen_s=options.listen, within_s=options.within
    )
    keys = keyring.read(options.key_file, options.fleet_key_file)
    return Direct(_broker(options), keys, manner, notes.default_file())


def _token(options: Options) -> str:
    """Never an option of its own: every user of the machine can read a command line."""
    token = os.environ.get(TOKEN, "") if options.token_file is None else files.read(options.token_file)
    if not token.strip():
        raise UsageError(f"a token is needed: --token-file FILE, or {TOKEN} in the environment")
    return token.strip()


def _broker(options: Options) -> Broker:
    tls = _tls(options) or (ssl.create_default_context() if options.tls else None)
    host, port = address(options.broker, tls=tls is not None)
    password = None
    if options.user is not None:
        password = (
            os.environ.get(PASSWORD)
            if options.password_file is None
            else files.read(options.password_file).rstrip("\r\n")
        )
    elif options.password_file is not None:
        raise UsageError("a password needs a user: --user NAME")
    return Broker(host=host, port=port, user=options.user, password=password, tls=tls)


def _tls(options: Options) -> ssl.SSLContext | None:
    if options.ca is None:
        return None
    try:
        authority = files.read(options.ca) or "-"  # an empty text would trust everybody known
        return ssl.create_default_context(cadata=authority)
    except (ssl.SSLError, ValueError) as err:
        raise UsageError(f"{options.ca} holds no certificate in PEM form") from err


# --- commands --------------------------------------------------------------------------------


async def _list(options: Options, way: Door) -> int:
    if isinstance(way, Direct):
        await way.listen()
    found = chosen(await way.devices(), options.device)
    if options.json:
        print(paper.as_json(found))
    else:
        print("\n".join(paper.table(found)) if found else "no device was heard")
    return Exit.DONE


async def _watch(options: Options, way: Door) -> int:
    await watch(way, options.device, (sys.stdin, sys.stdout), duration_s=options.duration, json=options.json)
    return Exit.DONE


async def _order(options: Options, way: Door) -> int:
    if options.device and options.all:
        raise UsageError("name devices or give --all, not both")
    if not options.device and not options.all and not (options.broker and options.key_file):
        raise UsageError("name the devices, or give --all")
    name, args = ORDERS[options.command](options)
    order = Order(name=name, args=args, life_s=options.lifetime, waits=options.wait)
    found = await way.order(order, options.device)
    if not found:
        raise RefusedError("no device was heard")
    print(paper.as_json(found) if options.json else "\n".join(paper.outcomes(found)))
    return _exit_of(found)


def _exit_of(found: list[Outcome]) -> Exit:
    if all(one.is_fine for one in found):
        return Exit.DONE
    return Exit.UNREACHABLE if all(one.status == "not_reached" for one in found) else Exit.REFUSED


def _channel(options: Options) -> dict[str, object]:
    return {} if options.channel is None else {"ch": options.channel}


ORDERS: Final[dict[str, Callable[[Options], tuple[str, dict[str, object]]]]] = {
    "sleep": lambda options: ("sleep", {"for_s": options.for_s}),
    "awake": lambda _: ("awake", {}),
    "set-interval": lambda options: ("set_interval", {"s": options.every, **_channel(options)}),
    "set-rate": lambda options: ("set_rate", {"hz": options.hz, **_channel(options)}),
    "poll": lambda options: ("poll", {"ch": options.channel} if options.channel else {}),
    "command": lambda options: (options.name, options.args),
}
"""Command → name and arguments on the wire."""


async def _export(options: Options, way: Door) -> int:
    assert isinstance(way, HomeAssistant), "there is no other way in for it"
    text = await registry.exported(way, options.site)
    if options.file == files.PIPED:
        sys.stdout.write(text)
        return Exit.DONE
    files.write(Path(options.file), text)
    print(paper.as_json({"file": options.file}) if options.json else f"written to {options.file}")
    return Exit.DONE


async def _import(options: Options, way: Door) -> int:
    assert isinstance(way, HomeAssistant), "there is no other way in for it"
    text = files.text_or_piped(options.file)
    told = await registry.imported(way, options.site, text, dry_run=options.dry_run)
    if options.json:
        print(paper.as_json(told))
    elif told["errors"]:
        sys.stderr.write("\n".join([*registry.flaws(options.file, told), "iiotctl: nothing was changed\n"]))
    else:
        print("\n".join(registry.changes(told)))
    return Exit.REFUSED if told["errors"] else Exit.DONE


ONLINE: Final[dict[str, Callable[[Options, Door], Awaitable[int]]]] = {
    "list": _list,
    "watch": _watch,
    "registry export": _export,
    "registry import": _import,
}


if __name__ == "__main__":
    sys.exit(main())
