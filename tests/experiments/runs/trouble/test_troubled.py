"""What happens to the machine while a run trains ends it in one line, and what was saved stays."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from trained_runs import spoilt
from typed import ROOT

from experiments.common.door import is_mistake, one_line
from experiments.runs.checkpoints import load_last, read_policy
from experiments.runs.train import start_run
from sweeping import until
from tiny import COMMON, DQN, tiny_node


def small_disk(tmp_path: Path) -> None:
    """No file may be larger than a few kilobytes from now on."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (6000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


def test_a_disk_that_is_full_is_told_with_the_name_of_the_file_and_the_checkpoint_of_before_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with pytest.raises(OSError, match="File too large") as caught:
            spoilt(tmp_path, lambda loop: small_disk(tmp_path), *DQN)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    run = tmp_path / "run"
    assert is_mistake(caught.value)
    assert one_line(caught.value) in {
        f"cannot use '{run / name}': File too large" for name in ("last.pt", "memory/2.pt", "memory/1.pt")
    }
    assert "enforce" not in one_line(caught.value)
    assert f"{run / 'last.pt'} is from before" in capsys.readouterr().err
    assert load_last(run)["env_step"] == 504
    assert read_policy(run)["env_step"] == 0
    assert not list(run.rglob("*.tmp"))


def test_a_folder_that_is_deleted_meanwhile_is_told_in_one_line_and_not_made_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    with pytest.raises(OSError, match="No such file") as caught:
        spoilt(tmp_path, lambda loop: shutil.rmtree(run), *DQN)
    assert is_mistake(caught.value)
    assert one_line(caught.value).startswith(f"cannot use '{run}/")
    assert one_line(caught.value).endswith("': No such file or directory")
    said = capsys.readouterr().err
    assert said.startswith("not saved: ")
    assert "; nothing to go on with" in said
    assert "Traceback" not in said
    assert not run.exists()


def test_a_reader_that_goes_away_ends_a_run_which_is_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As in ``python train.py | head``: the next line that is to be shown ends it."""
    theirs, ours = os.pipe()
    with contextlib.suppress(BrokenPipeError), os.fdopen(ours, "w") as stream:  # its end tries once more
        monkeypatch.setattr("sys.stdout", stream)
        monkeypatch.setattr("experiments.runs.session.ProgressReport", lambda **given: _Lines(theirs))
        with pytest.raises(BrokenPipeError):
            start_run(tiny_node(tmp_path, *DQN), folder=tmp_path / "run")
        monkeypatch.undo()
    assert "saved after 800 steps; once it is mended, go on with:" in capsys.readouterr().err
    assert load_last(tmp_path / "run")["env_step"] == 800


class _Lines:
    """A progress report that shows a line after each step, to a reader that goes away after 800."""

    due = True

    def __init__(self, theirs: int) -> None:
        self._theirs = theirs

    def update(self, done: int, text: str) -> None:
        if done == 800:
            os.close(self._theirs)
        print(done, text, flush=True)

    def close(self) -> None: ...


def test_a_terminal_that_is_closed_ends_a_run_which_is_saved(tmp_path: Path) -> None:
    words = [sys.executable, str(ROOT / "train.py"), *COMMON, *DQN, "steps=10000000", f"hydra.run.dir={tmp_path}/run"]
    with subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        until(lambda: (tmp_path / "run" / "previous.pt").is_file(), "two checkpoints")
        process.send_signal(signal.SIGHUP)
        _, error = process.communicate(timeout=120)
    assert process.returncode == 128 + signal.SIGHUP
    assert "; go on with: python train.py resume=" in error.splitlines()[-1]
    assert load_last(tmp_path / "run")["env_step"] > 500
