"""Payloads with one wrong member, signed with the right key: each is `malformed`."""

from typing import Any

from .plant import HEARTBEAT, MANIFEST

type Case = tuple[str, str, dict[str, Any]]
"""Name, leaf, and the leaf's own members; a member that is `GONE` is left out."""

GONE = "<gone>"
READING: dict[str, Any] = {"r": {"temperature": 20.5}}
ROWS: dict[str, Any] = {"cols": ["temperature"], "rows": [[1_795_190_400, 0, 20.5]]}
WAVE: dict[str, Any] = {"ch": "vibration", "t0": [1_795_190_401, 0], "dt_ns": 1_000_000, "v": [1]}
ALARM = {"code": "hot", "state": "raised", "occ": 1}
LOG = {"level": "info", "logger": "x", "msg": "y"}
ACK = {"cid": "01JD8Z6Q4W3M5N7P9R0T1V2X3Y", "status": "done", "hseq": 0}
FIRST_CHANNEL: dict[str, Any] = MANIFEST["channels"][0]


def wrong_bodies() -> list[Case]:
    """Each leaf in turn, the members of every message first."""
    return [*_headers(), *_readings(), *_rows(), *_waves(), *_heartbeats(), *_manifests(), *_channels(), *_the_rest()]


def _wrong(leaf: str, body: dict[str, Any], **cases: dict[str, Any]) -> list[Case]:
    return [(f"{leaf}: {name.replace('_', ' ')}", leaf, body | change) for name, change in cases.items()]


def _headers() -> list[Case]:
    return [
        *[(f"no {key}", "data", READING | {key: GONE}) for key in ("v", "kid", "ts", "ts_ns", "boot", "seq", "up")],
        *_wrong(
            "data",
            READING,
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
        ),
    ]


def _readings() -> list[Case]:
    return [
        *_wrong(
            "data",
            READING,
            r_and_rows=ROWS,
            r_and_wave={"wave": WAVE},
            none_of_the_three={"r": GONE},
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
    ]


def _rows() -> list[Case]:
    return [
        *_wrong(
            "data",
            ROWS,
            rows_without_columns={"cols": GONE},
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
    ]


def _waves() -> list[Case]:
    return [
        *[
            (f"wave: {name}", "data", {"wave": {k: v for k, v in (WAVE | change).items() if v != GONE}})
            for name, change in (
                ("no channel", {"ch": GONE}),
                ("no start", {"t0": GONE}),
                ("no step", {"dt_ns": 0}),
                ("samples of both forms", {"i16": "AAA="}),
                ("no samples", {"v": GONE}),
                ("samples are texts", {"v": ["1"]}),
                ("half a sample", {"v": GONE, "i16": "AA=="}),
                ("no base64", {"v": GONE, "i16": "!!!!"}),
                ("scale is a text", {"v": GONE, "i16": "AAA=", "scale": "1"}),
            )
        ],
        ("wave is a list", "data", {"wave": [1]}),
    ]


def _heartbeats() -> list[Case]:
    return [
        *_wrong(
            "heartbeat",
            HEARTBEAT,
            no_name={"name": GONE},
            name_of_129={"name": "x" * 129},
            name_is_null={"name": None},
            nonce_too_short={"nonce": "88"},
            nonce_in_capitals={"nonce": "8899AABBCCDDEEFF"},
            session_missing={"session": GONE},
            interval_0={"interval": 0},
            interval_is_true={"interval": True},
            unknown_state={"state": "dozing"},
            manifest_is_a_number={"manifest": 1},
            hseq_is_negative={"hseq": -1},
            no_held={"held": GONE},
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
    ]


def _manifests() -> list[Case]:
    return [
        *_wrong(
            "manifest",
            MANIFEST,
            no_digest={"digest": GONE},
            digest_too_short={"digest": "00"},
            channels_is_an_object={"channels": {}},
            channel_is_a_text={"channels": ["temperature"]},
            two_hundred_and_fifty_seven_channels={"channels": [{"key": f"k{at}"} for at in range(257)]},
            sixty_five_actuators={"actuators": [{"key": f"k{at}", "kind": "button"} for at in range(65)]},
            channel_twice={"channels": [FIRST_CHANNEL, FIRST_CHANNEL]},
            actuator_of_unknown_kind={"actuators": [{"key": "a", "kind": "laser"}]},
            select_without_options={"actuators": [{"key": "a", "kind": "select"}]},
            alarm_without_code={"alarms": [{"name": "x"}]},
            alarm_of_unknown_priority={"alarms": [{"code": "x", "priority": "urgent"}]},
            commands_of_numbers={"commands": [1]},
            commands_is_a_text={"commands": "set"},
        ),
    ]


def _channels() -> list[Case]:
    return [
        *[
            (f"manifest: {name}", "manifest", MANIFEST | {"channels": [FIRST_CHANNEL | change]})
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
    ]


def _the_rest() -> list[Case]:
    return [
        *_wrong(
            "status",
            {"state": "online", "session": "0badcafe"},
            unknown_state={"state": "up"},
            no_session={"session": GONE},
        ),
        *_wrong(
            "alarm",
            ALARM,
            unknown_state={"state": "on"},
            unknown_priority={"priority": "urgent"},
            no_code={"code": GONE},
            no_occurrence={"occ": GONE},
            channel_is_a_number={"ch": 1},
            text_of_257={"text": "x" * 257},
        ),
        *_wrong(
            "log",
            LOG,
            unknown_level={"level": "fatal"},
            more_than_1_KiB={"msg": "x" * 1025},
            more_than_1_KiB_of_bytes={"msg": "ü" * 600},
            message_is_null={"msg": None},
        ),
        *_wrong("ack", ACK, unknown_status={"status": "ok"}, no_cid={"cid": GONE}, no_hseq={"hseq": GONE}),
    ]
