"""A sweep on disk: there whole or not at all, read as written, and never another's."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import yaml
from swept import JOBS, made

from experiments.sweeps import manifest
from experiments.sweeps.manifest import Planned


def test_it_reads_as_written(tmp_path: Path) -> None:
    sweep = made(tmp_path / "runs" / "sweep")
    assert sweep.jobs == [one.job for one in JOBS]
    assert (sweep.command, sweep.begun, sweep.commit) == ("python train.py -m", "today", None)
    assert [manifest.read_frozen(sweep.folder_of(job)) for job in sweep.jobs] == [one.config for one in JOBS]
    first, second, bad = sweep.jobs
    assert [path.name for path in sweep.runs_of(first)] == ["seed0", "seed1"]
    assert sweep.runs_of(second) == [sweep.folder / "1_seed-9"]
    assert manifest.runs_of(sweep.folder_of(first), JOBS[0].config) == sweep.runs_of(first)
    assert (sweep.folder_of(bad) / "log.txt").read_text() == "not started: seed=-1 is not allowed\n"
    assert first.title == "seed=0"
    assert dataclasses.replace(first, values={}).title == "seed=0 seeds=2"
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["sweep"]


def test_a_folder_that_is_taken_stays_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    made(folder)  # an empty one may be used
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    with pytest.raises(ValueError, match=f"^{folder} is not empty and holds no sweep: give another hydra.sweep.dir"):
        made(folder)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_two_jobs_have_two_folders(tmp_path: Path) -> None:
    same = [dataclasses.replace(one, job=dataclasses.replace(one.job, name="same")) for one in JOBS]
    with pytest.raises(ValueError, match="several jobs would share the folder 'same'"):
        made(tmp_path / "sweep", same)
    assert list(tmp_path.iterdir()) == []


def test_the_launchers_that_a_sweep_was_given_to_are_noted(tmp_path: Path) -> None:
    sweep = made(tmp_path / "sweep")
    assert sweep.launchers == []
    manifest.note_launchers(sweep, ["slurm", "local", "slurm"])
    again = manifest.read_sweep(sweep.folder)
    assert again == dataclasses.replace(sweep, launchers=["slurm", "local"])
    assert manifest.refreeze(again, []).launchers == ["slurm", "local"]
    content = json.loads((sweep.folder / "sweep.json").read_text())
    del content["launchers"]
    (sweep.folder / "sweep.json").write_text(json.dumps(content))  # as before they were noted
    assert manifest.read_sweep(sweep.folder).launchers is None


def test_a_bad_job_may_get_another_config(tmp_path: Path) -> None:
    sweep = made(tmp_path / "sweep")
    mended = Planned(dataclasses.replace(JOBS[2].job, error=None, seeds=[3]), {"seed": 3, "seeds": 1})
    again = manifest.refreeze(sweep, [mended])
    assert again.jobs == [JOBS[0].job, JOBS[1].job, mended.job]
    assert manifest.read_frozen(again.folder_of(mended.job)) == mended.config
    assert manifest.read_frozen(again.folder_of(JOBS[0].job)) == JOBS[0].config


def test_what_is_no_sweep_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'.*nowhere' is no folder; a sweep's folder"):
        manifest.read_sweep(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"is no sweep's folder: it has no sweep\.json"):
        manifest.read_sweep(tmp_path)
    damaged, later = r"sweep\.json is damaged or not one of ours \(", r"sweep\.json has format 9, this version reads 1$"
    for text, said in (
        ("{", damaged),
        ("[]", damaged),
        (json.dumps({"format": 1, "jobs": [{"number": 1}]}), damaged),
        (json.dumps({"format": 9}), later),
    ):
        (tmp_path / "sweep.json").write_text(text)
        with pytest.raises(ValueError, match=said) as caught:
            manifest.read_sweep(tmp_path)
        assert "\n" not in str(caught.value)
    (tmp_path / "frozen.yaml").write_text("seed: [1")
    with pytest.raises(ValueError, match=r"frozen\.yaml: ") as caught:
        manifest.read_frozen(tmp_path)
    assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match=r"frozen\.yaml: .*No such file"):
        manifest.read_frozen(tmp_path / "nowhere")


def test_what_distinguishes_jobs() -> None:
    jobs = [["reward=sparse", "seed=0", "steps=5"], ["reward=sparse", "seed=1", "steps=5"]]
    assert manifest.values_of(jobs) == [{"seed": "0"}, {"seed": "1"}]
    assert manifest.values_of([["+a.b=[1,2]"], ["+a.b=[3]"]]) == [{"a.b": "[1,2]"}, {"a.b": "[3]"}]
    assert manifest.values_of([["seed=0"]]) == [{}]
    assert manifest.values_of([]) == []


@pytest.mark.parametrize(
    ("new", "line"),
    [
        ({"out": "b", "progress": False}, None),
        ({"agent": {"_target_": "agents.dqn.DQNSettings", "name": "dqn", "tau": 0.1}}, None),  # as before
        ({"steps": 6}, "steps was 5, is 6"),
        ({"agent": {"name": "dqn", "tau": 0.2}}, "agent.tau was 0.1, is 0.2"),
        ({"agent": {"name": "dqn"}}, "agent.tau is gone"),
        ({"agent": {"name": "dqn", "tau": 0.1, "out": 1}}, "agent.out is new"),
        ({"extra": None}, "extra is new"),
    ],
)
def test_the_first_difference_is_told(new: dict, line: str | None) -> None:
    old = {"steps": 5, "out": "a", "progress": True, "agent": {"name": "dqn", "tau": 0.1}}
    assert manifest.difference(old, {**old, **new}) == line
    assert (manifest.difference({**old, **new}, old) is None) == (line is None)
    assert manifest.difference(old, yaml.safe_load(yaml.safe_dump(old))) is None
