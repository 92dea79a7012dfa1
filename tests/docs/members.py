"""Members of the messages: what the reference page says of each, with samples that the engine must agree to.

A range comes from the engine's own constants where it has one. Each row carries values that must pass (`good`) and
values that must be refused as `malformed` (`bad`); `test_members.py` tries every one on a running hub.
"""

from typing import Any, Final, NamedTuple

from iiot_engine.devices import manifest_rules
from iiot_engine.values import NS_PER_S
from iiot_engine.wire import data, frames, heartbeat

ALWAYS: Final = "MUST"
MAY: Final = "-"
UINT32: Final = f"0-{frames.MAX_UINT32:,}"
HALF: Final = "\ud800"


class Member(NamedTuple):
    """One row of a table."""

    name: str
    kind: str
    need: str
    meaning: str
    good: tuple[Any, ...] = ()
    bad: tuple[Any, ...] = ()


def _text(limit: int) -> tuple[str, tuple[Any, ...], tuple[Any, ...]]:
    return f"text, at most {limit} characters", ("x" * limit, ""), ("x" * (limit + 1), 1, [], True)


def text(name: str, limit: int, need: str, meaning: str) -> Member:
    kind, good, bad = _text(limit)
    return Member(name, kind, need, meaning, good, bad)


def whole(name: str, low: int, high: int, need: str, meaning: str) -> Member:
    bad: tuple[Any, ...] = (low - 1, high + 1, 1.5, "1", True)
    return Member(name, f"whole number {low:,}-{high:,}", need, meaning, (low, high), bad)


def number(name: str, low: float, high: float, need: str, meaning: str) -> Member:
    kind = f"number {low:,.10g} to {high:,.10g}"
    return Member(name, kind, need, meaning, (low, high), (low - 0.2, high * 1.01 + 1, "1", True))


def hexa(name: str, digits: int, need: str, meaning: str) -> Member:
    good, bad = "0a" * (digits // 2), "0A" * (digits // 2)
    return Member(name, f"text, {digits} of `0-9a-f`", need, meaning, (good,), (bad, good[1:], good + "0", 1))


def word(name: str, words: tuple[str, ...], need: str, meaning: str) -> Member:
    kind = "one of " + " ".join(f"`{one}`" for one in words)
    return Member(name, kind, need, meaning, words, ("other", 1, True))


def flag(name: str, need: str, meaning: str) -> Member:
    return Member(name, "true or false", need, meaning, (True, False), (1, "true"))


HEADER: Final = (
    Member("v", f"whole number, {frames.VERSION}", ALWAYS, "version of the protocol", (1,), (0, "1", 1.0, True)),
    Member("type", "text", ALWAYS, "the leaf, as in the topic", (), ()),
    Member("id", "text", ALWAYS, "the device id, as in the topic", (), ()),
    whole("kid", 1, frames.MAX_UINT32, ALWAYS, "number of the key that signed")._replace(good=(1,)),
    whole("boot", 0, frames.MAX_UINT32, ALWAYS, "durable, raised by 1 at each start before the first message")._replace(
        good=(3, 4, frames.MAX_UINT32)
    ),
    whole("seq", 1, frames.MAX_UINT32, ALWAYS, "from 1 in each boot, one counter over all topics"),
    Member(
        "up",
        f"whole number 0 to 2^{frames.MAX_UP_MS.bit_length() - 1} - 1",
        ALWAYS,
        "milliseconds since the start of the boot, asleep or awake; never wraps, and never runs ahead of the hub's "
        "clock by more than 300 s between two messages",
        (0, 61_000),
        (-1, frames.MAX_UP_MS, 0.5, "1", True),
    ),
    Member(
        "ts",
        "whole number 0 to 2^33 - 1",
        ALWAYS,
        "Unix seconds; 0 exactly when `tq` is 0",
        (1_795_190_401, frames.MAX_TS_S - 1),
        (0, -1, frames.MAX_TS_S, 1.5, "1"),
    ),
    whole("ts_ns", 0, NS_PER_S - 1, ALWAYS, "nanoseconds within the second"),
    Member("tq", "0, 1 or 2", ALWAYS, "clock: 0 none, 1 set by the hub, 2 NTP or GPS", (1, 2), (0, 3, -1, "2", True)),
)

PAIR: Final[tuple[Any, ...]] = (3, [3], [3, 1, 1], [-1, 1], [3, "1"], [3, 1.5], [True, 1])

HEARTBEAT: Final = (
    text("name", 128, ALWAYS, "what people would call it; proposed, never an identity"),
    text("model", 128, ALWAYS, "what it is"),
    text("fw", 64, ALWAYS, "firmware version"),
    hexa("nonce", 16, ALWAYS, "random, drawn at each start; down messages carry it"),
    hexa("session", 8, ALWAYS, "random, drawn at each connection; ties the will to it"),
    number("interval", 0.1, heartbeat.MAX_INTERVAL_S, ALWAYS, "seconds between two heartbeats"),
    word("state", ("awake", "asleep"), ALWAYS, "`asleep`: this is the last message before a sleep"),
    hexa("manifest", 16, ALWAYS, "digest of the manifest; another one makes the hub ask for it"),
    whole("hseq", 0, frames.MAX_UINT32, ALWAYS, "highest down message accepted in this boot, 0: none")._replace(
        good=(0,)
    ),
    Member("held", "[boot, index]", ALWAYS, "oldest row still kept; nothing kept: the next index", ([3, 1],), PAIR),
    Member(
        "drop",
        f"at most {heartbeat.MAX_DROPS} of [boot, from, to]",
        MAY,
        "rows above `held` that were given up; repeated until a receipt has passed them",
        ([], [[3, 2, 4]], [[3, 2, 2]] * heartbeat.MAX_DROPS),
        ([[3, 2]], [[3, 4, 2]], [[3, 0, 2]], [[3, 2, 2]] * (heartbeat.MAX_DROPS + 1), {}),
    ),
    Member(
        "alarms",
        f"at most {heartbeat.MAX_ALARMS} of [code, ch or null, occ]",
        MAY,
        "every raised alarm, complete",
        ([], [["OILP", None, 1]], [["OILP", "pressure", 2]]),
        ([["OILP"]], [["OILP", 1, 1]], [["OILP", None, "1"]], [["A", None, 1]] * (heartbeat.MAX_ALARMS + 1)),
    ),
    Member(
        "rekeyed",
        f"at most {heartbeat.MAX_REKEYS} of [kid, salt hex]",
        MAY,
        "all key steps since provisioning",
        ([], [[2, "00ff"]]),
        ([[2]], [["2", "00"]], [[2, "0"]], [[2, "XY"]], [[2, "00"]] * (heartbeat.MAX_REKEYS + 1)),
    ),
    Member("for_s", "number 0 to 6,048,000", MAY, "with `asleep`: how long it sleeps", (0, 900.5), ())._replace(bad=()),
    Member("wake", "number, Unix seconds", MAY, "with `asleep`: when it wakes by its own clock", (1_795_190_500,), ()),
    whole("buffered", 0, frames.MAX_UINT32, MAY, "rows waiting to be sent"),
    text("net.ip", 64, MAY, "own address"),
    text("net.mac", 32, MAY, "hardware address"),
    number("net.rssi", -200, 100, MAY, "signal strength, dBm"),
    text("net.via", 64, MAY, "device id of the relay in front of it"),
    whole("net.hops", 0, 255, MAY, "relays in between"),
    number("power.battery", 0, 100, MAY, "percent"),
    number("power.volt", -1000, 1000, MAY, "supply voltage"),
    Member(
        "loc",
        "[latitude, longitude] or [latitude, longitude, altitude]",
        MAY,
        "degrees and metres",
        ([48.1, 11.5], [-90, 180, 519]),
        ([48.1], [91, 0], [0, 181], ["48", 11], [1, 2, 3, 4]),
    ),
    text("place", 64, MAY, "where it stands; proposes the area"),
    Member(
        "caps",
        f"at most {heartbeat.MAX_CAPS} texts",
        MAY,
        "`confirm`: numbers rows and understands `stored`; `poll`: answers polls for channels; `ota`; `mesh`",
        ([], ["confirm", "poll", "something new"]),
        ([1], "confirm", ["x"] * (heartbeat.MAX_CAPS + 1)),
    ),
)

_KEY_BAD: Final[tuple[Any, ...]] = ("", "Pressure", "p-1", "x" * 65, 1, None)

CHANNEL: Final = (
    Member(
        "key",
        "1-64 of `a-z 0-9 _`",
        ALWAYS,
        "unique within the manifest; never reused for something else",
        ("pressure", "x" * 64),
        _KEY_BAD,
    ),
    text("name", 128, MAY, "what people call it; default: the key"),
    Member(
        "kind",
        "one of `float` `int` `bool` `text` `enum`",
        MAY,
        "type of the values; default `float`",
        ("float", "int", "bool", "text"),
        ("enum", "double", 1),
    ),
    text("unit", 32, MAY, "Home Assistant's spelling; unknown units degrade to a plain sensor"),
    text("class", 64, MAY, "Home Assistant's device class; unknown ones degrade to a plain sensor"),
    text("state_class", 64, MAY, "`measurement`, `total` or `total_increasing`"),
    Member(
        "options",
        f"1-{manifest_rules.MAX_OPTIONS} different texts of 1-128 characters",
        "MUST for `enum`",
        "every value that can come",
        (["a", "b"],),
        ([], ["a", "a"], [""], [1], "ab", [str(n) for n in range(manifest_rules.MAX_OPTIONS + 1)]),
    ),
    whole("precision", 0, 12, MAY, "digits to show after the point"),
    Member("min", "number", MAY, "lowest credible value, after scale and offset", (-5, 0.5), ("0", True)),
    Member("max", "number", MAY, "highest credible value, after scale and offset", (5, 0.5), ("0", True)),
    Member("scale", "number, not 0", MAY, "default 1", (0.001, -2), (0, "1", True)),
    Member("offset", "number", MAY, "default 0; shown value = raw * scale + offset", (-273.15, 0), ("1", True)),
    word("mode", manifest_rules.MODES, MAY, "default `push`; `poll`: only when asked"),
    Member("period", "number, s", MAY, "seconds between two readings", (0.5, 3600), ("1", True)),
    Member("deadband", "number", MAY, "smallest change that the device sends", (0.1,), ("1", True)),
    flag("diagnostic", MAY, "belongs to the device's health, not to its work"),
)

ACTUATOR: Final = (
    Member("key", "1-64 of `a-z 0-9 _`", ALWAYS, "unique among the actuators", ("fan",), _KEY_BAD),
    text("name", 128, MAY, "default: the key"),
    word("kind", manifest_rules.ACTUATOR_KINDS, ALWAYS, "what it is")._replace(
        good=("switch", "button", "valve", "text")
    ),
    text("unit", 32, MAY, "for `number`"),
    Member("min", "number", MAY, "for `number` and `valve`", (0,), ("0",)),
    Member("max", "number", MAY, "for `number` and `valve`", (1,), ("0",)),
    Member("step", "number", MAY, "for `number`", (0.5,), ("0",)),
    Member(
        "options",
        f"1-{manifest_rules.MAX_OPTIONS} different texts",
        "MUST for `select`",
        "what can be chosen",
        (["a"],),
        ([], ["a", "a"]),
    ),
    text("channel", 64, MAY, "key of the channel that reports it"),
)

DATA: Final = (
    Member(
        "r",
        f"object of at most {data.MAX_COLUMNS} members",
        "one of the four forms",
        "channel key → raw value, read at the time of the message",
        ({"pressure": 1}, {}),
        ([], 1, {str(n): 1 for n in range(data.MAX_COLUMNS + 1)}),
    ),
    Member(
        "e",
        "object, values `COMM` or `VALUE`",
        "beside `r` or `rows`, or alone",
        "reads that failed: no answer, or no usable one",
        ({"pressure": "COMM"}, {"pressure": "VALUE"}),
        ({"pressure": "X"}, [], {"pressure": 1}),
    ),
    Member(
        "q",
        "object, values `bad` or `uncertain`",
        MAY,
        "quality of a value; good is not said",
        ({"pressure": "bad"}, {"pressure": "uncertain"}),
        ({"pressure": "good"}, []),
    ),
    Member(
        "n",
        "[boot, index of the first row]",
        "MUST with `confirm`",
        "rows of a message are consecutive and of one boot; not above the present boot",
        ([3, 1], [2, 7]),
        (*PAIR, [3, 0], [4, 1]),
    ),
    flag("late", MAY, "sent again or buffered: enters history, never the state"),
    flag("bye", MAY, "last message before a sleep; answered at once"),
    hexa("poll", 8, MAY, "echo of the poll that this answers"),
    Member("loc", "as in the heartbeat", MAY, "where the device was", ([48.1, 11.5],), ([100, 0], 1)),
)

LOG: Final = (
    word("level", frames.LOG_LEVELS, ALWAYS, "severity"),
    Member("msg", "text, at most 1,024 bytes", ALWAYS, "the line", ("x" * 1024, ""), ("x" * 1025, "é" * 513, 1)),
    text("logger", 128, MAY, "part of the device that speaks"),
)

ALARM: Final = (
    text("code", 64, ALWAYS, "as in the manifest"),
    word("state", ("raised", "cleared"), ALWAYS, ""),
    whole("occ", 0, frames.MAX_UINT32, ALWAYS, "counts occurrences within the boot; (boot, occ) is one occurrence"),
    word("priority", frames.ALARM_PRIORITIES, MAY, "default `medium`"),
    text("text", 256, MAY, "for people"),
    text("ch", 64, MAY, "key of the channel that it is about"),
    Member("value", "any", MAY, "value that raised it"),
    Member("limit", "any", MAY, "limit that it passed"),
    Member("since", "[s, ns]", MAY, "when it was raised"),
)

ACK: Final = (
    text("cid", 26, ALWAYS, "id of the command that it answers"),
    word("status", frames.ACK_STATES, ALWAYS, ""),
    whole("hseq", 0, frames.MAX_UINT32, ALWAYS, "highest down message accepted in this boot")._replace(good=(0,)),
    text("reason", 256, MAY, "why it is not done, one word of the device's choice"),
    Member("result", "any", MAY, "what came of it"),
)

STATUS: Final = (
    word("state", ("online", "offline"), ALWAYS, "birth, or last will and clean leave"),
    hexa("session", 8, ALWAYS, "the session that it belongs to"),
)

BY_LEAF: Final[dict[str, tuple[Member, ...]]] = {
    "heartbeat": HEARTBEAT,
    "data": DATA,
    "log": LOG,
    "alarm": ALARM,
    "ack": ACK,
    "status": STATUS,
}

BASES: Final[dict[str, dict[str, Any]]] = {
    "heartbeat": {
        "name": "",
        "model": "",
        "fw": "",
        "nonce": "8899aabbccddeeff",
        "session": "0badcafe",
        "interval": 30,
        "state": "awake",
        "manifest": "00112233aabbccdd",
        "hseq": 0,
        "held": [3, 1],
    },
    "data": {"r": {}},
    "log": {"level": "info", "msg": ""},
    "alarm": {"code": "A", "state": "raised", "occ": 1},
    "ack": {"cid": "", "status": "done", "hseq": 0},
    "status": {"state": "online", "session": "0badcafe"},
    "manifest": {"digest": "00112233aabbccdd"},
}


def table(members: tuple[Member, ...]) -> str:
    """Markdown table of members."""
    lines = ["| member | type and range | needed | meaning |", "|---|---|---|---|"]
    lines += [f"| `{one.name}` | {one.kind} | {one.need} | {one.meaning} |" for one in members]
    return "\n".join(lines)
