"""A list of devices that are going to join: read as a whole, or refused with the line of every error."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iiot_engine.devices.serials import COLUMNS, MAX_BYTES, MAX_ROWS, SerialRow, SerialsError, read_serials, text_of

KEY = "0f" * 32
OTHER = "1e" * 32


def flaws(text: str) -> list[tuple[int, str, str]]:
    with pytest.raises(SerialsError) as caught:
        read_serials(text)
    return [tuple(flaw) for flaw in caught.value.flaws]


def test_a_list_of_ids_is_enough() -> None:
    assert read_serials("serial\npump-1\n\n  pump-2  \n") == [
        SerialRow(line=2, device_id="pump-1"),
        SerialRow(line=4, device_id="pump-2"),
    ]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_all_columns_are_read_whatever_spreadsheet_wrote_them(separator: str, end: str) -> None:
    head = separator.join(["Device_ID", "key", "KID", "name", "area", "profile"])
    row = separator.join(["press-07", KEY.upper(), "3", '"Press ""7"""', "Hall 3", "press"])
    expected = SerialRow(
        line=2,
        device_id="press-07",
        key=bytes.fromhex(KEY),
        kid=3,
        name='Press "7"',
        area="Hall 3",
        profile="press",
    )
    assert read_serials(f"\ufeff{head}{end}{row}{end}") == [expected]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_a_file_is_read_whatever_letters_a_spreadsheet_writes(encoding: str) -> None:
    (row,) = read_serials(text_of("serial;name\r\npump-1;Kühlung Süd\r\n".encode(encoding)))
    assert row.name == "Kühlung Süd"


def test_a_key_is_never_printed() -> None:
    (row,) = read_serials(f"serial,key\npump-1,{KEY}\n")
    assert KEY[:8] not in repr(row)
    assert "x0f" not in repr(row)
    assert KEY not in str(flaws(f"serial,key\n!,{KEY}\npump-2,{KEY}z\n"))


@pytest.mark.parametrize(
    ("text", "line", "column", "reason"),
    [
        ("", 1, "", "must name one column device_id or serial"),
        ("name\nPump\n", 1, "", "must name one column device_id or serial"),
        ("serial,device_id\na,b\n", 1, "", "must name one column device_id or serial"),
        ("serial,colour\na,red\n", 1, "colour", "is no column; there are: device_id"),
        ("serial,name,name\na,b,c\n", 1, "name", "is there twice"),
        ("serial\n\n", 1, "", "is followed by no device"),
        ("serial\npump 1\n", 2, "device_id", "must be 1 to 64 of"),
        ("serial,name\n,Pump\n", 2, "device_id", "must be 1 to 64 of"),
        ("serial\nhub\n", 2, "device_id", "must be 1 to 64 of"),
        ("serial,key\npump-1,abc\n", 2, "key", "must be 64 hexadecimal digits"),
        ("serial,kid\npump-1,2\n", 2, "kid", "is the number of a key, and there is no key"),
        (f"serial,key,kid\npump-1,{KEY},0\n", 2, "kid", "must be a whole number from 1"),
        (f"serial,key,kid\npump-1,{KEY},4294967296\n", 2, "kid", "must be a whole number from 1"),
        (f"serial,key,kid\npump-1,{KEY},1e3\n", 2, "kid", "must be a whole number from 1"),
        (f"serial,name\npump-1,{'x' * 129}\n", 2, "name", "must be one line of at most 128"),
        ("serial,area\npump-1,a\u202eb\n", 2, "area", "must be one line of at most 128"),
        ("serial,profile\npump-1,a\x00b\n", 2, "profile", "must be one line of at most 128"),
        ("serial\npump-1,Pump\n", 2, "", "has 2 cells, and there are 1 columns"),
        ("serial\npump-1\npump-2\npump-1\n", 4, "device_id", "stands twice; the first time in line 2"),
        (f"serial,key\na,{KEY}\nb,{OTHER}\nc,{KEY}\n", 4, "key", "is that of line 2"),
        ('serial\npump-1\n"pump-2\n', 3, "", "cannot be read"),
        ("serial\n" + "x" * MAX_BYTES, 1, "", "is too long"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, line: int, column: str, reason: str) -> None:
    found = flaws(text)
    assert found[0][:2] == (line, column)
    assert reason in found[0][2]


def test_everything_that_is_wrong_is_said_at_once() -> None:
    text = f"serial,key,kid\npump 1,zz,1\npump-2,{KEY},x\n"
    assert [(line, column) for line, column, _ in flaws(text)] == [(2, "device_id"), (2, "key"), (3, "kid")]


def test_a_line_is_that_of_the_text_also_after_a_name_over_two_lines() -> None:
    assert flaws('serial,name\npump-1,"a\nb"\npump 2,c\n') == [
        (2, "name", "must be one line of at most 128 visible characters"),
        (4, "device_id", "must be 1 to 64 of A to Z, a to z, 0 to 9, - and _, and not hub"),
    ]


def test_a_list_has_an_end() -> None:
    rows = [f"pump-{number}" for number in range(MAX_ROWS)]
    assert len(read_serials("\n".join(["serial", *rows]))) == MAX_ROWS
    assert flaws("\n".join(["serial", *rows, "one-more"]))[0][0] == MAX_ROWS + 2


@given(st.lists(st.sampled_from([*',;\t\n\r" ahub-1\x00é\ud800', *COLUMNS, "serial\n"])))
def test_any_text_is_a_list_or_is_refused(parts: list[str]) -> None:
    found: list[object] = []
    try:
        found += read_serials("".join(parts))
    except SerialsError as err:
        found += err.flaws
    assert found
