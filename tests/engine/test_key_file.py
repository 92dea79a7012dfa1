"""Keys lie in a file of their own, readable by nobody else; a damaged file is never a first run."""

import json
import stat
from pathlib import Path

import pytest

from iiot_engine.errors import KeyFileError
from iiot_engine.stores import key_file
from iiot_engine.stores.key_file import Expected, KeyFile

KEY, FLEET = bytes(range(32)), bytes(range(1, 33))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "site" / "keys.json"


def test_keys_come_back_after_a_restart(path: Path) -> None:
    keys = KeyFile(path)
    keys.create(FLEET)
    keys.put_device("press-07", 2, KEY)
    again = KeyFile(path)
    again.load()
    assert again.fleet_key == FLEET
    assert again.device_keys("press-07") == {2: KEY}
    assert again.device_keys("nobody") == {}
    again.set_fleet_key(None)
    again.remove_device("press-07")
    again.remove_device("press-07")
    third = KeyFile(path)
    third.load()
    assert third.fleet_key is None
    assert third.device_keys("press-07") == {}


def test_a_device_may_have_a_key_for_each_of_its_topics(path: Path) -> None:
    keys = KeyFile(path)
    keys.create(None)
    long = bytes(64)
    keys.put_device("topic:a", 1, KEY)
    keys.put_device("topic:a", 2, long, beside=True)
    keys.put_device("topic:b", 1, KEY)
    again = KeyFile(path)
    again.load()
    assert again.device_keys("topic:a") == {1: KEY, 2: long}
    assert again.holders(KEY) == ["topic:a", "topic:b"]
    again.retain_keys("topic:a", [9])
    assert set(again.device_keys("topic:a")) == {1, 2}, "a device without any key would be lost"
    again.retain_keys("topic:a", [2])
    assert again.device_keys("topic:a") == {2: long}
    written = path.read_text("utf-8")
    again.retain_keys("topic:gone", [1])
    assert path.read_text("utf-8") == written


def test_nobody_else_can_read_the_file(path: Path) -> None:
    KeyFile(path).create(FLEET)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["keys.json"], "no copy is left"


def test_no_key_shows_in_a_text(path: Path) -> None:
    keys = KeyFile(path)
    keys.create(FLEET)
    keys.put_device("press-07", 1, KEY)
    assert repr(keys) == "KeyFile('keys.json', devices=1)"


def test_a_new_hub_begins_with_an_empty_file(path: Path) -> None:
    keys = KeyFile(path)
    keys.create(None)
    keys.put_device("press-07", 1, KEY)
    keys.create(FLEET)
    assert keys.device_keys("press-07") == {}
    keys.delete()
    keys.delete()
    assert not path.exists()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{}",
        "[]",
        '{"version": "1"}',
        '{"version": 1, "fleet_key": "zz", "devices": {}}',
        '{"version": 1, "fleet_key": null, "devices": []}',
        '{"version": 1, "fleet_key": null, "devices": {"a": {"x": "00"}}}',
        '{"version": 0, "fleet_key": null, "devices": {}}',
        "\udcff",
    ],
)
def test_a_file_that_cannot_be_understood_is_an_alarm_and_is_left_alone(path: Path, content: str) -> None:
    path.parent.mkdir()
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(KeyFileError) as error:
        KeyFile(path).load()
    assert error.value.facts == {"path": str(path)}
    assert path.read_bytes() == content.encode("utf-8", "surrogateescape")


def test_a_file_that_is_gone_is_an_alarm(path: Path) -> None:
    with pytest.raises(KeyFileError, match="missing"):
        KeyFile(path).load()
    path.mkdir(parents=True)
    with pytest.raises(KeyFileError, match="cannot be read"):
        KeyFile(path).load()


def test_a_file_that_cannot_be_written_is_an_alarm_and_the_old_one_stays(path: Path) -> None:
    keys = KeyFile(path)
    keys.create(FLEET)
    path.with_suffix(".new").mkdir()
    with pytest.raises(KeyFileError, match="cannot be written"):
        keys.put_device("press-07", 1, KEY)
    assert json.loads(path.read_text("utf-8"))["devices"] == {}


def test_what_could_not_be_written_was_never_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = KeyFile(tmp_path / "keys.json")
    keys.create(bytes(32))
    keys.put_device("press-07", 1, bytes(32))

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(key_file.os, "fsync", full)
        for change in (
            lambda: keys.put_device("press-08", 1, bytes(32)),
            lambda: keys.put_device("press-07", 2, b"x" * 32),
            lambda: keys.remove_device("press-07"),
            lambda: keys.set_fleet_key(None),
        ):
            with pytest.raises(KeyFileError):
                change()
    assert keys.fleet_key == bytes(32)
    assert keys.device_keys("press-07") == {1: bytes(32)}
    assert keys.device_keys("press-08") == {}
    assert [path.name for path in tmp_path.iterdir()] == ["keys.json"]


def test_keys_of_devices_that_are_gone_are_forgotten(tmp_path: Path) -> None:
    keys = KeyFile(tmp_path / "keys.json")
    keys.create(None)
    keys.put_device("a", 1, bytes(32))
    keys.put_device("b", 1, bytes(32))
    keys.retain(["a", "b", "c"])
    keys.retain(["b"])
    again = KeyFile(keys.path)
    again.load()
    assert (again.device_keys("a"), again.device_keys("b")) == ({}, {1: bytes(32)})


@pytest.mark.parametrize(
    "content",
    ['{"version":1,"fleet_key":"00","devices":{}}', '{"version":1,"fleet_key":null,"devices":{"a":{"1":"0102"}}}'],
)
def test_a_key_of_another_length_is_damage(tmp_path: Path, content: str) -> None:
    (tmp_path / "keys.json").write_text(content)
    with pytest.raises(KeyFileError, match="damaged"):
        KeyFile(tmp_path / "keys.json").load()


# --- keys that follow one another -----------------------------------------------------------------

NEXT, OTHER = bytes(range(2, 34)), bytes(range(3, 35))
SALT = "0011"


def opened(path: Path) -> KeyFile:
    """The file as the next start reads it."""
    found = KeyFile(path)
    found.load()
    return found


def test_a_next_key_and_its_step_come_back_after_a_restart(path: Path) -> None:
    keys = KeyFile(path)
    keys.create(FLEET)
    keys.put_device("press-07", 1, KEY)
    assert keys.put_ring("press-07", {1: KEY, 2: NEXT}, (2, SALT))
    assert opened(path).device_keys("press-07") == {1: KEY, 2: NEXT}
    assert opened(path).step_of("press-07") == (2, SALT)
    assert keys.put_ring("press-07", {2: NEXT}, None)
    assert opened(path).device_keys("press-07") == {2: NEXT}
    assert opened(path).step_of("press-07") is None


def test_a_key_that_came_meanwhile_is_not_written_over(path: Path) -> None:
    keys = KeyFile(path)
    keys.create(FLEET)
    keys.put_device("press-07", 2, OTHER)
    assert not keys.put_ring("press-07", {1: KEY, 2: NEXT}, (2, SALT))
    assert not keys.put_ring("nobody", {1: KEY}, None)
    assert opened(path).device_keys("press-07") == {2: OTHER}
    keys.put_ring("press-07", {2: OTHER, 3: NEXT}, (3, SALT))
    keys.put_device("press-07", 4, KEY)
    assert opened(path).step_of("press-07") is None, "a key by cable ends a step"


# --- devices that were taken out ------------------------------------------------------------------


def test_a_device_that_was_taken_out_comes_back_with_its_keys_and_its_step(path: Path) -> None:
    keys = KeyFile(path)
    keys.create(FLEET)
    keys.put_device("press-07", 1, KEY)
    keys.put_ring("press-07", {1: KEY, 2: NEXT}, (2, SALT))
    keys.set_aside("press-07", 1000, {"title": "Press 7"})
    keys.set_aside("nobody", 1000, None)
    keys.note_removed("press-07", forgot=True)
    keys.note_removed("nobody", forgot=True)
    found = opened(path)
    assert found.device_keys("press-07") == {}
    assert found.step_of("press-07") is None
    (removed,) = found.removed.values()
    assert (removed.at_s, removed.record) == (1000, {"title": "Press 7", "forgot": True})
    assert "keys" not in repr(removed)
    found.bring_back("press-07")
    found.bring_back("nobody")
    assert opened(path).device_keys("press-07") == {1: KEY, 2: NEXT}
    assert opened(path).step_of("press-07") == (2, SALT)
    assert opened(path).removed == {}


def test_what_has_no_key_comes_back_as_well(path: Path) -> None:
    keys = KeyFile(path)
    keys.create(FLEET)
    keys.set_aside("entities:1", 1000, {"title": "Boiler"})
    found = opened(path)
    assert found.removed["entities:1"].record == {"title": "Boiler"}
    found.bring_back("entities:1")
    assert found.removed == {}
    assert found.device_keys("entities:1") == {}


def test_what_was_taken_out_is_forgotten_after_its_time(path: Path) -> None:
    keys = KeyFile(path)
    keys.create(FLEET)
    for at_s, device_id in enumerate(("a", "b", "c")):
        keys.put_device(device_id, 1, KEY)
        keys.set_aside(device_id, at_s, None)
    keys.note_removed("c", forgot=True)
    keys.purge(1)
    keys.purge(1)
    assert sorted(opened(path).removed) == ["b", "c"]
    keys.bring_back("c")
    keys.put_device("b", 2, OTHER)
    assert opened(path).removed == {}, "whoever is provisioned anew starts anew"


def test_devices_that_are_going_to_join_are_listed_until_they_have_joined(path: Path) -> None:
    keys = KeyFile(path)
    keys.create(FLEET)
    listed = {name: Expected(key=KEY, kid=3, record={"name": name}) for name in ("a", "b", "c", "d")}
    keys.expect(listed)
    keys.expect({"a": Expected()})
    found = opened(path)
    assert found.expected == {**listed, "a": Expected()}
    assert "x00" not in repr(found.expected["b"])
    found.put_device("a", 1, KEY)
    found.set_aside("d", 1000, {"title": "D"})
    found.bring_back("d")
    found.unexpect(["c", "nobody"])
    assert list(opened(path).expected) == ["b"]
    found.expect({"e": Expected()}, instead=True)
    assert list(opened(path).expected) == ["e"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("steps", {"press-07": [2]}),
        ("steps", {"press-07": [2, "0g"]}),
        ("removed", {"press-07": {"at": 1, "keys": {}, "step": None}}),
        ("removed", {"press-07": {"at": 1, "keys": {"1": "00"}, "step": None, "record": None}}),
        ("removed", {"press-07": {"at": 1, "keys": {}, "step": None, "record": 5}}),
        ("expected", {"press-07": {"key": "00", "kid": 1, "record": {}}}),
        ("expected", {"press-07": {"key": None, "kid": 1, "record": 5}}),
    ],
)
def test_a_damaged_step_or_memory_is_an_alarm(path: Path, name: str, value: object) -> None:
    KeyFile(path).create(FLEET)
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), name: value}), "utf-8")
    with pytest.raises(KeyFileError, match="damaged"):
        KeyFile(path).load()
