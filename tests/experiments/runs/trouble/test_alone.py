"""One process at a time trains in a run's folder; what killed ones left goes; a full disk takes nothing away."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typed import ROOT, command, refused

from experiments.common import locks
from experiments.runs.train import RUN_LOCK, resume_run, start_run
from sweeping import until
from tiny import COMMON, DQN, tiny_node


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run; tests take copies of it."""
    out = tmp_path_factory.mktemp("runs")
    start_run(tiny_node(out, *DQN, "seeds=2"), folder=out / "run")
    return out / "run"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_second_process_is_refused_while_the_first_trains(tmp_path: Path) -> None:
    words = [sys.executable, str(ROOT / "train.py"), *COMMON, *DQN, "steps=10000000", f"hydra.run.dir={tmp_path}/run"]
    first = subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.DEVNULL)
    try:
        until(lambda: (tmp_path / "run" / "last.pt").is_file(), "a checkpoint")
        line = refused(command("train.py", "resume=run", cwd=tmp_path), "train.py")
        assert line.startswith(f"train.py: error: run: process {first.pid} on ")
        assert line.endswith(" is training in there, and two would spoil it")
        assert first.poll() is None
    finally:
        first.send_signal(signal.SIGTERM)
    assert first.wait() == 128 + signal.SIGTERM
    assert not locks.is_held(tmp_path / "run" / RUN_LOCK)


def test_a_resumption_removes_what_killed_processes_left(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path / "run")
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    (tmp_path / "run" / "memory").mkdir(exist_ok=True)
    names = [f"{place}.x.{gone.pid}.tmp" for place in ("", "memory/", "seed0/", "seed1/")]
    for name in names:
        (tmp_path / "run" / name).write_text("half")
    resume_run(tmp_path / "run", overrides=["steps=1400"])
    assert not any((tmp_path / "run" / name).exists() for name in names)
    assert json.loads((tmp_path / "run" / "seed1" / "result.json").read_text())["env_steps"] == 1400


def test_where_nothing_can_be_written_a_finished_run_keeps_its_result(finished: Path, tmp_path: Path) -> None:
    """A limit on the size of files stands for a full disk: a config doesn't fit."""
    shutil.copytree(finished, tmp_path / "run")
    before = contents(tmp_path / "run")
    done = subprocess.run(
        [sys.executable, str(ROOT / "train.py"), "resume=run", "steps=2400"],
        cwd=tmp_path, capture_output=True, text=True, check=False, env={**os.environ, "NUMBA_DISABLE_JIT": "0"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000)),
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert done.stderr.splitlines()[-1] == "train.py: error: cannot use 'run/config.yaml': File too large"
    after = contents(tmp_path / "run")
    del after[RUN_LOCK]
    before.pop(RUN_LOCK, None)
    assert after == before


def test_a_new_run_that_cannot_be_written_leaves_no_config(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "train.py"), *COMMON, *DQN, f"hydra.run.dir={tmp_path}/run"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000)),
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert not (tmp_path / "run" / "config.yaml").exists()
