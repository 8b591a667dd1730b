"""How far a job is, from what lies in its folder."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console
from swept import JOBS, made, put_result

from experiments.common import locks
from experiments.sweeps import __main__, states
from experiments.sweeps.manifest import Sweep
from experiments.sweeps.process import read_record, write_record
from experiments.sweeps.states import ENDED_SILENTLY, State


@pytest.fixture
def sweep(tmp_path: Path) -> Sweep:
    return made(tmp_path / "sweep")


def test_from_waiting_to_done(sweep: Sweep) -> None:
    job, folder = JOBS[1].job, sweep.folder / "1_seed-9"

    def state(slurm: str | None = None) -> State:
        return states.state_of(sweep, job, None if slurm is None else {1: slurm})

    assert state() == State("waiting")
    assert state(slurm="running") == State("running")
    write_record(folder, state="running", attempts=1)
    (folder / "progress.json").write_text('{"env_step": 64, "steps": 100}')
    with locks.hold(folder / ".lock"):
        assert state() == State("running", step=64)
        put_result(folder, 7.0)
        assert state() == State("running", step=64)  # not before its process is gone
        (folder / "result.json").unlink()
    assert state() == State("failed", step=64, error=ENDED_SILENTLY)
    assert state(slurm="waiting") == State("waiting", step=64)  # to come back
    write_record(folder, state="failed", error="it broke", seconds=2.5)
    assert state() == State("failed", seconds=2.5, step=64, error="it broke")
    write_record(folder, state="stopped", error=None)
    assert state() == State("stopped", seconds=2.5, step=64)
    write_record(folder, state="done")
    assert state() == State("waiting")  # somebody took the result away
    put_result(folder, 7.0)
    assert state() == State("done", 7.0, 2.5, 128)
    assert read_record(folder) == {"state": "done", "attempts": 1, "error": None, "seconds": 2.5}


def test_a_group_is_done_when_all_its_seeds_are(sweep: Sweep) -> None:
    job, folder = JOBS[0].job, sweep.folder / "0_seed-0"
    put_result(folder / "seed0", 1.0)
    assert states.state_of(sweep, job).status == "waiting"
    put_result(folder / "seed1", 4.0)
    assert states.state_of(sweep, job) == State("done", 2.5, None, 128)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"", "(Expecting value: line 1 column 1 (char 0))"),
        (b'{"choices": {"agent": "dqn"}, "sco', "(Unterminated string starting at: line 1 column 31 (char 30))"),
        (b"\xff\xfe\x00", "(it is no text)"),
        (b"[1]", "(no section of keys)"),
        (b'{"choices": {"agent": "dqn"}, "scores": {}}', "(it lacks env_steps)"),
        (b'{"choices": {"agent": "dqn"}, "scores": {}, "env_steps": 1}', "(it lacks its policy's score)"),
        (b'{"choices": [], "scores": 3, "env_steps": 1}', "(choices='[]' is no section of keys)"),
    ],
)
def test_a_damaged_result_is_the_failure_of_its_job_alone(sweep: Sweep, text: bytes, told: str) -> None:
    put_result(sweep.folder / "0_seed-0" / "seed0", 1.0)
    put_result(sweep.folder / "0_seed-0" / "seed1", 4.0)
    path = sweep.folder / "1_seed-9" / "result.json"
    path.write_bytes(text)
    (path.parent / "job.json").write_text("[1]")
    (path.parent / "progress.json").write_text("[1]")
    shown = Console(file=io.StringIO(), width=400)
    found = __main__.show_status(sweep.folder, shown)
    assert [found[number].status for number in (0, 1, 2)] == ["done", "failed", "failed"]
    assert found[1].error == f"{path} is damaged or not one of ours {told}"
    assert f"job 1 seed=9 failed: {path} is damaged or not one of ours {told}\n" in shown.file.getvalue()  # type: ignore[attr-defined]


def test_a_score_that_is_not_finite_is_no_damage(sweep: Sweep) -> None:
    put_result(sweep.folder / "1_seed-9", 1.0, scores={"dqn": {"mean": None}})
    assert states.state_of(sweep, JOBS[1].job) == State("done", None, None, 128)


def test_a_job_with_a_bad_config_has_failed(sweep: Sweep) -> None:
    assert states.state_of(sweep, JOBS[2].job) == State("failed", error="seed=-1 is not allowed")


def test_the_last_line_of_a_log(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    assert states.last_line(log) is None
    log.write_text("\n \n")
    assert states.last_line(log) is None
    log.write_bytes(b"x" * 100_000 + b"\nthe end \xff\n\n")
    assert states.last_line(log) == "the end \ufffd"
