"""The pictures of the pages: each is made by ``make pictures`` or by a command that the gallery names, and is shown."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image

from experiments.gallery.parts import GALLERY_PARTS
from groundwork.blame import ROOT

FIGURES = ROOT / "docs" / "figures"
GALLERY = (ROOT / "docs" / "gallery.md").read_text()
BY_HAND = {"pipeline.svg"}
MADE = {name: command for part in GALLERY_PARTS.values() for name, command in part.commands.items()}
PAGES = [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "experiments" / "studies").glob("*.md")]


def in_tables(text: str) -> dict[str, str]:
    """The pictures of tables whose rows end with a command, and that command."""
    rows = re.findall(r"^\| !\[[^]]+\]\(figures/(\S+)\) \|.*\| `(python [^`]+)` \|$", text, flags=re.MULTILINE)
    return dict(rows)


def test_every_figure_is_made_by_make_pictures_or_by_a_command_of_the_gallery() -> None:
    studied = in_tables(GALLERY)
    assert len(studied) == 16
    assert not studied.keys() & MADE.keys()
    there = {path.name for path in FIGURES.iterdir()}
    assert there == {*MADE, *studied, *BY_HAND}


def test_no_file_is_made_by_two_parts() -> None:
    assert len(MADE) == sum(len(part.commands) for part in GALLERY_PARTS.values())


@pytest.mark.parametrize(("name", "command"), MADE.items(), ids=str)
def test_the_gallery_shows_a_picture_below_the_command_that_makes_it(name: str, command: str) -> None:
    before, found, _ = GALLERY.partition(f"](figures/{name})")
    assert found, "the gallery does not show it"
    assert re.findall(r"^    (\S.*)$", before, flags=re.MULTILINE)[-1] == command


def test_every_figure_is_shown_by_a_page_and_is_there() -> None:
    shown = set()
    for page in PAGES:
        for target in re.findall(r"!\[[^]]*\]\(([^)]+)\)", page.read_text()):
            path = (page.parent / target).resolve()
            assert path.is_file(), f"{page.name}: {target}"
            shown.add(path)
    assert shown == set(FIGURES.iterdir())


def test_figures_are_small() -> None:
    sizes = {path.name: path.stat().st_size for path in FIGURES.iterdir()}
    assert {name: size for name, size in sizes.items() if size > 300_000} == {"game.gif": sizes["game.gif"]}
    assert sizes["game.gif"] < 1_500_000
    assert sum(sizes.values()) < 5_000_000


@pytest.mark.parametrize("path", sorted(FIGURES.glob("*.[pg]*[gf]")), ids=lambda path: path.name)
def test_figures_are_whole(path: Path) -> None:
    with Image.open(path) as image:
        image.load()
        assert image.width >= 350
        assert image.convert("RGB").getcolors(16) is None  # more colours than that: not empty
