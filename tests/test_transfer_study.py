"""The study of transfer: its arms fit the config, its table from results made by hand, what is not run again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from test_config import CONF, composed

from experiments import transfer_report, transfer_study
from experiments.config import read
from experiments.transfer_study import ARMS, RUNGS, Job, Study

RUNG = "haul-refine"
CURVES = {  # of two seeds each; threshold 500
    "scratch": [[[0, 0], [100, 400], [200, 600]], [[0, 100], [100, 500], [200, 700]]],
    "full": [[[0, 500], [100, 800], [200, 900]], [[0, 600], [100, 900], [200, 1000]]],
    "random_init": [[[0, 0], [100, 400], [200, 400]], [[0, 100], [100, 500], [200, 600]]],
}


def study_of(out: Path, **changes: Any) -> Study:
    return Study(
        **{"out": out, "rungs": {RUNG: RUNGS[RUNG]}, "seeds": 2, "steps": 200, "source_steps": None, **changes}
    )


def put(folder: Path, curves: list, env_steps: int = 200) -> None:
    for seed, curve in enumerate(curves):
        own = folder / f"seed{seed}"
        own.mkdir(parents=True)
        scores = {name: {"mean": mean} for name, mean in (("dqn", curve[-1][1]), ("random", -100), ("planner", 2300))}
        values = {"curve": curve, "scores": scores, "choices": {"agent": "dqn"}, "seed": seed, "env_steps": env_steps}
        (own / "result.json").write_text(json.dumps(values))


@pytest.fixture
def study(tmp_path: Path) -> Study:
    made = study_of(tmp_path)
    for arm, curves in CURVES.items():
        put(made.arm(RUNG, arm), curves)
    put(made.source("haul"), [[[0, 0]], [[0, 0]]], env_steps=1000)
    return made


def test_the_table_shows_the_measures(study: Study) -> None:
    lines = transfer_report.table(study).splitlines()
    assert "Threshold: 500 coins." in lines
    rows = {line.split(" | ")[0].removeprefix("| "): line.split(" | ")[1:] for line in lines if line.startswith("| ")}
    assert list(rows) == ["arm", "scratch", "full", "random_init"]
    assert rows["scratch"][0] == ""
    assert rows["full"][0] == "+500 (+500 … +500)"
    assert rows["random_init"][0] == "+0 (+0 … +0)"
    assert rows["scratch"][1].startswith("125 (")  # 150 and 100
    assert rows["full"][1:3] == ["0 (0 … 0)", "1,000 (1,000 … 1,000)"]
    assert rows["random_init"][1].startswith("≥ 150 (")  # never and 100
    assert rows["random_init"][1].endswith("1 of 2 reach it")
    assert rows["random_init"][2] == rows["random_init"][1]  # it takes nothing from the source
    assert rows["scratch"][3].startswith("383 (")  # of three evaluations each: 333 and 433
    assert rows["full"][4].startswith("+1.00 (")  # mean scores 750 and 850 against 350 and 450
    assert "Mean score over training, full less random_init: +438 (" in lines[-1]
    assert lines[-1].endswith("above 0.")


def test_the_figure_is_written(study: Study) -> None:
    transfer_report.figure(study, RUNG)
    assert (study.out / RUNG / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_a_rung_without_scratch_is_left_out(tmp_path: Path) -> None:
    assert "##" not in transfer_report.table(study_of(tmp_path))


@pytest.mark.parametrize("rung", [name for name, x in RUNGS.items() if (CONF / "level" / f"{x.target}.yaml").is_file()])
def test_every_arm_fits_the_config(rung: str) -> None:
    study, (source, target, *_) = study_of(Path("out"), rungs={rung: RUNGS[rung]}, more=("num_envs=8",)), RUNGS[rung]
    found = {}
    for job in [*study.sources(), *study.arms()]:
        setup = read(composed(*job.overrides))
        assert (setup.config.seeds, setup.config.num_envs) == (2, 8)
        found[str(job.folder)] = setup
    assert found[f"out/source_{source}"].config.steps == RUNGS[rung].source_steps
    assert found[f"out/source_{source}_wrong"].gamma == 0
    assert len(found) == 2 + len(ARMS)
    arm = found[f"out/{rung}/teacher"]
    assert arm.config.steps == 200
    assert arm.transfer.source == f"out/source_{source}"
    assert arm.transfer.teacher_steps == 66
    assert arm.names["level"] == target
    assert found[f"out/{rung}/wrong_source"].transfer.source == f"out/source_{source}_wrong"
    assert found[f"out/{rung}/scratch"].transfer.source is None


def test_finished_arms_are_not_run_again_and_not_mixed(study: Study) -> None:
    """The command in this job would fail."""
    folder = study.arm(RUNG, "full")
    job = Job(folder, ("level=nowhere",), 200)
    transfer_study.run(job, study.out, 2)
    (folder / "config.yaml").write_text(json.dumps(read(composed("seeds=2", "steps=100")).plain))
    with pytest.raises(ValueError, match="holds a run of steps=100 seeds=2: take the same, or another out="):
        transfer_study.run(job, study.out, 2)


@pytest.mark.parametrize(
    ("argument", "line"),
    [
        ("fast", "cannot read 'fast', an argument is key=value"),
        ("rungs=haul-moon", "rungs=haul-moon: there is no such rung, known are haul-refine"),
        ("seeds=1", "seeds=1 is not allowed, it must be a whole number of at least 2"),
        ("steps=1.5", "steps=1.5 is not allowed"),
        ("jobs=0", "jobs=0 is not allowed, it must be a whole number of at least 1"),
    ],
)
def test_a_wrong_argument_is_named(argument: str, line: str) -> None:
    with pytest.raises(ValueError, match="^" + line):
        transfer_study.read([argument])


def test_arguments_are_read() -> None:
    study, jobs = transfer_study.read(["out=x", "rungs=haul-refine", "steps=7", "jobs=1", "agent.tau=null"])
    assert study == Study(Path("x"), {RUNG: RUNGS[RUNG]}, 5, 7, None, ("agent.tau=null",))
    assert jobs == 1
    assert set(transfer_study.read([])[0].rungs) == set(RUNGS)
