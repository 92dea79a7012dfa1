"""The sheet of QR codes: one page to print, cut up and stick on devices, or to hold before their cameras."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

from . import qr
from .provision import Provisioned

WARNING: Final = (
    "This sheet holds keys. Whoever sees a code can speak as that device: keep the sheet locked away, "
    "and destroy it when all devices are in."
)
STYLE: Final = """\
@page { size: A4; margin: 12mm; }
body { font: 9pt sans-serif; color: #000; background: #fff; margin: 0; }
@media screen { body { margin: 8mm; } }
h1 { font-size: 13pt; margin: 0 0 2mm; }
.warning { border: 0.5mm solid #000; padding: 2mm; margin: 0 0 4mm; font-weight: bold; }
.labels { display: grid; grid-template-columns: repeat(3, 60mm); gap: 3mm; }
.label { border: 0.2mm dashed #888; padding: 2mm; break-inside: avoid; overflow-wrap: anywhere; }
.label svg { display: block; width: 56mm; height: 56mm; }
.label p { margin: 0.5mm 0; }
.id { font: bold 11pt monospace; }
.fingerprint { font: 8pt monospace; }
"""


def sheet(title: str, made: Sequence[Provisioned]) -> str:
    """Write the page; it needs nothing from elsewhere, and runs no script."""
    labels = "\n".join(_label(one) for one in made)
    return f"""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="robots" content="noindex">
<title>{escape(title)}</title>
<style>
{STYLE}</style>
</head>
<body>
<h1>{escape(title)}</h1>
<p class="warning">{escape(WARNING)}</p>
<div class="labels">
{labels}
</div>
</body>
</html>
"""


def _label(one: Provisioned) -> str:
    key, row = one.credential, one.row
    told = [
        ("id", key.device_id),
        ("name", row.name),
        ("area", row.area),
        ("fingerprint", f"{key.fingerprint}, key {key.kid}"),
        ("secret", "Holds the key of this device"),
    ]
    lines = "".join(f'<p class="{name}">{escape(text)}</p>' for name, text in told if text)
    return f'<div class="label">{qr.svg_inline(one.text)}{lines}</div>'
