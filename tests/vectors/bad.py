"""Bad frames: each with the code of its refusal."""

from typing import Any

from . import reference
from .good import frames
from .plant import BORN, DEVICE, HEARTBEAT, KEY, MANIFEST, OTHER_KEY, header

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
    for name, leaf, body in _wrong_bodies():
        payload = header(leaf, 70, UP) | body
        payload = {key: value for key, value in payload.items() if value != "<gone>"}
        made.append(bad(name, "malformed", reference.seal(KEY, payload), topic=f"iiot/{DEVICE}/{leaf}"))
    return made


def _wrong_bodies() -> list[tuple[str, str, dict[str, Any]]]:
    reading: dict[str, Any] = {"r": {"temperature": 20.5}}
    rows: dict[str, Any] = {"cols": ["temperature"], "rows": [[1_795_190_400, 0, 20.5]]}
    wave = {"ch": "vibration", "t0": [1_795_190_401, 0], "dt_ns": 1_000_000, "v": [1]}
    alarm = {"code": "hot", "state": "raised", "occ": 1}
    log = {"level": "info", "logger": "x", "msg": "y"}
    ack = {"cid": "01JD8Z6Q4W3M5N7P9R0T1V2X3Y", "status": "done", "hseq": 0}
    first_channel: dict[str, Any] = MANIFEST["channels"][0]

    def channel(**changed: Any) -> dict[str, Any]:
        return MANIFEST | {"channels": [first_channel | changed]}

    def wrong(leaf: str, body: dict[str, Any], **cases: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
        return [(f"{leaf}: {name.replace('_', ' ')}", leaf, body | change) for name, change in cases.items()]

    return [
        *[(f"no {key}", "data", reading | {key: "<gone>"}) for key in ("v", "kid", "ts", "ts_ns", "boot", "seq", "up")],
        *wrong(
            "data",
            reading,
            version_2={"v": 2},
            version_0={"v": 0},
            version_is_true={"v": True},
            boot_is_negative={"boot": -1},
            boot_beyond_32_bits={"boot": 1 << 32},
            boot_is_a_float={"boot": 3.0},
            boot_is_a_text={"boot": "3"},
            seq_0={"seq": 0},
            seq_beyond_32_bits={"seq": 1 << 32},
            seq_is_null={"seq": None},
            kid_0={"kid": 0},
            up_is_negative={"up": -1},
            up_of_53_bits={"up": 1 << 53},
            ts_is_negative={"ts": -1},
            ts_is_a_float={"ts": 1795190400.5},
            ts_ns_of_a_whole_second={"ts_ns": 1_000_000_000},
            tq_3={"tq": 3},
            tq_is_a_text={"tq": "2"},
            a_time_without_a_clock={"tq": 0},
            a_clock_without_a_time={"ts": 0},
            r_and_rows=rows,
            r_and_wave={"wave": wave},
            none_of_the_three={"r": "<gone>"},
            r_is_a_list={"r": [1]},
            r_has_258_members={"r": {f"k{at:03}": 1 for at in range(258)}},
            late_is_a_number={"late": 1},
            bye_is_a_text={"bye": "true"},
            unknown_quality={"q": {"temperature": "good"}},
            q_is_a_list={"q": ["bad"]},
            unknown_failure={"e": {"temperature": "TIMEOUT"}},
            n_counts_from_0={"n": [3, 0]},
            n_is_a_number={"n": 3},
            n_has_three={"n": [3, 1, 1]},
            n_is_true={"n": [True, 1]},
            n_beyond_32_bits={"n": [3, 1 << 32]},
            n_of_a_boot_to_come={"n": [4, 1]},
            poll_in_capitals={"poll": "0A1B2C3D"},
            poll_too_short={"poll": "0a1b"},
            loc_off_the_globe={"loc": [91, 0]},
            loc_of_one_number={"loc": [48.1]},
            loc_of_texts={"loc": ["48", "11"]},
        ),
        *wrong(
            "data",
            rows,
            rows_without_columns={"cols": "<gone>"},
            no_rows={"rows": []},
            rows_is_an_object={"rows": {}},
            row_too_short={"rows": [[1, 0]]},
            row_too_long={"rows": [[1, 0, 1, 2]]},
            row_is_a_number={"rows": [1]},
            row_time_is_a_float={"rows": [[1.5, 0, 1]]},
            row_nanoseconds_too_many={"rows": [[1, 1_000_000_000, 1]]},
            row_time_is_negative={"rows": [[-1, 0, 1]]},
            column_twice={"cols": ["a", "a"], "rows": [[1, 0, 1, 2]]},
            column_is_a_number={"cols": [1]},
            n_runs_over={"n": [3, (1 << 32) - 1], "rows": [[1, 0, 1], [2, 0, 1]]},
        ),
        *[
            (f"wave: {name}", "data", {"wave": {k: v for k, v in (wave | change).items() if v != "<gone>"}})
            for name, change in (
                ("no channel", {"ch": "<gone>"}),
                ("no start", {"t0": "<gone>"}),
                ("no step", {"dt_ns": 0}),
                ("samples of both forms", {"i16": "AAA="}),
                ("no samples", {"v": "<gone>"}),
                ("samples are texts", {"v": ["1"]}),
                ("half a sample", {"v": "<gone>", "i16": "AA=="}),
                ("no base64", {"v": "<gone>", "i16": "!!!!"}),
                ("scale is a text", {"v": "<gone>", "i16": "AAA=", "scale": "1"}),
            )
        ],
        ("wave is a list", "data", {"wave": [1]}),
        *wrong(
            "heartbeat",
            HEARTBEAT,
            no_name={"name": "<gone>"},
            name_of_129={"name": "x" * 129},
            name_is_null={"name": None},
            nonce_too_short={"nonce": "88"},
            nonce_in_capitals={"nonce": "8899AABBCCDDEEFF"},
            session_missing={"session": "<gone>"},
            interval_0={"interval": 0},
            interval_is_true={"interval": True},
            unknown_state={"state": "dozing"},
            manifest_is_a_number={"manifest": 1},
            hseq_is_negative={"hseq": -1},
            no_held={"held": "<gone>"},
            held_is_a_number={"held": 1},
            held_of_a_boot_to_come={"held": [4, 1]},
            thirty_three_alarms={"alarms": [["a", None, at] for at in range(33)]},
            alarm_without_occurrence={"alarms": [["a", None]]},
            alarm_channel_is_a_number={"alarms": [["a", 1, 1]]},
            seventeen_key_steps={"rekeyed": [[at, "00"] for at in range(17)]},
            key_step_without_salt={"rekeyed": [[2, ""]]},
            salt_is_not_hexadecimal={"rekeyed": [[2, "zz"]]},
            drop_backwards={"drop": [[3, 9, 1]]},
            drop_of_two={"drop": [[3, 9]]},
            net_is_a_text={"net": "wifi"},
            rssi_is_a_text={"net": {"rssi": "-70"}},
            battery_of_101={"power": {"battery": 101}},
            place_of_65={"place": "x" * 65},
            caps_is_a_text={"caps": "confirm"},
            caps_of_numbers={"caps": [1]},
            buffered_is_negative={"buffered": -1},
            loc_is_a_text={"loc": "here"},
            sleep_is_a_text={"state": "asleep", "for_s": "600"},
        ),
        *wrong(
            "manifest",
            MANIFEST,
            no_digest={"digest": "<gone>"},
            digest_too_short={"digest": "00"},
            channels_is_an_object={"channels": {}},
            channel_is_a_text={"channels": ["temperature"]},
            two_hundred_and_fifty_seven_channels={"channels": [{"key": f"k{at}"} for at in range(257)]},
            sixty_five_actuators={"actuators": [{"key": f"k{at}", "kind": "button"} for at in range(65)]},
            channel_twice={"channels": [first_channel, first_channel]},
            actuator_of_unknown_kind={"actuators": [{"key": "a", "kind": "laser"}]},
            select_without_options={"actuators": [{"key": "a", "kind": "select"}]},
            alarm_without_code={"alarms": [{"name": "x"}]},
            alarm_of_unknown_priority={"alarms": [{"code": "x", "priority": "urgent"}]},
            commands_of_numbers={"commands": [1]},
            commands_is_a_text={"commands": "set"},
        ),
        *[
            (f"manifest: {name}", "manifest", channel(**change))
            for name, change in (
                ("key is missing", {"key": None}),
                ("key in capitals", {"key": "Temperature"}),
                ("key with a slash", {"key": "a/b"}),
                ("key of 65", {"key": "x" * 65}),
                ("unknown kind", {"kind": "complex"}),
                ("kind is a list", {"kind": []}),
                ("name is a number", {"name": 5}),
                ("scale 0", {"scale": 0}),
                ("minimum is a text", {"min": "0"}),
                ("precision 13", {"precision": 13}),
                ("unknown mode", {"mode": "pull"}),
                ("diagnostic is a number", {"diagnostic": 1}),
                ("enum without options", {"kind": "enum"}),
                ("option twice", {"kind": "enum", "options": ["a", "a"]}),
                ("empty option", {"kind": "enum", "options": [""]}),
                ("129 options", {"kind": "enum", "options": [f"o{at}" for at in range(129)]}),
            )
        ],
        *wrong(
            "status",
            {"state": "online", "session": "0badcafe"},
            unknown_state={"state": "up"},
            no_session={"session": "<gone>"},
        ),
        *wrong(
            "alarm",
            alarm,
            unknown_state={"state": "on"},
            unknown_priority={"priority": "urgent"},
            no_code={"code": "<gone>"},
            no_occurrence={"occ": "<gone>"},
            channel_is_a_number={"ch": 1},
            text_of_257={"text": "x" * 257},
        ),
        *wrong(
            "log",
            log,
            unknown_level={"level": "fatal"},
            more_than_1_KiB={"msg": "x" * 1025},
            more_than_1_KiB_of_bytes={"msg": "ü" * 600},
            message_is_null={"msg": None},
        ),
        *wrong("ack", ack, unknown_status={"status": "ok"}, no_cid={"cid": "<gone>"}, no_hseq={"hseq": "<gone>"}),
    ]


def _misplaced() -> list[dict[str, Any]]:
    def sent(**changed: Any) -> bytes:
        return reference.seal(KEY, header("data", 70, UP, **changed) | {"r": {"temperature": 20.5}})

    return [
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
