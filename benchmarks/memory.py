"""Memory of a process."""

import re
from pathlib import Path


def pss_kib(pid: int) -> int:
    """Memory of a process in KiB, what it shares with others counted in parts."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    found = re.search(r"^Pss:\s+(\d+) kB$", text, re.MULTILINE)
    assert found is not None, "the kernel tells it since 4.14"
    return int(found[1])
