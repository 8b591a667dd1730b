"""The page of a diagnosis in a browser: figures side by side where there is room, one below the other on a phone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from experiments.diagnosis.diagnose import diagnose_run
from experiments.runs.train import start_run
from tiny import DQN, tiny_node


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The diagnosis of a tiny run."""
    folder = tmp_path_factory.mktemp("diagnosed") / f"run_{'of_a_long_name_' * 6}"
    start_run(tiny_node(folder.parent, *DQN), folder=folder)
    diagnose_run(str(folder))
    return folder / "diagnosis.html"


@pytest.mark.parametrize(("width", "across"), [(1280, 2), (768, 1), (360, 1)])
def test_figures_have_room(chromium: Any, page: Path, width: int, across: int) -> None:
    context = chromium.new_context(viewport={"width": width, "height": 900})
    opened = context.new_page()
    opened.goto(page.as_uri())
    boxes = opened.evaluate(
        "[...document.querySelector('.panels').querySelectorAll('svg')].map((one) => {"
        " const box = one.getBoundingClientRect(); return [box.left, box.top, box.width, box.height]; })"
    )
    letters = opened.evaluate("document.querySelector('.panels svg text').getBoundingClientRect().height")
    assert opened.evaluate("document.documentElement.scrollWidth") == width
    context.close()
    assert len(boxes) == 4
    assert len({round(left) for left, *_ in boxes}) == across
    assert all(own[2] > 300 and own[3] > 180 for own in boxes)
    assert letters >= 8


def test_letters_of_figures_are_light_on_dark(chromium: Any, page: Path) -> None:
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, color_scheme="dark")
    opened = context.new_page()
    opened.goto(page.as_uri())
    shown = opened.evaluate("getComputedStyle(document.querySelector('.panels svg text')).fill")
    context.close()
    assert min(int(part) for part in shown[4:-1].split(",")) > 200
