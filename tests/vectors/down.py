"""Messages from the hub: good ones, and each check that a device makes, in its order."""

from typing import Any

from . import reference
from .plant import DEVICE, KEY, KID, NONCE, OTHER_KEY

HSEQ = 100
CID = "01JD8Z6Q4W3M5N7P9R0T1V2X3Y"


def header(leaf: str, hseq: int, **changed: Any) -> dict[str, Any]:
    """Members of every downward payload."""
    found = {
        "v": 1,
        "type": leaf,
        "id": DEVICE,
        "kid": KID,
        "ts": 1_795_190_401,
        "ts_ns": 0,
        "nonce": NONCE,
        "hseq": hseq,
    }
    return found | changed


def command(cmd: str, args: dict[str, Any]) -> dict[str, Any]:
    """Members of a command."""
    return {"cid": CID, "cmd": cmd, "args": args, "until": 71_250, "exp": 1_795_190_411}


def good() -> list[dict[str, Any]]:
    """What a device obeys, each for itself, in the boot of `NONCE`."""
    bodies: list[tuple[str, str, dict[str, Any]]] = [
        ("heartbeat wanted", "poll", {"pid": "0a1b2c3d", "ch": []}),
        ("two channels wanted", "poll", {"pid": "0a1b2c3e", "ch": ["level", "temperature"]}),
        ("everything wanted", "poll", {"pid": "0a1b2c3f"}),
        ("receipt", "stored", {"upto": [3, 27]}),
        ("nothing stored yet", "stored", {"upto": [3, 0]}),
        ("receipt for three boots", "stored", {"upto": [3, 27], "more": [[1, 4_294_967_295], [2, 903]]}),
        ("receipt with the audit head", "stored", {"upto": [3, 27], "head": [12, "0123456789abcdef"]}),
        ("manifest wanted", "command", command("describe", {})),
        ("time", "command", command("set_time", {"ts": 1_795_190_401, "ts_ns": 0, "up": 61_250})),
        ("switch on", "command", command("set", {"key": "fan", "value": True})),
    ]
    made = []
    for name, leaf, body in bodies:
        payload = header(leaf, HSEQ) | body
        message = reference.seal(KEY, payload).decode("utf-8")
        made.append({"name": name, "topic": f"iiot/{DEVICE}/{leaf}", "payload": payload, "message": message})
    return made


def bad() -> list[dict[str, Any]]:
    """What a device drops, with the check that it fails. The highest number so far is 200, 150 was seen."""
    poll = {"pid": "0a1b2c3d", "ch": []}
    span = reference.canonical(header("poll", HSEQ) | poll)

    def made(name: str, check: str, message: bytes, leaf: str = "poll") -> dict[str, Any]:
        return {"name": name, "check": check, "topic": f"iiot/{DEVICE}/{leaf}", "message": message.decode("utf-8")}

    def sent(hseq: int = 201, **changed: Any) -> bytes:
        return reference.seal(KEY, header("poll", hseq, **changed) | poll)

    return [
        made("65,536 bytes", "size", reference.envelope(KEY, span + b" " * (65_536 - len(span) - 66))),
        made("white space in the envelope", "form", reference.envelope(KEY, span).replace(b'","', b'", "')),
        made("one digit altered", "mac", reference.envelope(KEY, span).replace(b'"hseq":100', b'"hseq":101')),
        made("key of another device", "mac", reference.seal(OTHER_KEY, header("poll", 201) | poll)),
        made("id of another device", "id", sent(id="press-08")),
        made("a receipt on the topic of polls", "type", reference.seal(KEY, header("stored", 201) | {"upto": [3, 1]})),
        made("nonce of an earlier boot", "nonce", sent(nonce="0011223344556677")),
        made("number used before", "hseq", sent(150)),
        made("65 behind the highest", "hseq", sent(135)),
    ]
