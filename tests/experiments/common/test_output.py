"""Films: they hold every picture, and without what makes them one line says what to install."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from PIL import Image

from experiments.common import output
from groundwork.errors import WaybillError


def pictures(count: int, size: tuple[int, int] = (321, 200)) -> list[Image.Image]:
    return [Image.new("RGB", size, (10 * k, 255 - 10 * k, 90)) for k in range(count)]


def test_a_film_holds_every_picture_and_the_last_one_longer(tmp_path: Path) -> None:
    maker = pytest.importorskip("imageio_ffmpeg")
    path = tmp_path / "game.mp4"
    output.write_moving(path, "mp4", pictures(12), 5)
    frames, seconds = maker.count_frames_and_secs(str(path))
    held = round(5 * output.HOLD_SECONDS)
    assert frames == 11 + held
    assert seconds == pytest.approx(frames / 5, abs=0.1)
    reader = maker.read_frames(str(path))
    assert next(reader)["size"] == (322, 200)  # even sides
    assert 1_000 < path.stat().st_size < 200_000
    assert list(tmp_path.iterdir()) == [path]


def test_without_what_makes_films_one_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(WaybillError, match=r'^--format=mp4: .*pip install -e "\.\[mp4\]"'):
        output.output_path("mp4", str(tmp_path / "game.mp4"), 4)
    assert output.output_path("gif", str(tmp_path / "game.gif"), 4) == tmp_path / "game.gif"
    assert list(tmp_path.iterdir()) == []
