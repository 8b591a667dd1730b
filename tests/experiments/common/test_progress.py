"""How far a run is, for other processes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from experiments.common import progress
from experiments.common.progress import ProgressReport, StepsFile


def test_steps_are_written_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    steps = StepsFile(tmp_path, total=50)
    for second, step, told in ((0.0, 8, 8), (0.5, 16, 8), (1.1, 24, 24), (1.2, 32, 24)):
        now[0] = 100.0 + second
        steps.update(step)
        assert json.loads((tmp_path / "progress.json").read_text()) == {"env_step": told, "steps": 50}


def test_the_time_left_is_told_once_two_are_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    report = ProgressReport(title="plays", total=100)
    report.update(0)
    for seconds, done in ((60.0, 1), (80.0, 2)):  # the first waited for what is compiled
        now[0] = seconds
        report.update(done)
    assert capsys.readouterr().out.splitlines() == ["plays: 1 of 100  ", "plays: 2 of 100    1:05:20 left"]


def test_what_stands_still_is_told_ever_more_seldom(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    report, told = ProgressReport(title="plays", total=9), []
    for second in range(1, 101):
        now[0] = float(second)
        report.update(1 if second < 90 else 2)
        if capsys.readouterr().out:
            told.append(second)
    assert told == [5, 15, 35, 75]  # 10, 20, 40 seconds apart; the next is 80 later
