"""A search's journal after a kill in the middle of a line, and workers whose parent is gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from typed import ROOT

from experiments.tuning.journal import mend_journal
from groundwork.errors import WaybillError
from sweeping import until
from tiny import COMMON, DQN


def study_in(path: Path) -> optuna.Study:
    storage = JournalStorage(JournalFileBackend(str(path)))
    return optuna.create_study(study_name="x", storage=storage, load_if_exists=True)


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """A journal of a study with two trials, one of them told."""
    path = tmp_path / "journal.log"
    study = study_in(path)
    study.tell(study.ask({"a": optuna.distributions.FloatDistribution(0, 1)}), 0.5)
    study.ask()
    return path


@pytest.mark.parametrize("cut", [1, 7, 20])
def test_a_torn_last_line_is_left_out_and_told(journal: Path, cut: int, capsys: pytest.CaptureFixture[str]) -> None:
    whole = journal.read_bytes()
    *_, last = whole.splitlines()
    journal.write_bytes(whole + last[:-cut])
    mend_journal(journal)
    assert journal.read_bytes() == whole
    assert "was not written to its end" in capsys.readouterr().out
    assert [trial.state.name for trial in study_in(journal).trials] == ["COMPLETE", "RUNNING"]


def test_a_last_line_that_lacks_only_its_end_is_kept(journal: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = journal.read_bytes()
    journal.write_bytes(whole[:-1])
    mend_journal(journal)
    assert journal.read_bytes() == whole
    mend_journal(journal)
    assert journal.read_bytes() == whole
    assert capsys.readouterr().out == ""


def test_another_damaged_line_is_told_with_its_number(journal: Path) -> None:
    first, _, rest = journal.read_bytes().partition(b"\n")
    journal.write_bytes(first + b"\n" + first[:9] + b"\n" + rest)
    with pytest.raises(WaybillError) as caught:
        mend_journal(journal)
    assert str(caught.value).startswith(f"{journal}: line 2 is damaged, ")
    assert not list(journal.parent.glob("*.lock"))  # another process can go on


def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    small = [*COMMON, *DQN, "steps=100000000", "search.trials=2", "search.workers=2", f"out={tmp_path}/runs"]
    words = [sys.executable, str(ROOT / "tune.py"), "+search=refine", *small]
    tune = subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.DEVNULL, start_new_session=True)

    def training() -> set[Path]:
        return {path.parents[1] for path in tmp_path.glob("runs/*/trial_*/seed*/progress.json")}

    try:
        until(lambda: len(training()) == 2, "two trials")
        tune.kill()
        tune.wait()
        until(lambda: not _members(tune.pid), "the workers' end", seconds=60)
    finally:
        if _members(tune.pid):
            os.killpg(tune.pid, signal.SIGKILL)


def _members(group: int) -> list[int]:
    """Processes of a process group that are not over."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[2]) == group and fields[0] != "Z":
                found.append(int(folder.name))
    return found
