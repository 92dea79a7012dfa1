"""QR codes of provisioning texts: one for a device, and a sheet for many."""

import csv
import json
import re
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import pytest
import segno

from iiot_ctl import cli, qr
from iiot_ctl.keyring import Keyring
from iiot_ctl.provision import place_of, provision, row_of
from iiot_ctl.sheet import WARNING
from iiot_engine.devices.serials import read_serials
from iiot_engine.wire import signing
from iiot_engine.wire.provision import Credential, Place, qr_text, read_qr_text
from tests.simulator.world import FLEET_KEY

OWN_KEY = bytes(range(50, 82))
PLACE = Place(prefix="iiot", host="broker.plant.example", port=8883, tls=True)
BROKER = ["--broker", PLACE.host, "--tls"]
LIST = f"""\
serial;name;area;key;kid
press-07;Presse 7 (Süd);Hall <3>;;
pump-1;;;{OWN_KEY.hex()};4
"""


@pytest.fixture
def serials(tmp_path: Path) -> Path:
    """A list of two devices, of which one has a key already."""
    file = tmp_path / "serials.csv"
    file.write_text(LIST)
    return file


@pytest.fixture
def fleet_key(tmp_path: Path) -> list[str]:
    """The options that name the fleet key."""
    file = tmp_path / "fleet.key"
    file.write_text(FLEET_KEY.hex())
    return ["--fleet-key-file", str(file)]


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = cli.main(list(arguments))
    told = capsys.readouterr()
    return code, told.out + told.err


class Page(HTMLParser):
    """What a browser would make of the page: texts by class, and tags."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.told: list[tuple[str, str]] = []
        self.tags: set[str] = set()
        self._class = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self._class = dict(attrs).get("class") or tag

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.told.append((self._class, data))


def test_a_sheet_has_a_code_an_id_and_a_fingerprint_for_each_device(
    serials: Path, fleet_key: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "sheet.html"
    code, text = said(capsys, "sheet", str(serials), "--out", str(out), "--title", "Hall <3>", *fleet_key, *BROKER)
    derived = Credential(device_id="press-07", kid=1, key=signing.derive_device_key(FLEET_KEY, "press-07", 1))
    own = Credential(device_id="pump-1", kid=4, key=OWN_KEY)
    assert (code, "2 QR codes" in text, "only you can read it" in text) == (0, True, True)
    assert out.stat().st_mode & 0o777 == 0o600
    page = out.read_text()
    for one in (derived, own):
        assert qr.svg_inline(qr_text(one, PLACE)) in page
        assert one.key.hex() not in page + text, "a key stands in its code only"
    found = Page(page)
    assert [data for name, data in found.told if name == "id"] == ["press-07", "pump-1"]
    assert [data for name, data in found.told if name == "name"] == ["Presse 7 (Süd)"]
    assert [data for name, data in found.told if name == "area"] == ["Hall <3>"]
    assert [data for name, data in found.told if name == "fingerprint"] == [
        f"{derived.fingerprint}, key 1",
        f"{own.fingerprint}, key 4",
    ]
    assert [data for name, data in found.told if name == "warning"] == [WARNING]
    assert not found.tags & {"script", "link", "img", "iframe"}
    assert "http" not in re.sub(r'xmlns="[^"]*"', "", page), "it needs nothing from elsewhere"


def test_drawn_keys_go_to_the_hub_in_a_list_that_it_reads(
    serials: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, keys = tmp_path / "sheet.html", tmp_path / "keys.csv"
    arguments = ["sheet", str(serials), "--out", str(out), "--list", str(keys), *BROKER, "--json"]
    code, text = said(capsys, *arguments)
    assert code == 0
    rows = read_serials(keys.read_text())
    assert keys.stat().st_mode & 0o777 == 0o600
    assert [(row.device_id, row.kid, row.name, row.area) for row in rows] == [
        ("press-07", 1, "Presse 7 (Süd)", "Hall <3>"),
        ("pump-1", 4, "", ""),
    ]
    assert rows[1].key == OWN_KEY
    for row in rows:
        assert row.key is not None
        credential = Credential(device_id=row.device_id, kid=row.kid, key=row.key)
        assert qr.svg_inline(qr_text(credential, PLACE)) in out.read_text()
    assert [one["fingerprint"] for one in json.loads(text)] == [signing.fingerprint(row.key or b"") for row in rows]
    assert all((row.key or b"").hex() not in text for row in rows)
    heading, *_ = csv.reader(StringIO(keys.read_text()))
    assert heading == ["device_id", "key", "kid", "name", "area", "profile"]
    code, text = said(capsys, *arguments[:-1])
    assert code == 2, "files that are there are not written over"


def test_a_list_is_not_left_behind_without_its_sheet(
    serials: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, keys = tmp_path / "sheet.html", tmp_path / "nowhere" / "keys.csv"
    code, text = said(capsys, "sheet", str(serials), "--out", str(out), "--list", str(keys), *BROKER)
    assert (code, f"{keys} cannot be written" in text, out.exists()) == (2, True, False)


def test_keys_that_nobody_would_learn_are_not_drawn(
    serials: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "sheet.html"
    code, text = said(capsys, "sheet", str(serials), "--out", str(out), *BROKER)
    assert (code, "keys of 1 of 2 devices are drawn" in text, out.exists()) == (2, True, False)


def test_a_list_may_be_written_as_spreadsheets_write_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "serials.csv"
    file.write_bytes("serial\tname\r\npress-07\tPresse 7 (Süd)\r\n".encode("utf-16"))
    out, keys = tmp_path / "sheet.html", tmp_path / "keys.csv"
    code, _ = said(capsys, "sheet", str(file), "--out", str(out), "--list", str(keys), *BROKER)
    assert (code, [row.name for row in read_serials(keys.read_text())]) == (0, ["Presse 7 (Süd)"])


def test_every_line_that_is_wrong_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "serials.csv"
    file.write_text(f"serial,key\nhub,\nok-1,{OWN_KEY.hex()[2:]}\n")
    code, text = said(capsys, "sheet", str(file), "--out", str(tmp_path / "sheet.html"), *BROKER)
    first, *lines = text.splitlines()
    assert (code, first) == (2, f"iiotctl: {file} cannot be used:")
    assert [line.partition(" must ")[0] for line in lines] == [f"{file}:2: device_id", f"{file}:3: key"]
    assert OWN_KEY.hex()[2:] not in text


def test_one_code_is_drawn_on_the_screen_or_into_a_file(
    fleet_key: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = qr_text(
        Credential(device_id="press-07", kid=1, key=signing.derive_device_key(FLEET_KEY, "press-07", 1)), PLACE
    )
    code, shown = said(capsys, "provision", "press-07", "--qr", *fleet_key, *BROKER)
    assert code == 0
    assert shown.startswith(qr.on_screen(text) + "\nfingerprint ")
    assert text not in shown
    out = tmp_path / "press.svg"
    code, shown = said(capsys, "provision", "press-07", "--qr", "--out", str(out), *fleet_key, *BROKER)
    assert (code, out.stat().st_mode & 0o777, out.read_text()) == (0, 0o600, qr.svg(text))
    assert f"{out} holds the key" in shown


def test_the_longest_text_fits_into_a_code_that_a_camera_reads() -> None:
    row = row_of("A" * 64, 2**32 - 1)
    place = place_of("p" * 128, "h" * 64, 65535, tls=False)
    made = provision(row, Keyring(), place, boot=2**32 - 1)
    assert read_qr_text(made.text) == made.credential
    assert segno.make_qr(made.text, error=qr.ERROR_LEVEL, boost_error=False).symbol_size(border=0) <= (97, 97)
    assert made.credential.key.hex() not in repr(made)
    assert (made.is_drawn, made.row) == (True, row)
