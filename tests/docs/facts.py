"""Tables that the pages show, read from the code: limits, codes, life cycles."""

from itertools import chain
from typing import Final

from iiot_engine.devices import anchor, device, downlink, inbox, liveness, manifest_rules, refusals
from iiot_engine.errors import Code
from iiot_engine.ingest import board, gates
from iiot_engine.intake import positions, receipts
from iiot_engine.plant import answers, commits, door, plant, reception, site, upkeep
from iiot_engine.values import NS_PER_S, Connection, Leaf, Now, Settings
from iiot_engine.wire import canonical, codec, data, frames, heartbeat, replay, topics

CODES: Final[dict[Code, tuple[str, str]]] = {
    Code.RETAINED: ("The message carries the retain flag.", "Publish with retain off, and clear what is retained."),
    Code.TOO_LARGE: (f"More than {codec.MAX_MESSAGE_BYTES:,} bytes.", "Send fewer rows in a message."),
    Code.MALFORMED: (
        "Not an envelope, not canonical JSON, or a member is missing, of another type or out of range.",
        "Compare the message with the wire protocol; the log names the member.",
    ),
    Code.UNKNOWN_DEVICE: (
        "The id in the topic is not registered with this hub, whatever else is in the message.",
        "Approve the device, or add it by hand.",
    ),
    Code.REVOKED: ("A person revoked the device.", "let it in again under *Change device*"),
    Code.BAD_MAC: (
        "The signature does not fit the bytes of the payload, or `kid` is not the key that signed.",
        "Check the key; check that the bytes signed are the bytes sent.",
    ),
    Code.UNKNOWN_KEY: (
        "The signature does not fit, and `kid` names a key that the hub does not hold.",
        "Give hub and device the same key.",
    ),
    Code.NEWER_VERSION: (
        "The device speaks a newer version of the protocol, in `v`. Logged once, and a repair says so.",
        "Update the integration; the device keeps its rows until then, if it can.",
    ),
    Code.WRONG_TOPIC: ("`id` or `type` differ from the topic.", "Publish to the device's own topics."),
    Code.DUPLICATE: ("This boot and seq were accepted before.", "Nothing: MQTT delivers some messages twice."),
    Code.REPLAYED: (
        f"`boot` is lower than one seen before, or `seq` is more than {replay.WIDTH:,} behind.",
        "Keep the boot number over restarts; a wiped device needs a new key.",
    ),
    Code.WRONG_SHAPE: (
        "Nothing in a data message fits the manifest.",
        "Send the manifest that fits, or mend the keys.",
    ),
    Code.DELAYED: (
        "With the option *Refuse delayed messages*: over the delay limit. On a bare topic: its time is 300 s off.",
        "Find out what holds messages back; set the clock of a bare device.",
    ),
    Code.BUSY: (
        "The hub cannot keep it now: the store fails, or the rows leave too many gaps.",
        "Nothing: the device sends it again.",
    ),
}
"""Code → what it means, what to do."""


def codes() -> str:
    """Table of refusals in the order of the enumeration."""
    lines = ["| code | meaning | what to do |", "|---|---|---|"]
    lines += [f"| `{code}` | {CODES[code][0]} | {CODES[code][1]} |" for code in Code]
    return "\n".join(lines)


def _s(nanos: int) -> str:
    return f"{nanos / NS_PER_S:g} s"


def limits() -> str:
    """Every number that a device can run into."""
    rows = (*_limits_of_messages(), *_limits_of_rows_and_times(Settings()), *_limits_of_traffic())
    lines = ["| what | limit | beyond it |", "|---|---|---|"]
    return "\n".join(lines + [f"| {what} | {limit} | {beyond} |" for what, limit, beyond in rows])


type _Limit = tuple[str, str, str]


def _limits_of_messages() -> tuple[_Limit, ...]:
    return (
        ("message", f"{codec.MAX_MESSAGE_BYTES:,} bytes", "`too_large`"),
        ("longest message of the hub, in this release", f"{_longest_receipt():,} bytes", "-"),
        ("heartbeat of a device that is not registered", f"{door.MAX_STRANGER_BYTES:,} bytes", "`unknown_device`"),
        ("lists and objects in it", str(door.MAX_STRANGER_PARTS), "`unknown_device`"),
        ("objects and lists in each other, the payload being the first", str(canonical.MAX_DEPTH), "`malformed`"),
        ("topic prefix", f"{topics.MAX_PREFIX_BYTES} bytes", "refused in the form"),
        ("`seq` behind the highest of the boot", f"{replay.WIDTH:,}", "`replayed`"),
        ("`up` ahead of the hub's clock between two messages", _s(anchor.MAX_RUNAHEAD_NS), "`malformed`"),
        ("heartbeat interval", f"0.1-{heartbeat.MAX_INTERVAL_S:,.0f} s", "`malformed`"),
        ("alarms in a heartbeat", str(heartbeat.MAX_ALARMS), "`malformed`"),
        ("`drop` entries in a heartbeat", str(heartbeat.MAX_DROPS), "`malformed`"),
        ("`rekeyed` entries in a heartbeat", str(heartbeat.MAX_REKEYS), "`malformed`"),
        ("`caps` entries in a heartbeat", str(heartbeat.MAX_CAPS), "`malformed`"),
        ("channels of a manifest", str(manifest_rules.MAX_CHANNELS), "`malformed`, a repair"),
        ("actuators of a manifest", str(manifest_rules.MAX_ACTUATORS), "`malformed`, a repair"),
        ("alarm kinds of a manifest", str(manifest_rules.MAX_ALARM_KINDS), "`malformed`, a repair"),
        ("commands of a manifest", str(manifest_rules.MAX_COMMANDS), "`malformed`, a repair"),
        ("options of a channel or actuator", str(manifest_rules.MAX_OPTIONS), "`malformed`, a repair"),
        ("members of `r`, columns of `rows`", str(data.MAX_COLUMNS), "`malformed`"),
    )


def _longest_receipt() -> int:
    """A receipt for as many boots as the hub remembers beside the present one; commands are shorter."""
    mark = (frames.MAX_UINT32, frames.MAX_UINT32)
    body = {"upto": mark, "more": [mark] * positions.MAX_BOOTS}
    sender = downlink.Downlink(nonce="f" * 16, last=frames.MAX_UINT32 - 1)
    latest = Now(wall_ns=frames.MAX_TS_S * NS_PER_S - 1, steady_ns=0)
    return len(sender.seal(Leaf.STORED, "x" * 64, frames.MAX_UINT32, bytes(32), latest, body))


def _limits_of_rows_and_times(plain: Settings) -> tuple[_Limit, ...]:
    return (
        (
            "number of an `int` channel",
            f"-2^{gates.MAX_INT.bit_length() - 1} to 2^{gates.MAX_INT.bit_length() - 1} - 1",
            "shown as unknown",
        ),
        ("text value of a channel", f"{gates.MAX_TEXT:,} characters", "shown as unknown"),
        ("row times counted from the start of the boot", f"below {data.RELATIVE_BELOW_S:,} s", "-"),
        (
            "values of unknown channels kept for the next manifest",
            str(board.MAX_UNJUDGED),
            "the newest of each is kept",
        ),
        ("boots of a device with unanswered rows", str(positions.MAX_BOOTS), "the oldest boot is forgotten"),
        ("ranges of rows that came out of order, per boot", f"{positions.MAX_ABOVE:,}", "`busy`"),
        ("gaps remembered per boot", str(positions.MAX_GAPS), "further ones are counted only"),
        ("delay of a message (option)", f"{plain.delay_limit_s:g} s", "late"),
        ("device clock taken as it is", f"off by up to {_s(anchor.EXACT_SKEW_NS)}", "-"),
        (
            "device clock corrected (option)",
            f"off by up to {plain.skew_limit_s:g} s",
            "replaced by the hub's, a repair",
        ),
        ("rise of the time anchor", f"{anchor.RISE_PPM} ppm", "-"),
    )


def _limits_of_traffic() -> tuple[_Limit, ...]:
    return (
        ("a down message proves freshness for", _s(downlink.FRESH_NS), "-"),
        ("down numbers reserved at a time", str(downlink.BLOCK), "-"),
        ("receipt due after live rows", f"{_s(receipts.EVERY_NS)} after the last one", "-"),
        ("lifetime of a command", _s(answers.COMMAND_LIFE_NS), "-"),
        ("empty poll after a delayed heartbeat", f"at most one in {_s(answers.POLL_EVERY_NS)}", "-"),
        ("empty poll of every device after a start of the hub", f"within {plant.POLL_SPREAD_S:g} s", "-"),
        ("`set_time`", f"at most one in {_s(answers.SET_TIME_EVERY_NS)}", "-"),
        ("devices in the inbox", f"{inbox.CAPACITY:,}", "the oldest unverified makes room"),
        (
            "messages kept of an unverified device in the inbox",
            f"{inbox.MOST_CALLS}, {inbox.MOST_CALL_BYTES:,} bytes",
            "the newest stay",
        ),
        ("new discovery cards of unverified devices", f"{inbox.CARDS_A_MINUTE} a minute", "wait in the inbox"),
        ("new discovery cards of devices that hold a key", f"{inbox.CARDS_A_MINUTE} a minute", "wait in the inbox"),
        ("discovery cards of unverified devices at any time", str(inbox.MOST_UNVERIFIED_CARDS), "wait in the inbox"),
        ("log lines per device and reason", f"one in {_s(refusals.SAY_EVERY_NS)}", "counted"),
        ("fresh messages of a lower boot that prove a twin", str(device.TWIN_PROOFS), "a repair"),
        ("devices with good clocks that make the hub doubt its own", str(upkeep.DOUBT_DEVICES), "a repair"),
        ("their median skew", f"above {_s(upkeep.DOUBT_SKEW_NS)}", "a repair"),
    )


def intake() -> str:
    """Numbers of the group commit."""
    ms = 1_000_000
    within = reception._COMMIT_WITHIN_NS
    groups: dict[int, list[str]] = {}
    for leaf, nanos in within.items():
        groups.setdefault(nanos // ms, []).append(f"`{leaf}`")
    lines = ["| what | figure |", "|---|---|"]
    lines += [f"| commit due after {', '.join(names)} | {wait} ms |" for wait, names in sorted(groups.items())]
    lines += [
        f"| last values saved | every {_s(commits.SAVE_VALUES_EVERY_NS)} |",
        f"| failed commit tried again after | {_s(commits.RETRY_NS)} |",
        f"| messages that wait while the store fails | {site.MAX_WAITING_ROWS:,}, {site.MAX_WAITING_BYTES >> 20} MiB |",
        f"| a stranger with a good key is polled | at most once in {_s(door.ASK_EVERY_NS)} |",
    ]
    return "\n".join(lines)


EVENTS: Final = (
    "sign of life",
    "1.5 intervals of silence",
    "3 intervals of silence",
    "sleep announced",
    "wake-up time + margin passed",
    "signed offline",
)
_MINUTE_NS: Final = 60 * NS_PER_S


def _in_state(state: Connection) -> tuple[liveness.Liveness, int]:
    """A device in this state, with a heartbeat interval of a minute, and the present time."""
    found, now = liveness.Liveness(), 1_000 * _MINUTE_NS
    found.interval_s = 60.0
    match state:
        case Connection.LIVE:
            found.hear(now)
        case Connection.LATE:
            found.hear(now - 2 * _MINUTE_NS)
        case Connection.ASLEEP:
            found.hear(now, woke=False)
            found.sleep(now, 600.0)
        case Connection.LOST:
            found.hear(now - 10 * _MINUTE_NS)
    assert found.state(now, Settings()) is state
    return found, now


def _after(state: Connection, event: str) -> Connection:
    found, now = _in_state(state)
    plain = Settings()
    match event:
        case "sign of life":
            found.hear(now)
        case "1.5 intervals of silence":
            now += int(plain.late_factor * _MINUTE_NS) + 1 if state is Connection.LIVE else 0
        case "3 intervals of silence":
            now += int(plain.lost_factor * _MINUTE_NS) + 1
        case "sleep announced":
            found.hear(now, woke=False)
            found.sleep(now, 600.0)
        case "wake-up time + margin passed":
            now = now if found.sleep_until_ns is None else found.sleep_until_ns + 1
        case "signed offline":
            found.leave()
    return found.state(now, plain)


def liveness_table() -> str:
    """What each event makes of each state, by asking the code."""
    lines = [f"| state | {' | '.join(EVENTS)} |", f"|---|{'---|' * len(EVENTS)}"]
    for state in Connection:
        after = [_after(state, event) for event in EVENTS]
        cells = ["-" if found is state else f"`{found}`" for found in after]
        lines.append(f"| `{state}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def liveness_diagram() -> str:
    """The same as a diagram; events with the same outcome share an arrow."""
    arrows: dict[tuple[Connection, Connection], list[str]] = {}
    for state, event in ((state, event) for state in Connection for event in EVENTS):
        target = _after(state, event)
        if target is not state:
            arrows.setdefault((state, target), []).append(event)
    drawn = [f"    {one} --> {other}: {', '.join(events)}" for (one, other), events in arrows.items()]
    return "\n".join(
        chain(["```mermaid", "stateDiagram-v2", "    [*] --> lost: registered, never heard"], drawn, ["```"])
    )
