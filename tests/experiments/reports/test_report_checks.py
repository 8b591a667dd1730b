"""The warnings of a report: each says what is wrong and names where."""

from __future__ import annotations

from pathlib import Path

from reports import MADE, changed, put
from swept import made

from experiments.reports.arms import sections
from experiments.reports.checks import find_warnings
from experiments.reports.run_folders import find_runs
from experiments.sweeps.manifest import Job, Planned
from tiny import tiny_setup


def warnings_of(folder: Path) -> list[str]:
    found = find_runs([folder])
    return find_warnings(found, sections(found))


def test_ten_seeds_of_clean_runs_need_no_warning(tmp_path: Path) -> None:
    put(tmp_path / "a", "reward=sparse", scores=range(100, 110))
    put(tmp_path / "b", scores=range(500, 510))
    assert warnings_of(tmp_path) == []


def test_few_seeds_are_named_by_arm(tmp_path: Path) -> None:
    put(tmp_path / "a", "reward=sparse", scores=[1, 2, 3, 4])
    put(tmp_path / "b", scores=[1, 2, 3, 4, 5])
    put(tmp_path / "c", "agent=greedy", scores=[500])  # a player needs no seeds
    lines = warnings_of(tmp_path)
    assert "Fewer than 5 seeds, their intervals are not to be trusted: “reward=sparse” (4)" in lines
    assert "Fewer than 10 seeds, too few for a study: “base” (5)" in lines
    assert not any("greedy" in line for line in lines)


def test_missing_seeds_are_named_with_their_folders(tmp_path: Path) -> None:
    put(tmp_path / "a", "reward=sparse", scores=[1, None, 3])
    put(tmp_path / "b", scores=[1, 2, 3, 4])
    put(tmp_path / "c", "reward=cash", scores=[None])
    lines = warnings_of(tmp_path)
    assert f"Arm “reward=sparse” lacks seeds; not finished: 1 ({tmp_path}/a/1); no run of: 3" in lines
    left_out = f"Arm “reward=cash” has no finished run and is left out; not finished: 0 ({tmp_path}/c/0)"
    assert f"{left_out}; no run of: 1, 2, 3" in lines


def test_what_cannot_be_read_comes_first(tmp_path: Path) -> None:
    put(tmp_path, scores=[1, 2])
    (tmp_path / "0" / "result.json").write_text("{")
    assert warnings_of(tmp_path)[0].startswith(f"Left out: {tmp_path}/0/result.json: ")


def test_different_games_are_named_and_sections_say_whose_warning_it_is(tmp_path: Path) -> None:
    put(tmp_path / "a", scores=[1])
    put(tmp_path / "b", "level=refine", scores=[1])
    lines = warnings_of(tmp_path)
    assert lines[0].endswith("averaged over them: haul, 6 maps from seed 0; refine, 6 maps from seed 0")
    assert any(line.startswith("refine, 6 maps from seed 0: Fewer than 5 seeds") for line in lines)


def test_code_that_differs_is_named(tmp_path: Path) -> None:
    one, two, _ = put(tmp_path, scores=[1, 2, 3])
    changed(one, commit={"id": "b" * 40, "dirty": True})
    changed(two, commit=None, versions={**MADE["versions"], "torch": "9.9"})
    lines = warnings_of(tmp_path)
    assert "1 of 3 runs were made with uncommitted changes: their commit doesn't say all" in lines
    assert "Runs are of 2 different commits: bbbbbbbbbb, aaaaaaaaaa" in lines
    assert "The commit isn't known of 1 of 3 runs" in lines
    assert "Runs used different versions of torch: 2.13.0, 9.9" in lines


def test_players_who_score_differently_give_other_games_away(tmp_path: Path) -> None:
    one, _ = put(tmp_path, scores=[1, 2])
    (run,) = [run for run in find_runs([tmp_path]).finished if run.folder == one]
    scores = {**run.scores, "planner": {**run.scores["planner"], "by_map": [9] * 6}}
    changed(one, scores=scores)
    starts = "The planner player didn't score the same in all runs"
    assert any(line.startswith(starts) for line in warnings_of(tmp_path))


def test_curves_that_are_missing_or_of_other_length_are_named(tmp_path: Path) -> None:
    one, two, _ = put(tmp_path, scores=[1, 2, 3])
    changed(one, curve=[[0, 0.0], [400, 1.0]])
    lines = warnings_of(tmp_path)
    line = "Arm “dqn”: runs ended after between 400 and 800 steps; curves are shown as far as all of them go"
    assert line in lines
    changed(two, curve=None)
    assert f"No learning curve was kept by {two}: their arms have none here" in warnings_of(tmp_path)


def test_a_replaced_run_is_named(tmp_path: Path) -> None:
    put(tmp_path / "a", scores=[1])
    put(tmp_path / "b", scores=[2], finished="2026-01-02T00:00:00+00:00")
    line = f"Left out because there is a later run of the same config and seed: {tmp_path}/a/0"
    assert line in warnings_of(tmp_path)


def test_an_arm_of_a_sweep_that_nobody_began_is_named(tmp_path: Path) -> None:
    """The sweep was stopped before its second arm: only its list of jobs knows of that one."""
    begun, waiting = (tiny_setup(tmp_path, f"reward={name}").plain for name in ("shaped", "sparse"))
    jobs = [Planned(Job(k, name, [], {}, [0], 9), one) for k, (name, one) in enumerate((("a", begun), ("b", waiting)))]
    folder = made(tmp_path / "sweep", jobs).folder
    (run,) = put(tmp_path / "made", scores=[600])
    for path in run.iterdir():
        path.rename(folder / "a" / path.name)
    line = f"Arm “reward=sparse” has no finished run and is left out; not finished: 0 ({folder}/b)"
    assert line in warnings_of(folder)
