"""Keys lie in a file of their own, readable by nobody else; a damaged file is never a first run."""

import json
import stat
from pathlib import Path

import pytest

from iiot_engine.errors import KeyFileError
from iiot_engine.stores import key_file
from iiot_engine.stores.key_file import KeyFile

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
    again.retain_keys("topic:a", [2])
    assert again.device_keys("topic:a") == {2: long}


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
