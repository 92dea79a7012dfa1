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

from iiot_engine.errors import Code, PrefixError
from iiot_engine.links.broker import Broker
from iiot_engine.wire.topics import check_prefix

from . import keyring, notes, paper
from .direct import Direct, Manner
from .errors import CtlError, Exit, RefusedError, UsageError
from .explain import Captured, captured, explain, in_words
from .fleet import Order, Outcome, chosen
from .home_assistant import HomeAssistant
from .options import PASSWORD, TOKEN, URL, parser
from .provision import provision
from .watch import watch

PORT: Final = 1883
TLS_PORT: Final = 8883

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
    token = os.environ.get(TOKEN, "") if options.token_file is None else _read(options.token_file)
    if not token.strip():
        raise UsageError(f"a token is needed: --token-file FILE, or {TOKEN} in the environment")
    return token.strip()


def _broker(options: Options) -> Broker:
    tls = _tls(options) or (ssl.create_default_context() if options.tls else None)
    host, port = address(options.broker, TLS_PORT if tls else PORT)
    password = None
    if options.user is not None:
        password = os.environ.get(PASSWORD) if options.password_file is None else _read(options.password_file)
    elif options.password_file is not None:
        raise UsageError("a password needs a user: --user NAME")
    return Broker(host=host, port=port, user=options.user, password=password, tls=tls)


def address(text: str, default_port: int) -> tuple[str, int]:
    """Read HOST or HOST:PORT."""
    host, colon, port = text.rpartition(":")
    if not colon:
        return text, default_port
    if not host or not port.isdigit() or not 0 < int(port) < 1 << 16:
        raise UsageError(f"{text} is not HOST or HOST:PORT")
    return host, int(port)


def _tls(options: Options) -> ssl.SSLContext | None:
    if options.ca is None:
        return None
    try:
        return ssl.create_default_context(cadata=_read(options.ca) or "-")  # an empty text would trust everybody known
    except (ssl.SSLError, ValueError) as err:
        raise UsageError(f"{options.ca} holds no certificate in PEM form") from err


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as err:
        raise UsageError(f"{file} cannot be read") from err


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


def _provision(options: Options) -> int:
    host, port = address(options.broker, TLS_PORT if options.tls else PORT)
    made = provision(
        options.device,
        keyring.read(None, options.fleet_key_file),
        kid=options.kid,
        boot=options.boot,
        prefix=options.prefix,
        host=host,
        port=port,
        tls=options.tls,
    )
    if options.out is not None:
        _write_secret(options.out, made.text)
    text = None if options.out is not None else made.text
    if options.json:
        print(paper.as_json({"id": options.device, "fingerprint": made.fingerprint, "text": text}))
    else:
        print("\n".join(filter(None, (text, f"fingerprint {made.fingerprint}"))))
    return Exit.DONE


def _write_secret(file: Path, text: str) -> None:
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as stream:
            stream.write(text + "\n")
    except OSError as err:
        raise UsageError(f"{file} cannot be written: {err.strerror}") from err


def _explain(options: Options) -> int:
    if options.code is not None:
        words = in_words(Code(options.code))
        print(paper.as_json({"code": options.code, "words": words}) if options.json else "\n".join(words))
        return Exit.DONE
    if options.file is None:
        raise UsageError("name a file, or - for what is piped in; or --code CODE")
    messages = (Captured(one.topic, one.message, one.retained or options.retained) for one in captured(_bytes(options)))
    verdicts = list(explain(messages, options.prefix, keyring.read(options.key_file, options.fleet_key_file)))
    for one in verdicts:
        if options.json:
            print(paper.as_json(one.told()))
        else:
            outcome = "accepted" if one.code is None else f"refused as {one.code}"
            print("\n    ".join([f"{one.topic}: {outcome}", *one.lines]))
    if not verdicts:
        raise UsageError(f"{options.file} holds no message")
    return Exit.DONE if all(one.code is None for one in verdicts) else Exit.REFUSED


def _bytes(options: Options) -> bytes:
    try:
        return sys.stdin.buffer.read() if options.file == "-" else Path(options.file).read_bytes()
    except OSError as err:
        raise UsageError(f"{options.file} cannot be read: {err.strerror}") from err


ONLINE: Final[dict[str, Callable[[Options, Door], Awaitable[int]]]] = {"list": _list, "watch": _watch}
OFFLINE: Final[dict[str, Callable[[Options], int]]] = {"provision": _provision, "explain": _explain}


if __name__ == "__main__":
    sys.exit(main())
