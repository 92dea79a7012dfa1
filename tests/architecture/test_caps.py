"""Files, functions and the names of packages stay within what can be read at one sitting."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("custom_components", "iiotctl", "simulator", "scripts", "benchmarks", "tests")
LINES_A_FILE = 400
LINES_A_FUNCTION = 50

# Exceptions: "path" or "path::function" -> the reason.
LONG_FILES: dict[str, str] = {}
LONG_FUNCTIONS: dict[str, str] = {}

VAGUE_NAMES = {"utils", "util", "helpers", "helper", "manager", "common", "misc"}


def sources() -> list[str]:
    """Return every Python file of the product, relative to the root."""
    return sorted(
        path.relative_to(ROOT).as_posix()
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*.py")
        if "__pycache__" not in path.parts
    )


def functions(path: str) -> list[tuple[str, int]]:
    """Return the name and length in lines of each function of a file, methods with their class."""
    found: list[tuple[str, int]] = []

    def walk(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            inner = prefix
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                inner = f"{prefix}{child.name}."
                if not isinstance(child, ast.ClassDef):
                    found.append((f"{prefix}{child.name}", (child.end_lineno or child.lineno) - child.lineno + 1))
            walk(child, inner)

    walk(ast.parse((ROOT / path).read_text(encoding="utf-8")), "")
    return found


@pytest.mark.parametrize("path", sources())
def test_a_file_is_short(path: str) -> None:
    lines = len((ROOT / path).read_text(encoding="utf-8").splitlines())
    assert lines <= LINES_A_FILE or path in LONG_FILES, f"{path} has {lines} lines"


@pytest.mark.parametrize("path", sources())
def test_a_function_is_short(path: str) -> None:
    long = {
        f"{path}::{name}": lines
        for name, lines in functions(path)
        if lines > LINES_A_FUNCTION and f"{path}::{name}" not in LONG_FUNCTIONS
    }
    assert not long


@pytest.mark.parametrize("path", sources())
def test_a_name_says_what_is_inside(path: str) -> None:
    assert VAGUE_NAMES.isdisjoint(Path(path).with_suffix("").parts)


def test_exceptions_are_still_needed() -> None:
    """An exception goes when its file or function has become short, or is gone."""
    long_files = {path for path in sources() if len((ROOT / path).read_text().splitlines()) > LINES_A_FILE}
    long_functions = {
        f"{path}::{name}" for path in sources() for name, lines in functions(path) if lines > LINES_A_FUNCTION
    }
    assert set(LONG_FILES) <= long_files
    assert set(LONG_FUNCTIONS) <= long_functions
    assert all([*LONG_FILES.values(), *LONG_FUNCTIONS.values()]), "every exception has its reason"
