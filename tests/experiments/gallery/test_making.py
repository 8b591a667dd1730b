"""``make pictures`` from a tiny run: all pictures are made as the gallery has them, and mistakes are one line."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from shrunk import perform, shrunk

import experiments.gallery.__main__ as making
from experiments.gallery.__main__ import make_pictures
from experiments.gallery.browser import BROWSERS, open_browser, picture_of, shown
from experiments.gallery.parts import DRAWN_IN_TRAINING, GALLERY_PARTS
from experiments.gallery.studio import Studio, furnish
from groundwork.errors import WaybillError


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run that was trained for the pictures, as none was given: a tiny one."""
    out = tmp_path_factory.mktemp("gallery")
    small = ("hydra.run.dir=", "out=", "diagnostics.pictures=")
    words = shrunk(["python", "train.py", "level=haul"], out, without=small)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(out)
        patch.setattr(making, "TRAINING", shlex.join(words))
        make_pictures(out, browser=None, only=("diagnostics",))
    (folder,) = (out / "runs").glob("pictures_*")
    assert {path.name for path in out.iterdir()} == {"runs", *parts_of("diagnostics")}
    return folder


def parts_of(*names: str) -> set[str]:
    return {file for name in names for file in GALLERY_PARTS[name].commands}


def test_a_runs_pictures_are_made(run: Path, tmp_path: Path, chromium: Any, capfd: pytest.CaptureFixture[str]) -> None:
    only = ("game", "tensorboard", "diagnosis", "diagnostics")
    make_pictures(tmp_path, browser=chromium, run=run, only=only)
    assert {path.name for path in tmp_path.iterdir()} == parts_of(*only)
    told = capfd.readouterr().out
    assert "1 of 4, game: game.gif\n" in told
    assert "random: score " in told
    with Image.open(tmp_path / "game.gif") as game:
        assert game.n_frames > 5
    with Image.open(tmp_path / "diagnostics_episode.gif") as game:
        assert game.n_frames == 21  # the level is cut to 20 turns
    with Image.open(tmp_path / "tensorboard.png") as board:
        assert board.size == (1280, 1132)


@pytest.mark.slow
def test_games_are_replayed_and_played_for_pictures(tmp_path: Path, chromium: Any) -> None:
    """Of the policies that come with the project, without a run."""
    make_pictures(tmp_path, browser=chromium, only=("replay", "play"))
    assert {path.name for path in tmp_path.iterdir()} == parts_of("replay", "play")
    light, dark = (Image.open(tmp_path / f"replay_{name}.png").convert("RGB") for name in ("page", "dark"))
    assert light.width == dark.width == 1280
    assert min(light.getpixel((3, 3))) > 200  # the paper's colour
    assert max(dark.getpixel((3, 3))) < 60
    with Image.open(tmp_path / "replay_phone.png") as phone:
        assert phone.size == (390, 844)


def test_a_run_without_pictures_is_refused(run: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "config.yaml").write_bytes((run / "config.yaml").read_bytes())
    with pytest.raises(WaybillError, match="has no two pictures values/calibration, train it with"):
        make_pictures(tmp_path, browser=None, run=bare, only=("diagnostics",))
    assert not list(tmp_path.glob("*.png"))


def test_drawings_are_those_of_the_end_but_for_the_funnel(run: Path, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    make_pictures(tmp_path, browser=None, run=run, only=("diagnostics",))
    events = EventAccumulator(str(run), size_guidance={"images": 0}).Reload()
    for name in GALLERY_PARTS["diagnostics"].commands:
        images = {image.step: image.encoded_image_string for image in events.Images(DRAWN_IN_TRAINING[name].tag)}
        step = sorted(images)[1] if name == "diagnostics_funnel.png" else max(images)
        assert (tmp_path / name).read_bytes() == images[step]


def test_a_picture_is_cut_from_one_element_to_another(chromium: Any) -> None:
    page = "data:text/html,<body style='margin:0'>" + "".join(
        f"<div id={name} style='height:{high}px;background:{colour}'></div>"
        for name, high, colour in (("a", 50, "red"), ("b", 30, "lime"), ("c", 2000, "blue"), ("d", 9, "red"))
    )
    with shown(chromium, page, width=200, height=100) as opened:
        assert picture_of(opened).size == (200, 100)
        assert picture_of(opened, last="#b", margin=4).size == (200, 84)
        cut = picture_of(opened, "#b", "#c", margin=4).convert("RGB")
    assert cut.size == (200, 2038)
    assert [cut.getpixel((9, y)) for y in (1, 6, 40)] == [(255, 0, 0), (0, 255, 0), (0, 0, 255)]


def test_a_command_that_fails_is_told_with_its_last_line(tmp_path: Path) -> None:
    furnish(tmp_path, None)
    studio = Studio(tmp_path, tmp_path, None)
    with pytest.raises(
        WaybillError, match=r"^python replay\.py policies/nobody: replay\.py: error: 'policies/nobody' is"
    ):
        studio.do("python replay.py policies/nobody")
    with (
        pytest.raises(WaybillError, match=r"^python play\.py --level nowhere: play\.py: error: "),
        studio.serve("python play.py --level nowhere"),
    ):
        pass


def test_without_a_browser_it_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    pytest.importorskip("playwright.sync_api")
    line = f"^pictures of pages need Chromium: none of {', '.join(BROWSERS)} is in"
    with pytest.raises(WaybillError, match=line), open_browser():
        pass
    monkeypatch.setitem(sys.modules, "playwright.sync_api", None)
    line = r'^pictures of pages need Playwright: pip install -e "\.\[tests\]"$'
    with pytest.raises(WaybillError, match=line), open_browser():
        pass


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--out", "nowhere"), "gallery: error: --out=nowhere: there is no such folder"),
        (("--out", ".", "--run", "nowhere"), "gallery: error: "),
    ],
)
def test_mistakes_end_it_before_anything_is_made(
    words: tuple[str, ...], line: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(AssertionError, match="exit code 2"):
        perform(["python", "-m", "experiments.gallery", *words], tmp_path)
    told = capfd.readouterr().err
    assert told.startswith(line)
    assert told.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
