"""Exchanges between a device and the hub, told once here and shown byte by byte in the pages."""

import json
from base64 import b64encode
from collections.abc import Callable
from struct import pack
from typing import Any, Final, NamedTuple

from iiot_engine.values import NS_PER_S, Leaf
from iiot_engine.wire import signing

from .world import DEVICE_ID, DEVICE_KEY, START_S, STRANGER_KEY, World, seal, up

NONCE: Final = "8899aabbccddeeff"
SESSION: Final = "0badcafe"
DIGEST: Final = "00112233aabbccdd"


class Told(NamedTuple):
    """One message of a story."""

    story: str
    name: str
    way: str
    """`up` or `down`."""
    key: str
    topic: str
    at_s: float
    """Seconds after the start of the story."""
    expect: str
    """`accepted`, or the code of the refusal; `sent` for what the hub sends."""
    retained: bool
    message: bytes

    def block(self) -> str:
        """Fenced block as it stands in a page."""
        words = [f"story={self.story}", f"way={self.way}", f"key={self.key}", f"topic={self.topic}"]
        words += [f"at={self.at_s:g}", f"expect={self.expect}"]
        if self.retained:
            words.append("retained=yes")
        return f"```json message {' '.join(words)}\n{self.message.decode()}\n```"


class Teller:
    """Sends what a device sends, and takes what the hub answers."""

    def __init__(self, story: str) -> None:
        self.world = World()
        self.told: list[Told] = []
        self._story = story

    def send(self, name: str, at_s: float, payload: dict[str, Any], expect: str = "accepted") -> None:
        """The device sends a signed payload."""
        self.send_bytes(name, at_s, str(payload["type"]), seal(payload), expect)

    def send_bytes(
        self,
        name: str,
        at_s: float,
        leaf: str,
        message: bytes,
        expect: str,
        *,
        device_id: str = DEVICE_ID,
        key: str = "press-07",
        retained: bool = False,
    ) -> None:
        """Anybody sends anything."""
        self.world.advance(at_s)
        topic = f"iiot/{device_id}/{leaf}"
        outcome = self.world.receive(topic, message, retained=retained)
        assert outcome == expect, f"{self._story}.{name}: {outcome}"
        self.told.append(Told(self._story, name, "up", key, topic, at_s, expect, retained, message))

    def hear(self, name: str, at_s: float, leaf: Leaf) -> dict[str, Any]:
        """The hub has sent a message by now; gives back its payload."""
        self.world.advance(at_s)
        publish = self.world.take_down(leaf)
        payload: dict[str, Any] = json.loads(publish.message)["payload"]
        sent_s = payload["ts"] - START_S + payload["ts_ns"] / NS_PER_S
        self.told.append(
            Told(self._story, name, "down", "press-07", publish.topic, sent_s, "sent", False, publish.message)
        )
        return payload

    def hear_commands(self, at_s: float) -> dict[str, dict[str, Any]]:
        """The hub has sent commands by now; gives back their payloads by name, each told under its name."""
        found: dict[str, dict[str, Any]] = {}
        self.world.advance(at_s)
        while any(sent.topic.endswith("/command") for sent in self.world.sent):
            payload = self.hear("", at_s, Leaf.COMMAND)
            found[payload["cmd"]] = payload
            self.told[-1] = self.told[-1]._replace(name=payload["cmd"])
        return found


def heartbeat(**changes: Any) -> dict[str, Any]:
    """Members of a heartbeat beside those of every message."""
    return {
        "name": "Presse 7 (Süd)",
        "model": "demo",
        "fw": "1.0.0",
        "nonce": NONCE,
        "session": SESSION,
        "interval": 30,
        "state": "awake",
        "manifest": DIGEST,
        "hseq": 0,
        "held": [3, 1],
        **changes,
    }


def smallest() -> list[Told]:
    """A thermometer without a clock, without memory for rows, that answers `describe` and nothing else."""
    teller = Teller("smallest")
    about: dict[str, Any] = {
        "name": "Thermometer",
        "model": "T1",
        "fw": "1",
        "held": [1, 1],
        "manifest": "00000000000000a1",
    }
    teller.send("heartbeat", 1, {**up("heartbeat", 1, 1, 900, tq=0), **heartbeat(**about)})
    poll = teller.hear("poll", 1.3, Leaf.POLL)
    fresh = {**up("heartbeat", 1, 2, 1300, tq=0), **heartbeat(**about, hseq=poll["hseq"])}
    teller.send("fresh", 1.4, fresh)
    describe = teller.hear_commands(2.5)["describe"]
    channel = {"key": "temperature", "name": "Temperature", "kind": "float"}
    channel |= {"unit": "°C", "class": "temperature", "state_class": "measurement"}
    manifest = {"digest": "00000000000000a1", "channels": [channel], "commands": ["describe"]}
    teller.send("manifest", 2.7, {**up("manifest", 1, 3, 2600, tq=0), **manifest})
    done = {"cid": describe["cid"], "status": "done", "hseq": describe["hseq"]}
    teller.send("ack", 2.8, {**up("ack", 1, 4, 2700, tq=0), **done})
    teller.send("data", 3, {**up("data", 1, 5, 2900, tq=0), "r": {"temperature": 21.4}})
    assert teller.world.plant.members[DEVICE_ID].board.values["temperature"].value == 21.4
    return teller.told


def leaves() -> list[Told]:
    """One message of each kind, from a device with a clock and memory."""
    teller = Teller("leaves")
    first = {**up("heartbeat", 3, 41, 61_250, ts=START_S + 0.25), **heartbeat(alarms=[])}
    teller.send("heartbeat", 0.25, first)
    channels = [
        {
            "key": "pressure",
            "name": "Pressure",
            "kind": "float",
            "unit": "bar",
            "class": "pressure",
            "min": 0,
            "max": 16,
        },
        {"key": "rpm", "name": "Speed", "kind": "int", "unit": "rpm", "scale": 60, "precision": 0},
        {"key": "door", "name": "Guard door", "kind": "bool", "class": "door"},
        {"key": "mode", "name": "Mode", "kind": "enum", "class": "enum", "options": ["idle", "run", "fault"]},
        {"key": "vibration", "name": "Vibration", "kind": "float", "unit": "mm/s", "diagnostic": True},
    ]
    actuators = [{"key": "fan", "name": "Fan", "kind": "switch"}]
    alarms = [{"code": "OILP", "name": "Oil pressure low", "priority": "high"}]
    commands = ["describe", "identify", "set_time"]
    lists = {"channels": channels, "actuators": actuators, "alarms": alarms, "commands": commands}
    teller.send("manifest", 0.5, {**_up("manifest", 42, 0.5), "digest": DIGEST, **lists})
    values = {"pressure": 6.21, "rpm": 24.5, "door": False, "mode": "run"}
    teller.send("moment", 1, {**_up("data", 43, 1), "r": values, "q": {"rpm": "uncertain"}, "n": [3, 1]})
    rows = [[START_S + 2, 0, 6.2, None], [START_S + 2, 500_000_000, 6.23, "run"]]
    teller.send("rows", 3, {**_up("data", 44, 3), "cols": ["pressure", "mode"], "rows": rows, "n": [3, 2]})
    packed = b64encode(pack("<4h", 0, 1200, -340, 87)).decode()
    wave = {"ch": "vibration", "t0": [START_S + 3, 500_000_000], "dt_ns": 625_000, "i16": packed}
    wave |= {"scale": 0.001, "offset": 0}
    teller.send("wave", 4, {**_up("data", 45, 4), "wave": wave, "n": [3, 4]})
    failed = {"e": {"pressure": "COMM"}, "n": [3, 5]}
    teller.send("failed", 5, {**_up("data", 46, 5), **failed})
    teller.send("online", 5.5, {**_up("status", 47, 5.5), "state": "online", "session": SESSION})
    line = {"level": "warning", "logger": "spi", "msg": "bus retry 3 of 5"}
    teller.send("log", 6, {**_up("log", 48, 6), **line})
    alarm = {"code": "OILP", "state": "raised", "priority": "high", "text": "Oil pressure 0.4 bar", "ch": "pressure"}
    alarm |= {"value": 0.4, "limit": 1.0, "occ": 1, "since": [START_S + 6, 0]}
    teller.send("alarm", 6.5, {**_up("alarm", 49, 6.5), **alarm})
    teller.world.sent.clear()
    asleep = heartbeat(state="asleep", for_s=900, held=[3, 6])
    teller.send("asleep", 7, {**_up("heartbeat", 50, 7), **asleep})
    teller.hear("receipt", 7.5, Leaf.STORED)
    return teller.told


def never_lose() -> list[Told]:
    """A row gets lost on the way, and one stays behind a restart of the device; both arrive."""
    teller = Teller("rows")
    teller.send("hello", 0, {**_up("heartbeat", 1, 0), **heartbeat(held=[3, 1])})
    teller.send("manifest", 0.1, {**_up("manifest", 2, 0.1), "digest": DIGEST, "channels": [{"key": "pressure"}]})
    teller.send("row1", 1, {**_up("data", 3, 1), "r": {"pressure": 6.1}, "n": [3, 1]})
    teller.hear("receipt1", 2.5, Leaf.STORED)
    teller.send("row3", 3, {**_up("data", 5, 3), "r": {"pressure": 6.3}, "n": [3, 3]})
    teller.hear("receipt2", 14, Leaf.STORED)
    late = {"cols": ["pressure"], "rows": [[START_S + 2, 0, 6.2], [START_S + 3, 0, 6.3]], "n": [3, 2], "late": True}
    teller.send("again", 63, {**_up("data", 6, 63), **late})
    teller.hear("receipt3", 64, Leaf.STORED)
    reborn = heartbeat(held=[3, 4], nonce="0011223344556677", session="00c0ffee")
    teller.send("reborn", 90, {**_up("heartbeat", 1, 90, boot=4, since=88), **reborn})
    teller.send("new", 91, {**_up("data", 2, 91, boot=4, since=88), "r": {"pressure": 6.6}, "n": [4, 1]})
    teller.hear("receipt4", 93, Leaf.STORED)
    left = {"cols": ["pressure"], "rows": [[START_S + 70, 0, 6.5]], "n": [3, 4], "late": True}
    teller.send("left", 95, {**_up("data", 3, 95, boot=4, since=88), **left})
    teller.hear("receipt5", 96, Leaf.STORED)
    return teller.told


def refused() -> list[Told]:
    """One message for each refusal that a device can earn."""
    teller = Teller("refused")
    good = {**_up("heartbeat", 5, 0), **heartbeat()}
    teller.send("good", 0, good)
    manifest = {**_up("manifest", 6, 0.1), "digest": DIGEST, "channels": [{"key": "pressure"}]}
    teller.send("manifest", 0.1, manifest)
    data = {**_up("data", 7, 1), "r": {"pressure": 6.1}}
    message = seal(data)
    teller.send_bytes("retained", 1, "data", message, "retained", retained=True)
    teller.send_bytes("spaced", 1, "data", message.replace(b',"payload"', b', "payload"'), "malformed")
    twice = seal({**data, "r": {"pressure": 6.1, "pressurf": 6.2}}).replace(b"pressurf", b"pressure")
    teller.send_bytes("twice", 1, "data", _signed_again(twice), "malformed")
    teller.send_bytes("stranger", 1, "data", message, "unknown_device", device_id="press-08")
    teller.send_bytes("altered", 1, "data", message.replace(b"6.1", b"9.1"), "bad_mac", key="none")
    foreign = seal({**data, "kid": 9}, STRANGER_KEY)
    teller.send_bytes("foreign", 1, "data", foreign, "unknown_key", key="stranger")
    teller.send_bytes("member", 1, "data", seal({**data, "boot": "3"}), "malformed")
    teller.send_bytes("moved", 1, "log", message, "wrong_topic")
    teller.send("fresh", 1, data)
    teller.send_bytes("duplicate", 1.1, "data", message, "duplicate")
    teller.send("replayed", 1.2, {**_up("data", 9000, 1.2, boot=2), "r": {"pressure": 6.1}}, "replayed")
    teller.send("shape", 1.3, {**_up("data", 8, 1.3), "r": {"presure": 6.1}}, "wrong_shape")
    return teller.told


STORIES: Final[dict[str, Callable[[], list[Told]]]] = {
    "smallest": smallest,
    "leaves": leaves,
    "rows": never_lose,
    "refused": refused,
}


def commanded() -> Told:
    """A command that this release does not send yet, for those who build devices."""
    payload = {
        "v": 1,
        "type": "command",
        "id": DEVICE_ID,
        "kid": 1,
        "ts": START_S + 1,
        "ts_ns": 0,
        "nonce": NONCE,
        "hseq": 1,
        "cid": "01JD8Z6Q4W3M5N7P9R0T1V2X3Y",
        "cmd": "set",
        "args": {"key": "fan", "value": True},
        "until": 71_250,
        "exp": START_S + 11,
    }
    topic = f"iiot/{DEVICE_ID}/command"
    return Told("later", "set", "down", "press-07", topic, 1, "later", False, seal(payload))


def tell_all() -> dict[str, Told]:
    """Every message by `story.name`."""
    told_now = [told for tell in STORIES.values() for told in tell()]
    return {f"{told.story}.{told.name}": told for told in [*told_now, commanded()]}


def _up(leaf: str, seq: int, at_s: float, *, boot: int = 3, since: float = -61) -> dict[str, Any]:
    """Header of a device whose clock is right and whose boot began at `since`."""
    return up(leaf, boot, seq, round((at_s - since) * 1000), ts=START_S + at_s)


def _signed_again(message: bytes) -> bytes:
    """Sign the payload as it stands, whatever is in it."""
    span = message[message.index(b'"payload":') + 10 : -1]
    return b'{"hmac":"' + signing.mac(DEVICE_KEY, span) + b'","payload":' + span + b"}"
