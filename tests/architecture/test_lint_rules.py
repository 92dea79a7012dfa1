"""The rules of the linter are all of them, but for a few with a reason."""

import re
import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"
MOST_IGNORES = 15


def test_the_linter_applies_every_rule_but_a_few() -> None:
    lint = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["tool"]["ruff"]["lint"]
    assert lint["select"] == ["ALL"]
    assert len(lint["ignore"]) <= MOST_IGNORES
    assert lint["mccabe"]["max-complexity"] == 10


def test_every_rule_that_is_left_out_has_its_reason() -> None:
    ignored = re.search(r"^ignore = \[\n(.*?)^\]", PYPROJECT.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert ignored is not None
    assert all(re.search(r'^  "[A-Z0-9]+", +# .{10}', line) for line in ignored[1].splitlines())
