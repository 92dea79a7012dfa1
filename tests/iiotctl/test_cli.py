"""The command line itself: usage, exit codes, keys that are drawn."""

import errno
import json
import os
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from iiot_ctl import cli, options, paper
from iiot_ctl.errors import why_no_connection
from iiot_ctl.fleet import Outcome, Seen, Value, chosen, listed
from iiot_engine.wire import signing
from testbed.ports import LOOPBACK, free_ports
from tests.certificate import write_certificate
from tests.simulator.world import FLEET_KEY


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("IIOTCTL_URL", "IIOTCTL_TOKEN", "IIOTCTL_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = cli.main(list(arguments))
    told = capsys.readouterr()
    return code, told.out + told.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["list"], "name one way in"),
        (["list", "--url", "http://x", "--broker", "x"], "name one way in"),
        (["list", "--url", "http://x"], "a token is needed"),
        (["list", "--url", "http://x", "--token-file", "/nowhere"], "/nowhere cannot be read"),
        (["list", "--broker", "x:y"], "x:y is not HOST or HOST:PORT"),
        (["list", "--broker", "x", "--prefix", "a/#"], "a/# is no topic prefix"),
        (["list", "--broker", "x", "--password-file", "f"], "a password needs a user"),
        (["list", "--broker", "x", "--ca", "/dev/null"], "holds no certificate"),
        (["provision", "hub"], "hub is no device id"),
        (["provision", "a", "--prefix", "#"], "# is no topic prefix"),
        (["provision", "a", "--out", "/nowhere/a"], "/nowhere/a cannot be written"),
        (["provision", "a", "--qr", "--json"], "a QR code on the screen is for people"),
        (["registry", "export", "-"], "name Home Assistant"),
        (["sheet", "/nowhere", "--out", "/nowhere/a", "--broker", "x"], "/nowhere cannot be read"),
        (["list", "--broker", "x", "--key-file", sys.executable], "is no text in UTF-8"),
    ],
)
def test_wrong_usage_is_one_line_and_code_2(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, text = said(capsys, *arguments)
    assert code == 2
    (line,) = text.splitlines()
    assert words in line


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["sleep", "a"],
        ["sleep", "a", "--for", "soon"],
        ["set-rate", "a", "--hz", "0"],
        ["command", "set", "a", "--args", "[]"],
        ["command", "set", "a", "--args", "{"],
        ["list", "--token", "secret"],
        ["registry"],
        ["registry", "export"],
        ["registry", "export", "f", "--dry-run"],
        ["registry", "import", "f", "--broker", "x"],
        ["sheet", "list.csv"],
        ["sheet", "list.csv", "--out", "f"],
        ["poll", "a", "--wait"],
    ],
)
def test_what_the_parser_refuses_is_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2
    assert "usage: iiotctl" in capsys.readouterr().err


def test_for_a_machine_a_refusal_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    code, text = said(capsys, "list", "--json")
    assert (code, json.loads(text)["exit"]) == (2, 2)


@pytest.mark.parametrize(("text", "found"), [("90", 90), ("90s", 90), ("1.5m", 90), ("2h", 7200), ("1d", 86400)])
def test_times_may_have_a_unit(text: str, found: float) -> None:
    assert options.seconds(text) == found


def test_home_assistant_that_does_not_run_is_code_3(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (port,) = free_ports(1)
    monkeypatch.setenv("IIOTCTL_URL", f"http://{LOOPBACK}:{port}")
    monkeypatch.setenv("IIOTCTL_TOKEN", "secret-token")
    code, text = said(capsys, "list")
    assert code == 3
    assert text.startswith("iiotctl: Home Assistant is not reachable: nobody listens")
    assert "secret-token" not in text


def test_a_key_is_drawn_and_its_text_is_what_a_device_reads(capsys: pytest.CaptureFixture[str]) -> None:
    code, text = said(capsys, "provision", "press-07", "--broker", "broker.plant.example", "--tls", "--boot", "7")
    assert code == 0
    line, mark = text.splitlines()
    told = json.loads(line)
    assert told["broker"] == {"host": "broker.plant.example", "port": 8883, "tls": True}
    assert (told["id"], told["kid"], told["boot"], told["prefix"]) == ("press-07", 1, 7, "iiot")
    assert mark == f"fingerprint {signing.fingerprint(bytes.fromhex(told['key']))}"
    _, again = said(capsys, "provision", "press-07")
    assert json.loads(again.splitlines()[0])["key"] != told["key"]


def test_a_key_is_derived_and_written_to_a_file_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fleet, out = tmp_path / "fleet.key", tmp_path / "press.json"
    fleet.write_text(FLEET_KEY.hex())
    arguments = ["provision", "press-07", "--fleet-key-file", str(fleet), "--out", str(out), "--json"]
    code, text = said(capsys, *arguments)
    key = signing.derive_device_key(FLEET_KEY, "press-07", 1)
    assert code == 0
    assert json.loads(out.read_text())["key"] == key.hex()
    assert out.stat().st_mode & 0o777 == 0o600
    assert key.hex() not in text
    assert json.loads(text)["fingerprint"] == signing.fingerprint(key)
    code, text = said(capsys, *arguments)
    assert code == 2, "a file that is there is not written over"


def test_who_asks_names_devices_or_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    way = cli.parser().parse_args(["awake", "--broker", "x"])
    with pytest.raises(cli.UsageError, match="name the devices, or give --all"):
        cli._order(way, None).send(None)  # type: ignore[arg-type,attr-defined]
    way = cli.parser().parse_args(["awake", "a", "--all", "--broker", "x"])
    with pytest.raises(cli.UsageError, match="not both"):
        cli._order(way, None).send(None)  # type: ignore[arg-type,attr-defined]


def test_a_login_and_an_authority_are_read_from_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, _ = write_certificate(tmp_path)
    password = tmp_path / "password"
    password.write_text("a pass phrase\n")
    known = ["list", "--broker", "x", "--user", "plant"]
    found = cli._broker(cli.parser().parse_args([*known, "--password-file", str(password), "--ca", str(certificate)]))
    assert (found.host, found.port, found.password) == ("x", 8883, "a pass phrase")
    monkeypatch.setenv("IIOTCTL_PASSWORD", "another")
    found = cli._broker(cli.parser().parse_args([*known, "--tls"]))
    assert (found.password, found.tls is not None) == ("another", True)
    assert cli._broker(cli.parser().parse_args(["list", "--broker", "x:99"])).port == 99


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (socket.gaierror(), "the host name is unknown"),
        (ssl.SSLCertVerificationError(), "the certificate is not trusted"),
        (ssl.SSLError(), "no TLS is spoken"),
        (TimeoutError(), "no answer"),
        (OSError(errno.EHOSTUNREACH, "x"), "no way to this host"),
        (OSError("something else"), "something else"),
    ],
)
def test_why_nobody_is_reached_is_said_in_words(trouble: OSError, words: str) -> None:
    assert words in str(why_no_connection(trouble, "the broker", "--broker"))


SEEN = [
    Seen(id=name, name=title, state="live", lag_s=0.25, values=(Value(key="t", name="T", value="1", unit="°C"),))
    for name, title in (("a", "Press"), ("b", "Pump"), ("c", "pump"))
]


def test_devices_are_found_by_id_or_by_the_one_name_that_they_have() -> None:
    assert [one.id for one in chosen(SEEN, ["b", "press"])] == ["b", "a"]
    with pytest.raises(cli.RefusedError, match="several devices are called PUMP: name it by its id, b, c"):
        chosen(SEEN, ["PUMP"])
    with pytest.raises(cli.RefusedError, match=r"there is no device pres; called alike: Press \(a\)"):
        chosen(SEEN, ["pres"])
    with pytest.raises(cli.RefusedError, match=r"there is no device pumb; called alike: pump \(c\)"):
        chosen(SEEN, ["pumb"])
    with pytest.raises(cli.RefusedError, match="there is no device oven; there are: a, b, c"):
        chosen(SEEN, ["oven"])
    many = [Seen(id=f"{number:02}", name="x") for number in range(30)]
    assert listed(many).endswith("19 and 10 more")


def test_what_is_printed_is_in_columns_and_in_words() -> None:
    lines = paper.table(SEEN)
    assert lines[0].split() == ["name", "id", "state", "lag", "pending", "values"]
    assert lines[1].split() == ["Press", "a", "live", "0.2", "s", "-", "T", "1", "°C"]
    told = paper.outcomes(
        [
            Outcome(id="a", name="Press", status="rejected", reason="valve_open"),
            Outcome(id="b", name="Pump", status="done", result={"x": 1}),
            Outcome(id="c", name="Scale", status="done", result={"values": {"weight": 2.5, "zero": None, "lid": True}}),
            Outcome(id="d", name="Basin", status="failed", reason="level COMM", result={"values": {}}),
        ]
    )
    assert told == [
        "Press: the device will not do it; nothing moved: valve open",
        'Pump: done: {"x":1}',
        "Scale: done: weight 2.5; zero no value; lid on",
        "Basin: the device tried and failed: level COMM: nothing was read",
    ]
    with pytest.raises(TypeError):
        paper.as_json(object())


@pytest.mark.parametrize(
    ("statuses", "code"), [(["done", "requested"], 0), (["done", "not_reached"], 1), (["not_reached"], 3)]
)
def test_the_exit_code_is_that_of_the_worst(statuses: list[str], code: int) -> None:
    assert cli._exit_of([Outcome(id="a", name="a", status=status) for status in statuses]) == code


def test_who_stops_reading_is_no_error(tmp_path: Path) -> None:
    command = f"{sys.executable} -m iiot_ctl.cli provision a | true"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False, env=os.environ)
    assert done.stderr == ""
