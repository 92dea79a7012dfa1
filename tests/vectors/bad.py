"""Bad frames: each with the code of its refusal."""

from typing import Any

from . import reference
from .bad_bodies import GONE, wrong_bodies
from .good import frames
from .plant import BORN, DEVICE, KEY, OTHER_KEY, header

UP = 70_000
RECEIVED = BORN + UP * 1_000_000
SPAN = reference.canonical(header("data", 70, UP) | {"r": {"temperature": 20.5}})
MESSAGE = reference.envelope(KEY, SPAN)
MAC = reference.mac(KEY, SPAN).encode()
SETUP = ["birth", "smallest heartbeat", "manifest with every kind of channel"]


def bad(name: str, code: str, message: bytes, **changed: Any) -> dict[str, Any]:
    """One bad frame. `after`: names of good frames that the hub has accepted before."""
    found: dict[str, Any] = {"name": name, "code": code, "topic": f"iiot/{DEVICE}/data", "received_ns": RECEIVED}
    try:
        text = message.decode("utf-8")
        found["message"] = text
    except UnicodeDecodeError:
        found["message_hex"] = message.hex()
    return found | changed


def frames_refused() -> list[dict[str, Any]]:
    """All of them."""
    return [*_before_the_mac(), *_unproven(), *_malformed_json(), *_malformed_members(), *_misplaced(), *_in_time()]


def _before_the_mac() -> list[dict[str, Any]]:
    big = reference.envelope(KEY, SPAN[:-1] + b',"x":"' + b"x" * (65_536 - len(MESSAGE) - 7) + b'"}')
    assert len(big) == 65_536
    inner = MESSAGE[1:-1]
    forms = {
        "empty message": b"",
        "null": b"null",
        "a list around it": b"[" + MESSAGE + b"]",
        "payload alone": SPAN,
        "no payload": b'{"hmac":"' + MAC + b'"}',
        "no hmac": b'{"payload":' + SPAN + b"}",
        "trailing line feed": MESSAGE + b"\n",
        "trailing byte": MESSAGE + b"\x00",
        "leading space": b" " + MESSAGE,
        "byte order mark": b"\xef\xbb\xbf" + MESSAGE,
        "white space in the envelope": b'{ "hmac":"' + MAC + b'", "payload":' + SPAN + b"}",
        "white space before the payload": b'{"hmac":"' + MAC + b'","payload": ' + SPAN + b"}",
        "white space after the payload": MESSAGE[:-1] + b" }",
        "one more member, first": b'{"x":{},' + inner + b"}",
        "one more member, last": MESSAGE[:-1] + b',"x":1}',
        "hmac twice": b'{"hmac":"' + MAC + b'",' + inner + b"}",
        "payload is a list": b'{"hmac":"' + MAC + b'","payload":[]}',
        "payload is a text": b'{"hmac":"' + MAC + b'","payload":"{}"}',
        "hmac in hexadecimal digits": MESSAGE.replace(MAC, (b"0" * 64)),
        "hmac in the URL alphabet": MESSAGE.replace(MAC, b"-" + MAC[1:]),
        "hmac too short": MESSAGE.replace(MAC, MAC[:40]),
        "hmac without padding": MESSAGE.replace(MAC, MAC[:43]),
        "hmac is null": MESSAGE.replace(b'"' + MAC + b'"', b"null"),
        "capital HMAC": MESSAGE.replace(b'"hmac"', b'"HMAC"'),
        "cut off": MESSAGE[:-1],
    }
    made = [bad(name, "malformed", message) for name, message in forms.items()]
    return [
        bad("retained", "retained", MESSAGE, retained=True),
        bad("retained, whatever is in it", "retained", b"no message at all", retained=True),
        bad("65,536 bytes", "too_large", big),
        *made,
    ]


def _unproven() -> list[dict[str, Any]]:
    other_kid = reference.canonical(header("data", 70, UP, kid=2) | {"r": {"temperature": 20.5}})
    loose = MAC[:42] + (b"B" if MAC[42:43] == b"A" else bytes([MAC[42] + 1])) + b"="
    return [
        bad("not registered", "unknown_device", MESSAGE, topic="iiot/press-99/data"),
        bad("signed by another device", "bad_mac", reference.envelope(OTHER_KEY, SPAN)),
        bad("one digit altered", "bad_mac", MESSAGE.replace(b"20.5", b"20.6")),
        bad("an object after the payload", "bad_mac", MESSAGE[:-1] + b',"x":{}}'),
        bad("a space that was not signed", "bad_mac", MESSAGE.replace(b'"boot":3', b'"boot": 3')),
        bad("last character of the hmac carries loose bits", "bad_mac", MESSAGE.replace(MAC, loose)),
        bad("a key that nobody holds", "unknown_key", reference.envelope(OTHER_KEY, other_kid)),
        bad("not JSON, not signed", "bad_mac", b'{"hmac":"' + MAC + b'","payload":{{{}}'),
    ]


def _malformed_json() -> list[dict[str, Any]]:
    def reading(raw: bytes) -> bytes:
        return SPAN.replace(b'"temperature":20.5', raw)

    spans = {
        "key twice": SPAN[:-1] + b',"v":1}',
        "key twice, further down": reading(b'"temperature":1,"temperature":2'),
        "key twice, once in escapes": reading(b'"temperature":1,"\\u0074emperature":2'),
        "key twice beside a text that looks like a key": reading(b'"note":"\\"a\\":","note":""'),
        "half a surrogate pair in escapes": reading(b'"note":"\\ud800"'),
        "half a surrogate pair in bytes": reading(b'"note":"\xed\xa0\x80"'),
        "surrogates the wrong way round": reading(b'"note":"\\udc00\\ud800"'),
        "half a surrogate pair in a key": reading(b'"\\udfff":1'),
        "line feed in a text": reading(b'"note":"a\\nb"'),
        "NUL in escapes": reading(b'"note":"a\\u0000b"'),
        "raw tabulator": reading(b'"note":"a\tb"'),
        "DEL": reading(b'"note":"a\x7fb"'),
        "C1 control character": reading(b'"note":"a\xc2\x85b"'),
        "control character in a key": reading(b'"a\\u001bb":1'),
        "control character in a member that nobody knows": SPAN[:-1] + b',"zz":["\\u0007"]}',
        "NaN": reading(b'"temperature":NaN'),
        "infinity": reading(b'"temperature":Infinity'),
        "minus infinity": reading(b'"temperature":-Infinity'),
        "1e999": reading(b'"temperature":1e999'),
        "an integer of 400 digits": reading(b'"temperature":' + b"9" * 400),
        "leading zero": reading(b'"temperature":007'),
        "plus sign": reading(b'"temperature":+7'),
        "hexadecimal": reading(b'"temperature":0x7'),
        "no digit after the point": reading(b'"temperature":7.'),
        "comment": reading(b'"temperature":7/*x*/'),
        "single quotes": reading(b"'temperature':7"),
        "comma too many": reading(b'"temperature":7,'),
        "nine levels of lists": reading(b'"temperature":' + b"[" * 7 + b"]" * 7),
        "two thousand levels of lists": reading(b'"temperature":' + b"[" * 2000 + b"]" * 2000),
        "nine levels of objects": reading(b'"temperature":' + b'{"a":' * 6 + b"{}" + b"}" * 6),
        "UTF-8 too long for its character": reading(b'"note":"\xc0\xaf"'),
        "UTF-8 cut off": reading(b'"note":"\xe2\x82"'),
        "Latin-1": reading(b'"note":"S\xfcd"'),
        "two objects": SPAN + b"{}",
        "a second object that ends the message": SPAN + b',"y":{}',
    }
    return [bad(name, "malformed", reference.envelope(KEY, span)) for name, span in spans.items()]


def _malformed_members() -> list[dict[str, Any]]:
    made = []
    for name, leaf, body in wrong_bodies():
        payload = header(leaf, 70, UP) | body
        payload = {key: value for key, value in payload.items() if value != GONE}
        made.append(bad(name, "malformed", reference.seal(KEY, payload), topic=f"iiot/{DEVICE}/{leaf}"))
    return made


def _misplaced() -> list[dict[str, Any]]:
    def sent(**changed: Any) -> bytes:
        return reference.seal(KEY, header("data", 70, UP, **changed) | {"r": {"temperature": 20.5}})

    return [
        bad("version 2", "newer_version", sent(v=2)),
        bad(
            "version 2, which may say the rest in another way", "newer_version", reference.seal(KEY, {"v": 2, "up": 1})
        ),
        bad("id of another device", "wrong_topic", sent(id="press-08")),
        bad("id is missing", "wrong_topic", reference.seal(KEY, _without_id())),
        bad("a log line on the topic of data", "wrong_topic", _log_line()),
        bad("data on the topic of alarms", "wrong_topic", sent(), topic=f"iiot/{DEVICE}/alarm"),
        bad("type is a number", "wrong_topic", sent(type=1)),
    ]


def _without_id() -> dict[str, Any]:
    payload = header("data", 70, UP) | {"r": {"temperature": 20.5}}
    del payload["id"]
    return payload


def _log_line() -> bytes:
    return reference.seal(KEY, header("log", 70, UP) | {"level": "info", "msg": "x"})


def _in_time() -> list[dict[str, Any]]:
    again = next(frame for frame in frames() if frame["name"] == "one moment")
    reading = {"r": {"temperature": 20.5}}

    def sent(seq: int, up: int = UP, **changed: Any) -> bytes:
        return reference.seal(KEY, header("data", seq, up, **changed) | reading)

    fits_nothing = reference.seal(KEY, header("data", 70, UP) | {"r": {"unknown": 1, "guard": "closed"}})
    ahead = BORN + 1_000_000 * 380_000
    newest = {"name": "far ahead", "message": sent(1_100, 71_000).decode(), "topic": again["topic"]}
    newest["received_ns"] = RECEIVED + 1_000_000_000
    return [
        bad("the same message again", "duplicate", again["message"].encode(), after=[*SETUP, "one moment"]),
        bad("the same number, another message", "duplicate", sent(44), after=[*SETUP, "one moment"]),
        bad("an earlier boot", "replayed", sent(9_000, boot=2), after=SETUP),
        bad("1,025 behind the newest", "replayed", sent(75), after=SETUP, after_messages=[newest]),
        bad("nothing in it fits the manifest", "wrong_shape", fits_nothing, after=SETUP),
        bad(
            "time since boot runs ahead of the hub's clock",
            "malformed",
            sent(70, 380_000, ts=1_795_190_409),
            after=SETUP,
            received_ns=ahead - 301_000_000_000,
        ),
    ]
