"""The pictures of the pages are those of the browser tests, and small enough for a page."""

import re
from pathlib import Path

import pytest
from PIL import Image

from testbed import pictures
from testbed.errors import TestbedError

ROOT = Path(__file__).parents[2]
LOUD = 700


def take(folder: Path, *, without: str = "", loud: str = "") -> None:
    """Stand in for a run of the browser tests: plain pictures, one missing, one that no palette makes small."""
    for name in pictures.CHOSEN:
        picture = Image.effect_noise((LOUD, LOUD), 200) if name == loud else Image.new("RGB", (40, 30), "white")
        if name != without:
            picture.save(folder / f"{name}.png")


def test_chosen_pictures_are_written_under_the_names_of_the_pages(tmp_path: Path):
    take(tmp_path)
    sizes = pictures.write(tmp_path, tmp_path / "images")
    assert sorted(sizes) == sorted(f"{name}.png" for name in pictures.CHOSEN.values())
    with Image.open(tmp_path / "images" / "dashboard.png") as picture:
        assert picture.size == (40, 30)


def test_a_picture_that_no_test_took_is_named(tmp_path: Path):
    take(tmp_path, without="device")
    with pytest.raises(TestbedError, match=r"device\.png is missing"):
        pictures.write(tmp_path, tmp_path / "images")


def test_a_picture_too_large_for_a_page_is_named(tmp_path: Path):
    take(tmp_path, loud="device")
    with pytest.raises(TestbedError, match=r"larger than 200,000 bytes: device\.png"):
        pictures.write(tmp_path, tmp_path / "images")


def test_every_picture_stands_on_a_page_and_every_page_has_its_pictures():
    text = "\n".join(page.read_text(encoding="utf-8") for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
    shown = set(re.findall(r"images/([\w-]+\.png)\)", text))
    there = {file.name for file in pictures.FOLDER.glob("*.png")}
    assert shown == there == {f"{name}.png" for name in pictures.CHOSEN.values()}
    assert all(file.stat().st_size <= pictures.MOST_BYTES for file in pictures.FOLDER.glob("*.png"))
