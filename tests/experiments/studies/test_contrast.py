"""One choice against another over all else: which arms pair up, and what the difference is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from composing import CONF
from reports import put

from experiments.reports.arms import sections
from experiments.reports.run_folders import find_runs
from experiments.studies.contrast import Contrast, compare_arms

SPREAD = [0, 40, 10, 30, 20]


def contrasts(folder: Path, ours: str, others: str) -> list[Contrast]:
    return compare_arms(sections(find_runs([folder])), ours, others)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """On haul x is 100 better than y at a seed, whatever else; pairs differ by much more. On refine it is not."""
    for arm, base in (("x_1", 200), ("x_2", 900), ("y_1", 100), ("y_2", 800), ("y_3", 5), ("z", 7)):
        put(tmp_path / "haul" / arm, f"arm={arm}", f"agent.tau=0.{len(arm)}", scores=[base + own for own in SPREAD])
    for arm, scores in (("x_1", [500, 600, 700]), ("y_1", [700, 600, 500])):
        put(tmp_path / "refine" / arm, "level=refine", f"arm={arm}", scores=scores)
    return tmp_path


def test_arms_pair_up_by_what_the_star_stands_for(runs: Path) -> None:
    haul, refine = contrasts(runs, "x_*", "y_*")
    assert haul.pairs == [("x_1", "y_1"), ("x_2", "y_2")]
    assert (haul.seeds, refine.seeds) == ([0, 1, 2, 3, 4], [0, 1, 2])
    assert (haul.difference.mean, haul.difference.low, haul.difference.high) == (100, 100, 100)
    assert haul.ours.mean == 572.5  # 2.5 is what maps add; the mean of the middle six of ten
    assert haul.ours.mean - haul.others.mean == pytest.approx(100)
    assert refine.difference.mean == 0
    assert refine.difference.low < 0 < refine.difference.high
    back = contrasts(runs, "y_*", "x_*")[0]
    assert back.difference.mean == -100


def test_one_arm_is_compared_with_another_by_their_whole_names(runs: Path) -> None:
    haul, refine = contrasts(runs, "x_1", "y_1")
    assert haul.pairs == refine.pairs == [("x_1", "y_1")]
    assert haul.difference.mean == 100


def test_only_seeds_that_all_have_are_compared(runs: Path) -> None:
    (runs / "haul" / "y_2" / "3" / "result.json").unlink()
    assert contrasts(runs, "x_*", "y_*")[0].seeds == [0, 1, 2, 4]


@pytest.mark.parametrize(
    ("ours", "others", "line"),
    [
        (
            "x_1",
            "y_*",
            "'x_1' against 'y_\\*': one * in both stands for what they have in common, none in both for one",
        ),
        ("x_*", "*_*", "'x_\\*' against '\\*_\\*': one * in both"),
        (
            "x_*",
            "w_*",
            "'x_\\*' and 'w_\\*': no two arms with two seeds in common pair up, known are x_1, x_2, ",
        ),
        ("x_*", "x_*", "no two arms"),
    ],
)
def test_what_does_not_pair_up_is_one_line(runs: Path, ours: str, others: str, line: str) -> None:
    with pytest.raises(ValueError, match=line.replace("one *", r"one \*")):
        contrasts(runs, ours, others)


def test_the_command_shows_a_table(runs: Path) -> None:
    asked = [sys.executable, "-m", "experiments.studies.contrast", str(runs / "haul"), "x_*", "y_*"]
    done = subprocess.run(asked, cwd=CONF.parent, capture_output=True, text=True, env={"COLUMNS": "80"}, check=True)
    lines = [[cell.strip() for cell in line.split("│")[1:-1]] for line in done.stdout.splitlines()]
    assert ["mean difference, above 0", "100.0", "100.0 … 100.0"] in lines
    assert "2 pairs of arms, 5 seeds" in done.stdout
    assert "  x_2  –  y_2" in done.stdout
