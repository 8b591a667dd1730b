"""Figures show the numbers: their lines are the arms', labelled, with intervals where there are any."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from measured import HIGH, LOW, numbers_of
from reports import put

from experiments.reports import figures
from experiments.reports.measures import SectionNumbers
from experiments.reports.page import FIGURE_INK


@pytest.fixture(scope="module")
def numbers(tmp_path_factory: pytest.TempPathFactory) -> SectionNumbers:
    folder = tmp_path_factory.mktemp("runs")
    put(folder / "a", "reward=sparse", scores=LOW, events=True)
    put(folder / "b", scores=HIGH, events=True)
    put(folder / "c", "reward=cash", scores=[300, 310], events=True)
    put(folder / "d", "agent.gamma=0.9", scores=[400], events=True)
    return numbers_of(folder)


def lines_of(figure: Figure, panel: int = 0) -> dict[str, tuple[list[float], list[float]]]:
    lines = figure.axes[panel].get_lines()
    return {str(line.get_label()): (list(line.get_xdata()), list(line.get_ydata())) for line in lines}  # type: ignore[arg-type]


def test_curves_are_the_arms(numbers: SectionNumbers) -> None:
    figure = figures.curves(numbers)
    lines = lines_of(figure)
    for one in numbers.arms:
        assert one.curve is not None
        assert lines[one.arm.label] == (one.curve.x.tolist(), one.curve.y.estimate.tolist())
    texts = {text.get_text() for text in figure.axes[0].texts}
    assert texts == {"random", "greedy", "planner", "threshold"}
    assert len(figure.axes[0].collections) == 4
    right = figure.axes[0].child_axes[0]
    assert right._functions[0](numbers.players["planner"]) == 1.0  # type: ignore[attr-defined]


def test_scores_have_a_dot_for_each_seed(numbers: SectionNumbers) -> None:
    figure = figures.scores(numbers)
    assert len(figure.axes) == 2
    dots = [line.get_xdata() for line in figure.axes[1].get_lines() if line.get_marker() == "o"]
    np.testing.assert_allclose(dots[0], np.array(LOW) / 1000)
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == [one.arm.label for one in numbers.arms]


def test_profiles_fall_from_1_to_0(numbers: SectionNumbers) -> None:
    lines = lines_of(figures.profiles(numbers))
    assert len(lines) == 4
    for _, heights in lines.values():
        assert heights[0] == 1.0
        assert heights[-1] == 0.0
        assert (np.diff(heights) <= 0).all()


def test_improvement_leaves_the_reference_out(numbers: SectionNumbers) -> None:
    figure = figures.improvement(numbers)
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert names == [one.arm.label for one in numbers.arms if one.arm is not numbers.reference]
    assert figure.axes[0].get_xlim() == (-0.02, 1.02)


def test_pairs_are_written_into_their_cells(numbers: SectionNumbers) -> None:
    texts = figures.pairs(numbers).axes[0].texts
    expected = [f"{numbers.pairs[k, j]:.2f}" for k in range(4) for j in range(4) if k != j]
    assert [text.get_text() for text in texts] == expected


def test_funnels_have_a_panel_for_each_arm(numbers: SectionNumbers) -> None:
    figure = figures.funnels(numbers)
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title() for axes in shown] == [one.arm.label for one in numbers.arms]
    assert set(lines_of(figure)) == {"extractor", "dig", "sell", "profit"}


@pytest.mark.parametrize("draw", ["curves", "scores", "profiles", "improvement", "pairs", "funnels"])
def test_every_figure_is_drawn_in_ink(numbers: SectionNumbers, draw: str, tmp_path: Path) -> None:
    figure = getattr(figures, draw)(numbers)
    figure.savefig(tmp_path / "x.png")
    axes = figure.axes[0]
    assert axes.xaxis.label.get_color() == FIGURE_INK
    assert axes.get_yticklabels()[0].get_color() == FIGURE_INK
    assert axes.title.get_color() == FIGURE_INK


def test_arms_have_different_colours() -> None:
    for count in (1, 10, 19):
        assert len(set(figures.colours(count))) == count
    assert len(figures.colours(30)) == 30
