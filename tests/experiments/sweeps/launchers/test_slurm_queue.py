"""What SLURM has of a sweep: noted ids against what squeue lists. A stand-in prints that here."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console
from swept import made, put_result

from experiments.sweeps import manifest
from experiments.sweeps.__main__ import show_status
from experiments.sweeps.launchers import slurm_queue


@pytest.fixture
def squeue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Its stand-in."""
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return tmp_path / "squeue"


def says(program: Path, *lines: str, code: int = 0) -> None:
    printed = "\n".join(lines)
    stream = ">&2" if code else ""
    program.write_text(f"#!/bin/sh\nprintf '%s\\n' '{printed}' {stream}\nexit {code}\n")
    program.chmod(0o755)


def test_jobs_that_are_listed_and_not_done(tmp_path: Path, squeue: Path) -> None:
    sweep = made(tmp_path / "sweep")
    assert slurm_queue.queued(sweep) == {}  # squeue isn't even asked
    slurm_queue.note(sweep.folder, {0: "12_0", 1: "12_1"})
    for states, found in (
        (("PENDING", "RUNNING"), {0: "waiting", 1: "running"}),
        (("REQUEUED", "COMPLETING"), {0: "waiting", 1: "running"}),
        (("TIMEOUT", "CANCELLED"), {}),
    ):
        says(squeue, f"12_0|{states[0]}", f"12_1|{states[1]}", "12_2|RUNNING", "7|RUNNING")
        assert slurm_queue.queued(sweep) == found
    put_result(sweep.folder / "1_seed-9", 1.0)
    says(squeue, "12_0|PENDING", "12_1|COMPLETING")
    assert slurm_queue.queued(sweep) == {0: "waiting"}
    slurm_queue.note(sweep.folder, {0: "13"})
    assert slurm_queue.queued(sweep) == {}
    assert slurm_queue.submitted(sweep.folder) == {0: "13", 1: "12_1"}


def test_a_sweep_tells_by_itself_whom_to_ask(tmp_path: Path, squeue: Path) -> None:
    folder = made(tmp_path / "sweep").folder
    slurm_queue.note(folder, {0: "12_0", 1: "12_1"})
    says(squeue, "12_0|RUNNING", "12_1|PENDING")

    def status_says() -> list[str]:
        shown = Console(file=io.StringIO(), width=120)
        show_status(folder, shown)
        return shown.file.getvalue().splitlines()  # type: ignore[attr-defined]

    assert status_says()[-1] == "go on:    python train.py -m"  # nobody has it
    manifest.note_launchers(manifest.read_sweep(folder), ["local", "slurm"])
    last = ["3 jobs: 1 waiting, 1 running, 1 failed", "queued:   2 jobs with launcher=slurm; to end them: scancel 12"]
    assert status_says()[-2:] == last
    content = json.loads((folder / "sweep.json").read_text())
    del content["launchers"]  # a sweep of before
    (folder / "sweep.json").write_text(json.dumps(content))
    assert status_says()[-2:] == last
    says(squeue, "slurm_load_jobs error: Unable to contact slurm controller", code=1)
    first, *_, end = status_says()
    assert first.startswith(f"{folder / 'slurm.json'} lists jobs given to SLURM, which cannot be asked for them (")
    assert end == "go on:    python train.py -m"


def test_when_slurm_cannot_be_asked(tmp_path: Path, squeue: Path) -> None:
    sweep = made(tmp_path / "sweep")
    slurm_queue.note(sweep.folder, {0: "12_0"})
    says(squeue, "slurm_load_jobs error: Unable to contact slurm controller", "more", code=1)
    line = r"slurm\.json lists jobs given to SLURM, which cannot be asked for them \(slurm_load_jobs error: Unable"
    with pytest.raises(ValueError, match=line) as caught:
        slurm_queue.queued(sweep)
    assert "\n" not in str(caught.value)
