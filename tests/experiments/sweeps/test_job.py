"""One job's process: it runs what was frozen, goes on from what was saved, and takes nothing away that counts."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import yaml
from gym_nodes import LEARNS, node
from swept import JOBS, made

from experiments.common import locks
from experiments.config.reading import read_setup
from experiments.runs import train
from experiments.runs.checkpoints import SEGMENTS
from experiments.sweeps import job
from experiments.sweeps.manifest import Planned
from experiments.sweeps.process import read_record
from sweeping import done, read


def frozen(tmp_path: Path, *overrides: str) -> Path:
    """A job's folder."""
    config = read_setup(node(tmp_path, *LEARNS, "env.id=CartPole-v1", "steps=400", *overrides)).plain
    sweep = made(tmp_path / "sweep", [Planned(dataclasses.replace(JOBS[1].job, seeds=[0]), config)])
    return sweep.folder / "1_seed-9"


def run(folder: Path, *, keep_last: bool = True) -> None:
    job.run_job(folder, threads=2, keep_last=keep_last, where="here")


def test_it_runs_what_was_frozen_and_only_once(tmp_path: Path) -> None:
    folder = frozen(tmp_path)
    for name in ("policy.safetensors", "events.out.tfevents.1", "config.yaml", "progress.json"):
        (folder / name).write_text("of a process that was killed before it saved")
    (folder / "seed0").mkdir()
    (folder / "log.txt").write_text("what it said\n")
    run(folder)
    assert read(folder / "result.json")["env_steps"] == 400
    assert not (folder / "seed0").exists()
    assert (folder / "log.txt").read_text() == "what it said\n"
    assert yaml.safe_load((folder / "config.yaml").read_text())["threads"] == 2
    assert yaml.safe_load((folder / "frozen.yaml").read_text())["threads"] is None
    record = read_record(folder)
    assert (record["state"], record["attempts"], record["where"], record["error"]) == ("done", 1, "here", None)
    before = (folder / "result.json").stat().st_mtime_ns
    (folder / SEGMENTS).mkdir()
    (folder / SEGMENTS / "1.pt").write_text("what a full memory holds")
    run(folder)
    assert (folder / SEGMENTS / "1.pt").is_file()
    run(folder, keep_last=False)
    assert (folder / "result.json").stat().st_mtime_ns == before
    assert not (folder / "last.pt").exists()
    assert not (folder / SEGMENTS).exists()


def test_a_config_that_was_frozen_with_its_classes_runs(tmp_path: Path) -> None:
    folder = frozen(tmp_path)
    config = yaml.safe_load((folder / "frozen.yaml").read_text())
    for group in ("env", "agent", "network"):
        config[group]["_target_"] = "modules.that.moved.since"
    (folder / "frozen.yaml").write_text(yaml.safe_dump(config))
    run(folder)
    assert read(folder / "result.json")["env_steps"] == 400
    assert "_target_" not in (folder / "config.yaml").read_text()


def test_threads_of_its_own_stay(tmp_path: Path) -> None:
    folder = frozen(tmp_path, "threads=1")
    run(folder)
    assert yaml.safe_load((folder / "config.yaml").read_text())["threads"] == 1


def test_a_group_that_lacks_the_result_of_one_seed_is_measured_again(tmp_path: Path) -> None:
    folder = frozen(tmp_path, "seeds=2")
    run(folder)
    scores = [read(folder / f"seed{seed}" / "result.json")["scores"] for seed in (0, 1)]
    (folder / "seed1" / "result.json").unlink()
    run(folder)
    assert [read(folder / f"seed{seed}" / "result.json")["scores"] for seed in (0, 1)] == scores
    assert read_record(folder)["attempts"] == 2


def test_results_without_a_checkpoint_are_not_run_over(tmp_path: Path) -> None:
    folder = frozen(tmp_path)
    (folder / "result_at_400.json").write_text("{}")
    (folder / "policy.safetensors").write_text("dear")
    with pytest.raises(ValueError, match=r"result_at_400\.json is there, but no last\.pt to go on from"):
        run(folder)
    assert (folder / "policy.safetensors").read_text() == "dear"
    assert read_record(folder)["state"] == "failed"
    assert "result_at_400.json" in read_record(folder)["error"]


def test_two_processes_never_work_on_one_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = frozen(tmp_path)
    monkeypatch.setattr(job, "WAIT_SECONDS", 0.1)
    with locks.hold(folder / ".lock"), pytest.raises(ValueError, match="process .* is at work there"):
        run(folder)
    assert not (folder / "job.json").exists()


def test_a_bug_and_a_stop_are_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = frozen(tmp_path)
    bug, stop = TypeError("a bug\nhere"), KeyboardInterrupt()
    for error, state, said in ((bug, "failed", "TypeError: a bug here (test_job.py, line "), (stop, "stopped", None)):

        def fail(*arguments: object, error: BaseException = error, **named: object) -> None:
            raise error

        monkeypatch.setattr(train, "start_run", fail)
        with pytest.raises(type(error)):
            run(folder)
        assert read_record(folder)["state"] == state
        assert said is None or read_record(folder)["error"].startswith(said)


def test_it_stops_when_its_parent_is_gone_and_a_missing_config_is_one_line(tmp_path: Path) -> None:
    folder = frozen(tmp_path, "steps=1000000000")
    words = ["-m", "experiments.sweeps.job", str(folder)]
    orphan = done([*words, "--parent", "1"], cwd=tmp_path)  # not its parent
    assert orphan.returncode == 143, orphan.stderr
    assert read_record(folder).get("state") in ("stopped", None)
    assert not (folder / "result.json").exists()
    (folder / "frozen.yaml").unlink()
    refused = done(words, cwd=tmp_path)
    assert refused.returncode == 2
    assert len(refused.stderr.splitlines()) == 1
    assert "frozen.yaml: " in refused.stderr
