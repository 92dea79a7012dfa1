"""The list of devices that are going to join: text of comma-separated values in, one row a device out (RFC 4180).

The first line names the columns. Commas, semicolons and tabs separate, as spreadsheets of different countries write
them. Nothing of a key ever stands in a flaw.
"""

import codecs
import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import StringIO
from typing import Final, NamedTuple

from ..errors import KeyFormError
from ..wire import signing, topics

MAX_BYTES: Final = 2_000_000
MAX_ROWS: Final = 10_000
MAX_TEXT: Final = 128
"""Characters of a name, an area and a profile."""
MAX_KID: Final = 2**32 - 1
COLUMNS: Final = ("device_id", "serial", "key", "kid", "name", "area", "profile")
"""`serial` is another word for `device_id`."""
_SEPARATORS: Final = ",;\t"


class RowFlaw(NamedTuple):
    """Where a list is wrong, and why."""

    line: int
    """From 1."""
    column: str
    """Empty: the line as a whole."""
    reason: str


class SerialsError(Exception):
    """A list cannot be used."""

    def __init__(self, flaws: list[RowFlaw]) -> None:
        super().__init__(f"{len(flaws)} flaws")
        self.flaws: Final = flaws


@dataclass(frozen=True, kw_only=True, slots=True)
class SerialRow:
    """One device that is going to join. An empty text: nothing is said."""

    line: int
    device_id: str
    key: bytes | None = field(default=None, repr=False)
    """A key of its own; None: the fleet key makes it."""
    kid: int = 1
    """Number of that key."""
    name: str = ""
    area: str = ""
    profile: str = ""


def text_of(data: bytes) -> str:
    """Read the bytes of a file as spreadsheets write them: UTF-8, UTF-16 with a mark, or else Windows' own letters."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def read_serials(text: str) -> list[SerialRow]:
    """Read a list; raises `SerialsError` with everything that is wrong with it."""
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise _flawed(1, f"is too long: a list may have {MAX_BYTES:,} bytes")
    lines = _lines(text.removeprefix("\ufeff"))
    head_line, head = next(lines, (1, []))
    columns = _columns(head_line, head)
    flaws: list[RowFlaw] = []
    found: list[SerialRow] = []
    for line, cells in lines:
        row = _row(line, columns, cells, flaws)
        if row is not None:
            found.append(row)
    if len(found) > MAX_ROWS:
        flaws.append(RowFlaw(found[MAX_ROWS].line, "", f"is one too many: a list may have {MAX_ROWS:,} devices"))
    flaws += _repeated(found)
    if not found and not flaws:
        flaws.append(RowFlaw(head_line, "", "is followed by no device"))
    if flaws:
        raise SerialsError(sorted(flaws))
    return found


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """Give each line that is not blank, with the number of its first one."""
    first = text.lstrip("\r\n").partition("\n")[0]
    separator = max(_SEPARATORS, key=first.count)
    rows = csv.reader(StringIO(text, newline=""), delimiter=separator, strict=True)
    line = 1
    try:
        for cells in rows:
            stripped = [cell.strip() for cell in cells]
            if any(stripped):
                yield line, stripped
            line = rows.line_num + 1
    except csv.Error as err:
        raise _flawed(line, f"cannot be read: {err}") from err


def _columns(line: int, head: list[str]) -> list[str]:
    names = [name.lower() for name in head]
    flaws = [
        RowFlaw(line, name, f"is no column; there are: {', '.join(COLUMNS)}") for name in names if name not in COLUMNS
    ]
    flaws += [RowFlaw(line, name, "is there twice") for name in dict.fromkeys(names) if names.count(name) > 1]
    if ("device_id" in names) == ("serial" in names):
        flaws.append(RowFlaw(line, "", "must name one column device_id or serial, and what else there is"))
    if flaws:
        raise SerialsError(flaws)
    return ["device_id" if name == "serial" else name for name in names]


def _row(line: int, columns: list[str], cells: list[str], flaws: list[RowFlaw]) -> SerialRow | None:
    if len(cells) > len(columns):
        flaws.append(RowFlaw(line, "", f"has {len(cells)} cells, and there are {len(columns)} columns"))
        return None
    said = dict.fromkeys(COLUMNS, "") | dict(zip(columns, cells, strict=False))
    key = _key(said["key"])
    reasons = {
        "device_id": None if topics.is_device_id(said["device_id"]) else _ID_WORDS,
        "key": None if key is not None or not said["key"] else "must be 64 hexadecimal digits",
        "kid": _kid_reason(said["kid"], has_key=bool(said["key"])),
        **{name: _text_reason(said[name]) for name in ("name", "area", "profile")},
    }
    found = [RowFlaw(line, column, reason) for column, reason in reasons.items() if reason is not None]
    flaws += found
    if found:
        return None
    return SerialRow(
        line=line,
        device_id=said["device_id"],
        key=key,
        kid=int(said["kid"] or 1),
        name=said["name"],
        area=said["area"],
        profile=said["profile"],
    )


def _key(text: str) -> bytes | None:
    try:
        return signing.parse_key(text)
    except KeyFormError:
        return None


_ID_WORDS: Final = "must be 1 to 64 of A to Z, a to z, 0 to 9, - and _, and not hub"


def _kid_reason(text: str, *, has_key: bool) -> str | None:
    if not text:
        return None
    if not has_key:
        return "is the number of a key, and there is no key"
    is_number = text.isascii() and text.isdigit() and len(text) <= 10 and 1 <= int(text) <= MAX_KID
    return None if is_number else f"must be a whole number from 1 to {MAX_KID}"


def _text_reason(text: str) -> str | None:
    fits = len(text) <= MAX_TEXT and text.isprintable()
    return None if fits else f"must be one line of at most {MAX_TEXT} visible characters"


def _repeated(rows: list[SerialRow]) -> Iterator[RowFlaw]:
    """Two rows for one device, or one key for two devices."""
    ids: dict[str, int] = {}
    keys: dict[bytes, int] = {}
    for row in rows:
        first = ids.setdefault(row.device_id, row.line)
        if first != row.line:
            yield RowFlaw(row.line, "device_id", f"stands twice; the first time in line {first}")
        elif row.key is not None and (first := keys.setdefault(row.key, row.line)) != row.line:
            yield RowFlaw(row.line, "key", f"is that of line {first}: each device needs a key of its own")


def _flawed(line: int, reason: str) -> SerialsError:
    return SerialsError([RowFlaw(line, "", reason)])
