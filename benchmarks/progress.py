"""How a benchmark tells what it does."""

import sys


def say(text: str) -> None:
    """Tell it on the standard error, where it mixes with no figures."""
    print(f"==> {text}", file=sys.stderr, flush=True)
