"""``launcher=local``, as a user sees it: what dies holds nothing up, and the same command does what is left."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest
from trained_runs import differences

from experiments.common import checkpoint_files, locks
from experiments.sweeps.launchers.local import LocalLauncher, visible_gpus
from sweeping import chained, done, jobs, only, read, start, until, words
from tiny import COMMON, DQN

KILLED, BROKEN, BAD = 1, 3, 5


def fingerprints(folder: Path) -> dict[int, int]:
    """When each job's result was written."""
    return {
        number: (own / "result.json").stat().st_mtime_ns
        for number, own in jobs(folder).items()
        if (own / "result.json").is_file()
    }


@pytest.mark.slow
def test_of_six_jobs_three_come_to_grief_and_the_same_command_does_what_is_missing(tmp_path: Path) -> None:
    seeds = ",".join(map(str, [*range(5), 70_000]))  # the last one is not allowed
    command = words(tmp_path, f"seed={seeds}", "launcher.n_jobs=2")
    for name in (f"wait{KILLED}", f"raise{BROKEN}"):
        (tmp_path / name).touch()
    sweep = start(command, cwd=tmp_path, CUDA_VISIBLE_DEVICES="3,GPU-8e")
    folder = until(lambda: list(tmp_path.glob("sweep_*/sweep.json")), "the sweep")[0].parent
    until(lambda: read(tmp_path / f"seen{KILLED}.json"), "the job that waits")
    os.kill(read(jobs(folder)[KILLED] / "job.json")["pid"], signal.SIGKILL)
    stdout, stderr = sweep.communicate(timeout=240)

    assert sweep.returncode == 1, stderr
    assert stderr.splitlines() == [
        "train.py: 6 jobs: 3 done, 3 failed; jobs 1, 3, 5: not done, the same command again runs them"
    ]
    own = jobs(folder)
    for number, reason in (
        (KILLED, "ended by SIGKILL"),
        (BROKEN, "RuntimeError: stairs 3 are broken (trouble.py, line"),
        (BAD, "seed=70000 is not allowed, it must be 0..65535"),
    ):
        assert f"job {number} seed={own[number].name.partition('-')[2]} failed: {reason}" in stdout
        assert f"  log: {own[number]}/log.txt" in stdout
    assert "RuntimeError: stairs 3 are broken" in (own[BROKEN] / "log.txt").read_text().splitlines()[-1]
    assert "seed=70000" in (own[BAD] / "log.txt").read_text()
    finished = fingerprints(folder)
    assert set(finished) == set(range(6)) - {KILLED, BROKEN, BAD}
    seen = [read(tmp_path / f"seen{number}.json") for number in range(5)]
    assert {one["CUDA_VISIBLE_DEVICES"] for one in seen} == {"3", "GPU-8e"}  # in turn
    assert {one["OMP_NUM_THREADS"] for one in seen} == {str(LocalLauncher(n_jobs=2).threads_each())}

    for name in (f"wait{KILLED}", f"raise{BROKEN}"):
        (tmp_path / name).unlink()
    again = done(command, cwd=tmp_path)
    assert again.returncode == 1
    assert again.stderr.splitlines() == [
        "train.py: 6 jobs: 5 done, 1 failed; job 5: not done, the same command again runs them"
    ]
    assert "sweep of 6 jobs in" in again.stdout
    assert "3 done before" in again.stdout
    after = fingerprints(folder)
    assert {number: after[number] for number in finished} == finished
    assert set(after) == set(range(5))
    attempts = [read(own[number] / "job.json").get("attempts") for number in range(6)]
    assert attempts == [2 if number in (KILLED, BROKEN) else None if number == BAD else 1 for number in range(6)]
    assert only(tmp_path) == folder


@pytest.mark.proof
def test_a_stopped_sweep_ends_like_one_that_was_not(tmp_path: Path) -> None:
    tiny = [*COMMON, *DQN, "steps=30000", "evaluation.every=10000", "checkpoint_every=1000000", "seed=0,1"]
    command = ["train.py", "-m", *tiny, f"out={tmp_path}", "launcher.n_jobs=2"]

    first = start(command, cwd=tmp_path)
    folder = until(lambda: list(tmp_path.glob("sweep_*/sweep.json")), "the sweep")[0].parent
    until(lambda: all(read(own / "progress.json") for own in jobs(folder).values()), "both jobs to train")
    first.send_signal(signal.SIGINT)
    _, stderr = first.communicate(timeout=120)
    assert first.returncode == 130, stderr
    assert stderr.splitlines() == [f"train.py: {folder}: stopped (2 stopped, 2 in all); the same command again goes on"]
    assert all((own / "last.pt").is_file() for own in jobs(folder).values())

    second = start(command, cwd=tmp_path)
    until(lambda: all(read(own / "job.json")["attempts"] == 2 for own in jobs(folder).values()), "both to go on")
    second.send_signal(signal.SIGSTOP)  # it holds the sweep, however soon its jobs are done
    refused = done(command, cwd=tmp_path)
    second.send_signal(signal.SIGCONT)
    assert refused.returncode == 2
    there = f"process {second.pid} on {os.uname().nodename}"
    assert refused.stderr == f"train.py: error: {folder}: {there} runs this sweep already\n"
    second.kill()  # nothing is left to ask the jobs to stop; they notice
    second.communicate()
    until(lambda: not any(locks.is_held(own / ".lock") for own in jobs(folder).values()), "the jobs to end")

    last = done(command, cwd=tmp_path)
    assert last.returncode == 0, last.stderr
    whole = done([*command, f"hydra.sweep.dir={tmp_path}/whole_1"], cwd=tmp_path)
    assert whole.returncode == 0, whole.stderr
    for name in ("0_seed-0", "1_seed-1"):
        parts = [read(place / name / "result.json") for place in (folder, tmp_path / "whole_1")]
        for key in ("scores", "env_steps", "updates", "policy", "curve"):
            assert parts[0][key] == parts[1][key]
        places = (folder, tmp_path / "whole_1")
        states = [checkpoint_files.load_checkpoint(place / name / "last.pt") for place in places]
        assert differences(states[0], states[1]) == []


@pytest.mark.slow
def test_retries_and_finished_runs_without_their_memory(tmp_path: Path) -> None:
    (tmp_path / "raise0").touch()
    more = ("seed=0,1", "launcher.n_jobs=2", "launcher.retry=1", "launcher.keep_last=false", "progress=false")
    ended = done(words(tmp_path, *more), cwd=tmp_path)
    assert ended.returncode == 1
    own = jobs(only(tmp_path))
    assert [read(own[number] / "job.json")["attempts"] for number in (0, 1)] == [2, 1]
    assert (own[1] / "result.json").is_file()
    assert not (own[1] / "last.pt").exists()


@pytest.mark.slow
def test_a_job_waits_for_the_one_whose_run_it_takes_from(tmp_path: Path) -> None:
    command = chained(tmp_path, "launcher.n_jobs=2")
    (tmp_path / "raise0").touch()
    ended = done(command, cwd=tmp_path)
    assert ended.returncode == 1
    own = dict(zip(("taker", "source"), jobs(only(tmp_path)).values(), strict=True))
    assert [path.name for path in own.values()] == ["taker", "source"]
    said = "job 1 arm=source, whose run this one takes from, is not done"
    assert f"job 0 arm=taker failed: {said}" in ended.stdout
    assert not (own["taker"] / "config.yaml").exists()

    (tmp_path / "raise0").unlink()
    again = done(command, cwd=tmp_path)
    assert again.returncode == 0, again.stderr + again.stdout
    began = {name: read(folder / "job.json")["began"] for name, folder in own.items()}
    assert began["taker"] > (own["source"] / "result.json").stat().st_mtime
    assert f"from: {own['source']}" in (own["taker"] / "config.yaml").read_text()
    assert own["source"].is_relative_to(tmp_path)


def test_threads_are_shared_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.sweeps.launchers.local.cores", lambda: 8)
    assert LocalLauncher().threads_each() == 8
    assert LocalLauncher(n_jobs=3).threads_each() == 2
    assert LocalLauncher(n_jobs=20).threads_each() == 1
    assert LocalLauncher(n_jobs=3, threads=5).threads_each() == 5


def test_gpus_are_those_that_the_command_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    for told, found in (("2, 0", ["2", "0"]), ("", []), ("-1", []), ("MIG-a,MIG-b", ["MIG-a", "MIG-b"])):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", told)
        assert visible_gpus() == found


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"n_jobs": 0}, "launcher.n_jobs=0 is not allowed, it must be 1..1024"),
        ({"retry": -1}, "launcher.retry=-1 is not allowed, it must be 0..1000"),
        ({"threads": 0}, "launcher.threads=0 is not allowed, it must be 1..1024 or null for cores / n_jobs"),
    ],
)
def test_settings_out_of_range_are_named(changed: dict[str, int], line: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(line)}$"):
        LocalLauncher(**changed)
