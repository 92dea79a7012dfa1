"""QR codes (ISO/IEC 18004) of provisioning texts: on a screen, and as SVG."""

from __future__ import annotations

from io import BytesIO, StringIO
from typing import Final

import segno

ERROR_LEVEL: Final = "m"
"""A code of which 15 % are scratched is read: a text of 200 bytes has 57 modules a side then, legible at 4 cm."""
QUIET_ZONE: Final = 4
"""Modules around it."""
SVG_SCALE: Final = 8


def on_screen(text: str) -> str:
    """Lines of half blocks, for a terminal of light letters on dark ground."""
    sink = StringIO()
    _made(text).terminal(sink, border=QUIET_ZONE // 2, compact=True)
    return sink.getvalue().rstrip("\n")


def svg(text: str) -> str:
    """Write a drawing for a file of its own."""
    sink = BytesIO()
    _made(text).save(sink, kind="svg", scale=SVG_SCALE, border=QUIET_ZONE, light="#fff")
    return sink.getvalue().decode()


def svg_inline(text: str) -> str:
    """Write a drawing that stands in a page, and is as large as its place."""
    return _made(text).svg_inline(border=QUIET_ZONE, omitsize=True, svgclass=None, lineclass=None)


def _made(text: str) -> segno.QRCode:
    return segno.make_qr(text, error=ERROR_LEVEL, boost_error=False)
