"""A sweep on the screen."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console
from swept import JOBS, made

from experiments.sweeps.manifest import Sweep
from experiments.sweeps.states import State
from experiments.sweeps.view import SweepProgress, counted, show_sweep

STATES = {
    0: State("done", 2.5, 61.2, 100),
    1: State("failed", None, 3.0, 64, "ended by SIGKILL"),
    2: State("failed", error="seed=-1 is not allowed"),
}


@pytest.fixture
def sweep(tmp_path: Path) -> Sweep:
    return made(tmp_path / "sweep")


def console(terminal: bool = False) -> Console:
    return Console(file=io.StringIO(), width=120, force_terminal=terminal)


def text_of(shown: Console) -> str:
    assert isinstance(shown.file, io.StringIO)
    return shown.file.getvalue()


def test_the_table_tells_who_failed_why_and_where_the_log_is(sweep: Sweep) -> None:
    (sweep.folder / "1_seed-9" / "log.txt").write_text("training in here\n")
    shown = console()
    show_sweep(sweep, STATES, shown)
    lines = text_of(shown).splitlines()
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if line.startswith("│")]
    assert rows == [
        ["0", "0", "done", "100 of 100", "2.5", "61"],
        ["1", "9", "failed", "64 of 100", "", "3"],
        ["2", "-1", "failed", "", "", ""],
    ]
    assert lines[-5:] == [
        "job 1 seed=9 failed: ended by SIGKILL",
        "  last line: training in here",
        f"  log: {sweep.folder}/1_seed-9/log.txt",
        "job 2 seed=-1 failed: seed=-1 is not allowed",
        f"  log: {sweep.folder}/2_seed--1/log.txt",
    ]
    assert counted(STATES) == "3 jobs: 1 done, 2 failed"


def test_elsewhere_than_on_a_terminal_a_line_tells_each_change(sweep: Sweep) -> None:
    shown = console()
    jobs = [one.job for one in JOBS[:2]]
    with SweepProgress(sweep, jobs, enabled=True, console=shown) as progress:
        for job in jobs:
            progress.begins(job, "starts")
            assert not progress.complete
        progress.ends(jobs[1], State("failed", error="it broke"), more=", is tried again")
        progress.ends(jobs[0], STATES[0])
        progress.look()
        assert not progress.complete
        progress.ends(jobs[1], State("failed", error="it broke"))
        assert progress.complete
    lines = [line[10:] for line in text_of(shown).splitlines()]
    assert lines == [
        f"job 0 seed=0: starts, log {sweep.folder}/0_seed-0/log.txt",
        f"job 1 seed=9: starts, log {sweep.folder}/1_seed-9/log.txt",
        "job 1 seed=9: failed: it broke, is tried again  (2 in all)",
        "job 0 seed=0: done, score 2.5, 61 s  (1 done, 2 in all)",
        "job 1 seed=9: failed: it broke  (1 done, 1 failed, 2 in all)",
    ]


def test_a_terminal_shows_the_running_ones(sweep: Sweep) -> None:
    (sweep.folder / "1_seed-9" / "progress.json").write_text('{"env_step": 64, "steps": 100}')
    shown = console(terminal=True)
    with SweepProgress(sweep, [JOBS[1].job], enabled=True, console=shown) as progress:
        progress.begins(JOBS[1].job)
        progress.look()
    assert "job 1 seed=9: 64 of 100 steps" in text_of(shown)
    assert "1 running" in text_of(shown)


def test_without_progress_nothing_is_said(sweep: Sweep) -> None:
    shown = console(terminal=True)
    with SweepProgress(sweep, [JOBS[1].job], enabled=False, console=shown) as progress:
        progress.begins(JOBS[1].job)
        progress.look()
        progress.ends(JOBS[1].job, STATES[1])
    assert text_of(shown) == ""
    assert progress.counts() == "1 failed, 1 in all"
