"""From ``-m`` to jobs: what refuses a sweep, what makes a failed job, and that a sweep keeps to its frozen configs."""

from __future__ import annotations

import csv
import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from composing import CONF, composed
from hydra.utils import get_class
from omegaconf import OmegaConf
from swept import JOBS, made

from experiments.config.reading import settings_of
from experiments.sweeps import launch, manifest
from experiments.sweeps.manifest import Planned
from sweeping import TINY, done, jobs, only, read, start, until, words

LAUNCHERS = sorted((CONF / "launcher").glob("*.yaml"))
STUDY = """# @package _global_
defaults:
  - override /env: gym
env:
  id: trouble:tests/Trouble-v0
seeds: 2
steps: {steps}
hydra:
  sweeper:
    params:
      agent.gamma: 0.9,0.99
      seed: 0,2
"""


@pytest.mark.parametrize("path", LAUNCHERS, ids=lambda path: path.stem)
def test_launcher_files_show_every_setting(path: Path) -> None:
    values = OmegaConf.to_container(composed(f"launcher={path.stem}").launcher)
    assert isinstance(values, dict)
    fields = get_class(values["_target_"]).__dataclass_fields__
    assert values.keys() == {*fields, "_target_", "name"}
    assert values["name"] == path.stem
    settings = settings_of("launcher", values)
    assert settings == type(settings)()  # what the file says is the default


@pytest.mark.parametrize(
    ("more", "line"),
    [
        (("launcher=cloud", "seed=0,1"), "Could not find 'launcher/cloud', available: local, ray, slurm"),
        (
            ("launcher.jobs=2", "seed=0,1"),
            "launcher.jobs: there is no such key (is n_jobs meant?), known are keep_last, n_jobs, retry",
        ),
        (("launcher.n_jobs=0", "seed=0,1"), "launcher=local: launcher.n_jobs=0 is not allowed, it must be 1..1024"),
        (("launcher.n_jobs=1,2", "seed=0,1"), "launcher.n_jobs=1,2: a sweep has one launcher.n_jobs"),
        (("out=a,b", "seed=0,1"), "out=a,b: a sweep has one out"),
        (("resume=a,b",), "resume=a,b: a sweep has its own runs, the same command again goes on with it"),
        (("hydra/launcher=basic", "hydra.sweeper.max_batch_size=2"), "hydra.sweeper.max_batch_size=2: how many run"),
        (("steps=-5", "seed=0,1"), "steps=-5 is not allowed, it must be 1 or more environment steps"),
        (("level=haul,refine",), "level=haul: env=gym has no level=, it belongs to env=waybill"),
        (("hydra.sweep.subdir=same", "seed=0,1"), "hydra.sweep.subdir: several jobs would share the folder 'same'"),
        (("launcher=slurm", "seed=0,1"), "launcher=slurm: there is no sbatch on this machine"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_mistake_is_one_line_and_leaves_nothing(tmp_path: Path, more: tuple[str, ...], line: str) -> None:
    ended = done(words(tmp_path / "out", *more), cwd=tmp_path, PATH="")
    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) == 1, ended.stderr
    assert ended.stderr.startswith("train.py: error: ")
    assert line in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_launcher_is_for_sweeps_only(tmp_path: Path) -> None:
    ended = done(["train.py", *TINY, f"+env.kwargs.folder={tmp_path}", "launcher=slurm"], cwd=tmp_path)
    assert ended.returncode == 2
    assert ended.stderr == "train.py: error: launcher=slurm: only sweeps have a launcher, add -m\n"


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    command = words(tmp_path, "seed=0,1", f"hydra.sweep.dir={tmp_path}/mine")
    ended = done(command, cwd=tmp_path)
    assert ended.returncode == 2
    line = f"train.py: error: {tmp_path}/mine is not empty and holds no sweep: give another hydra.sweep.dir=...\n"
    assert ended.stderr == line
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]


@pytest.mark.slow
def test_a_study_runs_by_its_name_and_keeps_the_configs_it_began_with(tmp_path: Path) -> None:
    study = tmp_path / "conf" / "experiment" / "arms.yaml"
    study.parent.mkdir(parents=True)
    study.write_text(STUDY.format(steps=400))
    tiny = [word for word in TINY if not word.startswith(("env=", "env.id", "steps="))]
    command = ["train.py", "-m", "--config-dir", str(tmp_path / "conf"), "+experiment=arms", *tiny]
    command += [f"+env.kwargs.folder={tmp_path}", f"out={tmp_path}", "launcher.n_jobs=2"]
    (tmp_path / "wait0").touch()
    sweep = start(command, cwd=tmp_path)
    until(lambda: read(tmp_path / "seen0.json"), "a job to begin")
    study.write_text(STUDY.format(steps=800))  # jobs that wait have theirs already
    (tmp_path / "wait0").unlink()
    stdout, stderr = sweep.communicate(timeout=240)
    assert sweep.returncode == 0, stderr
    folder = only(tmp_path)
    assert folder.name.startswith("arms_")
    assert "agent.gamma" in stdout
    results = [read(own / f"seed{seed}" / "result.json") for own in jobs(folder).values() for seed in range(4)]
    assert sorted(result["seed"] for result in results if result) == [0, 0, 1, 1, 2, 2, 3, 3]
    assert {result["env_steps"] for result in results if result} == {400}

    again = done(command, cwd=tmp_path)
    assert again.returncode == 0
    line = "conf/ has changed since (steps was 400, is 800), the configs of then are kept; for a new sweep give"
    said = [one for one in again.stdout.splitlines() if not one.startswith("configs:")]  # told on a slow machine
    assert said[0] == f"{folder}: {line} hydra.sweep.dir=..."
    assert "4 done before" in again.stdout
    other = done([*command, "steps=200", f"hydra.sweep.dir={folder}"], cwd=tmp_path)
    assert other.returncode == 2
    assert f"{folder} holds another sweep (python train.py -m --config-dir" in other.stderr
    one = done([*command, "agent.gamma=0.5", "seed=6", "steps=100", f"hydra.sweep.dir={tmp_path}/one"], cwd=tmp_path)
    assert one.returncode == 0, one.stderr  # what is typed stands in place of what the study sweeps
    (own,) = jobs(tmp_path / "one").values()
    frozen = yaml.safe_load((own / "frozen.yaml").read_text())
    assert (frozen["agent"]["gamma"], frozen["seed"]) == (0.5, 6)

    asked = ["-m", "experiments.sweeps", "collect", str(folder)]
    collected = subprocess.run([sys.executable, *asked], cwd=CONF.parent, capture_output=True, text=True, check=True)
    assert "8 runs in" in collected.stdout
    with (folder / "sweep.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["agent.gamma"], row["seed"]) for row in rows] == [
        (gamma, seed) for gamma in ("0.9", "0.99") for seed in "0123"
    ]
    assert json.loads((folder / "sweep.json").read_text())["jobs"][3]["values"] == {"agent.gamma": "0.99", "seed": "2"}
    frozen = yaml.safe_load((jobs(folder)[3] / "frozen.yaml").read_text())
    assert (frozen["steps"], frozen["seed"], frozen["seeds"]) == (400, 2, 2)
    assert "launcher" not in frozen


def test_the_same_jobs_keep_their_configs_and_bad_ones_may_be_mended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep = made(tmp_path / "sweep")
    now = [*JOBS[:2], Planned(dataclasses.replace(JOBS[2].job, error=None, seeds=[1]), {"seed": 1, "seeds": 1})]
    assert launch._same(sweep, now).jobs[2].error is None  # nothing else has changed: it takes the config of now
    assert manifest.read_frozen(sweep.folder / "2_seed--1") == {"seed": 1, "seeds": 1}
    assert capsys.readouterr().out == ""

    changed = [dataclasses.replace(one, config={**one.config, "steps": 7}) for one in now]
    other = made(tmp_path / "other")
    assert launch._same(other, changed) == other  # the bad one stays bad: its config belongs to another sweep
    assert "(steps is new), the configs of then are kept" in capsys.readouterr().out
    assert manifest.read_frozen(other.folder / "2_seed--1") == JOBS[2].config

    with pytest.raises(ValueError, match="holds another sweep"):
        launch._same(other, now[:2])
