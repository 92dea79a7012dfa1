"""Commands that use no network: keys are drawn, sheets made, messages explained."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Final

from iiot_engine.errors import Code
from iiot_engine.wire.provision import Place

from . import files, keyring, paper, qr
from .address import address
from .errors import Exit, UsageError
from .explain import Captured, captured, explain, in_words
from .provision import list_with_keys, listed, place_of, provision, row_of
from .sheet import sheet

type Options = argparse.Namespace


def _provision(options: Options) -> int:
    if options.qr and options.json and options.out is None:
        raise UsageError("a QR code on the screen is for people: leave --json out, or name a file by --out")
    keys = keyring.read(None, options.fleet_key_file)
    made = provision(row_of(options.device, options.kid), keys, _place(options), boot=options.boot)
    text, fingerprint = made.text, made.credential.fingerprint
    if options.out is not None:
        files.write_secret(options.out, qr.svg(text) if options.qr else f"{text}\n")
    if options.json:
        shown = None if options.out is not None else text
        print(paper.as_json({"id": options.device, "fingerprint": fingerprint, "text": shown}))
        return Exit.DONE
    if options.out is not None:
        print(f"{options.out} holds the key: only you can read it; delete it when {options.device} has it")
    else:
        print(qr.on_screen(text) if options.qr else text)
    print(f"fingerprint {fingerprint}")
    return Exit.DONE


def _sheet(options: Options) -> int:
    keys = keyring.read(None, options.fleet_key_file)
    place = _place(options)
    rows = listed(options.file, files.read_or_piped(options.file))
    made = [provision(row, keys, place) for row in rows]
    drawn = sum(one.is_drawn for one in made)
    if drawn and options.list is None:
        raise UsageError(
            f"keys of {drawn} of {len(made)} devices are drawn, and the hub has to learn them: "
            "name a new file for them by --list, "
            "or derive them by --fleet-key-file"
        )
    secrets = {options.out: sheet(options.title, made)}
    if options.list is not None:
        secrets[options.list] = list_with_keys(made)
    files.write_secrets(secrets)
    if options.json:
        found = [one.credential for one in made]
        print(paper.as_json([{"id": one.device_id, "kid": one.kid, "fingerprint": one.fingerprint} for one in found]))
        return Exit.DONE
    print(
        f"{options.out}: {len(made)} QR codes, which hold the keys; only you can read it, delete it when it is printed"
    )
    if options.list is not None:
        print(
            f"{options.list}: the same keys for the hub's list of devices; only you can read it, delete it afterwards"
        )
    return Exit.DONE


def _place(options: Options) -> Place:
    host, port = address(options.broker, tls=options.tls)
    return place_of(options.prefix, host, port, tls=options.tls)


def _explain(options: Options) -> int:
    if options.code is not None:
        words = in_words(Code(options.code))
        print(paper.as_json({"code": options.code, "words": words}) if options.json else "\n".join(words))
        return Exit.DONE
    if options.file is None:
        raise UsageError("name a file, or - for what is piped in; or --code CODE")
    lines = captured(files.read_or_piped(options.file))
    messages = (Captured(one.topic, one.message, one.retained or options.retained) for one in lines)
    keys = keyring.read(options.key_file, options.fleet_key_file)
    verdicts = list(explain(messages, options.prefix, keys))
    for one in verdicts:
        if options.json:
            print(paper.as_json(one.told()))
        else:
            print("\n    ".join([f"{one.topic}: {one.outcome}", *one.lines]))
    if not verdicts:
        raise UsageError(f"{options.file} holds no message")
    return Exit.DONE if all(one.code is None for one in verdicts) else Exit.REFUSED


OFFLINE: Final[dict[str, Callable[[Options], int]]] = {"provision": _provision, "sheet": _sheet, "explain": _explain}
"""Command → what does it."""
