"""A captured message is explained in words, offline."""

import json
from pathlib import Path
from typing import Any

import pytest

from iiot_ctl import cli, explain
from iiot_engine.errors import Code
from tests.vectors import make, plant

FOLDER = Path(make.__file__).parent
GOOD = json.loads((FOLDER / "good.json").read_text(encoding="utf-8"))
BAD = json.loads((FOLDER / "bad.json").read_text(encoding="utf-8"))
TAKES_A_CLOCK = {"time since boot runs ahead of the hub's clock"}
"""Needs the time at which each message came, which a captured line does not have."""


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    """The provisioning text of the device of the vectors."""
    file = tmp_path / "press.json"
    file.write_text(json.dumps({"id": plant.DEVICE, "kid": 1, "key": plant.KEY.hex()}))
    return file


def line_of(frame: dict[str, Any]) -> explain.Captured:
    message = bytes.fromhex(frame["message_hex"]) if "message_hex" in frame else frame["message"].encode()
    return explain.Captured(frame["topic"], message, frame.get("retained", False))


def before(frame: dict[str, Any]) -> list[explain.Captured]:
    by_name = {one["name"]: one for one in GOOD}
    more = [{"topic": frame["topic"], **one} for one in frame.get("after_messages", [])]
    return [line_of(one) for one in [*(by_name[name] for name in frame.get("after", [])), *more]]


@pytest.mark.parametrize("frame", [pytest.param(one, id=one["name"]) for one in BAD])
def test_a_bad_message_is_refused_in_words_with_the_code_that_a_hub_gives(
    frame: dict[str, Any], key_file: Path
) -> None:
    keys = cli.keyring.read(key_file, None)
    *earlier, verdict = explain.explain(iter([*before(frame), line_of(frame)]), "iiot", keys)
    assert [one.code for one in earlier] == [None] * len(earlier)
    if frame["name"] in TAKES_A_CLOCK:
        assert verdict.code is None
        assert any("clock" in line for line in verdict.lines)
        return
    assert verdict.code == frame["code"]
    assert len(verdict.lines) >= 2
    assert verdict.lines[-1].startswith("What to do: ")


def test_good_messages_are_accepted_one_after_the_other(key_file: Path) -> None:
    verdicts = list(explain.explain(map(line_of, GOOD), "iiot", cli.keyring.read(key_file, None)))
    assert {one.code for one in verdicts} == {None}
    told = "\n".join(line for one in verdicts for line in one.lines)
    for words in ("Heartbeat of Presse 7", "Reads temperature", "A waveform of", "rows of", "Answer to command"):
        assert words in told
    for words in ("It says that it is", "A line of its log", "Alarm ", "It measures temperature"):
        assert words in told


@pytest.mark.parametrize("code", list(Code))
def test_each_code_has_words_and_says_what_to_do(code: Code, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["explain", "--code", str(code)]) == 0
    what, do = capsys.readouterr().out.splitlines()
    assert what.endswith(".")
    assert do.startswith("What to do: ")


def test_lines_as_a_subscriber_prints_them_are_read(
    tmp_path: Path, key_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = GOOD[0], next(one for one in BAD if one["code"] == "bad_mac")
    file = tmp_path / "captured.txt"
    file.write_text(f"{good['topic']} {good['message']}\n\n{bad['topic']} {bad['message']}\r\n")
    assert cli.main(["explain", str(file), "--key-file", str(key_file)]) == 1
    out = capsys.readouterr().out
    assert f"{good['topic']}: accepted\n" in out
    assert f"{bad['topic']}: refused as bad_mac" in out


def test_a_message_in_json_may_carry_the_retain_flag(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "captured.json"
    told = {"topic": GOOD[0]["topic"], "message": GOOD[0]["message"]}
    file.write_text("\n".join([json.dumps(told), json.dumps({**told, "retained": True})]))
    assert cli.main(["explain", str(file), "--json"]) == 1
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["accepted"], first["signature_checked"]) == (True, False)
    assert "Its signature was not checked" in first["words"][0]
    assert second["code"] == "retained"


def test_a_key_of_bare_digits_fits_whichever_number_a_message_names(tmp_path: Path) -> None:
    file = tmp_path / "press.key"
    file.write_text(plant.KEY.hex())
    (verdict,) = explain.explain(iter([line_of(GOOD[0])]), "iiot", cli.keyring.read(file, None))
    assert verdict.code is None


def test_a_fleet_key_is_enough(tmp_path: Path) -> None:
    file = tmp_path / "fleet.key"
    file.write_text(plant.FLEET_KEY.hex())
    keys = cli.keyring.read(None, file)
    verdicts = list(
        explain.explain(
            iter([line_of(GOOD[0]), explain.Captured("else/x/data", line_of(GOOD[0]).message)]), "iiot", keys
        )
    )
    assert [one.code for one in verdicts] == [None, Code.UNKNOWN_DEVICE]
    assert plant.KEY.hex() not in repr(keys)
    assert plant.FLEET_KEY.hex() not in repr(keys)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "holds no message"),
        ("topic", "line 1: a topic, a blank and the message are wanted"),
        ("{}", 'line 1: {"topic": …, "message": …} is wanted'),
        ('\n{"topic":1,"message":"x"}', "line 2: topic and message are texts"),
    ],
)
def test_what_is_no_captured_message_is_wrong_usage(
    tmp_path: Path, text: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "captured"
    file.write_text(text)
    assert cli.main(["explain", str(file)]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "name a file"),
        (["/nowhere"], "/nowhere cannot be read"),
        (["-", "--key-file", "a", "--fleet-key-file", "b"], "not both"),
        (["-", "--key-file", "/nowhere"], "/nowhere cannot be read"),
    ],
)
def test_wrong_usage_is_one_line(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", open("/dev/null"))  # noqa: PTH123, SIM115 - closed with the test
    assert cli.main(["explain", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line


@pytest.mark.parametrize(
    "text", ["short", "{", "{}", '{"id":"a b","kid":1,"key":"00"}', '{"id":"a","kid":1,"key":"00"}']
)
def test_a_file_without_a_key_is_named_and_not_shown(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "key"
    file.write_text(text)
    assert cli.main(["explain", "/dev/null", "--key-file", str(file)]) == 2
    told = capsys.readouterr().err
    assert f"{file} holds no key" in told
    assert text not in told.replace(str(file), "") or text == "{"
