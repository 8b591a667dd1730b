"""Starting a job's process, and noting how it ended when it couldn't itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.common import locks
from experiments.sweeps.process import ROOT, command, environment, read_record, settle_job, write_record


@pytest.mark.parametrize(
    ("code", "again", "state", "error"),
    [
        (-signal.SIGKILL, True, "failed", "ended by SIGKILL"),
        (1, True, "failed", "ended with exit code 1"),
        (2, False, "failed", "ended with exit code 2"),
        (130, False, "stopped", "ended with exit code 130"),
        (-signal.SIGTERM, False, "stopped", "ended by SIGTERM"),
    ],
)
def test_what_a_dead_process_could_not_say(tmp_path: Path, code: int, again: bool, state: str, error: str) -> None:
    write_record(tmp_path, state="running", began=0.0, seconds=1.0)
    assert settle_job(tmp_path, code) is again
    found = read_record(tmp_path)
    assert (found["state"], found["error"]) == (state, error)
    assert found["seconds"] > 1e9


def test_what_it_said_itself_stands(tmp_path: Path) -> None:
    for state, code, again in (("failed", 1, True), ("done", 0, False), ("stopped", 143, False)):
        write_record(tmp_path, state=state, error="its own words")
        assert settle_job(tmp_path, code) is again
        assert read_record(tmp_path) == {"state": state, "error": "its own words"}
    write_record(tmp_path, state="running")
    with locks.hold(tmp_path / ".lock"):  # another process has it
        settle_job(tmp_path, 2)
    assert read_record(tmp_path)["state"] == "running"


def test_the_command_and_its_variables(tmp_path: Path) -> None:
    words = command(tmp_path, threads=3, keep_last=False, where="here")
    assert words[:5] == [sys.executable, "-P", "-m", "experiments.sweeps.job", str(tmp_path)]
    assert words[5:] == ["--threads", "3", "--where", "here", "--parent", str(os.getpid()), "--drop-last"]
    assert "--drop-last" not in command(tmp_path, threads=3, keep_last=True, where="here")
    found = environment({"PYTHONPATH": "/mine", "HOME": "/me"}, threads=3)
    assert (found["PYTHONPATH"], found["HOME"]) == (f"{ROOT}{os.pathsep}/mine", "/me")
    assert found["OMP_NUM_THREADS"] == found["NUMBA_NUM_THREADS"] == "3"
    assert environment({}, threads=1)["PYTHONPATH"] == str(ROOT)


def test_what_waits_beside_a_job_loads_nothing_heavy() -> None:
    code = "import sys, experiments.sweeps.launchers.slurm_work, experiments.sweeps.launchers.ray_work"
    code += "; print({*sys.modules} & {'torch', 'numba', 'numpy', 'hydra'})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
