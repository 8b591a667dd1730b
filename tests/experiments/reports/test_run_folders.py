"""Finding runs: finished, unfinished, broken; whatever the folders look like."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf
from reports import changed, put
from swept import made

from experiments.reports.run_folders import find_runs, game_scores, natural
from experiments.sweeps.manifest import Job, Planned
from tiny import tiny_setup


def test_runs_are_found_at_any_depth_each_once(tmp_path: Path) -> None:
    put(tmp_path / "sweep" / "deep" / "a", scores=[600, None])
    put(tmp_path / "sweep" / ".hidden", scores=[1])
    found = find_runs([tmp_path, tmp_path / "sweep"])
    assert [run.folder for run in found.finished] == [tmp_path / "sweep/deep/a/0"]
    assert [run.folder for run in found.unfinished] == [tmp_path / "sweep/deep/a/1"]
    assert found.broken == []


def test_a_run_tells_its_numbers(tmp_path: Path) -> None:
    put(tmp_path, scores=[600], first=3)
    (run,) = find_runs([tmp_path]).finished
    assert (run.seed, run.learns) == (3, True)
    assert run.score == 602.5  # maps add 0 … 5
    assert run.normalised == pytest.approx(0.6)
    assert game_scores(run.own).tolist() == [600, 601, 602, 603, 604, 605]
    assert run.curve is not None
    assert run.curve.tolist() == [[0, 0], [400, 300], [800, 600]]
    assert run.commands[0].startswith("python train.py level=haul ")
    assert run.commands[0].endswith(" seed=3")


def test_a_player_does_not_learn(tmp_path: Path) -> None:
    put(tmp_path, "agent=greedy", scores=[500])
    changed(tmp_path / "0", curve=None)
    (run,) = find_runs([tmp_path]).finished
    assert not run.learns
    assert run.curve is None


def test_a_group_lacks_the_seeds_that_were_not_begun(tmp_path: Path) -> None:
    made = put(tmp_path, scores=[600, None, 700])
    for folder in made:
        folder.rename(tmp_path / f"seed{folder.name}")
    config = OmegaConf.load(tmp_path / "seed0" / "config.yaml")
    OmegaConf.save(OmegaConf.merge(config, {"seeds": 5}), tmp_path / "config.yaml")
    found = find_runs([tmp_path])
    assert [run.seed for run in found.finished] == [0, 2]
    assert {run.folder.name: run.seed for run in found.unfinished} == {"seed1": 1, "seed3": 3, "seed4": 4}


def test_a_sweep_lacks_the_jobs_that_never_began(tmp_path: Path) -> None:
    """A group of two seeds, a run that is finished, one of another arm that nobody began, and one that cannot run."""
    setup = tiny_setup(tmp_path, "reward=sparse")
    group, alone = ({**setup.plain, "seed": seed, "seeds": count} for seed, count in ((3, 2), (9, 1)))
    jobs = [
        Planned(Job(0, "group", [], {}, [3, 4], 100), group),
        Planned(Job(1, "done", [], {}, [0], 100), setup.plain),
        Planned(Job(2, "alone", [], {}, [9], 100), alone),
        Planned(Job(3, "bad", [], {}, [], 100, "seed=-1 is not allowed"), {}),
    ]
    folder = made(tmp_path / "sweep", jobs).folder
    (run,) = put(tmp_path / "made", scores=[600])
    for path in run.iterdir():
        path.rename(folder / "done" / path.name)
    found = find_runs([folder])
    assert [run.folder for run in found.finished] == [folder / "done"]
    assert {run.folder: run.seed for run in found.unfinished} == {
        folder / "group" / "seed3": 3,
        folder / "group" / "seed4": 4,
        folder / "alone": 9,
    }
    assert found.unfinished[0].config["reward"]["name"] == "sparse"
    assert found.broken == [f"{folder}/bad: its job cannot run, seed=-1 is not allowed"]
    (folder / "sweep.json").write_text("{")
    assert find_runs([folder]).broken[0].startswith(f"{folder}/sweep.json is damaged")


@pytest.mark.parametrize(
    ("file", "text", "line"),
    [
        ("result.json", '{"seed": 0, "sco', "result.json: it is no JSON (Unterminated string"),
        ("result.json", "[]", "result.json: it is no section of keys"),
        ("result.json", '{"seed": 0, "env_steps": 5}', "result.json: it lacks choices, scores"),
        (
            "result.json",
            '{"seed": 7, "choices": {}, "env_steps": 1, "scores": {}}',
            "result.json: it is of seed 7, config.yaml of seed 0",
        ),
        ("config.yaml", "seed: [0", "config.yaml: line 1: expected ',' or ']'"),
        ("config.yaml", "defaults: []", "config.yaml: it is no run's config, it lacks agent.name or seed"),
        ("config.yaml", "", "config.yaml: it is no run's config"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, file: str, text: str, line: str) -> None:
    put(tmp_path, scores=[600, 700])
    (tmp_path / "0" / file).write_text(text)
    found = find_runs([tmp_path])
    assert [run.seed for run in found.finished] == [1]
    assert len(found.broken) == 1
    assert found.broken[0].startswith(str(tmp_path / "0" / line))


def test_scores_and_curves_that_are_no_numbers_are_broken(tmp_path: Path) -> None:
    put(tmp_path, scores=[600, 700])
    changed(tmp_path / "0", curve=[[0, 1.0], [0, 2.0]])
    scores = {"dqn": {"mean": float("nan"), "by_map": [1]}}
    changed(tmp_path / "1", scores=scores)
    broken = find_runs([tmp_path]).broken
    assert broken[0].endswith("a curve's steps must rise, and its numbers be finite")
    assert broken[1].endswith("the scores of dqn are no finite numbers")


def test_no_folder_and_no_runs_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no runs in there, no folder holds a config.yaml"):
        find_runs([tmp_path])
    with pytest.raises(ValueError, match="is no folder"):
        find_runs([tmp_path / "nowhere"])


def test_names_are_sorted_as_people_do() -> None:
    names = ["10_a", "9_a", "a", "1_b", "1_a"]
    assert sorted(names, key=natural) == ["1_a", "1_b", "9_a", "10_a", "a"]


def test_games_are_read_by_map_or_by_seed() -> None:
    np.testing.assert_array_equal(game_scores({"by_seed": [1, 2.5]}), [1, 2.5])
