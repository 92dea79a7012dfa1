"""What is heard at the broker, message by message: states, names, and whoever else speaks."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from iiot_ctl import ear, explain
from iiot_ctl.ear import Ear
from iiot_ctl.errors import UsageError
from iiot_ctl.keyring import Keyring
from iiot_engine.wire import codec
from tests.vectors import make, plant

GOOD = json.loads((Path(make.__file__).parent / "good.json").read_text(encoding="utf-8"))
TOPIC = f"iiot/{plant.DEVICE}"
KEYS = Keyring(device_id=plant.DEVICE, kid=1, key=plant.KEY)


class Clock:
    """Seconds that stand still until they are moved."""

    def __init__(self) -> None:
        self.now_s = 0.0


@pytest.fixture
def clock() -> Clock:
    """A clock."""
    return Clock()


@pytest.fixture
def ears(clock: Clock) -> Ear:
    """Ears that hold the key of the device of the vectors."""
    return Ear("iiot", KEYS, lambda: clock.now_s, lambda: plant.BORN)


def say(ears: Ear, leaf: str, seq: int, body: dict[str, Any]) -> None:
    message = codec.seal(plant.KEY, {**plant.header(leaf, seq, 1000 * seq), **body})
    ears.received(f"{TOPIC}/{leaf}", message, False)


def state(ears: Ear, clock: Clock) -> str:
    return ears.heard[plant.DEVICE].seen(clock.now_s).state


def test_silence_makes_a_device_late_then_lost(ears: Ear, clock: Clock) -> None:
    say(ears, "data", 1, {"r": {"temperature": 1.0}})
    assert state(ears, clock) == "unknown", "no heartbeat came yet"
    say(ears, "heartbeat", 2, plant.HEARTBEAT)
    assert state(ears, clock) == "live"
    clock.now_s = 50.0
    assert state(ears, clock) == "late"
    clock.now_s = 100.0
    assert state(ears, clock) == "lost"
    say(ears, "data", 3, {"r": {"temperature": 1.0}})
    assert state(ears, clock) == "live"
    say(ears, "status", 4, {"state": "offline", "session": "0badcafe"})
    assert state(ears, clock) == "lost"
    say(ears, "heartbeat", 5, {**plant.HEARTBEAT, "state": "asleep"})
    assert state(ears, clock) == "asleep"


def test_values_have_the_names_of_the_manifest_and_are_the_newest(ears: Ear, clock: Clock) -> None:
    say(ears, "manifest", 1, plant.MANIFEST)
    say(ears, "data", 2, {"cols": ["temperature", "guard"], "rows": [[1, 0, 1.0, False], [2, 0, 21.123456789, True]]})
    say(ears, "data", 3, {"r": {"temperature": 5.0}, "late": True, "n": [3, 1]})
    seen = ears.heard[plant.DEVICE].seen(clock.now_s)
    assert str(seen.values[0]) == "Öltemperatur 21.1235 °C"
    assert seen.values[1].value == "on"
    assert seen.lag_s == 0.0


def test_what_is_refused_is_counted_and_changes_nothing(ears: Ear, clock: Clock) -> None:
    say(ears, "heartbeat", 2, plant.HEARTBEAT)
    say(ears, "heartbeat", 2, plant.HEARTBEAT)
    ears.received(f"{TOPIC}/data", b"{}", True)
    seen = ears.heard[plant.DEVICE].seen(clock.now_s)
    assert (seen.refused, seen.note) == (2, "duplicate: 1, retained: 1")


def down(ears: Ear, key: bytes, **changed: Any) -> bytes:
    payload = {"id": plant.DEVICE, "kid": 1, "nonce": plant.NONCE, "hseq": 7, "type": "poll", **changed}
    message = codec.seal(key, payload)
    ears.received(f"{TOPIC}/poll", message, False)
    return message


def test_somebody_else_is_heard_only_when_he_holds_the_key(ears: Ear) -> None:
    down(ears, bytes(32))
    down(ears, plant.KEY, id="another")
    down(ears, plant.KEY, nonce=7)
    down(ears, plant.KEY, kid=2)
    ears.received(f"{TOPIC}/poll", b"no message", False)
    assert ears.heard == {}
    down(ears, plant.KEY)
    assert ears.heard[plant.DEVICE].others == {plant.NONCE}


def test_an_own_message_is_nobody_elses(ears: Ear) -> None:
    payload = {"id": plant.DEVICE, "kid": 1, "nonce": plant.NONCE, "hseq": 7, "type": "poll"}
    ears.said(codec.seal(plant.KEY, payload))
    down(ears, plant.KEY)
    assert ears.heard == {}


def test_invented_topics_do_not_fill_the_memory(ears: Ear, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ear, "MOST", 3)
    for number in range(9):
        ears.received(f"iiot/d{number}/data", b"{}", False)
    assert len(ears.heard) == 3
    down(ears, plant.KEY)
    assert len(ears.heard) == 3


@given(st.sampled_from(["data", "heartbeat", "poll", "else"]), st.binary(max_size=300), st.booleans())
@example("heartbeat", GOOD[0]["message"].encode(), False)
def test_whatever_comes_is_heard_without_an_error(leaf: str, message: bytes, retained: bool) -> None:
    ears = Ear("iiot", KEYS, lambda: 0.0, lambda: 0)
    ears.received(f"{TOPIC}/{leaf}", message, retained)
    assert set(ears.heard) <= {plant.DEVICE}


@given(st.binary(max_size=300))
@example(b'{"topic":"a","message":"b","retained":7}')
@example(b"iiot/press-07/data " + GOOD[0]["message"].encode())
def test_whatever_was_captured_is_explained_or_wrong_usage(text: bytes) -> None:
    try:
        verdicts = list(explain.explain(explain.captured(text), "iiot", KEYS))
    except UsageError:
        return
    assert all(one.lines for one in verdicts)
