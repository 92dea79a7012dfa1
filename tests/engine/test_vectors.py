"""The engine agrees with the golden vectors, and they with the program that writes them."""

import json
from pathlib import Path
from typing import Any

import pytest

from iiot_engine.devices.downlink import Downlink
from iiot_engine.errors import Code, Refusal
from iiot_engine.values import NS_PER_S, Leaf, Now
from iiot_engine.wire import canonical, codec, signing
from tests.builders import Machine, World
from tests.vectors import make, plant

FOLDER = Path(make.__file__).parent


def load(name: str) -> Any:
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))


def named(name: str) -> list[Any]:
    return [pytest.param(entry, id=entry["name"]) for entry in load(name)]


KEYS = load("keys.json")
GOOD = {frame["name"]: frame for frame in load("good.json")}


def hub(**settings: Any) -> World:
    """A hub that knows the device of the vectors, at the time of the first frame."""
    world = World(**settings)
    world.adopt(Machine(world, plant.DEVICE))
    return world


def set_time(world: World, received_ns: int) -> None:
    world.step_clock((received_ns - world.now.wall_ns) / NS_PER_S)
    world.wall_offset_ns = received_ns - world.steady_ns
    world.perform(world.plant.tick(world.now))


def deliver(world: World, frame: dict[str, Any]) -> Code | None:
    advance = frame["received_ns"] - world.now.wall_ns
    world.steady_ns += advance
    message = bytes.fromhex(frame["message_hex"]) if "message_hex" in frame else frame["message"].encode("utf-8")
    return world.refusal_of(frame["topic"], message, retained=frame.get("retained", False))


@pytest.mark.parametrize("name", make.FILES)
def test_the_vectors_are_what_their_program_writes(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == make.text_of(name), "run scripts/vectors"


@pytest.mark.parametrize("entry", KEYS["derive"])
def test_a_device_key_follows_from_the_fleet_key(entry: dict[str, Any]) -> None:
    found = signing.derive_device_key(bytes.fromhex(entry["fleet_key"]), entry["id"], entry["kid"])
    assert found.hex() == entry["key"]


@pytest.mark.parametrize("entry", KEYS["rekey"])
def test_the_next_key_follows_from_the_last(entry: dict[str, Any]) -> None:
    key, salt = bytes.fromhex(entry["key"]), bytes.fromhex(entry["salt"])
    assert signing.derive_next_key(key, salt, entry["id"], entry["kid"]).hex() == entry["next"]


@pytest.mark.parametrize("entry", KEYS["logins"])
def test_passwords_for_the_broker_come_out_the_same(entry: dict[str, Any]) -> None:
    found = signing.derive_broker_password(bytes.fromhex(entry["key"]), entry["id"], entry["kid"])
    assert found == entry["password"]


@pytest.mark.parametrize("entry", KEYS["macs"])
def test_a_mac_is_over_the_payload_as_transmitted(entry: dict[str, Any]) -> None:
    key, span = bytes.fromhex(entry["key"]), entry["payload"].encode("utf-8")
    assert signing.mac(key, span).decode() == entry["hmac"]
    assert signing.is_signed_by(key, span, entry["hmac"].encode())
    assert not signing.is_signed_by(key, span + b" ", entry["hmac"].encode())


@pytest.mark.parametrize("entry", KEYS["canonical"])
def test_a_payload_is_written_one_way(entry: dict[str, Any]) -> None:
    assert canonical.encode(entry["value"]).decode("utf-8") == entry["text"]
    assert canonical.decode(entry["text"].encode("utf-8")) == entry["value"]


@pytest.mark.parametrize("frame", named("good.json"))
def test_a_good_frame_is_accepted_for_itself(frame: dict[str, Any]) -> None:
    world = hub()
    assert deliver(world, frame) is None
    world.pass_time(2)
    assert [row.message for row in world.journal()] == [frame["message"].encode("utf-8")]


def test_all_good_frames_are_accepted_one_after_the_other() -> None:
    world = hub()
    assert {name: deliver(world, frame) for name, frame in GOOD.items()} == dict.fromkeys(GOOD)
    world.pass_time(2)
    assert [row.message.decode() for row in world.journal()] == [frame["message"] for frame in GOOD.values()]
    board = world.plant.members[plant.DEVICE].board
    assert board.values["temperature"].value == 1.5
    assert board.values["note"].value == "Süd 😀"
    assert board.values["guard"].value is True


@pytest.mark.parametrize("frame", named("bad.json"))
def test_a_bad_frame_is_refused_with_its_code_and_changes_nothing(frame: dict[str, Any]) -> None:
    world = hub()
    for name in frame.get("after", []):
        assert deliver(world, GOOD[name]) is None
    for before in frame.get("after_messages", []):
        assert deliver(world, before) is None
    device = world.plant.members[plant.DEVICE].device
    window, values = device.window.state(), world.plant.members[plant.DEVICE].board.state()
    accepted, clocks = world.plant.accepted, dict(device.clocks)
    world.pass_time(2)
    rows = len(world.journal())
    world.steady_ns = frame["received_ns"] - world.wall_offset_ns
    assert deliver(world, frame) == frame["code"]
    assert world.plant.members[plant.DEVICE].board.state() == values
    world.steady_ns += 2 * NS_PER_S
    world.pass_time(2)
    if frame["code"] == Code.WRONG_SHAPE:
        assert len(world.journal()) == rows + 1, "its rows go to quarantine"
        return
    assert device.window.state() == window
    assert device.clocks == clocks
    assert world.plant.accepted == accepted
    assert len(world.journal()) == rows


def test_every_code_of_this_release_has_a_bad_frame() -> None:
    here = {frame["code"] for frame in load("bad.json")}
    elsewhere = {Code.REVOKED, Code.DELAYED, Code.BUSY}  # not reached by a frame alone
    assert here == set(Code) - elsewhere


@pytest.mark.parametrize("frame", named("down_good.json"))
def test_the_hub_writes_its_messages_byte_by_byte_like_the_vectors(frame: dict[str, Any]) -> None:
    payload = frame["payload"]
    downlink = Downlink(nonce=payload["nonce"], last=payload["hseq"] - 1, reserved=payload["hseq"])
    header = ("v", "type", "id", "kid", "ts", "ts_ns", "nonce", "hseq")
    body = {key: value for key, value in payload.items() if key not in header}
    now = Now(wall_ns=payload["ts"] * NS_PER_S + payload["ts_ns"], steady_ns=0)
    message = downlink.seal(Leaf(payload["type"]), payload["id"], payload["kid"], plant.KEY, now, body)
    assert message.decode("utf-8") == frame["message"]


@pytest.mark.parametrize("frame", named("down_bad.json"))
def test_a_bad_message_of_a_hub_fails_where_the_vectors_say(frame: dict[str, Any]) -> None:
    message = frame["message"].encode("utf-8")
    if frame["check"] in ("size", "form"):
        with pytest.raises(Refusal) as refusal:
            codec.split(message)
        assert refusal.value.code is (Code.TOO_LARGE if frame["check"] == "size" else Code.MALFORMED)
        return
    envelope = codec.split(message)
    assert signing.is_signed_by(plant.KEY, envelope.span, envelope.mac) is (frame["check"] != "mac")
    payload = canonical.decode(envelope.span)
    _, device_id, leaf = frame["topic"].split("/")
    assert (payload["id"] == device_id) is (frame["check"] != "id")
    assert (payload["type"] == leaf) is (frame["check"] != "type")
    assert (payload["nonce"] == plant.NONCE) is (frame["check"] != "nonce")
